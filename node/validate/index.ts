/** The room where every block is checked: one door, whichever way a block came. */
export type { Branch } from './adoption.ts'
export { chainStateAt } from './chain-state-at.ts'
export { type CheckedRun, checkRun, type RunCheck } from './checked-run.ts'
export { Door, type DoorInit, MAX_WAITING_BYTES, POOL_MIN_BYTES, type StoredRun } from './door.ts'
export { EvidenceDesk, type EvidenceDeskInit, type EvidenceOutcome } from './evidence-desk.ts'
export type { Outcome, OwnSeal } from './lanes.ts'
export { createVerifyPool, type VerifyPool } from './pool.ts'
