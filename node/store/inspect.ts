import { rm } from 'node:fs/promises'
import { isWattnessError } from '../../protocol/errors.ts'
import { type CheckedFiles, checkFiles, type FileFault } from './files.ts'
import type { Kv } from './kv.ts'
import { inspectionDirectory, ledgerDirectory } from './layout.ts'
import { openLevelKv } from './level-kv.ts'
import { lockDirectory } from './lock.ts'
import { exists, finishRepair } from './open-ledger.ts'
import { copyStore, migrateDamaged, openDamaged } from './repair.ts'
import { isOlderSchema } from './schema.ts'
import { tolerantKv } from './tolerant-kv.ts'

/** The store of a node's directory, opened to be looked at. The directory stays locked until `close`. */
export interface Inspection {
  readonly files: CheckedFiles
  /** Undefined where there is no store, or none that can be opened even in part. */
  readonly kv: Kv | undefined
  /** Where other threads of this process may open it too; undefined for a copy. */
  readonly location: string | undefined
  close(): Promise<void>
}

/**
 * Checks LevelDB's files, and opens the store as it stands only where they are whole and of this program's schema: opening
 * drops what is damaged. Else a copy is opened, which reads whatever can be read. Throws STORE_LOCKED, STORE_NEWER.
 */
export async function inspectStore(directory: string): Promise<Inspection> {
  const lock = await lockDirectory(directory)
  try {
    await finishRepair(directory)
    const ledger = ledgerDirectory(directory)
    const files = (await exists(ledger)) ? await checkFiles(ledger) : { faults: [], files: 0, bytes: 0 }
    const release = (): Promise<void> => lock.release()
    if (files.files === 0 && files.faults.length === 0) return { files, kv: undefined, location: undefined, close: release }
    if (files.faults.every((fault) => fault.torn === true)) {
      const opened = await openWhole(ledger)
      if ('kv' in opened) {
        const { kv } = opened
        if (!(await isOlder(kv))) return { files, kv, location: ledger, close: () => closeAll(kv, release) }
        await kv.close()
      } else return await inspectCopy(directory, { ...files, faults: [...files.faults, opened] }, release)
    }
    return await inspectCopy(directory, files, release)
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function isOlder(kv: Kv): Promise<boolean> {
  try {
    return await isOlderSchema(kv)
  } catch (error) {
    await kv.close()
    throw error
  }
}

/** A store whose files are whole and that LevelDB refuses all the same is damaged as well. */
async function openWhole(ledger: string): Promise<{ readonly kv: Kv } | FileFault> {
  try {
    return { kv: await openLevelKv(ledger, { createIfMissing: false, multithreading: true }) }
  } catch (error) {
    if (!isWattnessError(error) || ['STORE_LOCKED', 'DISK_FULL'].includes(error.code)) throw error
    const { file } = error.data as { file?: string }
    return { file: file ?? 'CURRENT', offset: 0, what: error.message }
  }
}

async function inspectCopy(directory: string, files: CheckedFiles, release: () => Promise<void>): Promise<Inspection> {
  const copy = inspectionDirectory(directory)
  const remove = async (): Promise<void> => {
    await rm(copy, { recursive: true, force: true })
    await release()
  }
  await rm(copy, { recursive: true, force: true })
  await copyStore(ledgerDirectory(directory), copy, files.faults)
  let kv: Kv | undefined
  try {
    kv = await openDamaged(copy)
    await migrateDamaged(kv)
    return { files, kv: tolerantKv(kv), location: undefined, close: () => closeAll(kv as Kv, remove) }
  } catch (error) {
    await kv?.close()
    await rm(copy, { recursive: true, force: true })
    const isBeyondReading = isWattnessError(error) && ['STORE_DAMAGED', 'STORE_FAILED'].includes(error.code)
    if (!isBeyondReading) throw error
    return { files, kv: undefined, location: undefined, close: release }
  }
}

async function closeAll(kv: Kv, then: () => Promise<void>): Promise<void> {
  try {
    await kv.close()
  } finally {
    await then()
  }
}
