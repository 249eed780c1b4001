import { WattnessError } from '../../protocol/errors.ts'

/**
 * Every key of the store. One byte says what the record is; numbers are big-endian, so that keys sort by them. Records
 * marked * end in a CRC-32 of key and value (record.ts); the others verify themselves.
 *
 * | key                                                  | value                                                  |
 * |------------------------------------------------------|--------------------------------------------------------|
 * | META    ‖ name                                       | * one named record (schema.ts, ledger-store.ts)        |
 * | CHAIN   ‖ member key 32                              | * chain id u16: a short local name of the chain        |
 * | HEAD    ‖ chain id u16                               | * head record (head-record.ts)                         |
 * | BLOCK   ‖ chain id u16 ‖ height u48                  | header ‖ body [‖ signature 64], or once pruned         |
 * |                                                      | 00 ‖ length u8 ‖ header [‖ signature]: hashes; without |
 * |                                                      | the member but at height 0 (stored-block.ts)           |
 * | TILE    ‖ chain id u16 ‖ level u8 ‖ index u48        | * 1 to 256 hashes: a C2SP tile (tiles.ts)              |
 * | SPOOL   ‖ sequence u48                               | * one reading or event that waits (spool-entry.ts)     |
 * | SEEN    ‖ source 8 ‖ time u48 ‖ content 8            | empty: the key is the record (seen-index.ts)           |
 * | ASIDE   ‖ sequence u48                               | a spool record that was damaged, as it was found       |
 * | FRAME   ‖ time u48 ‖ sequence u48                    | * raw meter frame                                      |
 * | EVIDENCE ‖ member key 32                             | * evidence of equivocation, as protocol/ encodes it    |
 * | LABEL   ‖ member key 32                              | * salt 16 ‖ label text                                 |
 * | INVITATION ‖ invitation key 32                       | * state of an invitation, the caller's bytes           |
 * | QUERY   ‖ chain id u16                               | * how far the chain is in query chunks (query-index.ts) |
 * | QUERY   ‖ chain id u16 ‖ 1 ‖ register 8 ‖ day u32 ‖ height u48 | * query chunk (query-chunk.ts)               |
 * | QUERY   ‖ chain id u16 ‖ 2 ‖ height u48              | * times of a block that no chunk holds                 |
 * | SIGNED_LEAF ‖ member key 32                          | * what this node signed last of a chain, as a witness  |
 * | FINAL   ‖ member key 32                              | * how far a chain is final (witness-records.ts)        |
 * | ATTESTATION ‖ epoch u32 ‖ witness key 32             | * a witness's attestation (attestation-table.ts)       |
 * | CLOSING ‖ epoch u32 ‖ witness key 32                 | * its closing attestation of that epoch, the same      |
 * | WITNESS_EVIDENCE ‖ member key 32                     | * evidence against a witness, which stops no chain     |
 * | FRAME_NOTE ‖ time u48 ‖ sequence u48                 | * which block holds a raw frame (frame-note.ts)        |
 *
 * SIGNED_LEAF and FINAL name the member, not the chain's id: they outlive the blocks and the record that gave the id.
 */
export const META = 0x01
export const CHAIN = 0x02
export const HEAD = 0x03
export const BLOCK = 0x04
export const TILE = 0x05
export const SPOOL = 0x06
export const SEEN = 0x07
export const ASIDE = 0x08
export const FRAME = 0x09
export const EVIDENCE = 0x0a
export const LABEL = 0x0b
export const INVITATION = 0x0c
export const QUERY = 0x0d
export const SIGNED_LEAF = 0x0e
export const FINAL = 0x0f
export const ATTESTATION = 0x10
export const CLOSING = 0x11
export const WITNESS_EVIDENCE = 0x12
export const FRAME_NOTE = 0x13
/** The last of them. */
export const LAST_PREFIX = FRAME_NOTE

export const MAX_U48 = 2 ** 48 - 1
export const MAX_CHAIN_ID = 0xffff

const HASHED_BYTES = 8

export function writeU48(key: Uint8Array, at: number, value: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= MAX_U48)) {
    throw new WattnessError('OUT_OF_RANGE', `store key: expected 0 to 2^48-1, found ${value}`, { value })
  }
  const high = Math.floor(value / 0x1_0000_0000)
  key[at] = high >>> 8
  key[at + 1] = high
  key[at + 2] = value >>> 24
  key[at + 3] = value >>> 16
  key[at + 4] = value >>> 8
  key[at + 5] = value
}

