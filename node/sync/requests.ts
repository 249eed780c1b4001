import { type Bytes, peekRun } from '../../protocol/index.ts'
import { MAX_EXPECTED_BYTES, MAX_UNDER_WAY_BYTES } from './bounds.ts'
import type { Session } from './session.ts'

/** What was asked of one neighbour. */
export interface Request {
  readonly id: number
  readonly index: number
  readonly from: number
  /** Most bytes that the answer may have. */
  readonly bytes: number
  /** Bytes that it is expected to have, by the blocks that are missing. */
  readonly expected: number
  readonly session: Session
  readonly askedMs: number
}

/** Room for what all open requests together may bring. */
export class Room {
  #askedBytes = 0
  #expectedBytes = 0

  /** Bytes that the answers may have. */
  get askedBytes(): number {
    return this.#askedBytes
  }

  /** For one more request, beside `backlog` bytes that have come and are not stored. */
  has(bytes: number, expected: number, backlog: number): boolean {
    if (this.#askedBytes + backlog + bytes > MAX_UNDER_WAY_BYTES) return false
    return this.#expectedBytes + backlog + expected <= MAX_EXPECTED_BYTES
  }

  take({ bytes, expected }: Request): void {
    this.#askedBytes += bytes
    this.#expectedBytes += expected
  }

  leave({ bytes, expected }: Request): void {
    this.#askedBytes -= bytes
    this.#expectedBytes -= expected
  }
}

/** One chain while anything of it is under way. */
export interface Progress {
  readonly sinceMs: number
  /** Counts batches that failed: what was built on one of them says nothing of who sent it. */
  attempt: number
  /** The size that will be held once everything received has passed the door. */
  claimed: number
  /** Batches at the door. */
  submitted: number
  request: Request | undefined
}

/** What an answer is of; undefined for one that cannot be read. */
export function peekSafely(run: Bytes): ReturnType<typeof peekRun> | undefined {
  try {
    return peekRun(run)
  } catch {
    return undefined
  }
}
