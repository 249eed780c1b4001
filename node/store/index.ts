/** The door of the room: the ledger on the disk. */

export type { VerifySigned } from './chain-check.ts'
export type { Damage } from './chain-entry.ts'
export { SIGNATURE_SEARCH } from './chain-reader.ts'
export { del, type Kv, type KvBatchOptions, type KvEntry, type KvOperation, type KvRange, put } from './kv.ts'
export { type Acceptance, type AcceptOptions, LedgerStore, type LedgerStoreInit, type SignedRecord } from './ledger-store.ts'
export { type LevelKvOptions, openLevelKv, openMemoryKv } from './level-kv.ts'
export { SCHEMA_VERSION } from './schema.ts'
export { SideTable } from './side-records.ts'
export { type Appended, type Peeked, SPOOL_LIMITS, Spool, type SpoolLimits, type SpoolRow } from './spool.ts'
export { type SpoolEvent, type SpoolItem, type SpoolReading } from './spool-entry.ts'
export type { StoredBlock } from './stored-block.ts'
export { TILE_WIDTH } from './tiles.ts'
