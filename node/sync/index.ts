/** The room of the ledger's own exchange with neighbours. */
export { CROSS_CHECK_MS } from './bounds.ts'
export { FAULT_LIMIT, type Fault } from './conduct.ts'
export { type Agreement, Session } from './session.ts'
export { Sync, type SyncInit } from './sync.ts'
