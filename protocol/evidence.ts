import { equalBytes, Reader, toHex, Writer } from './bytes.ts'
import { checkpointOrigin, type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { KEY_BYTES, SIGNATURE_BYTES, type VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { compareClaims, MAX_SIDE_BYTES, readSide, writeSide } from './evidence-side.ts'
import { HASH_BYTES } from './hash.ts'
import { consistencyProof, type NodeReader, rootAt, verifyConsistency } from './tree.ts'

/**
 * Proof that one member told two stories (rules F1–F8): two checkpoints that it signed, a size not above either, and a
 * consistency proof from that size to each, whose roots at that size differ. An append-only chain has one root at each size,
 * so no honest signer can have made both. Needs no block, and nothing to be believed but the member's own key.
 */
export interface Evidence {
  /** The checkpoint of the smaller size; at equal sizes, of the smaller root (rule F3). */
  readonly a: SignedCheckpoint
  readonly b: SignedCheckpoint
  /** 1 ≤ size ≤ a.size. */
  readonly size: number
  /** The root at `size` in the chain of `a`, and the consistency proof from there to a.size. */
  readonly rootA: Uint8Array
  readonly proofA: readonly Uint8Array[]
  readonly rootB: Uint8Array
  readonly proofB: readonly Uint8Array[]
}

/** One of the two stories: a signed checkpoint, and how the root at the common size leads to it. */
export interface EvidenceSide {
  readonly checkpoint: SignedCheckpoint
  /** Root at the common size; the checkpoint's own where that is its size. */
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Which part of an evidence fails, in the order of the checks (rule F4). */
export type EvidenceFault =
  | 'DIFFERENT_MEMBERS'
  | 'WRONG_ORDER'
  | 'WRONG_SIZE'
  | 'SAME_ROOT'
  | 'PROOF_A'
  | 'PROOF_B'
  | 'SIGNATURE_A'
  | 'SIGNATURE_B'

/** Kind 2 is evidence against a witness (rule A12). */
export const KIND_EQUIVOCATION = 1
const CHECKPOINT_BYTES = 8 + HASH_BYTES + SIGNATURE_BYTES

/** Two proofs of the largest count; a year of quarter hours takes 1.4 kB with two proofs and 0.8 kB with one. */
export const MAX_EVIDENCE_BYTES = 1 + KEY_BYTES + 2 * CHECKPOINT_BYTES + 8 + 2 * MAX_SIDE_BYTES

/**
 * Rule F4. Undefined where the evidence holds, else the first part that fails; cheap checks first, signatures last. It does
 * not ask whether the signer is a member.
 */
export function checkEvidence(verify: VerifySignature, networkId: Uint8Array, evidence: Evidence): EvidenceFault | undefined {
  const { a, b, size, rootA, proofA, rootB, proofB } = evidence
  if (!equalBytes(a.member, b.member)) return 'DIFFERENT_MEMBERS'
  if (compareClaims(a, b) >= 0) return 'WRONG_ORDER'
  // At size 0 all chains agree: nothing can be proven from there.
  if (!Number.isSafeInteger(size) || size < 1 || size > a.size) return 'WRONG_SIZE'
  if (equalBytes(rootA, rootB)) return 'SAME_ROOT'
  if (!verifyConsistency(size, rootA, a.size, a.root, proofA)) return 'PROOF_A'
  if (!verifyConsistency(size, rootB, b.size, b.root, proofB)) return 'PROOF_B'
  if (!verifyCheckpoint(verify, networkId, a)) return 'SIGNATURE_A'
  if (!verifyCheckpoint(verify, networkId, b)) return 'SIGNATURE_B'
  return undefined
}

export function verifyEvidence(verify: VerifySignature, networkId: Uint8Array, evidence: Evidence): boolean {
  return checkEvidence(verify, networkId, evidence) === undefined
}

/** Throws INVALID_EVIDENCE, with the fault in its data. What holds is kept once a member (rule F7). */
export function assertEvidence(verify: VerifySignature, networkId: Uint8Array, evidence: Evidence): void {
  const fault = checkEvidence(verify, networkId, evidence)
  if (fault === undefined) return
  throw new WattnessError('INVALID_EVIDENCE', `evidence against ${toHex(evidence.a.member)}: ${FAULT_WORDS[fault]}`, { fault })
}

export const FAULT_WORDS: Readonly<Record<EvidenceFault, string>> = {
  DIFFERENT_MEMBERS: 'the two checkpoints are of different members',
  WRONG_ORDER: 'expected the checkpoint of the smaller size, then root, first, and no two equal ones',
  WRONG_SIZE: 'the common size must be at least 1 and not above either checkpoint',
  SAME_ROOT: 'both chains have the same root at the common size',
  PROOF_A: 'the first consistency proof does not lead to its checkpoint',
  PROOF_B: 'the second consistency proof does not lead to its checkpoint',
  SIGNATURE_A: 'the first checkpoint is not signed by the member',
  SIGNATURE_B: 'the second checkpoint is not signed by the member',
}

/** Rule F3: puts the two sides in the one order. The parts are taken as they are: checkEvidence judges them. */
export function orderEvidence(size: number, one: EvidenceSide, other: EvidenceSide): Evidence {
  const [a, b] = compareClaims(one.checkpoint, other.checkpoint) <= 0 ? [one, other] : [other, one]
  return { a: a.checkpoint, b: b.checkpoint, size, rootA: a.root, proofA: a.proof, rootB: b.root, proofB: b.proof }
}

/**
 * Rule F6, for a node that holds the tree of `held` (`read`) and has met `other` with its root at `size`: other.root where
 * other.size is `size`, else what led there and the consistency proof from it. Undefined where the held chain has the same
 * root at `size`: then there is nothing to prove there. Throws OUT_OF_RANGE for a size that is 0 or above either.
 */
export async function buildEvidence(
  read: NodeReader,
  held: SignedCheckpoint,
  other: EvidenceSide,
  size: number,
): Promise<Evidence | undefined> {
  const most = Math.min(held.size, other.checkpoint.size)
  if (!Number.isSafeInteger(size) || size < 1 || size > most) {
    throw new WattnessError('OUT_OF_RANGE', `evidence: expected a common size of 1 to ${most}, found ${size}`, { size, most })
  }
  const root = await rootAt(read, size)
  if (equalBytes(root, other.root)) return undefined
  return orderEvidence(size, { checkpoint: held, root, proof: await consistencyProof(read, size, held.size) }, other)
}

/** Rule F6 where `other` is not above `held`: the held tree alone proves it. Undefined where the two agree. */
export function buildEvidenceFromCheckpoints(
  read: NodeReader,
  held: SignedCheckpoint,
  other: SignedCheckpoint,
): Promise<Evidence | undefined> {
  return buildEvidence(read, held, { checkpoint: other, root: other.root, proof: [] }, other.size)
}

function writeCheckpoint(writer: Writer, { size, root, signature }: SignedCheckpoint): void {
  writer.varint(size).bytes(root).bytes(signature)
}

function readCheckpoint(reader: Reader, member: Uint8Array): SignedCheckpoint {
  const size = reader.varint()
  return { member, size, root: reader.bytes(HASH_BYTES).slice(), signature: reader.bytes(SIGNATURE_BYTES).slice() }
}

/** Rule F5. */
export function encodeEvidence({ a, b, size, rootA, proofA, rootB, proofB }: Evidence): Uint8Array {
  const writer = new Writer(1_024).u8(KIND_EQUIVOCATION).bytes(a.member)
  writeCheckpoint(writer, a)
  writeCheckpoint(writer, b)
  writer.varint(size)
  writeSide(writer, size, a, rootA, proofA)
  writeSide(writer, size, b, rootB, proofB)
  return writer.finish()
}

/**
 * Rule F5. Throws what Reader throws, LIMIT_EXCEEDED above MAX_EVIDENCE_BYTES, UNKNOWN_EVIDENCE_KIND for a later version's
 * kind byte. What it returns is well-formed, not yet proven.
 */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) {
    throw new WattnessError('LIMIT_EXCEEDED', `evidence: expected at most ${MAX_EVIDENCE_BYTES} bytes, found ${bytes.length}`)
  }
  const reader = new Reader(bytes, 'evidence')
  const kind = reader.u8()
  if (kind !== KIND_EQUIVOCATION) {
    throw new WattnessError('UNKNOWN_EVIDENCE_KIND', `evidence: expected kind ${KIND_EQUIVOCATION}, found ${kind}`, { kind })
  }
  const member = reader.bytes(KEY_BYTES).slice()
  const a = readCheckpoint(reader, member)
  const b = readCheckpoint(reader, member)
  if (compareClaims(a, b) >= 0) reader.fail('NON_CANONICAL', 'the two checkpoints are equal or in the wrong order')
  const size = reader.varint(a.size)
  if (size === 0) reader.fail('OUT_OF_RANGE', 'common size 0')
  const sideA = readSide(reader, size, a)
  const sideB = readSide(reader, size, b)
  reader.done()
  return { a, b, size, rootA: sideA.root, proofA: sideA.proof, rootB: sideB.root, proofB: sideB.proof }
}

const short = (bytes: Uint8Array): string => toHex(bytes.subarray(0, 8))

/** What a verified evidence says, for a person. */
export function explainEvidence(networkId: Uint8Array, { a, b, size, rootA, rootB }: Evidence): string {
  const blocks = (count: number): string => (count === 1 ? '1 block' : `${count} blocks`)
  return [
    `Member ${toHex(a.member)} signed two histories that cannot both be true.`,
    `One has ${blocks(a.size)} and root ${short(a.root)}…, the other ${blocks(b.size)} and root ${short(b.root)}….`,
    `Their first ${blocks(size)} already differ: their root is ${short(rootA)}… in the one and ${short(rootB)}… in the other,`,
    'while a chain that only grows has one root at each size.',
    `Both signatures fit the member's key, under the origin ${checkpointOrigin(networkId, a.member)}.`,
  ].join('\n')
}
