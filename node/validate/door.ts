import {
  type Bytes,
  type ChainState,
  type DoorContext,
  EMPTY_CHAIN,
  equalBytes,
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
import type { LedgerStore, SealedFrame } from '../store/index.ts'
import { type Adoption, type Branch, checkBranch, storeBranch } from './adoption.ts'
import { type CheckedRun, checkRun, type RunCheck } from './checked-run.ts'
import { type Claim, type Job, type Lane, Lanes, type Outcome, type OwnSeal } from './lanes.ts'
import type { VerifyPool } from './pool.ts'
import { Tally } from './tally.ts'

/** Bytes of runs that may wait to be checked; above it the sender is told to come again (measured: 8 ms of work a MiB). */
export const MAX_WAITING_BYTES = 16 * 1_048_576

/** A run from here on goes to another core, where there is one: below it the hand-over costs more than it saves. */
export const POOL_MIN_BYTES = 32_768

/** Longest stretch of checking before everything else has its turn. */
const SLICE_MS = 8

/** Checked runs, or bytes of them, that are written without waiting for more: a batch of 100 costs LevelDB little a block. */
const WRITE_AT = 256
const WRITE_AT_BYTES = 1_048_576

/** What the store refuses before it touches the disk: the one run is to blame, not the write. */
const REFUSED_BY_STORE: ReadonlySet<string> = new Set([
  'STORE_CONFLICT',
  'OWN_CHAIN_CONFLICT',
  'SIGNED_LEAF_CONFLICT',
  'FINAL_CONFLICT',
  'LIMIT_EXCEEDED',
])

/** A checked and stored run, as everything behind the door sees it. */
export interface StoredRun {
  readonly member: Bytes
  readonly from: number
  readonly blocks: readonly Bytes[]
  readonly state: ChainState
  /** True for a block that this node sealed. */
  readonly own: boolean
  /** As it came; absent where it came in pieces. */
  readonly bytes?: Bytes
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
  /** Its answer must be that of `checkRun`. */
  readonly check?: RunCheck | undefined
  /** Called after the write, before the submitter is answered. */
  readonly onStored: (run: StoredRun) => void
}

type AcceptedRun = Extract<CheckedRun, { verdict: 'accept' }>

interface Checked {
  readonly lane: Lane
  readonly job: Job
  readonly run: AcceptedRun
}

/**
 * The one way into the store. Runs of one chain are checked in order, different chains side by side; what passed since the
 * last write goes down in one atomic batch. A block of this node's own is on disk (synced) when `submit` resolves.
 */
export class Door {
  readonly #init: DoorInit
  readonly #check: RunCheck
  readonly #lanes: Lanes
  readonly tally = new Tally()
  #checked: Checked[] = []
  #checkedBytes = 0
  /** Runs whose write failed, of which nobody knows yet whether they are stored. */
  #doubtful: readonly Checked[] = []
  #working = false
  #writing = false
  /** A write has failed and is being looked into: checks wait, since memory may be about to change. */
  #settling: Promise<void> | undefined
  #stopped = false
  #unanswered = 0
  #whenAnswered: (() => void)[] = []

  constructor(init: DoorInit, maxWaitingBytes = MAX_WAITING_BYTES) {
    this.#init = init
    this.#check = init.check ?? checkRun
    this.#lanes = new Lanes(maxWaitingBytes)
  }

  get waitingBytes(): number {
    return this.#lanes.bytes
  }

  /** Never rejects: the answer says what became of the run. `bytes` must not be changed afterwards. */
  submit(bytes: Bytes, own?: OwnSeal): Promise<Outcome> {
    if (this.#stopped) return Promise.resolve(busy('the node is stopping'))
    let claim: Claim
    try {
      claim = peekRun(bytes)
    } catch (error) {
      return Promise.resolve(this.tally.note(refusalOf(error), 0))
    }
    return this.#enqueue(claim, { bytes, own })
  }

  /**
   * Takes a branch in the place of what is held behind the fork: see `checkBranch`. In the chain's own turn: what came before is
   * written first, and nothing that comes after is looked at before `told` was called. Never rejects.
   */
  adopt(branch: Branch, told: (run: StoredRun) => void): Promise<Outcome> {
    if (this.#stopped) return Promise.resolve(busy('the node is stopping'))
    const claim = { member: branch.member, end: branch.final.size }
    return this.#enqueue(claim, { bytes: new Uint8Array(0), own: undefined, adoption: { branch, told } })
  }

  #enqueue(claim: Claim, job: Omit<Job, 'resolve' | 'claim'>): Promise<Outcome> {
    return new Promise((answer) => {
      const resolve = this.tally.timing(this.#init.clock, (outcome: Outcome): void => {
        this.#unanswered--
        answer(outcome)
        if (this.#unanswered === 0) for (const told of this.#whenAnswered.splice(0)) told()
      })
      if (!this.#lanes.add(toHex(claim.member), { ...job, claim, resolve })) {
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
      if (this.#settling !== undefined) await this.#settling
      const job = this.#lanes.take(lane)
      lane.busy = true
      if (job.adoption !== undefined) {
        void this.#adopt(lane, job, job.adoption)
        continue
      }
      if (this.#init.pool !== undefined && job.bytes.length >= POOL_MIN_BYTES) {
        void this.#checkElsewhere(lane, job)
        continue
      }
      const { epoch } = lane
      const given = this.#context(lane, job)
      const context = given instanceof Promise ? await given : given
      lane.busy = false
      if (epoch === lane.epoch) this.#settle(lane, job, this.#check(job.bytes, context))
      else this.#lanes.putBack(lane, job)
      if (this.#checked.length >= WRITE_AT || this.#checkedBytes >= WRITE_AT_BYTES) this.#write()
      if (this.#init.clock.monotonicMs() >= sliceEnd) {
        this.#write()
        await this.#init.turn()
        sliceEnd = this.#init.clock.monotonicMs() + SLICE_MS
      }
    }
    this.#working = false
    this.#write()
  }

  #wake(): void {
    if (this.#working) return
    this.#working = true
    void this.#work()
  }

  async #checkElsewhere(lane: Lane, job: Job): Promise<void> {
    const { epoch } = lane
    const context = await this.#context(lane, job)
    let run = await (this.#init.pool as VerifyPool).check(job.bytes, context)
    // A worker that died says nothing about the run.
    if (run.verdict !== 'accept' && run.code === 'UNEXPECTED') run = this.#check(job.bytes, context)
    if (this.#settling !== undefined) await this.#settling
    lane.busy = false
    if (epoch === lane.epoch) this.#settle(lane, job, run)
    else this.#lanes.putBack(lane, job)
    this.#write()
    this.#wake()
  }

  async #adopt(lane: Lane, job: Job, { branch, told }: Adoption): Promise<void> {
    while (lane.unwritten > 0) {
      this.#write()
      await new Promise<void>((resolve) => void (lane.onWritten = resolve))
    }
    if (this.#settling !== undefined) await this.#settling
    const { store, genesis, clock, verify, membership, turn } = this.#init
    const context = { genesis, membership: membership(), nowMs: clock.now(), verify }
    const run = await checkBranch(branch, store, context, turn).catch(refusalOf)
    const outcome = run.verdict === 'accept' ? await storeBranch(store, run).catch(notStored) : run
    try {
      if (outcome.verdict === 'accept' && run.verdict === 'accept') {
        told({ ...run, own: false })
      }
    } finally {
      lane.busy = false
      this.#lanes.answer(lane, job, outcome)
      this.#wake()
    }
  }

  /** At once but where the store must say what it held when it was smaller. */
  #context(lane: Lane, job: Job): DoorContext | Promise<DoorContext> {
    const { store, genesis, clock, verify, membership } = this.#init
    const { member, end } = job.claim
    const chain = lane.ahead ?? store.head(member) ?? EMPTY_CHAIN
    const context = {
      genesis,
      membership: membership(),
      chain,
      quarantined: store.quarantined(member),
      nowMs: clock.now(),
      verify,
      known: end === chain.size ? { root: chain.root, lastHash: chain.lastHash } : undefined,
    }
    if (end >= chain.size) return context
    // A run that is checked but not yet written is not in the store: without a known root it counts as held.
    const known = store.known(member, end).catch(() => undefined)
    return known.then((below) => ({ ...context, known: below }))
  }

  #settle(lane: Lane, job: Job, run: CheckedRun): void {
    if (run.verdict !== 'accept') {
      this.#lanes.answer(lane, job, run)
      return
    }
    lane.ahead = run.state
    lane.unwritten++
    this.#checked.push({ lane, job, run })
    this.#checkedBytes += job.bytes.length
  }

  #write(): void {
    if (!this.#writing && this.#checked.length > 0) void this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    this.#writing = true
    try {
      while (this.#checked.length > 0) await this.#writeBatch(this.#takeChecked())
    } finally {
      this.#writing = false
    }
  }

  #takeChecked(): Checked[] {
    const checked = this.#checked
    this.#checked = []
    this.#checkedBytes = 0
    return checked
  }

  async #writeBatch(batch: readonly Checked[]): Promise<void> {
    const { store } = this.#init
    const spoolTaken: number[] = []
    const framesSealed: SealedFrame[] = []
    let sync = false
    for (const { own } of batch.map(({ job }) => job)) {
      if (own === undefined) continue
      sync = true
      spoolTaken.push(...own.spoolIds)
      framesSealed.push(...(own.frames ?? []))
    }
    try {
      await this.#reconcile()
    } catch (error) {
      return this.#onWriteFailed(batch, error)
    }
    try {
      // A crash before this line resolves leaves the store without any of the batch; after it, with all of it. Nothing of
      // it is published or answered earlier.
      await store.accept(
        batch.map(({ run }) => run),
        spoolTaken.length > 0 ? { sync, spoolTaken, framesSealed } : { sync },
      )
    } catch (error) {
      if (!isWattnessError(error) || !REFUSED_BY_STORE.has(error.code)) {
        this.#doubtful = batch
        return this.#onWriteFailed(batch, error)
      }
      if (batch.length > 1) return this.#writeOneByOne(batch)
      return this.#refuse((batch[0] as Checked).lane, batch, error)
    }
    for (const each of batch) this.#onWritten(each)
  }

  #onWritten({ lane, job, run }: Checked): void {
    lane.unwritten--
    if (lane.unwritten === 0) {
      lane.ahead = undefined
      lane.onWritten?.()
    }
    try {
      this.#tell(run, job)
    } finally {
      this.#lanes.answer(lane, job, { verdict: 'accept', member: run.member, from: run.from, state: run.state })
    }
  }

  #tell({ member, from, blocks, state }: AcceptedRun, { bytes, own }: Job): void {
    this.#init.onStored({ member, from, blocks, state, own: own !== undefined, bytes })
  }

  /** The store refused some run of the batch before it wrote anything: the others must not suffer for it. */
  async #writeOneByOne(batch: readonly Checked[]): Promise<void> {
    const epochs = new Map(batch.map(({ lane }) => [lane, lane.epoch]))
    for (const each of batch) {
      if (each.lane.epoch === epochs.get(each.lane)) await this.#writeBatch([each])
      else this.#lanes.answer(each.lane, each.job, notStored(new Error('a run before it was not stored')))
    }
  }

  /** Nothing that was checked on top of the refused run holds; other chains go on. */
  #refuse(lane: Lane, batch: readonly Checked[], error: unknown): void {
    const above = this.#checked.filter((each) => each.lane === lane)
    this.#checked = this.#checked.filter((each) => each.lane !== lane)
    this.#lanes.rollBack(lane)
    for (const each of [...batch, ...above]) this.#lanes.answer(lane, each.job, notStored(error))
  }

  /** Whether the batch is stored is not known; what was checked on top of it does not hold. */
  async #onWriteFailed(batch: readonly Checked[], error: unknown): Promise<void> {
    const settled = Promise.withResolvers<void>()
    this.#settling = settled.promise
    const above = this.#takeChecked()
    for (const lane of this.#lanes.all()) this.#lanes.rollBack(lane)
    for (const { lane, job } of above) this.#lanes.answer(lane, job, notStored(error))
    const stored = await this.#reconcile().catch(() => undefined)
    for (const each of batch) {
      const { lane, job, run } = each
      const { member, from, state } = run
      const isStored = stored?.has(each) === true
      this.#lanes.answer(lane, job, isStored ? { verdict: 'accept', member, from, state } : notStored(error))
    }
    this.#settling = undefined
    settled.resolve()
  }

  /**
   * Finds out what became of runs whose write failed: a disk may have taken what it said it had not. Those that are stored are
   * told as any other. Throws while the store cannot tell: before that is known nothing further is written.
   */
  async #reconcile(): Promise<ReadonlySet<Checked>> {
    const stored = new Set<Checked>()
    if (this.#doubtful.length === 0) return stored
    const { store } = this.#init
    // An empty batch makes the store read anew what it holds.
    await store.accept([])
    const doubtful = this.#doubtful
    this.#doubtful = []
    for (const each of doubtful) {
      const { run, job } = each
      const root = await store.rootAt(run.member, run.state.size).catch(() => undefined)
      if (root === undefined || !equalBytes(root, run.state.root)) continue
      stored.add(each)
      this.#tell(run, job)
    }
    return stored
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
