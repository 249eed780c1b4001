import { Reader, Writer } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { writeCrc } from './record.ts'

export const SIGNATURE_BYTES = 64

/** Behind a block's bytes where the run that it came in ended at it: root ‖ signature. */
export const BLOCK_END_BYTES = HASH_BYTES + SIGNATURE_BYTES

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

export function encodeHead(key: Uint8Array, state: ChainState): Uint8Array {
  const { checkpoint } = state
  const writer = new Writer(192)
    .varint(state.size)
    .varint(state.sealedAt)
    .varint(state.registrarSize)
    .bytes(state.lastHash)
    .bytes(state.root)
  if (checkpoint === undefined) writer.u8(COVERED_NOT)
  else if (checkpoint.size === state.size) writer.u8(COVERED_BY_BLOCK)
  else writer.u8(COVERED_AHEAD).varint(checkpoint.size).bytes(checkpoint.root).bytes(checkpoint.signature)
  const record = writer.u8(0).u8(0).u8(0).u8(0).finish()
  writeCrc(key, record)
  return record
}

/** Reads the record without its checksum. Throws what a Reader throws. */
export function decodeHead(value: Uint8Array): HeadRecord {
  const reader = new Reader(value, 'head record')
  const size = reader.varint()
  const sealedAt = reader.varint()
  const registrarSize = reader.varint()
  const lastHash = reader.bytes(HASH_BYTES)
  const root = reader.bytes(HASH_BYTES)
  const flag = reader.u8()
  if (flag > COVERED_AHEAD) reader.fail('OUT_OF_RANGE', `flag ${flag}`)
  const covered =
    flag === COVERED_AHEAD
      ? { size: reader.varint(), root: reader.bytes(HASH_BYTES), signature: reader.bytes(SIGNATURE_BYTES) }
      : flag === COVERED_BY_BLOCK
        ? 'by-block'
        : undefined
  reader.done()
  return { size, sealedAt, registrarSize, lastHash, root, covered }
}
