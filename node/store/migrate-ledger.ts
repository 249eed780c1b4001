import { ledgerDirectory } from './layout.ts'
import { openLevelKv } from './level-kv.ts'
import { lockDirectory } from './lock.ts'
import { exists, finishRepair, keepDamagedLogs } from './open-ledger.ts'
import { type MigrateInit, migrate, readSchemaVersion, SCHEMA } from './schema.ts'

export interface MigrateLedgerInit extends Omit<MigrateInit, 'large'> {
  /** The node's directory. */
  readonly directory: string
}

export interface MigrationReport {
  /** Null where there is no store yet. */
  readonly from: number | null
  readonly to: number
  /** One line for each step. */
  readonly steps: readonly string[]
}

/**
 * Brings the store of a stopped node forward, large steps too. May be killed at any point and run again: it goes on behind the
 * last batch that was written. Throws STORE_LOCKED naming the holder, STORE_NEWER, STORE_TOO_OLD, STORE_DAMAGED, DISK_FULL.
 */
export async function migrateLedger(init: MigrateLedgerInit): Promise<MigrationReport> {
  const { directory, plan = SCHEMA } = init
  const lock = await lockDirectory(directory)
  try {
    await finishRepair(directory)
    const ledger = ledgerDirectory(directory)
    if (!(await exists(ledger))) return { from: null, to: plan.version, steps: [] }
    // A copy of what LevelDB is about to drop; the damage itself shows in the chains, when the store is opened.
    await keepDamagedLogs(directory)
    const kv = await openLevelKv(ledger, { createIfMissing: false })
    try {
      const from = (await readSchemaVersion(kv)) ?? null
      return { from, to: plan.version, steps: await migrate(kv, { ...init, plan, large: true }) }
    } finally {
      await kv.close()
    }
  } finally {
    await lock.release()
  }
}
