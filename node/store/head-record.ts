import { Reader } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { readU48, writeU48 } from './keys.ts'
import { writeCrc } from './record.ts'

export const SIGNATURE_BYTES = 64

/**
 * A chain's head as it is stored: what the batch that wrote it made of the chain. The edge of the tree is not in it, it is
 * read from the tiles and the last blocks, and must make `root`.
 */
export interface HeadRecord {
  readonly size: number
  readonly sealedAt: number
  readonly registrarSize: number
  readonly lastHash: Uint8Array
  readonly root: Uint8Array
  /** The checkpoint that covers the head: beside the last block, in this record while a catch-up runs, or none. */
  readonly covered: 'by-block' | Omit<SignedCheckpoint, 'member'> | undefined
}

const COVERED_NOT = 0
const COVERED_BY_BLOCK = 1
const COVERED_AHEAD = 2

const U48_BYTES = 6
const HEAD_BYTES = 3 * U48_BYTES + 2 * HASH_BYTES + 1
const AHEAD_BYTES = U48_BYTES + HASH_BYTES + SIGNATURE_BYTES
const CRC_BYTES = 4

/** Of fixed width: one is written with every block of live traffic. */
export function encodeHead(key: Uint8Array, state: ChainState): Uint8Array {
  const { checkpoint } = state
  const ahead = checkpoint !== undefined && checkpoint.size !== state.size
  const record = Buffer.allocUnsafe(HEAD_BYTES + (ahead ? AHEAD_BYTES : 0) + CRC_BYTES)
  writeU48(record, 0, state.size)
  writeU48(record, U48_BYTES, state.sealedAt)
  writeU48(record, 2 * U48_BYTES, state.registrarSize)
  record.set(state.lastHash, 3 * U48_BYTES)
  record.set(state.root, 3 * U48_BYTES + HASH_BYTES)
  record[HEAD_BYTES - 1] = ahead ? COVERED_AHEAD : checkpoint === undefined ? COVERED_NOT : COVERED_BY_BLOCK
  if (ahead) {
    writeU48(record, HEAD_BYTES, checkpoint.size)
    record.set(checkpoint.root, HEAD_BYTES + U48_BYTES)
    record.set(checkpoint.signature, HEAD_BYTES + U48_BYTES + HASH_BYTES)
  }
  writeCrc(key, record)
  return record
}

/** Reads the record without its checksum. Throws what a Reader throws. */
export function decodeHead(value: Uint8Array): HeadRecord {
  const reader = new Reader(value, 'head record')
  const u48 = (): number => readU48(reader.bytes(U48_BYTES), 0)
  const size = u48()
  const sealedAt = u48()
  const registrarSize = u48()
  const lastHash = reader.bytes(HASH_BYTES)
  const root = reader.bytes(HASH_BYTES)
  const flag = reader.u8()
  if (flag > COVERED_AHEAD) reader.fail('OUT_OF_RANGE', `flag ${flag}`)
  const covered =
    flag === COVERED_AHEAD
      ? { size: u48(), root: reader.bytes(HASH_BYTES), signature: reader.bytes(SIGNATURE_BYTES) }
      : flag === COVERED_BY_BLOCK
        ? 'by-block'
        : undefined
  reader.done()
  return { size, sealedAt, registrarSize, lastHash, root, covered }
}
