/** The door of the room: what witnesses sign, and what is final by it. */
export type { AttestationOutcome } from './attestation-desk.ts'
export { EpochBook } from './epoch-book.ts'
export type { FinalChange, FinalityKeeper } from './finality-keeper.ts'
export { Witnessing, type WitnessingInit } from './witnessing.ts'
