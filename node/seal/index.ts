/** The room where readings become blocks. */
export { SealGate, type SealGateInit, type SignedRecord } from './gate.ts'
export { msToNextRound, phaseOf, SealSchedule, type ScheduleInit } from './schedule.ts'
export { type Sealed, Sealer, type SealerInit } from './sealer.ts'
