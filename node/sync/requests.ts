import { type Bytes, peekRun } from '../../protocol/index.ts'
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
