import { fromUtf8, Reader, toUtf8, Writer } from '../../protocol/bytes.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { MAX_PROOF_HASHES } from '../../protocol/limits.ts'
import type { SignedBy } from './spool-entry.ts'

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
  /** It is a signed record. */
  readonly signed?: SignedBy
}

/** A frame that a block takes up, and what is to be noted of it. */
export interface SealedFrame {
  readonly timeMs: number
  /** Of its spool entry. */
  readonly id: number
  readonly note: FrameNote
}

export function encodeFrameNote(note: FrameNote): Uint8Array {
  const { height, sealedAtMs, index, count, proof, source, signed } = note
  const writer = new Writer(96).varint(height).varint(sealedAtMs).varint(index).varint(count).u8(proof.length)
  for (const hash of proof) writer.bytes(hash)
  const name = toUtf8(source)
  writer
    .varint(name.length)
    .bytes(name)
    .u8(signed === undefined ? 0 : 1)
  if (signed !== undefined) writer.bytes(toUtf8(signed.publicKey ?? ''))
  return writer.finish()
}

/** Throws what a Reader throws. */
export function decodeFrameNote(bytes: Uint8Array): FrameNote {
  const reader = new Reader(bytes, 'note of a frame')
  const [height, sealedAtMs, index, count] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()]
  const hashes = reader.u8()
  if (hashes > MAX_PROOF_HASHES) reader.fail('OUT_OF_RANGE', `${hashes} hashes`)
  const proof = Array.from({ length: hashes }, () => reader.bytes(HASH_BYTES).slice())
  const source = fromUtf8(reader.bytes(reader.varint()), 'source of a frame')
  const note = { height, sealedAtMs, index, count, proof, source }
  const isSigned = reader.u8()
  if (isSigned > 1) reader.fail('OUT_OF_RANGE', `${isSigned} for signed or not`)
  const publicKey = fromUtf8(reader.bytes(isSigned === 0 ? 0 : reader.remaining), 'public key of a frame')
  reader.done()
  if (isSigned === 0) return note
  return { ...note, signed: publicKey === '' ? {} : { publicKey } }
}
