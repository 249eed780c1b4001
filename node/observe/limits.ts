import { MAX_NOTE_BYTES } from '../../protocol/index.ts'

/** What strangers may take of a node by HTTP. A test may tighten them; a configuration does not. */
export interface HttpLimits {
  /** Open at once; further ones are closed as they come. A neighbourhood's monitors and screens, several times over. */
  readonly connections: number
  /** Unanswered on one connection: browsers send one after the other, a tile client may send a few ahead. */
  readonly pipelined: number
  /** Unanswered in all: each may hold an answer of 32 kB, the entries of a tile, and the blocks that it is read from. */
  readonly inFlight: number
  /** Names and values of a request's headers. */
  readonly headerBytes: number
  /** A whole request must have come by then. */
  readonly requestMs: number
  /** How often requests that stay incomplete are looked for. */
  readonly checkMs: number
  /** Its answer must have been taken by then, counted from its first line. */
  readonly answerMs: number
  /** Without a byte in either direction while something is under way. */
  readonly silenceMs: number
  /** Between two requests. */
  readonly idleMs: number
  /** What is under way may end before everything is cut, at the close. */
  readonly closeMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  connections: 256,
  pipelined: 8,
  inFlight: 256,
  headerBytes: 8_192,
  requestMs: 10_000,
  checkMs: 1_000,
  answerMs: 30_000,
  silenceMs: 15_000,
  idleMs: 20_000,
  closeMs: 500,
}

/** The old size, 63 lines of proof at most, and the largest note. */
export const MAX_ADD_CHECKPOINT_BYTES = MAX_NOTE_BYTES + 4_096
