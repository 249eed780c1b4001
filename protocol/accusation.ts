import { toHex } from './bytes.ts'
import type { VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { checkEvidence, decodeEvidence, type Evidence, type EvidenceFault, explainEvidence, FAULT_WORDS } from './evidence.ts'
import {
  checkWitnessEvidence,
  decodeWitnessEvidence,
  explainWitnessEvidence,
  KIND_WITNESS,
  WITNESS_FAULT_WORDS,
  type WitnessEvidence,
  type WitnessEvidenceFault,
} from './witness-evidence.ts'

/** Evidence of either kind, as it comes from a topic, a frame, a file or a store. */
export type Accusation =
  /** Against the author of a chain, which it quarantines (section F). */
  | { readonly kind: 'author'; readonly evidence: Evidence }
  /** Against a witness; it stops no chain (rule A13). */
  | { readonly kind: 'witness'; readonly evidence: WitnessEvidence }

/** Rules F5 and A12, by the kind byte. Throws UNKNOWN_EVIDENCE_KIND for a later version's, else as the decoder of the kind. */
export function decodeAccusation(bytes: Uint8Array): Accusation {
  if (bytes[0] === KIND_WITNESS) return { kind: 'witness', evidence: decodeWitnessEvidence(bytes) }
  return { kind: 'author', evidence: decodeEvidence(bytes) }
}

/** The key that signed both stories. */
export function accusedOf({ kind, evidence }: Accusation): Uint8Array {
  return kind === 'witness' ? evidence.a.attestation.witness : evidence.a.member
}

/** Rules F4 and A11: undefined where it holds. */
export function checkAccusation(
  verify: VerifySignature,
  networkId: Uint8Array,
  { kind, evidence }: Accusation,
): EvidenceFault | WitnessEvidenceFault | undefined {
  if (kind === 'witness') return checkWitnessEvidence(verify, networkId, evidence)
  return checkEvidence(verify, networkId, evidence)
}

/** Throws INVALID_EVIDENCE, with the fault in its data. */
export function assertAccusation(verify: VerifySignature, networkId: Uint8Array, accusation: Accusation): void {
  const fault = checkAccusation(verify, networkId, accusation)
  if (fault === undefined) return
  const words: Readonly<Record<string, string>> = accusation.kind === 'witness' ? WITNESS_FAULT_WORDS : FAULT_WORDS
  throw new WattnessError('INVALID_EVIDENCE', `evidence against ${toHex(accusedOf(accusation))}: ${words[fault]}`, { fault })
}

/** What a verified one says, for a person. */
export function explainAccusation(networkId: Uint8Array, { kind, evidence }: Accusation): string {
  return kind === 'witness' ? explainWitnessEvidence(evidence) : explainEvidence(networkId, evidence)
}
