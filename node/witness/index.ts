/** The door of the room: what witnesses sign, and what is final by it. */

export { askWitness } from './ask-witness.ts'
export type { AttestationOutcome } from './attestation-desk.ts'
export { COSIGN_PROTOCOL, encodeCosignAnswer } from './cosign-answer.ts'
export { EpochBook } from './epoch-book.ts'
export type { FinalChange, FinalityKeeper } from './finality-keeper.ts'
export { Witnessing, type WitnessingInit } from './witnessing.ts'
