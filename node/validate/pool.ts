import { Worker } from 'node:worker_threads'
import { type Bytes, CompactRange, type DoorContext, type Genesis, refusalOf } from '../../protocol/index.ts'
import type { CheckedRun } from './checked-run.ts'
import type { WorkerAnswer, WorkerInit, WorkerQuestion } from './worker.ts'

/** Checks runs on other cores. The answer is what the door itself would say: it is the same function. */
export interface VerifyPool {
  check(bytes: Bytes, context: DoorContext): Promise<CheckedRun>
  stop(): Promise<void>
}

/**
 * A worker holds one run and its hashes at a time. Left to itself it takes as much young heap as a main thread does (measured
 * with `npm run bench -- sync`).
 */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 96 }

interface Waiting {
  readonly bytes: Bytes
  readonly context: DoorContext
  readonly resolve: (run: CheckedRun) => void
}

interface Seat {
  worker: Worker | undefined
  /** Membership that the worker has: sent again only when it changed. */
  membership: DoorContext['membership'] | undefined
  current: Waiting | undefined
}

/**
 * Worker threads, started on the first large run and kept. A worker that dies answers its run with "ignore" (nobody is
 * blamed for a fault of this machine) and is started anew for the next.
 */
export function createVerifyPool(threads: number, genesis: Genesis): VerifyPool {
  const seats: Seat[] = Array.from({ length: threads }, () => ({ worker: undefined, membership: undefined, current: undefined }))
  const waiting: Waiting[] = []
  let stopped = false

  function pump(): void {
    for (const seat of seats) {
      if (seat.current !== undefined) continue
      const next = waiting.shift()
      if (next === undefined) return
      ask(seat, next)
    }
  }

  function ask(seat: Seat, job: Waiting): void {
    seat.current = job
    seat.worker ??= start(seat)
    const { context, bytes } = job
    const fresh = seat.membership !== context.membership
    seat.membership = context.membership
    const { range, ...chain } = context.chain
    const question: WorkerQuestion = {
      bytes: ownBuffer(bytes),
      membership: fresh ? { size: context.membership.size, members: context.membership.members } : undefined,
      chain,
      edge: range.encode(),
      quarantined: context.quarantined,
      nowMs: context.nowMs,
      known: context.known,
    }
    // A worker holds the process while it is asked something, and not when it is idle.
    seat.worker.ref()
    seat.worker.postMessage(question)
  }

  function start(seat: Seat): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const workerData: WorkerInit = { genesisBytes: genesis.bytes }
    const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), { workerData, resourceLimits: WORKER_LIMITS })
    worker.on('message', (answer: WorkerAnswer) => settle(seat, () => toCheckedRun(answer, seat.current as Waiting)))
    const onGone = (why: unknown): void => {
      // 'exit' follows 'error'; by then the seat may have another worker.
      if (seat.worker !== worker) return
      seat.worker = undefined
      seat.membership = undefined
      settle(seat, () => refusalOf(why))
    }
    worker.on('error', onGone)
    worker.on('messageerror', onGone)
    worker.on('exit', (code) => onGone(new Error(`verification worker ended with ${code}`)))
    return worker
  }

  function settle(seat: Seat, answer: () => CheckedRun): void {
    const job = seat.current
    if (job === undefined) return
    const run = answer()
    seat.current = undefined
    seat.worker?.unref()
    job.resolve(run)
    pump()
  }

  return {
    check(bytes, context) {
      if (stopped) return Promise.resolve(refusalOf(new Error('the verification pool is stopped')))
      return new Promise((resolve) => {
        waiting.push({ bytes, context, resolve })
        pump()
      })
    },
    async stop() {
      stopped = true
      for (const job of waiting.splice(0)) job.resolve(refusalOf(new Error('the verification pool is stopped')))
      await Promise.all(seats.flatMap(({ worker }) => (worker === undefined ? [] : [worker.terminate()])))
      for (const seat of seats) settle(seat, () => refusalOf(new Error('the verification pool is stopped')))
    },
  }
}

/** What is posted is copied with the whole buffer behind it: a view of a larger one is cut out first. */
function ownBuffer(bytes: Bytes): Bytes {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()
}

function toCheckedRun(answer: WorkerAnswer, job: Waiting): CheckedRun {
  if (answer.verdict !== 'accept') return answer
  const { offsets, hashes, chain, edge, member, from } = answer
  const blocks: Bytes[] = []
  const blockHashes: Bytes[] = []
  for (let i = 0; i + 1 < offsets.length; i++) {
    blocks.push(job.bytes.subarray(offsets[i], offsets[i + 1]))
    blockHashes.push(hashes.subarray(i * 32, (i + 1) * 32))
  }
  const state = { ...chain, range: CompactRange.decode(chain.size, edge) }
  return { verdict: 'accept', member, from, blocks, hashes: blockHashes, state }
}
