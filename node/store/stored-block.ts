import { type Block, blockHash, bodyHash, decodeHeader, type Header, readBlock } from '../../protocol/block.ts'
import { equalBytes, Reader, toHex, Writer } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { damaged } from './chain-entry.ts'
import { BLOCK_END_BYTES, SIGNATURE_BYTES } from './head-record.ts'

interface StoredHeader {
  readonly header: Header
  readonly headerBytes: Uint8Array
  readonly hash: Uint8Array
  /** The end signature of the run that the block came in, where that ended here. */
  readonly signed: { readonly root: Uint8Array; readonly signature: Uint8Array } | undefined
}

/** A block as it stands in the store, and its hash. */
export interface StoredBlock extends Block, StoredHeader {}

/** What pruning leaves of a block: all that links and proves it, and not what it says. */
export interface PrunedBlock extends StoredHeader {
  readonly body: undefined
  readonly bytes: undefined
}

export type HeldBlock = StoredBlock | PrunedBlock

/** Where a block begins with its version, which is never 0 (rule B2). */
const PRUNED = 0

/** Header ‖ body [‖ root ‖ signature], or what encodePruned makes of it. Throws what a Reader throws. Compares no hashes. */
export function decodeHeld(value: Uint8Array): HeldBlock {
  if (value[0] !== PRUNED) return decodeStored(value)
  const reader = new Reader(value, 'pruned block', 1)
  const headerBytes = reader.bytes(reader.u8())
  const signed = readEnd(reader)
  reader.done()
  return {
    header: decodeHeader(headerBytes),
    headerBytes,
    body: undefined,
    bytes: undefined,
    hash: blockHash(headerBytes),
    signed,
  }
}

/** The same of a block that has its body. */
export function decodeStored(value: Uint8Array): StoredBlock {
  const reader = new Reader(value, 'stored block')
  const block = readBlock(reader)
  const signed = readEnd(reader)
  reader.done()
  const { header, headerBytes, body, bytes } = block
  return { header, headerBytes, body, bytes, hash: blockHash(headerBytes), signed }
}

function readEnd(reader: Reader): StoredHeader['signed'] {
  if (reader.remaining !== BLOCK_END_BYTES) return undefined
  return { root: reader.bytes(HASH_BYTES), signature: reader.bytes(SIGNATURE_BYTES) }
}

/** 00 ‖ length of the header u8 ‖ header [‖ root ‖ signature]. */
export function encodePruned({ headerBytes, signed }: HeldBlock): Uint8Array {
  const writer = new Writer(2 + headerBytes.length + BLOCK_END_BYTES).u8(PRUNED).u8(headerBytes.length).bytes(headerBytes)
  if (signed !== undefined) writer.bytes(signed.root).bytes(signed.signature)
  return writer.finish()
}

/** The same with everything checked that the block itself can show: place, member, body. Throws STORE_DAMAGED. */
export function checkStored(value: Uint8Array, member: Uint8Array, height: number): HeldBlock {
  let block: HeldBlock
  try {
    block = decodeHeld(value)
  } catch (error) {
    throw damaged(member, height, `unreadable: ${(error as Error).message}`)
  }
  const { header, body } = block
  if (header.height !== height) throw damaged(member, height, `names height ${header.height}`)
  if (!equalBytes(header.member, member)) throw damaged(member, height, 'names another member')
  if (body !== undefined && !equalBytes(bodyHash(body), header.bodyHash))
    throw damaged(member, height, 'body hash does not match')
  return block
}

/** For whoever needs the body of a block that has none any more. */
export function bodyPruned(member: Uint8Array, height: number): WattnessError {
  const hex = toHex(member)
  return new WattnessError('BODY_PRUNED', `block ${height} of ${hex.slice(0, 16)}…: its body was pruned, its header is held`, {
    member: hex,
    height,
  })
}
