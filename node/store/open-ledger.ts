import { access, copyFile, mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { checkFiles, type FileFault } from './files.ts'
import { damagedDirectory, damagedLogFile, ledgerDirectory, rebuiltDirectory, salvageDirectory } from './layout.ts'
import { LedgerStore, type LedgerStoreInit } from './ledger-store.ts'
import { type LevelKvOptions, openLevelKv } from './level-kv.ts'
import { lockDirectory } from './lock.ts'

export interface OpenLedgerInit extends Omit<LedgerStoreInit, 'kv' | 'onClose' | 'damage'> {
  /** The node's directory (layout.ts); made if it is not there. */
  readonly directory: string
  readonly level?: LevelKvOptions
}

/** Copies of damaged logs kept beside the ledger; more would fill a box that is never looked at. */
const DAMAGED_LOGS_KEPT = 4
const DAMAGED_STORES_KEPT = 1_000

/**
 * Opens the store of a node's directory: takes the lock, ends a repair that was broken off, looks for damage in LevelDB's
 * logs before LevelDB drops it, opens, migrates and checks. `close` gives the lock back. Throws STORE_LOCKED naming the
 * holder, STORE_DAMAGED where LevelDB cannot open (then `wattness verify` names the file and `wattness repair` mends it),
 * STORE_NEWER, MIGRATION_NEEDED, STORE_OTHER_NETWORK, DISK_FULL.
 */
export async function openLedger(init: OpenLedgerInit): Promise<LedgerStore> {
  const { directory, level, ...rest } = init
  await mkdir(directory, { recursive: true })
  const lock = await lockDirectory(directory)
  try {
    await finishRepair(directory)
    const damage = await keepDamagedLogs(directory)
    const kv = await openLevelKv(ledgerDirectory(directory), level)
    try {
      return await LedgerStore.open({ ...rest, kv, damage, onClose: () => lock.release() })
    } catch (error) {
      await kv.close()
      throw error
    }
  } catch (error) {
    const explained = explain(error, directory)
    await lock.release()
    throw explained
  }
}

function explain(error: unknown, directory: string): unknown {
  if (!isWattnessError(error, 'STORE_LOCKED')) return error
  // This process holds the directory's own lock: whoever has LevelDB open went past it.
  return new WattnessError(
    'STORE_LOCKED',
    `${ledgerDirectory(directory)} is opened by a process without a lock on ${directory}`,
    {
      directory,
    },
  )
}

/**
 * A torn end is what every crash leaves. Damage before it is kept for a look, and what it cost shows in the chains. Without
 * a whole manifest nobody can say which files are the store: throws STORE_DAMAGED.
 */
export async function keepDamagedLogs(directory: string): Promise<{ what: string; file: string; offset: number }[]> {
  const ledger = ledgerDirectory(directory)
  if (!(await exists(ledger))) return []
  const found = (await checkFiles(ledger, 'logs')).faults.filter((fault) => fault.torn !== true)
  const index = found.find((fault) => !isLog(fault))
  if (index !== undefined) {
    const { file, offset, what } = index
    throw new WattnessError('STORE_DAMAGED', `${ledger}/${file}: ${what} (byte ${offset})`, { file, offset, what })
  }
  const faults = found.filter(isLog)
  for (const file of new Set(faults.map((fault) => fault.file))) {
    if (!(await exists(path.join(ledger, file)))) continue
    for (let number = 1; number <= DAMAGED_LOGS_KEPT; number++) {
      const copy = damagedLogFile(directory, number)
      if (await exists(copy)) continue
      await copyFile(path.join(ledger, file), copy)
      break
    }
  }
  return faults.map(({ file, offset, what }) => ({ file, offset, what }))
}

const isLog = ({ file }: FileFault): boolean => file.endsWith('.log')

/** Puts a rebuilt store in its place. Its name appears only once it is whole, so this can be begun again at any point. */
export async function finishRepair(
  directory: string,
  onStep: (step: string) => void = () => undefined,
): Promise<string | undefined> {
  const rebuilt = rebuiltDirectory(directory)
  if (!(await exists(rebuilt))) return undefined
  const ledger = ledgerDirectory(directory)
  let aside: string | undefined
  if (await exists(ledger)) {
    aside = await freeDamagedDirectory(directory)
    await rename(ledger, aside)
    await syncDirectory(directory)
    onStep('damaged store moved aside')
  }
  await rename(rebuilt, ledger)
  await syncDirectory(directory)
  onStep('rebuilt store put in its place')
  await rm(salvageDirectory(directory), { recursive: true, force: true })
  return aside
}

async function freeDamagedDirectory(directory: string): Promise<string> {
  for (let number = 1; number <= DAMAGED_STORES_KEPT; number++) {
    const name = damagedDirectory(directory, number)
    if (!(await exists(name))) return name
  }
  throw new WattnessError('LIMIT_EXCEEDED', `${directory} holds ${DAMAGED_STORES_KEPT} damaged stores: remove some`, {
    directory,
  })
}

/** Takes a store away that nothing can be read of; answers with its new name. Throws STORE_LOCKED. */
export async function moveAside(directory: string): Promise<string> {
  const lock = await lockDirectory(directory)
  try {
    const aside = await freeDamagedDirectory(directory)
    await rename(ledgerDirectory(directory), aside)
    await syncDirectory(directory)
    return aside
  } finally {
    await lock.release()
  }
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

/** A rename is on the disk once its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
