/** The room of the ledger's own exchange with neighbours. */
export { type Agreement, type Fault, Session } from './session.ts'
export { CROSS_CHECK_MS, Sync, type SyncInit } from './sync.ts'
