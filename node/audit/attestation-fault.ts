import {
  decodeSignedAttestation,
  equalBytes,
  isWattnessError,
  type VerifySignature,
  verifyAttestation,
} from '../../protocol/index.ts'
import type { Damage, StoredAttestation, WitnessRecord } from '../store/index.ts'

/**
 * What is wrong with an attestation, as its bytes alone say it; undefined: nothing. Whether its witness was one in that epoch
 * is for whoever counts it.
 */
export function attestationFault(
  verify: VerifySignature,
  networkId: Uint8Array,
  { epoch, witness, bytes }: Pick<StoredAttestation, 'witness' | 'bytes'> & { readonly epoch: number | undefined },
): string | undefined {
  try {
    const attestation = decodeSignedAttestation(bytes)
    const isOfEpoch = epoch === undefined || attestation.epoch === epoch
    if (!isOfEpoch || !equalBytes(attestation.witness, witness)) return 'it is of another witness or epoch'
    return verifyAttestation(verify, networkId, attestation) ? undefined : 'it is not signed by its witness'
  } catch (error) {
    if (isWattnessError(error)) return `${error.code}: ${error.message}`
    throw error
  }
}

/** This node's own newest attestation, in the record that it goes on from: of that record's epoch, or of one before. */
export function ownAttestationDamage(
  verify: VerifySignature,
  networkId: Uint8Array,
  witness: Uint8Array,
  { sequence, attestation: bytes }: WitnessRecord,
): Damage[] {
  if (sequence === 0) return []
  const fault = attestationFault(verify, networkId, { epoch: undefined, witness, bytes })
  return fault === undefined ? [] : [{ what: `own newest attestation: ${fault}`, kind: 'witness', member: witness }]
}
