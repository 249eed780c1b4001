import { fromUtf8, Reader, toUtf8, Writer } from '../../protocol/bytes.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { MAX_PROOF_HASHES } from '../../protocol/limits.ts'

/** What is written beside a raw frame in the very write that stores its block: from then on it proves itself alone. */
export interface FrameNote {
  /** In this node's own chain. */
  readonly height: number
  readonly sealedAtMs: number
  /** Which leaf the frame is under the block's frames root, of how many, and its way up there (rule T4). */
  readonly index: number
  readonly count: number
  readonly proof: readonly Uint8Array[]
  /** The meter source's own name. */
  readonly source: string
  /** Of a signed record: the public key that it was checked with. */
  readonly publicKey?: string
}

/** A frame that a block takes up, and what is to be noted of it. */
export interface SealedFrame {
  readonly timeMs: number
  /** Of its spool entry. */
  readonly id: number
  readonly note: FrameNote
}

export function encodeFrameNote(note: FrameNote): Uint8Array {
  const { height, sealedAtMs, index, count, proof, source, publicKey = '' } = note
  const writer = new Writer(96).varint(height).varint(sealedAtMs).varint(index).varint(count).u8(proof.length)
  for (const hash of proof) writer.bytes(hash)
  for (const text of [source, publicKey]) {
    const bytes = toUtf8(text)
    writer.varint(bytes.length).bytes(bytes)
  }
  return writer.finish()
}

/** Throws what a Reader throws. */
export function decodeFrameNote(bytes: Uint8Array): FrameNote {
  const reader = new Reader(bytes, 'note of a frame')
  const [height, sealedAtMs, index, count] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()]
  const hashes = reader.u8()
  if (hashes > MAX_PROOF_HASHES) reader.fail('OUT_OF_RANGE', `${hashes} hashes`)
  const proof = Array.from({ length: hashes }, () => reader.bytes(HASH_BYTES).slice())
  const text = (): string => fromUtf8(reader.bytes(reader.varint()), 'note of a frame')
  const [source, publicKey] = [text(), text()]
  reader.done()
  return { height, sealedAtMs, index, count, proof, source, ...(publicKey === '' ? {} : { publicKey }) }
}
