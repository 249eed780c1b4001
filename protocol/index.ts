/** The protocol: pure functions over bytes, one module per section of the specification (README.md). */
export * from './accusation.ts'
export * from './attestation.ts'
export * from './attestation-check.ts'
export * from './attestation-leaves.ts'
export * from './block.ts'
export {
  assertBodyAllowed,
  assertContent,
  assertContinuation,
  assertMayWrite,
  assertRegistrarSize,
  assertTime,
} from './block-rules.ts'
export * from './bytes.ts'
export * from './chain-state.ts'
export * from './checkpoint.ts'
export * from './continuation.ts'
export * from './cosignature.ts'
export * from './decimal.ts'
export * from './ed25519.ts'
export * from './epochs.ts'
export * from './errors.ts'
export * from './event-body.ts'
export * from './evidence.ts'
export * from './evidence-file.ts'
export * from './finality.ts'
export * from './frames.ts'
export * from './genesis.ts'
export * from './hash.ts'
export * from './heads.ts'
export * from './invitation.ts'
export * from './join.ts'
export * from './known-digests.ts'
export * from './label.ts'
export * from './limits.ts'
export * from './membership.ts'
export * from './membership-body.ts'
export * from './membership-proof.ts'
export { decodeFrame, encodeFrame } from './messages.ts'
export * from './note.ts'
export * from './obis.ts'
export { type OperationText, operationText } from './operation-text.ts'
export { checkProofFile, type ProofContext, type ProofReport, type ProvenBlock } from './proof-check.ts'
export {
  type ChainEnd,
  formatProofFile,
  MAX_PROOF_FILE_BYTES,
  makeProofFile,
  type ProofFile,
  type ProofFileInit,
  type ProofPart,
  parseProofFile,
  splitProofFile,
} from './proof-file.ts'
export { type ReadingText, readingTexts } from './proof-readings.ts'
export { explainProof } from './proof-words.ts'
export * from './reading.ts'
export * from './readings-body.ts'
export * from './register.ts'
export * from './roles.ts'
export * from './run.ts'
export * from './statement.ts'
export * from './ticket.ts'
export * from './tlog-proof.ts'
export * from './tree.ts'
export * from './units.ts'
export * from './validate.ts'
export * from './verdict.ts'
export * from './witness.ts'
export * from './witness-evidence.ts'
export * from './witness-protocol.ts'