export function readU48(key: Uint8Array, at: number): number {
  const byte = (i: number): number => key[at + i] as number
  return ((byte(0) << 8) | byte(1)) * 0x1_0000_0000 + (((byte(2) << 24) | (byte(3) << 16) | (byte(4) << 8) | byte(5)) >>> 0)
}

/** Keys come from Node's buffer pool: an array of its own costs more than the rest of a put (measured: 0.5 µs). */
function startKey(length: number, prefix: number): Uint8Array {
  const key = Buffer.allocUnsafe(length)
  key[0] = prefix
  return key
}

function chainedKey(length: number, prefix: number, chainId: number): Uint8Array {
  const key = startKey(length, prefix)
  key[1] = chainId >>> 8
  key[2] = chainId
  return key
}

function namedKey(prefix: number, name: Uint8Array): Uint8Array {
  const key = startKey(1 + name.length, prefix)
  key.set(name, 1)
  return key
}

const text = new TextEncoder()

export const metaKey = (name: string): Uint8Array => namedKey(META, text.encode(name))
export const chainKey = (member: Uint8Array): Uint8Array => namedKey(CHAIN, member)
export const headKey = (chainId: number): Uint8Array => chainedKey(3, HEAD, chainId)
export const evidenceKey = (member: Uint8Array): Uint8Array => namedKey(EVIDENCE, member)
export const witnessEvidenceKey = (witness: Uint8Array): Uint8Array => namedKey(WITNESS_EVIDENCE, witness)
export const labelKey = (member: Uint8Array): Uint8Array => namedKey(LABEL, member)
export const invitationKey = (invitation: Uint8Array): Uint8Array => namedKey(INVITATION, invitation)
export const signedLeafKey = (member: Uint8Array): Uint8Array => namedKey(SIGNED_LEAF, member)
export const finalKey = (member: Uint8Array): Uint8Array => namedKey(FINAL, member)

export const MAX_EPOCH = 0xffff_ffff

/** All attestations, or closings, of an epoch. */
export function epochPrefix(prefix: number, epoch: number): Uint8Array {
  if (!(Number.isInteger(epoch) && epoch >= 0 && epoch <= MAX_EPOCH)) {
    throw new WattnessError('OUT_OF_RANGE', `store key: expected an epoch of 0 to 2^32-1, found ${epoch}`, { epoch })
  }
  const key = startKey(EPOCH_BYTES, prefix)
  writeU32(key, 1, epoch)
  return key
}

const EPOCH_BYTES = 5

export function epochKey(prefix: number, epoch: number, witness: Uint8Array): Uint8Array {
  const key = startKey(EPOCH_BYTES + witness.length, prefix)
  key.set(epochPrefix(prefix, epoch))
  key.set(witness, EPOCH_BYTES)
  return key
}

export const epochOfKey = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(1)
export const witnessOfKey = (key: Uint8Array): Uint8Array => key.slice(EPOCH_BYTES)

export function blockKey(chainId: number, height: number): Uint8Array {
  const key = chainedKey(9, BLOCK, chainId)
  writeU48(key, 3, height)
  return key
}

/** Of a key under a chain. */
export const chainIdOfKey = (key: Uint8Array): number => ((key[1] as number) << 8) | (key[2] as number)

export const heightOfBlockKey = (key: Uint8Array): number => readU48(key, 3)

export function tileKey(chainId: number, level: number, index: number): Uint8Array {
  const key = chainedKey(10, TILE, chainId)
  key[3] = level
  writeU48(key, 4, index)
  return key
}

function sequenceKey(prefix: number, sequence: number): Uint8Array {
  const key = startKey(7, prefix)
  writeU48(key, 1, sequence)
  return key
}

export const spoolKey = (sequence: number): Uint8Array => sequenceKey(SPOOL, sequence)
export const asideKey = (sequence: number): Uint8Array => sequenceKey(ASIDE, sequence)
export const sequenceOfKey = (key: Uint8Array): number => readU48(key, 1)

/** `source` and `content` are hashes cut to eight bytes. */
export function seenKey(source: Uint8Array, timeMs: number, content: Uint8Array): Uint8Array {
  const key = startKey(1 + HASHED_BYTES + 6 + HASHED_BYTES, SEEN)
  key.set(source.subarray(0, HASHED_BYTES), 1)
  writeU48(key, 1 + HASHED_BYTES, timeMs)
  key.set(content.subarray(0, HASHED_BYTES), 1 + HASHED_BYTES + 6)
  return key
}

export const timeOfSeenKey = (key: Uint8Array): number => readU48(key, 1 + HASHED_BYTES)

