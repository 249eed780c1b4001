import {
  type Bytes,
  type ChainState,
  type DoorContext,
  EMPTY_CHAIN,
  type Genesis,
  isWattnessError,
  type Membership,
  peekRun,
  type Refused,
  refusalOf,
  toHex,
  type VerifySignature,
} from '../../protocol/index.ts'
import type { Clock } from '../platform.ts'
import type { Acceptance, LedgerStore } from '../store/index.ts'
import { type CheckedRun, checkRun } from './checked-run.ts'
import { type Job, type Lane, Lanes, type Outcome, type OwnSeal } from './lanes.ts'
import type { VerifyPool } from './pool.ts'
import { RecentRoots } from './recent-roots.ts'

/** Bytes of runs that may wait to be checked; above it the sender is told to come again (measured: 8 ms of work a MiB). */
export const MAX_WAITING_BYTES = 16 * 1_048_576

/** A run from here on goes to another core, where there is one: below it the hand-over costs more than it saves. */
export const POOL_MIN_BYTES = 32_768

/** Longest stretch of checking before everything else has its turn. */
const SLICE_MS = 8

/** Checked runs that are written without waiting for more: a batch of 100 already costs LevelDB little a block. */
const WRITE_AT = 256

/** A checked and stored run, as everything behind the door sees it. */
export interface StoredRun {
  readonly member: Bytes
  readonly from: number
  readonly blocks: readonly Bytes[]
  readonly state: ChainState
  /** True for a block that this node sealed. */
  readonly own: boolean
}

export interface DoorInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly clock: Clock
  readonly turn: () => Promise<void>
  readonly verify: VerifySignature
  /** The membership as the stored registrar's chain makes it. */
  readonly membership: () => Membership
  readonly pool?: VerifyPool | undefined
  /** Called after the write, before the submitter is answered. */
  readonly onStored: (run: StoredRun) => void
}

interface Checked {
  readonly lane: Lane
  readonly job: Job
  readonly run: CheckedRun
}

/**
 * The one way into the store. Runs of one chain are checked in order, different chains side by side; what passed since the
 * last write goes down in one atomic batch. A block of this node's own is on disk (synced) when `submit` resolves.
 */
export class Door {
  readonly #init: DoorInit
  readonly #lanes: Lanes
  readonly #recent = new RecentRoots()
  #checked: Checked[] = []
  #working = false
  #writing = false
  /** Counts failed writes: a check that began before one is made again. */
  #epoch = 0
  #stopped = false
  #unanswered = 0
  #whenAnswered: (() => void)[] = []

  constructor(init: DoorInit, maxWaitingBytes = MAX_WAITING_BYTES) {
    this.#init = init
    this.#lanes = new Lanes(maxWaitingBytes)
  }

  get waitingBytes(): number {
    return this.#lanes.bytes
  }

