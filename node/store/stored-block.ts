import { type Block, blockHash, bodyHash, readBlock } from '../../protocol/block.ts'
import { equalBytes, Reader } from '../../protocol/bytes.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { damaged } from './chain-entry.ts'
import { BLOCK_END_BYTES, SIGNATURE_BYTES } from './head-record.ts'

/** A block as it stands in the store, its hash, and the end signature of the run it came in where that ended here. */
export interface StoredBlock extends Block {
  readonly hash: Uint8Array
  readonly signed: { readonly root: Uint8Array; readonly signature: Uint8Array } | undefined
}

/** Header ‖ body [‖ root ‖ signature]. Throws what a Reader throws. Hashes are not compared with anything here. */
export function decodeStored(value: Uint8Array): StoredBlock {
  const reader = new Reader(value, 'stored block')
  const block = readBlock(reader)
  const signed =
    reader.remaining === BLOCK_END_BYTES
      ? { root: reader.bytes(HASH_BYTES), signature: reader.bytes(SIGNATURE_BYTES) }
      : undefined
  reader.done()
  const { header, headerBytes, body, bytes } = block
  return { header, headerBytes, body, bytes, hash: blockHash(headerBytes), signed }
}

/** The same with everything checked that the block itself can show: place, member, body. Throws STORE_DAMAGED. */
export function checkStored(value: Uint8Array, member: Uint8Array, height: number): StoredBlock {
  let block: StoredBlock
  try {
    block = decodeStored(value)
  } catch (error) {
    throw damaged(member, height, `unreadable: ${(error as Error).message}`)
  }
  if (block.header.height !== height) throw damaged(member, height, `names height ${block.header.height}`)
  if (!equalBytes(block.header.member, member)) throw damaged(member, height, 'names another member')
  if (!equalBytes(bodyHash(block.body), block.header.bodyHash)) throw damaged(member, height, 'body hash does not match')
  return block
}
