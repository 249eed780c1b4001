import { compareBytes, type Reader, type Writer } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_PROOF_HASHES } from './limits.ts'

/** What evidence of both kinds is made of: two claims of size and root, and how each follows from a common size. */
export const MAX_SIDE_BYTES = HASH_BYTES + 1 + MAX_PROOF_HASHES * HASH_BYTES

/** Rules F3 and A10: the smaller size first; at equal sizes, the smaller root. */
export function compareClaims(a: Checkpoint, b: Checkpoint): number {
  return a.size - b.size || compareBytes(a.root, b.root)
}

/** Rules F5 and A12: root and proof are written where the claim lies above the common size; else they are known. */
export function writeSide(writer: Writer, size: number, claim: Checkpoint, root: Uint8Array, proof: readonly Uint8Array[]): void {
  if (claim.size === size) return
  writer.bytes(root)
  writeHashes(writer, proof)
}

export function readSide(reader: Reader, size: number, claim: Checkpoint): { root: Uint8Array; proof: Uint8Array[] } {
  if (claim.size === size) return { root: claim.root, proof: [] }
  return { root: reader.bytes(HASH_BYTES).slice(), proof: readHashes(reader, MAX_PROOF_HASHES) }
}

export function writeHashes(writer: Writer, hashes: readonly Uint8Array[]): void {
  writer.u8(hashes.length)
  for (const hash of hashes) writer.bytes(hash)
}

export function readHashes(reader: Reader, most: number): Uint8Array[] {
  const count = reader.u8()
  if (count > most) reader.fail('OUT_OF_RANGE', `${count} proof hashes, above ${most}`)
  const hashes: Uint8Array[] = []
  for (let i = 0; i < count; i++) hashes.push(reader.bytes(HASH_BYTES).slice())
  return hashes
}
