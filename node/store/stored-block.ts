import { type Block, blockHash, bodyHash, decodeHeader, type Header, readBlock } from '../../protocol/block.ts'
import { equalBytes, Reader, toHex, Writer } from '../../protocol/bytes.ts'
import { KEY_BYTES } from '../../protocol/ed25519.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { damaged } from './chain-entry.ts'
import { SIGNATURE_BYTES } from './head-record.ts'

/**
 * A block is stored without what the store says anyway: its member, whom the chain's id names, and the root beside a signature,
 * which is that of the chain's tree. Both are put back when it is read: its hash, and the signature, are over all of it.
 * Only a chain's first block keeps its member, so that it can be told whose chain it is where the record of the id is lost.
 */

interface StoredHeader {
  readonly header: Header
  readonly headerBytes: Uint8Array
  readonly hash: Uint8Array
  /** Of the run that the block came in, where that ended here: over the root of the chain up to and with this block. */
  readonly signature: Uint8Array | undefined
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
/** 00 ‖ length of the whole header. */
const PRUNED_HEAD_BYTES = 2

/** Where a header says its member: behind version and kind (rule B1). */
const MEMBER_AT = 2

/** Header ‖ body, without the member but at height 0 [‖ signature]. */
export function encodeStored(block: Uint8Array, height: number, signature?: Uint8Array): Uint8Array {
  const cut = height === 0 ? 0 : KEY_BYTES
  const end = block.length - cut
  const value = Buffer.allocUnsafe(end + (signature?.length ?? 0))
  value.set(block.subarray(0, MEMBER_AT))
  value.set(block.subarray(MEMBER_AT + cut), MEMBER_AT)
  if (signature !== undefined) value.set(signature, end)
  return value
}

/** 00 ‖ length of the whole header u8 ‖ header, without the member but at height 0 [‖ signature]. */
export function encodePruned({ header, headerBytes, signature }: HeldBlock): Uint8Array {
  const rest = encodeStored(headerBytes, header.height, signature)
  return new Writer(PRUNED_HEAD_BYTES + rest.length).u8(PRUNED).u8(headerBytes.length).bytes(rest).finish()
}

function withMember(value: Uint8Array, from: number, member: Uint8Array, height: number): Uint8Array {
  if (height === 0) return value
  const at = Math.min(from, value.length)
  // From Node's buffer pool, as keys are; a plain view, whose slices are copies.
  const { buffer, byteOffset, length } = Buffer.allocUnsafe(value.length + KEY_BYTES)
  const bytes = new Uint8Array(buffer, byteOffset, length)
  bytes.set(value.subarray(0, at))
  bytes.set(member, at)
  bytes.set(value.subarray(at), at + KEY_BYTES)
  return bytes
}

/** What encodeStored or encodePruned has made of `member`'s block. Throws what a Reader throws. Compares no hashes. */
export function decodeHeld(value: Uint8Array, member: Uint8Array, height: number): HeldBlock {
  if (value[0] !== PRUNED) return decodeStored(value, member, height)
  const whole = withMember(value, PRUNED_HEAD_BYTES + MEMBER_AT, member, height)
  const reader = new Reader(whole, 'pruned block', 1)
  const headerBytes = reader.bytes(reader.u8())
  const signature = readSignature(reader)
  const header = decodeHeader(headerBytes)
  return { header, headerBytes, body: undefined, bytes: undefined, hash: blockHash(headerBytes), signature }
}

/** The same of a block that has its body. */
export function decodeStored(value: Uint8Array, member: Uint8Array, height: number): StoredBlock {
  const reader = new Reader(withMember(value, MEMBER_AT, member, height), 'stored block')
  const { header, headerBytes, body, bytes } = readBlock(reader)
  const signature = readSignature(reader)
  return { header, headerBytes, body, bytes, hash: blockHash(headerBytes), signature }
}

function readSignature(reader: Reader): Uint8Array | undefined {
  const signature = reader.remaining === SIGNATURE_BYTES ? reader.bytes(SIGNATURE_BYTES) : undefined
  reader.done()
  return signature
}

/** True where the record says of itself that its block has no body any more. */
export const isPruned = (value: Uint8Array): boolean => value[0] === PRUNED

/** The same with everything checked that the block itself can show: place, member, body. Throws STORE_DAMAGED. */
export function checkStored(value: Uint8Array, member: Uint8Array, height: number): HeldBlock {
  let block: HeldBlock
  try {
    block = decodeHeld(value, member, height)
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