  /** Never rejects: the answer says what became of the run. `bytes` must not be changed afterwards. */
  submit(bytes: Bytes, own?: OwnSeal): Promise<Outcome> {
    if (this.#stopped) return Promise.resolve(busy('the node is stopping'))
    let memberHex: string
    try {
      memberHex = toHex(peekRun(bytes).member)
    } catch (error) {
      return Promise.resolve(refusalOf(error))
    }
    return new Promise((answer) => {
      const resolve = (outcome: Outcome): void => {
        this.#unanswered--
        answer(outcome)
        if (this.#unanswered === 0) for (const told of this.#whenAnswered.splice(0)) told()
      }
      if (!this.#lanes.add(memberHex, { bytes, own, resolve })) {
        answer(busy(`${this.#lanes.bytes} bytes wait to be checked`))
        return
      }
      this.#unanswered++
      if (!this.#working) {
        this.#working = true
        queueMicrotask(() => void this.#work())
      }
    })
  }

  /** Lets what waits come to its end; later submissions are refused. */
  async stop(): Promise<void> {
    this.#stopped = true
    while (this.#unanswered > 0) await new Promise<void>((resolve) => this.#whenAnswered.push(resolve))
  }

  async #work(): Promise<void> {
    let sliceEnd = this.#init.clock.monotonicMs() + SLICE_MS
    for (let lane = this.#lanes.next(); lane !== undefined; lane = this.#lanes.next()) {
      const job = this.#lanes.take(lane)
      if (this.#init.pool !== undefined && job.bytes.length >= POOL_MIN_BYTES) {
        lane.busy = true
        void this.#checkElsewhere(lane, job)
        continue
      }
      const context = await this.#context(lane, job)
      this.#settle(lane, job, checkRun(job.bytes, context))
      if (this.#checked.length >= WRITE_AT) void this.#write()
      if (this.#init.clock.monotonicMs() >= sliceEnd) {
        if (this.#checked.length > 0) void this.#write()
        await this.#init.turn()
        sliceEnd = this.#init.clock.monotonicMs() + SLICE_MS
      }
    }
    this.#working = false
    if (this.#checked.length > 0) void this.#write()
  }

  #wake(): void {
    if (this.#working) return
    this.#working = true
    void this.#work()
  }

  async #checkElsewhere(lane: Lane, job: Job): Promise<void> {
    const epoch = this.#epoch
    const context = await this.#context(lane, job)
    const run = await (this.#init.pool as VerifyPool).check(job.bytes, context)
    lane.busy = false
    if (epoch === this.#epoch) this.#settle(lane, job, run)
    else this.#lanes.putBack(lane, job)
    if (this.#checked.length > 0) void this.#write()
    this.#wake()
  }

  async #context(lane: Lane, job: Job): Promise<DoorContext> {
    const { store, genesis, clock, verify, membership } = this.#init
    const { member, end } = peekRun(job.bytes)
    const chain = lane.ahead ?? store.head(member) ?? EMPTY_CHAIN
    return {
      genesis,
      membership: membership(),
      chain,
      quarantined: store.quarantined(member),
      nowMs: clock.now(),
      verify,
      known: end <= chain.size ? await this.#known(member, end, chain) : undefined,
    }
  }

  async #known(member: Bytes, size: number, chain: ChainState): Promise<DoorContext['known']> {
    if (size === chain.size) return { root: chain.root, lastHash: chain.lastHash }
    const recent = this.#recent.get(member, size)
    if (recent !== undefined) return recent
    // A run that is checked but not yet written is not in the store: without a known root it counts as held.
    return this.#init.store.known(member, size).catch(() => undefined)
  }

  #settle(lane: Lane, job: Job, run: CheckedRun): void {
    if (run.verdict !== 'accept') {
      job.resolve(run)
      this.#lanes.release(lane)
      return
    }
    lane.ahead = run.state
    lane.unwritten++
    this.#checked.push({ lane, job, run })
  }

  async #write(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    while (this.#checked.length > 0) {
      const batch = this.#checked
      this.#checked = []
      await this.#writeBatch(batch)
    }
    this.#writing = false
  }

  async #writeBatch(batch: readonly Checked[]): Promise<void> {
    const { store, onStored } = this.#init
    const acceptances: Acceptance[] = []
    const spoolIds: number[] = []
    let sync = false
    for (const { run, job } of batch) {
      if (run.verdict !== 'accept') continue
      acceptances.push(run)
      if (job.own === undefined) continue
      sync = true
      spoolIds.push(...job.own.spoolIds)
    }
    try {
      // A crash before this line resolves leaves the store without any of the batch; after it, with all of it. Nothing of
      // it is published or answered earlier.
      await store.accept(acceptances, spoolIds.length > 0 ? { sync, spoolTaken: spoolIds } : { sync })
    } catch (error) {
      this.#fail(batch, error)
      return
    }
    for (const { lane, job, run } of batch) {
      if (run.verdict !== 'accept') continue
      lane.unwritten--
      if (lane.unwritten === 0) lane.ahead = undefined
      this.#recent.put(run.member, run.state)
      onStored({ member: run.member, from: run.from, blocks: run.blocks, state: run.state, own: job.own !== undefined })
      job.resolve({ verdict: 'accept', member: run.member, from: run.from, state: run.state })
      this.#lanes.release(lane)
    }
  }

  /** Nothing of the batch is stored, and nothing that was checked on top of it holds. */
  #fail(batch: readonly Checked[], error: unknown): void {
    this.#epoch++
    const failed = [...batch, ...this.#checked]
    this.#checked = []
    this.#lanes.rollBack()
    const answer = notStored(error)
    for (const { lane, job } of failed) {
      lane.ahead = undefined
      lane.unwritten = 0
      job.resolve(answer)
      this.#lanes.release(lane)
    }
  }
}

function notStored(error: unknown): Refused {
  const cause = isWattnessError(error) ? error.code : 'UNEXPECTED'
  const message = error instanceof Error ? error.message : String(error)
  return { verdict: 'ignore', code: 'NOT_STORED', message: `not stored: ${message}`, data: { cause } }
}

function busy(why: string): Refused {
  return { verdict: 'ignore', code: 'OVERLOADED', message: `not taken: ${why}`, data: {} }
}
