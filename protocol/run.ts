import { type Block, readBlock } from './block.ts'
import { type Bytes, Reader, Writer } from './bytes.ts'
import { SIGNATURE_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_PROOF_HASHES, MAX_RUN_BLOCKS, MAX_RUN_BYTES } from './limits.ts'

/**
 * What vouches for a run: the checkpoint of the run's own end, or a newer one with the RFC 6962 consistency proof from the
 * run's end to it (rule B10).
 */
export type RunEnd =
  | { readonly type: 'signed'; readonly root: Bytes; readonly signature: Bytes }
  | {
      readonly type: 'covered'
      readonly size: number
      readonly root: Bytes
      readonly signature: Bytes
      readonly proof: readonly Bytes[]
    }

/** Consecutive blocks of one chain under one signature: what travels, in gossip and in sync (rule B9). */
export interface Run {
  readonly blocks: readonly Block[]
  readonly end: RunEnd
}

const END_SIGNED = 0
const END_COVERED = 1

/** `blocks` are whole encoded blocks (header ‖ body). */
export function encodeRun(blocks: readonly Bytes[], end: RunEnd): Bytes {
  if (blocks.length < 1 || blocks.length > MAX_RUN_BLOCKS) {
    throw new WattnessError('LIMIT_EXCEEDED', `run of ${blocks.length} blocks, expected 1 to ${MAX_RUN_BLOCKS}`)
  }
  let capacity = 128
  for (const block of blocks) capacity += block.length
  if (end.type === 'covered') capacity += end.proof.length * HASH_BYTES
  const writer = new Writer(capacity).varint(blocks.length)
  for (const block of blocks) writer.bytes(block)
  if (end.type === 'signed') {
    writer.u8(END_SIGNED).bytes(end.root).bytes(end.signature)
  } else {
    writer.u8(END_COVERED).varint(end.size).bytes(end.root).bytes(end.signature).varint(end.proof.length)
    for (const hash of end.proof) writer.bytes(hash)
  }
  return writer.finish()
}

/** Checks the form only: limits, layout, one member, consecutive heights. All byte fields are views of `bytes`. */
export function decodeRun(bytes: Bytes): Run {
  // Rule B9: the size is looked at before anything is decoded.
  if (bytes.length > MAX_RUN_BYTES) {
    throw new WattnessError('LIMIT_EXCEEDED', `run of ${bytes.length} bytes, at most ${MAX_RUN_BYTES}`)
  }
  const reader = new Reader(bytes, 'run')
  const count = reader.varint()
  if (count < 1 || count > MAX_RUN_BLOCKS) {
    throw new WattnessError('LIMIT_EXCEEDED', `run of ${count} blocks, expected 1 to ${MAX_RUN_BLOCKS}`)
  }
  const blocks: Block[] = []
  for (let i = 0; i < count; i++) blocks.push(readBlock(reader))
  const end = readEnd(reader)
  reader.done()
  return { blocks, end }
}

/** Whose run it is and which heights it spans (`end` is one past the last), read off its first header alone. */
export function peekRun(bytes: Bytes): { member: Bytes; from: number; end: number } {
  const reader = new Reader(bytes, 'run')
  const count = reader.varint(MAX_RUN_BLOCKS)
  const { header } = readBlock(reader)
  return { member: header.member, from: header.height, end: header.height + count }
}

function readEnd(reader: Reader): RunEnd {
  const type = reader.u8()
  if (type === END_SIGNED) {
    return { type: 'signed', root: reader.bytes(HASH_BYTES), signature: reader.bytes(SIGNATURE_BYTES) }
  }
  if (type !== END_COVERED) reader.fail('NON_CANONICAL', `unknown run end ${type}`)
  const size = reader.varint()
  const root = reader.bytes(HASH_BYTES)
  const signature = reader.bytes(SIGNATURE_BYTES)
  const hashes = reader.varint()
  if (hashes > MAX_PROOF_HASHES) {
    throw new WattnessError('LIMIT_EXCEEDED', `proof of ${hashes} hashes, at most ${MAX_PROOF_HASHES}`)
  }
  const proof: Bytes[] = []
  for (let i = 0; i < hashes; i++) proof.push(reader.bytes(HASH_BYTES))
  return { type: 'covered', size, root, signature, proof }
}
