import { type Block, readBlock } from './block.ts'
import { type Bytes, Reader, Writer } from './bytes.ts'
import { SIGNATURE_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_CHAIN_SIZE, MAX_PROOF_HASHES, MAX_RUN_BLOCKS, MAX_RUN_BYTES } from './limits.ts'

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

/** Blocks under one signature: what travels, in gossip and in sync (rule B9). That they are one chain's is rule V2. */
export interface Run {
  readonly blocks: readonly Block[]
  readonly end: RunEnd
}

const END_SIGNED = 0
const END_COVERED = 1

/** Everything in a run beside its blocks and the proof's hashes: counts, end, size, root, signature. */
const END_CAPACITY = 2 + 1 + 7 + HASH_BYTES + SIGNATURE_BYTES + 1

function assertRunBytes(length: number): void {
  if (length <= MAX_RUN_BYTES) return
  throw new WattnessError('LIMIT_EXCEEDED', `run of ${length} bytes, at most ${MAX_RUN_BYTES}`, { found: length })
}

function assertBlockCount(count: number): void {
  if (count >= 1 && count <= MAX_RUN_BLOCKS) return
  throw new WattnessError('LIMIT_EXCEEDED', `run of ${count} blocks, expected 1 to ${MAX_RUN_BLOCKS}`, { found: count })
}

function assertProofLength(count: number): void {
  if (count <= MAX_PROOF_HASHES) return
  throw new WattnessError('LIMIT_EXCEEDED', `proof of ${count} hashes, at most ${MAX_PROOF_HASHES}`, { found: count })
}

/**
 * Rules B9 to B11. `blocks` are whole encoded blocks (header ‖ body). Throws LIMIT_EXCEEDED and OUT_OF_RANGE: what would be
 * refused is never sent.
 */
export function encodeRun(blocks: readonly Bytes[], end: RunEnd): Bytes {
  assertBlockCount(blocks.length)
  let capacity = END_CAPACITY
  for (const block of blocks) capacity += block.length
  if (end.type === 'covered') {
    assertProofLength(end.proof.length)
    if (!(end.size <= MAX_CHAIN_SIZE)) {
      throw new WattnessError('OUT_OF_RANGE', `run: end of size ${end.size}, at most ${MAX_CHAIN_SIZE}`, { found: end.size })
    }
    capacity += end.proof.length * HASH_BYTES
  }
  const writer = new Writer(capacity).varint(blocks.length)
  for (const block of blocks) writer.bytes(block)
  if (end.type === 'signed') {
    writer.u8(END_SIGNED).bytes(end.root).bytes(end.signature)
  } else {
    writer.u8(END_COVERED).varint(end.size).bytes(end.root).bytes(end.signature).varint(end.proof.length)
    for (const hash of end.proof) writer.bytes(hash)
  }
  assertRunBytes(writer.length)
  return writer.take()
}

/** Length of the run of one block of so many bytes under its own signature. */
export const signedRunLength = (blockBytes: number): number => 1 + blockBytes + 1 + HASH_BYTES + SIGNATURE_BYTES

/** Rules B9 to B11: checks the form only, limits and layout. All byte fields are views of `bytes`. */
export function decodeRun(bytes: Bytes): Run {
  // Rule B11: the size is looked at before anything is decoded.
  assertRunBytes(bytes.length)
  const reader = new Reader(bytes, 'run')
  const count = reader.varint()
  assertBlockCount(count)
  const blocks: Block[] = []
  for (let i = 0; i < count; i++) blocks.push(readBlock(reader))
  const end = readEnd(reader)
  reader.done()
  return { blocks, end }
}

/**
 * Whose run it is and which heights it claims to span (`end` is one past the last), read off its first header alone. Throws
 * for that part what decodeRun throws.
 */
export function peekRun(bytes: Bytes): { member: Bytes; from: number; end: number } {
  assertRunBytes(bytes.length)
  const reader = new Reader(bytes, 'run')
  const count = reader.varint()
  assertBlockCount(count)
  const { header } = readBlock(reader)
  return { member: header.member, from: header.height, end: header.height + count }
}

function readEnd(reader: Reader): RunEnd {
  const type = reader.u8()
  if (type === END_SIGNED) {
    return { type: 'signed', root: reader.bytes(HASH_BYTES), signature: reader.bytes(SIGNATURE_BYTES) }
  }
  if (type !== END_COVERED) reader.fail('OUT_OF_RANGE', `end of type ${type}, expected 0 or 1`)
  const size = reader.varint(MAX_CHAIN_SIZE)
  const root = reader.bytes(HASH_BYTES)
  const signature = reader.bytes(SIGNATURE_BYTES)
  const hashes = reader.varint()
  assertProofLength(hashes)
  const proof: Bytes[] = []
  for (let i = 0; i < hashes; i++) proof.push(reader.bytes(HASH_BYTES))
  return { type: 'covered', size, root, signature, proof }
}
