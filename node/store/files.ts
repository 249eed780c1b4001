import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { checkLog, type Fault } from './level-log.ts'
import { type Manifest, readManifest } from './level-manifest.ts'
import { checkTable } from './level-table.ts'

/** A fault of one of LevelDB's files, at a byte of it. */
export interface FileFault extends Fault {
  readonly file: string
}

export interface CheckedFiles {
  readonly faults: readonly FileFault[]
  readonly files: number
  readonly bytes: number
}

/** Logs and manifest alone are a few megabytes and read in milliseconds; tables are all the rest of the store. */
export type Extent = 'everything' | 'logs'

const MANIFEST_NAME = /^MANIFEST-(\d+)$/
const LOG_NAME = /^(\d+)\.log$/
const TABLE_NAME = /^(\d+)\.(?:ldb|sst)$/

/**
 * Checks LevelDB's own checksums over every byte of every file that the store in `directory` uses. To be run before the
 * store is opened: LevelDB does not check what it reads from tables, and opening drops the damaged part of a log silently.
 * Files that the manifest no longer names are left out: LevelDB deletes them when it opens.
 */
export async function checkFiles(directory: string, extent: Extent = 'everything'): Promise<CheckedFiles> {
  const faults: FileFault[] = []
  const names = await readdir(directory)
  let bytes = 0
  let files = 0
  const read = async (file: string): Promise<Uint8Array> => {
    const content = await readFile(path.join(directory, file))
    bytes += content.length
    files++
    return content
  }
  const note = (file: string, found: readonly Fault[]): void => {
    for (const fault of found) faults.push({ file, ...fault })
  }
  // A directory without any of these files is a store that was never opened.
  if (!names.some((name) => name === 'CURRENT' || MANIFEST_NAME.test(name) || LOG_NAME.test(name) || TABLE_NAME.test(name))) {
    return { faults, files, bytes }
  }
  const manifest = await readCurrent(names, read, note)
  for (const name of names.toSorted()) {
    const log = numberIn(LOG_NAME, name)
    if (log !== undefined && (manifest === undefined || log >= manifest.logNumber || log === manifest.previousLogNumber)) {
      note(name, checkLog(await read(name)))
    }
    const table = numberIn(TABLE_NAME, name)
    if (extent === 'logs' || table === undefined || (manifest !== undefined && !manifest.tables.has(table))) continue
    const content = await read(name)
    const expected = manifest?.tables.get(table)
    if (expected !== undefined && content.length !== expected) {
      note(name, [{ offset: Math.min(content.length, expected), what: `${content.length} bytes, expected ${expected}` }])
    } else note(name, checkTable(content))
  }
  if (manifest !== undefined) {
    noteMissing(manifest, names, note)
    // LevelDB makes a log before the manifest names it, and opens without a word where it is gone.
    const { logNumber } = manifest
    if (logNumber > 0 && !names.some((name) => numberIn(LOG_NAME, name) === logNumber)) {
      note(`${String(logNumber).padStart(6, '0')}.log`, [{ offset: 0, what: 'missing' }])
    }
  }
  return { faults, files, bytes }
}

function numberIn(pattern: RegExp, name: string): number | undefined {
  const digits = pattern.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

async function readCurrent(
  names: readonly string[],
  read: (file: string) => Promise<Uint8Array>,
  note: (file: string, found: readonly Fault[]) => void,
): Promise<Manifest | undefined> {
  if (!names.includes('CURRENT')) {
    note('CURRENT', [{ offset: 0, what: 'missing' }])
    return undefined
  }
  const text = Buffer.from(await read('CURRENT')).toString('latin1')
  const name = text.slice(0, -1)
  if (!text.endsWith('\n') || !MANIFEST_NAME.test(name) || !names.includes(name)) {
    note('CURRENT', [{ offset: 0, what: `names ${JSON.stringify(text.slice(0, 80))}, which is no manifest of this store` }])
    return undefined
  }
  const manifest = readManifest(await read(name))
  note(name, manifest.faults)
  // A manifest with a hole does not tell which files are in use: then all of them are looked at.
  return manifest.faults.length === 0 ? manifest : undefined
}

function noteMissing(manifest: Manifest, names: readonly string[], note: (file: string, found: readonly Fault[]) => void): void {
  const present = new Set(names.map((name) => numberIn(TABLE_NAME, name)))
  for (const number of manifest.tables.keys()) {
    if (!present.has(number)) note(`${String(number).padStart(6, '0')}.ldb`, [{ offset: 0, what: 'missing' }])
  }
}