function timedKey(prefix: number, timeMs: number, sequence: number): Uint8Array {
  const key = startKey(13, prefix)
  writeU48(key, 1, timeMs)
  writeU48(key, 7, sequence)
  return key
}

export const frameKey = (timeMs: number, sequence: number): Uint8Array => timedKey(FRAME, timeMs, sequence)
export const frameNoteKey = (timeMs: number, sequence: number): Uint8Array => timedKey(FRAME_NOTE, timeMs, sequence)

export const timeOfFrameKey = (key: Uint8Array): number => readU48(key, 1)
export const sequenceOfFrameKey = (key: Uint8Array): number => readU48(key, 7)

export function queryKey(chainId: number, rest: Uint8Array): Uint8Array {
  const key = chainedKey(3 + rest.length, QUERY, chainId)
  key.set(rest, 3)
  return key
}

export const queryStateKey = (chainId: number): Uint8Array => chainedKey(3, QUERY, chainId)

const CHUNK = 1
const WHOLE = 2

export interface QueryChunkName {
  /** Words of the register (query-chunk.ts). */
  readonly high: number
  readonly low: number
  /** First UTC day of its span, counted from 1970-01-01. */
  readonly day: number
  /** Height of the first block of the stretch that the chunk was made from. */
  readonly start: number
}

export const QUERY_CHUNK_KEY_BYTES = 22

export function queryChunkKey(chainId: number, name: QueryChunkName): Uint8Array {
  const key = Buffer.allocUnsafe(QUERY_CHUNK_KEY_BYTES)
  writeQueryChunkKey(key, chainId, name)
  return key
}

export function writeQueryChunkKey(key: Uint8Array, chainId: number, { high, low, day, start }: QueryChunkName): void {
  key[0] = QUERY
  key[1] = chainId >>> 8
  key[2] = chainId
  key[3] = CHUNK
  writeU32(key, 4, high)
  writeU32(key, 8, low)
  writeU32(key, 12, day)
  writeU48(key, 16, start)
}

function writeU32(key: Uint8Array, at: number, value: number): void {
  key[at] = value >>> 24
  key[at + 1] = value >>> 16
  key[at + 2] = value >>> 8
  key[at + 3] = value
}

/** Undefined for every other key. */
export function readQueryChunkKey(key: Uint8Array): QueryChunkName | undefined {
  if (key.length !== QUERY_CHUNK_KEY_BYTES || key[0] !== QUERY || key[3] !== CHUNK) return undefined
  const view = new DataView(key.buffer, key.byteOffset)
  return { high: view.getInt32(4), low: view.getInt32(8), day: view.getUint32(12), start: readU48(key, 16) }
}

/** All chunks of a chain. */
export const queryChunksOf = (chainId: number): { gte: Uint8Array; lt: Uint8Array } => keysOfKind(chainId, CHUNK)
/** All its blocks that no chunk holds. */
export const queryWholesOf = (chainId: number): { gte: Uint8Array; lt: Uint8Array } => keysOfKind(chainId, WHOLE)

function keysOfKind(chainId: number, kind: number): { gte: Uint8Array; lt: Uint8Array } {
  const prefix = chainedKey(4, QUERY, chainId)
  prefix[3] = kind
  return keysUnder(prefix)
}

export function queryWholeKey(chainId: number, height: number): Uint8Array {
  const key = chainedKey(10, QUERY, chainId)
  key[3] = WHOLE
  writeU48(key, 4, height)
  return key
}

export const heightOfQueryWholeKey = (key: Uint8Array): number => readU48(key, 4)

/** Every key that begins with `prefix`. */
export function keysUnder(prefix: Uint8Array): { gte: Uint8Array; lt: Uint8Array } {
  // A Buffer's own `slice` would share its memory.
  const lt = new Uint8Array(prefix)
  for (let i = lt.length - 1; i >= 0; i--) {
    if ((lt[i] as number) < 0xff) {
      lt[i] = (lt[i] as number) + 1
      return { gte: prefix, lt: lt.subarray(0, i + 1) }
    }
  }
  throw new WattnessError('OUT_OF_RANGE', 'no key follows the prefix of ff bytes')
}

export const allOf = (prefix: number): { gte: Uint8Array; lt: Uint8Array } => keysUnder(Uint8Array.of(prefix))

export const allOfChain = (prefix: number, chainId: number): { gte: Uint8Array; lt: Uint8Array } =>
  keysUnder(chainedKey(3, prefix, chainId))
