/** The door of the room: the ledger on the disk. */

export type { Acceptance, AcceptOptions } from './acceptance.ts'
export { AttestationTable, MAX_ATTESTATIONS, type StoredAttestation } from './attestation-table.ts'
export {
  auditRecords,
  auditStore,
  listChains,
  queryDamage,
  type RecordAudit,
  type RecordAuditInit,
  type StoreAudit,
} from './audit.ts'
export {
  auditChain,
  type BrokenRule,
  type ChainAudit,
  type ChainAuditInit,
  type ChainFault,
  type NamedEnd,
  type StoredChain,
} from './chain-audit.ts'
export type { VerifySigned } from './chain-check.ts'
export { type Damage, type DamageKind, keptKey, memberText, type Pruned } from './chain-entry.ts'
export { SIGNATURE_SEARCH } from './chain-reader.ts'
export { type CheckedFiles, checkFiles, type FileFault } from './files.ts'
export { FrameLeaves } from './frame-leaves.ts'
export type { FrameNote, SealedFrame } from './frame-note.ts'
export { type Inspection, inspectStore } from './inspect.ts'
export type { KeptFrame, KeptFrames } from './kept-frames.ts'
export {
  del,
  type Kv,
  type KvBatchOptions,
  type KvEntry,
  type KvOperation,
  type KvRange,
  type KvReader,
  type KvView,
  put,
} from './kv.ts'
export { ledgerDirectory } from './layout.ts'
export { LedgerStore, type LedgerStoreInit } from './ledger-store.ts'
export { type LevelKvOptions, openLevelKv, openMemoryKv } from './level-kv.ts'
export { type Lock, lockDirectory } from './lock.ts'
export { LruMap } from './lru-map.ts'
export { type MigrateLedgerInit, type MigrationReport, migrateLedger } from './migrate-ledger.ts'
export { isNetworkBound } from './network-record.ts'
export { moveAside, type OpenLedgerInit, openLedger } from './open-ledger.ts'
export { type PruneOptions, type PruneStep } from './pruning.ts'
export { type ValueColumns } from './query-chunk.ts'
export { copiedRecords, writeStore } from './record-copy.ts'
export { type RepairedChain, type RepairInit, type RepairReport, repairLedger } from './repair.ts'
export { type Migration, type MigrationBatch, type MigrationProgress, SCHEMA_VERSION, type SchemaPlan } from './schema.ts'
export { SideTable } from './side-records.ts'
export { readSigned, type SignedRecord } from './signed-record.ts'
export { type Appended, type Peeked, SPOOL_LIMITS, Spool, type SpoolLimits, type SpoolRow } from './spool.ts'
export { type SignedBy, type SpoolEvent, type SpoolItem, type SpoolReading } from './spool-entry.ts'
export type { HeldBlock, PrunedBlock, StoredBlock } from './stored-block.ts'
export { TILE_WIDTH } from './tiles.ts'
export { type RootMark, witnessDamage } from './witness-audit.ts'
export { type FinalLeaf, type SignedLeaf, type WitnessRecord } from './witness-records.ts'
export { type LeafChange, type LeafFault, type OwedLeaf, WitnessStore, type WitnessWrite } from './witness-store.ts'
