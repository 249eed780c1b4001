import type { Bytes, ChainState, Refused } from '../../protocol/index.ts'
import type { SealedFrame } from '../store/index.ts'
import type { Adoption } from './adoption.ts'

/** What a submitter adds to a run that this node sealed itself. */
export interface OwnSeal {
  /** Spool entries that the block took up: removed in the same atomic write. */
  readonly spoolIds: readonly number[]
  /** Raw frames that it took up: noted in the same write. */
  readonly frames?: readonly SealedFrame[]
}

/** What became of a submitted run. */
export type Outcome =
  | { readonly verdict: 'accept'; readonly member: Bytes; readonly from: number; readonly state: ChainState }
  | Refused

/** Whose blocks are said to have come, and up to which size. */
export interface Claim {
  readonly member: Bytes
  readonly end: number
}

export interface Job {
  readonly bytes: Bytes
  readonly claim: Claim
  readonly own: OwnSeal | undefined
  /** A branch instead of a run. */
  readonly adoption?: Adoption
  readonly resolve: (outcome: Outcome) => void
}

/**
 * The submissions of one chain, in order: a run is checked against the state that the run before it left, so one chain is
 * never worked on twice at a time, while different chains may be.
 */
export interface Lane {
  readonly memberHex: string
  readonly jobs: Job[]
  /** A worker has this lane's first job. */
  busy: boolean
  /** State after the runs that are checked but not yet written; undefined: as stored. */
  ahead: ChainState | undefined
  /** Checked runs of this lane that wait for their write. */
  unwritten: number
  /** Called when nothing of this lane waits for its write any more. */
  onWritten: (() => void) | undefined
  /** Counts failed writes: a check that began before one is made again. */
  epoch: number
}

/** Lanes with work, taken in turn so that one busy chain cannot hold up the others. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of all runs that were added and not yet answered: waiting, being checked, or waiting for their write. */
  get bytes(): number {
    return this.#bytes
  }

  get isIdle(): boolean {
    return this.#lanes.size === 0
  }

  /** False when the queue is full: the caller answers, nothing is kept. Own blocks always find room. */
  add(memberHex: string, job: Job): boolean {
    if (job.own === undefined && this.#bytes + job.bytes.length > this.#maxBytes) return false
    let lane = this.#lanes.get(memberHex)
    if (lane === undefined) {
      lane = { memberHex, jobs: [], busy: false, ahead: undefined, unwritten: 0, onWritten: undefined, epoch: 0 }
      this.#lanes.set(memberHex, lane)
    }
    lane.jobs.push(job)
    this.#bytes += job.bytes.length
    return true
  }

  /** The next lane that can be worked on; it moves to the end of the turn. */
  next(): Lane | undefined {
    for (const [hex, lane] of this.#lanes) {
      if (lane.busy || lane.jobs.length === 0) continue
      this.#lanes.delete(hex)
      this.#lanes.set(hex, lane)
      return lane
    }
    return undefined
  }

  /** Takes the lane's first job. */
  take(lane: Lane): Job {
    return lane.jobs.shift() as Job
  }

  /** Puts a job back at the head: its check was made against a state that was never written. */
  putBack(lane: Lane, job: Job): void {
    lane.jobs.unshift(job)
  }

  /** The job is over: answers it, and forgets the lane where it has nothing left. */
  answer(lane: Lane, job: Job, outcome: Outcome): void {
    this.#bytes -= job.bytes.length
    job.resolve(outcome)
    this.release(lane)
  }

  /** Forgets a lane that has nothing left, so that memory follows the work and not the membership. */
  release(lane: Lane): void {
    if (lane.jobs.length === 0 && !lane.busy && lane.unwritten === 0 && this.#lanes.get(lane.memberHex) === lane) {
      this.#lanes.delete(lane.memberHex)
    }
  }

  /** After a failed write nothing that was checked on top of it holds. */
  rollBack(lane: Lane): void {
    lane.epoch++
    lane.ahead = undefined
    lane.unwritten = 0
    lane.onWritten?.()
    this.release(lane)
  }

  all(): Lane[] {
    return [...this.#lanes.values()]
  }
}
