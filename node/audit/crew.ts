import { Worker } from 'node:worker_threads'
import type { Member } from '../../protocol/index.ts'
import type { ChainAudit, StoredChain } from '../store/index.ts'

/** What a thread is started with. */
export interface CrewInit {
  /** LevelDB's directory, opened by this process with `multithreading`. */
  readonly location: string
  readonly genesisBytes: Uint8Array
  readonly allSignatures: boolean
}

/** What every thread must know before the first chain. */
export interface Brief {
  readonly membership: { readonly size: number; readonly members: readonly Member[] }
  readonly isMembershipWhole: boolean
}

export type Order = { readonly brief: Brief } | { readonly chain: StoredChain }
export type Answer = { readonly blocks: number } | { readonly audit: ChainAudit }

export interface Queue {
  readonly next: () => StoredChain | undefined
  /** A thread broke down over this chain. */
  readonly giveBack: (chain: StoredChain) => void
  readonly done: (chain: StoredChain, audit: ChainAudit) => void
  readonly onProgress: (blocks: number) => void
}

/** Threads that audit chains of a store that this process has open. */
export interface Crew {
  /** Resolves when the queue is empty and every thread idle. Never rejects: what cannot be done is given back. */
  work(brief: Brief, queue: Queue): Promise<void>
  stop(): Promise<void>
}

/** Starts the threads at once: they load while the first chain is being audited here. */
export function startCrew(threads: number, init: CrewInit): Crew {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const file = new URL(`./worker.${extension}`, import.meta.url)
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(file, { workerData: init })
    worker.unref()
    // Before it is asked anything too: who breaks down then is simply not there.
    const broken = new Promise<void>((resolve) => worker.once('error', () => resolve()))
    return { worker, broken }
  })
  return {
    async work(brief, queue) {
      await Promise.all(workers.map(({ worker, broken }) => employ(worker, broken, brief, queue)))
    },
    async stop() {
      await Promise.all(workers.map(({ worker }) => worker.terminate()))
    },
  }
}

async function employ(worker: Worker, broken: Promise<void>, brief: Brief, queue: Queue): Promise<void> {
  let current: StoredChain | undefined
  const finished = new Promise<void>((resolve) => {
    const order = (): void => {
      current = queue.next()
      if (current === undefined) return resolve()
      worker.postMessage({ chain: current } satisfies Order)
    }
    worker.on('message', (answer: Answer) => {
      if ('blocks' in answer) return queue.onProgress(answer.blocks)
      if (current !== undefined) queue.done(current, answer.audit)
      order()
    })
    worker.postMessage({ brief } satisfies Order)
    order()
  })
  const isBroken = await Promise.race([finished.then(() => false), broken.then(() => true)])
  if (isBroken && current !== undefined) queue.giveBack(current)
}
