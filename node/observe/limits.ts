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
  /**
   * From one address within `rateMs`: a screen asks some ten times in that; a stranger who asks for the dearest pages takes
   * half of a core. Whoever asks from this machine itself is not counted.
   */
  readonly rate: number
  readonly rateMs: number
  /** The same of what costs much: proofs asked for, files checked. */
  readonly costlyRate: number
  /** Addresses that are counted at once; the one unheard for longest is forgotten. */
  readonly rateAddresses: number
  /** A long answer may take as long as it does while so many bytes leave in `answerMs`, or nobody waits for its reader. */
  readonly streamBytes: number
  /** An answer that many ask for is made anew when something has changed, but not within `freshMs`, and after `staleMs`. */
  readonly freshMs: number
  readonly staleMs: number
  /** Who listens to events: in all, and from one address. */
  readonly listeners: number
  readonly listenersOfAddress: number
  /** Events kept for whoever comes back. */
  readonly keptEvents: number
  /** Bytes that may wait for one listener. */
  readonly listenerBytes: number
  /** A word that all is well, between events. */
  readonly heartbeatMs: number
  /** Hashes of blocks kept in memory to find a block by its hash, four bytes each; further chains are searched on the disk. */
  readonly foundBlocks: number
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
  rate: 600,
  rateMs: 10_000,
  costlyRate: 30,
  rateAddresses: 4_096,
  streamBytes: 65_536,
  freshMs: 100,
  staleMs: 1_000,
  listeners: 64,
  listenersOfAddress: 8,
  keptEvents: 1_024,
  listenerBytes: 262_144,
  heartbeatMs: 10_000,
  foundBlocks: 16_777_216,
}

/** Entries of a page, unless and at most: with their readings blocks come to some 50 kB each. */
export const PAGE_ITEMS = 50
export const MAX_PAGE_ITEMS = 500
export const PAGE_BLOCKS = 20
export const MAX_PAGE_BLOCKS = 100

/** A page of blocks ends before its limit once its text is as long as this. */
export const MAX_PAGE_CHARS = 2_097_152

/** The old size, 63 lines of proof at most, and the largest note. */
export const MAX_ADD_CHECKPOINT_BYTES = MAX_NOTE_BYTES + 4_096
