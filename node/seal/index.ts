/** The room where readings become blocks. */
export { MAX_CLAIMS, MAX_WORDS, SealGate, type SealGateInit, type SignedRecord } from './gate.ts'
export { phaseOf, type ScheduleInit, SealSchedule } from './schedule.ts'
export { type Sealed, Sealer, type SealerInit } from './sealer.ts'
