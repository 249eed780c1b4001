/** The room of the ledger's own exchange with neighbours. */
export { type AttestationCallbacks, AttestationExchange, type StoredAttestationBytes } from './attestation-exchange.ts'
export { FAULT_LIMIT, type Fault } from './conduct.ts'
export { type Lack } from './lacks.ts'
export { type Agreement, Session } from './session.ts'
export { Sync } from './sync.ts'
export { type SyncInit } from './sync-init.ts'
