/**
 * Every bound of the protocol, with its reason. Relations between them are asserted at the end: a change that breaks one
 * fails at import.
 */

/** A neighbourhood replicates every chain on every node: 256 members keep that affordable on a gateway box. */
export const MAX_MEMBERS = 256

/** A C2SP reader must accept only 16 signatures on a note: the log's own and a quorum of 22, which is 15. */
export const MAX_WITNESSES = 22

/** Random bytes at the start of each body, so that a hash alone does not give away a guessable body. */
export const SALT_BYTES = 16

/** Largest body unless genesis says less. One libp2p Noise frame is 65,535 bytes too. */
export const MAX_BODY_BYTES = 65_535

/** Blocks of one chain, and UTC milliseconds of sealing: 48 bits, so that stores can give them a fixed width. */
export const MAX_CHAIN_SIZE = 2 ** 48 - 1
export const MAX_SEALED_AT_MS = 2 ** 48 - 1

/** version, kind, member, previous, body hash, three varints of 48 bits and the body's length. */
export const MAX_HEADER_BYTES = 2 + 3 * 32 + 3 * 7 + 3
export const MAX_BLOCK_BYTES = MAX_HEADER_BYTES + MAX_BODY_BYTES

/** Blocks in one run: a batch that one signature covers. */
export const MAX_RUN_BLOCKS = 4_096

/** Bytes of one run: what a receiver must be ready to hold for one request. */
export const MAX_RUN_BYTES = 1_048_576

/** A consistency proof between sizes below 2^53 has at most 53 + 1 hashes. */
export const MAX_PROOF_HASHES = 64

export const MAX_TABLES = 32
export const MAX_TABLE_REGISTERS = 64
export const MAX_TABLE_ROWS = 4_096

/** Decoded cells of one body: run-length coding must not let a small body grow without bound. */
export const MAX_BODY_CELLS = 65_536

export const MAX_EVENTS = 256
export const MAX_EVENT_DETAIL_BYTES = 200
export const MAX_MEMBERSHIP_OPERATIONS = 64
export const MAX_LABEL_BYTES = 64

/** Genesis is pasted inside a ticket: it must stay small. */
export const MAX_GENESIS_BYTES = 65_536
export const MAX_TICKET_ADDRESSES = 16

/** One frame of the sync exchange: the largest run and its envelope. */
export const MAX_FRAME_BYTES = MAX_RUN_BYTES + 4_096

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`protocol/limits.ts: ${relation} does not hold`)
}

assertRelation(MAX_BLOCK_BYTES < MAX_RUN_BYTES, 'a run holds at least one block of the largest size')
assertRelation(MAX_BODY_BYTES > SALT_BYTES, 'a body holds more than its salt')
assertRelation(MAX_RUN_BYTES < MAX_FRAME_BYTES, 'a frame holds the largest run')
assertRelation(MAX_TABLE_ROWS <= MAX_BODY_CELLS, 'one full column fits the cell bound')
assertRelation(MAX_WITNESSES - Math.floor((MAX_WITNESSES - 1) / 3) < 16, 'a quorum and the log fit one note')
