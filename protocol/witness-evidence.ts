import {
  decodeSignedAttestation,
  encodeSignedAttestation,
  MAX_ATTESTATION_BYTES,
  type SignedAttestation,
  verifyAttestation,
} from './attestation.ts'
import { equalBytes, Reader, toHex, Writer } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { KEY_BYTES, type VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { compareClaims, MAX_SIDE_BYTES, readHashes, readSide, writeHashes, writeSide } from './evidence-side.ts'
import { HASH_BYTES } from './hash.ts'
import { headLeafHash } from './heads.ts'
import { MAX_MEMBERS } from './limits.ts'
import { verifyConsistency, verifyInclusion } from './tree.ts'

/** One of the two leaves that a witness signed, and how it follows from the common size. */
export interface WitnessSide {
  readonly attestation: SignedAttestation
  /** Root of the member's leaf; its size is the one in the frontier. */
  readonly leafRoot: Uint8Array
  /** That the leaf is in the attestation's heads root (rule T4). */
  readonly inclusion: readonly Uint8Array[]
  /** Root at the common size, and the consistency proof from there to the leaf. */
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** Proof that a witness contradicted itself within one epoch (rules A9–A13): two signed leaves of one member. */
export interface WitnessEvidence {
  /** The member whose chain the leaves are of. */
  readonly index: number
  readonly member: Uint8Array
  /** The leaf of the smaller size; at equal sizes, of the smaller root (rule A10). */
  readonly a: WitnessSide
  readonly b: WitnessSide
  /** The common size, 1 to that of leaf a. */
  readonly size: number
}

/** Which part fails, in the order of the checks (rule A11). */
export type WitnessEvidenceFault =
  | 'DIFFERENT_WITNESSES'
  | 'DIFFERENT_EPOCHS'
  | 'NO_LEAF'
  | 'WRONG_ORDER'
  | 'WRONG_SIZE'
  | 'SAME_ROOT'
  | 'PROOF_A'
  | 'PROOF_B'
  | 'INCLUSION_A'
  | 'INCLUSION_B'
  | 'SIGNATURE_A'
  | 'SIGNATURE_B'

export const KIND_WITNESS = 2

/** A heads tree of MAX_MEMBERS leaves has eight levels above them. */
const MAX_INCLUSION_HASHES = Math.ceil(Math.log2(MAX_MEMBERS))
const SIGNED_BYTES = 2 + MAX_ATTESTATION_BYTES + HASH_BYTES + 1 + MAX_INCLUSION_HASHES * HASH_BYTES

/** Two attestations of the largest size; 200 chains of a year, none quarantined, take about 3 kB. */
export const MAX_WITNESS_EVIDENCE_BYTES = 1 + 2 + KEY_BYTES + 2 * SIGNED_BYTES + 7 + 2 * MAX_SIDE_BYTES

function leafOf(index: number, { attestation, leafRoot }: WitnessSide): Checkpoint | undefined {
  const size = attestation.frontier[index]
  return size === undefined ? undefined : { size, root: leafRoot }
}

/** Rule A11: undefined where the evidence holds. It does not ask whether the signer was a witness, nor whose key it is. */
export function checkWitnessEvidence(
  verify: VerifySignature,
  networkId: Uint8Array,
  { index, member, a, b, size }: WitnessEvidence,
): WitnessEvidenceFault | undefined {
  if (!equalBytes(a.attestation.witness, b.attestation.witness)) return 'DIFFERENT_WITNESSES'
  if (a.attestation.epoch !== b.attestation.epoch) return 'DIFFERENT_EPOCHS'
  const leafA = leafOf(index, a)
  const leafB = leafOf(index, b)
  if (leafA === undefined || leafB === undefined) return 'NO_LEAF'
  if (compareClaims(leafA, leafB) >= 0) return 'WRONG_ORDER'
  if (!Number.isSafeInteger(size) || size < 1 || size > leafA.size) return 'WRONG_SIZE'
  if (equalBytes(a.root, b.root)) return 'SAME_ROOT'
  if (!verifyConsistency(size, a.root, leafA.size, leafA.root, a.proof)) return 'PROOF_A'
  if (!verifyConsistency(size, b.root, leafB.size, leafB.root, b.proof)) return 'PROOF_B'
  if (!isIncluded(index, member, leafA, a)) return 'INCLUSION_A'
  if (!isIncluded(index, member, leafB, b)) return 'INCLUSION_B'
  if (!verifyAttestation(verify, networkId, a.attestation)) return 'SIGNATURE_A'
  if (!verifyAttestation(verify, networkId, b.attestation)) return 'SIGNATURE_B'
  return undefined
}

function isIncluded(index: number, member: Uint8Array, leaf: Checkpoint, { attestation, inclusion }: WitnessSide): boolean {
  const { frontier, headsRoot } = attestation
  return verifyInclusion(headLeafHash({ member, ...leaf }), index, frontier.length, inclusion, headsRoot)
}

export const WITNESS_FAULT_WORDS: Readonly<Record<WitnessEvidenceFault, string>> = {
  DIFFERENT_WITNESSES: 'the two attestations are of different witnesses',
  DIFFERENT_EPOCHS: 'the two attestations are of different epochs',
  NO_LEAF: 'an attestation has no leaf of the member',
  WRONG_ORDER: 'expected the leaf of the smaller size, then root, first, and no two equal ones',
  WRONG_SIZE: 'the common size must be at least 1 and not above either leaf',
  SAME_ROOT: 'both branches have the same root at the common size',
  PROOF_A: 'the first consistency proof does not lead to its leaf',
  PROOF_B: 'the second consistency proof does not lead to its leaf',
  INCLUSION_A: 'the first leaf is not in the heads root of its attestation',
  INCLUSION_B: 'the second leaf is not in the heads root of its attestation',
  SIGNATURE_A: 'the first attestation is not signed by the witness',
  SIGNATURE_B: 'the second attestation is not signed by the witness',
}

/** Rule A10: puts the two sides in the one order; both frontiers have the member. checkWitnessEvidence judges the rest. */
export function orderWitnessEvidence(
  index: number,
  member: Uint8Array,
  size: number,
  one: WitnessSide,
  other: WitnessSide,
): WitnessEvidence {
  const [a, b] = compareClaims(claimOf(one, index), claimOf(other, index)) <= 0 ? [one, other] : [other, one]
  return { index, member, a, b, size }
}

/** Rule A12. */
export function encodeWitnessEvidence({ index, member, a, b, size }: WitnessEvidence): Uint8Array {
  const writer = new Writer(4_096).u8(KIND_WITNESS).varint(index).bytes(member)
  for (const { attestation, leafRoot, inclusion } of [a, b]) {
    const signed = encodeSignedAttestation(attestation)
    writer.varint(signed.length).bytes(signed).bytes(leafRoot)
    writeHashes(writer, inclusion)
  }
  writer.varint(size)
  for (const side of [a, b]) writeSide(writer, size, claimOf(side, index), side.root, side.proof)
  return writer.finish()
}

function claimOf({ attestation, leafRoot }: Pick<WitnessSide, 'attestation' | 'leafRoot'>, index: number): Checkpoint {
  return { size: attestation.frontier[index] as number, root: leafRoot }
}

/**
 * Rule A12. Throws what Reader and decodeSignedAttestation throw, LIMIT_EXCEEDED above MAX_WITNESS_EVIDENCE_BYTES,
 * UNKNOWN_EVIDENCE_KIND for another kind byte. What it returns is well-formed, not yet proven.
 */
export function decodeWitnessEvidence(bytes: Uint8Array): WitnessEvidence {
  if (bytes.length > MAX_WITNESS_EVIDENCE_BYTES) {
    throw new WattnessError(
      'LIMIT_EXCEEDED',
      `evidence: expected at most ${MAX_WITNESS_EVIDENCE_BYTES} bytes, found ${bytes.length}`,
    )
  }
  const reader = new Reader(bytes, 'evidence against a witness')
  const kind = reader.u8()
  if (kind !== KIND_WITNESS) {
    throw new WattnessError('UNKNOWN_EVIDENCE_KIND', `evidence: expected kind ${KIND_WITNESS}, found ${kind}`, { kind })
  }
  const index = reader.varint(MAX_MEMBERS - 1)
  const member = reader.bytes(KEY_BYTES).slice()
  const a = readSigned(reader, index)
  const b = readSigned(reader, index)
  const [leafA, leafB] = [claimOf(a, index), claimOf(b, index)]
  if (compareClaims(leafA, leafB) >= 0) reader.fail('NON_CANONICAL', 'the two leaves are equal or in the wrong order')
  const size = reader.varint(leafA.size)
  if (size === 0) reader.fail('OUT_OF_RANGE', 'common size 0')
  const sideA = readSide(reader, size, leafA)
  const sideB = readSide(reader, size, leafB)
  reader.done()
  return { index, member, a: { ...a, ...sideA }, b: { ...b, ...sideB }, size }
}

function readSigned(reader: Reader, index: number): Pick<WitnessSide, 'attestation' | 'leafRoot' | 'inclusion'> {
  const attestation = decodeSignedAttestation(reader.bytes(reader.varint(MAX_ATTESTATION_BYTES)))
  if (index >= attestation.frontier.length) {
    reader.fail('OUT_OF_RANGE', `member ${index}, in a frontier of ${attestation.frontier.length}`)
  }
  const leafRoot = reader.bytes(HASH_BYTES).slice()
  return { attestation, leafRoot, inclusion: readHashes(reader, MAX_INCLUSION_HASHES) }
}

const short = (bytes: Uint8Array): string => toHex(bytes.subarray(0, 8))

/** What a verified evidence says, for a person. */
export function explainWitnessEvidence({ index, member, a, b, size }: WitnessEvidence): string {
  const said = ({ attestation, leafRoot }: WitnessSide): string => {
    const { frontier, sequence, timeMs } = attestation
    return `attestation ${sequence} of ${new Date(timeMs).toISOString()}: ${frontier[index]} blocks, root ${short(leafRoot)}…`
  }
  return [
    `Witness ${toHex(a.attestation.witness)} signed two histories of one chain that cannot both be true.`,
    `The chain is that of member ${toHex(member)}, the epoch ${a.attestation.epoch}.`,
    `One is in its ${said(a)}; the other in its ${said(b)}.`,
    `Their first ${size} block${size === 1 ? '' : 's'} already differ: their root is ${short(a.root)}… in the one and`,
    `${short(b.root)}… in the other, while a chain that only grows has one root at each size.`,
    'Both signatures fit the key of the witness.',
  ].join('\n')
}
