import { constants, type FileHandle, link, open, readdir, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Genesis, isWattnessError, toHex, type VerifySignature, WattnessError } from '../../protocol/index.ts'
import { auditLedger, formatReport, type LedgerAudit, reportOf } from '../audit/index.ts'
import { readIfThere, syncDirectory, systemCode, unusable } from '../directory/index.ts'
import type { Clock } from '../platform.ts'
import { copiedRecords, inspectStore, type KvReader, SCHEMA_VERSION } from '../store/index.ts'
import { type ArchiveEnd, type ArchiveHead, ArchiveWriter } from './archive-format.ts'
import { ARCHIVED_FILES, PRIVATE_KEY_FILE } from './archived-files.ts'

export interface CreateArchiveInit {
  /** The node's directory. */
  readonly directory: string
  /** The archive's name, which nothing may have yet. */
  readonly out: string
  readonly genesis: Genesis
  readonly verify: VerifySignature
  readonly clock: Clock
  /** This node's own key, where the directory has one. */
  readonly ownKey?: Uint8Array | undefined
  /** The seed itself too: whoever has the archive is this node then. */
  readonly withPrivateKey?: boolean
  readonly onProgress?: (progress: ArchiveProgress) => void
  /** Awaited now and then: lets others live, or throws to break off. */
  readonly turn?: () => Promise<void>
}

export interface ArchiveProgress {
  readonly doing: 'checking' | 'writing' | 'reading'
  readonly done: number
  /** 0 where nobody knows. */
  readonly of: number
}

export interface ArchiveReport extends Omit<ArchiveHead, 'createdAt'>, ArchiveEnd {
  readonly archive: string
  readonly bytes: number
}

/**
 * Writes the store of a stopped node as one file. Throws STORE_LOCKED, FILE_EXISTS, DISK_FULL, and STORE_DAMAGED where `verify`
 * finds anything: what is damaged is mended first.
 */
export async function archiveDirectory(init: CreateArchiveInit): Promise<ArchiveReport> {
  await assertFree(init.out)
  const inspection = await inspectStore(init.directory)
  try {
    const { kv, files } = inspection
    const fault = files.faults.find((each) => each.torn !== true)
    if (fault !== undefined) throw damaged(`${fault.file}, byte ${fault.offset}: ${fault.what}`)
    if (kv === undefined) throw new WattnessError('NO_STORE', `${init.directory} holds no store yet: there is nothing to archive`)
    return await createArchive(kv, init)
  } finally {
    await inspection.close()
  }
}

/** The same for records that nobody changes meanwhile: a running node's as of one moment. */
export async function createArchive(kv: KvReader, init: CreateArchiveInit): Promise<ArchiveReport> {
  const { directory, out, genesis, ownKey, withPrivateKey = false, clock, onProgress, turn } = init
  await assertFree(out)
  const files = await filesOfArchive(directory, withPrivateKey)
  const { blocks } = await audited(kv, init)
  const head: ArchiveHead = {
    createdAt: new Date(clock.now()).toISOString(),
    network: { name: genesis.name, id: toHex(genesis.networkId) },
    schema: SCHEMA_VERSION,
    ownKey: ownKey === undefined ? null : toHex(ownKey),
    hasPrivateKey: withPrivateKey,
    blocks,
  }
  return atomically(out, async (file) => {
    const writer = new ArchiveWriter(file)
    await writer.begin(head)
    for (const { name, content } of files) await writer.file(name, content)
    let done = 0
    for await (const entries of copiedRecords(kv)) {
      await writer.records(entries)
      done += entries.length
      onProgress?.({ doing: 'writing', done, of: 0 })
      await turn?.()
    }
    const end = await writer.end()
    const { createdAt: _, ...rest } = head
    return { ...rest, ...end, archive: out, bytes: writer.bytes }
  })
}

async function filesOfArchive(directory: string, withKey: boolean): Promise<{ name: string; content: Uint8Array }[]> {
  const files: { name: string; content: Uint8Array }[] = []
  for (const name of withKey ? [...ARCHIVED_FILES, PRIVATE_KEY_FILE] : ARCHIVED_FILES) {
    const content = await readIfThere(join(directory, name))
    if (content !== undefined) files.push({ name, content })
  }
  return files
}

/** Everything that `verify` checks. Blocks that are only missing are fetched again wherever the archive is restored. */
async function audited(kv: KvReader, init: CreateArchiveInit): Promise<LedgerAudit> {
  const { onProgress } = init
  const audit = await auditLedger({
    ...init,
    kv,
    onProgress: ({ blocks, ofBlocks }) => onProgress?.({ doing: 'checking', done: blocks, of: ofBlocks }),
  })
  const fault = firstFault(audit)
  if (fault !== undefined) throw damaged(fault)
  return audit
}

/** In the words of `verify`; undefined where all is whole, or where blocks are only missing. */
export function firstFault(audit: LedgerAudit): string | undefined {
  const damage = audit.damage.filter(({ kind }) => kind !== 'own' && kind !== 'owed')
  const report = reportOf(undefined, { ...audit, damage }, 0)
  return report.ok ? undefined : formatReport(report).split('\n')[0]?.replace('damaged: ', '')
}

function damaged(what: string): WattnessError {
  return new WattnessError('STORE_DAMAGED', `not archived: ${what}. \`wattness repair\` first`, { what })
}

export async function assertFree(path: string): Promise<void> {
  const found = await readdir(dirname(path)).catch((error: unknown) => Promise.reject(unusable(path, 'cannot be made', error)))
  if (!found.includes(basename(path))) return
  throw new WattnessError('FILE_EXISTS', `${path} is there already: nothing is overwritten`, { path })
}

/** Under its name once it is whole and on the disk; readable by its owner alone, as readings are nobody else's. */
async function atomically<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  await removeLeftovers(path)
  const temporary = `${path}.${process.pid}.part`
  let file: FileHandle | undefined
  try {
    file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    const result = await write(file)
    await file.close()
    file = undefined
    await named(temporary, path)
    await syncDirectory(dirname(path))
    return result
  } catch (error) {
    await file?.close().catch(() => undefined)
    await unlink(temporary).catch(() => undefined)
    throw isWattnessError(error) || systemCode(error) === undefined ? error : unusable(path, 'cannot be written', error)
  }
}

/** A link, unlike a rename, refuses a name that is taken; where a file system has none, a look must do. */
async function named(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
    await unlink(temporary)
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
    await assertFree(path)
    await rename(temporary, path)
  }
}

/** Of processes that were killed. */
async function removeLeftovers(path: string): Promise<void> {
  const name = basename(path)
  for (const each of await readdir(dirname(path))) {
    const pid = each.startsWith(`${name}.`) ? /^\.(\d+)\.part$/.exec(each.slice(name.length))?.[1] : undefined
    if (pid !== undefined && !isAlive(Number(pid))) await unlink(join(dirname(path), each)).catch(() => undefined)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}
