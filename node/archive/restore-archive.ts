import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fromHex, isWattnessError, parseGenesis, toHex, type VerifySignature, WattnessError } from '../../protocol/index.ts'
import { auditLedger } from '../audit/index.ts'
import { readIfThere, syncDirectory, systemCode, unusable, writeNewFile } from '../directory/index.ts'
import { type KvEntry, ledgerDirectory, lockDirectory, openLevelKv, writeStore } from '../store/index.ts'
import { type ArchiveHead, invalid, readArchive } from './archive-format.ts'
import { ARCHIVED_FILES, MAX_ARCHIVED_FILE_BYTES, modeOf, PRIVATE_KEY_FILE, withoutSealAlone } from './archived-files.ts'
import { type ArchiveProgress, firstFault } from './create-archive.ts'

export interface RestoreArchiveInit {
  readonly archive: string
  /** Must not be there, or be empty. */
  readonly directory: string
  readonly verify: VerifySignature
  readonly onProgress?: (progress: ArchiveProgress) => void
  readonly turn?: () => Promise<void>
}

export interface RestoreReport extends ArchiveHead {
  readonly directory: string
  readonly files: readonly string[]
  readonly records: number
  /** `sealAlone` stood in the configuration, and stands there no more. */
  readonly sealAloneLeftOut: boolean
}

/** What says that a directory is being restored, and by nobody else's hand. */
const MARKER = 'restoring'

/**
 * Makes a node's directory of an archive: beside its place, and moved there once all of it was read, written and verified from
 * genesis on. Before that nothing has the directory's name; killed, it is begun anew. Throws FILE_EXISTS, ARCHIVE_INVALID with
 * what is wrong and at which byte, or in which chain; DISK_FULL, DIRECTORY_UNUSABLE.
 */
export async function restoreArchive(init: RestoreArchiveInit): Promise<RestoreReport> {
  const { archive, directory } = init
  await assertEmpty(directory)
  const staging = `${directory}.restoring`
  try {
    const lock = await prepare(staging)
    try {
      const report = { ...(await fill(staging, init)), directory }
      await verified(staging, report, init)
      await rm(join(staging, MARKER))
      await syncDirectory(staging)
      await lock.release()
      await assertEmpty(directory)
      // An empty one gives way.
      await rmdir(directory).catch(() => undefined)
      await rename(staging, directory)
      await syncDirectory(dirname(directory))
      return report
    } catch (error) {
      await rm(staging, { recursive: true, force: true })
      throw error
    }
  } catch (error) {
    if (isWattnessError(error) || systemCode(error) === undefined) throw error
    throw unusable(archive, `cannot be restored to ${directory}`, error)
  }
}

async function assertEmpty(directory: string): Promise<void> {
  const found = await readdir(directory).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return []
    throw unusable(directory, 'cannot be used', error)
  })
  if (found.length === 0) return
  const files = found.length === 1 ? '1 file' : `${found.length} files`
  const what = `${directory} holds ${files}: an archive is restored to a new directory`
  throw new WattnessError('FILE_EXISTS', what, { path: directory })
}

/** What a restore that was killed has left is removed; what is anything else is not touched. Throws STORE_LOCKED. */
async function prepare(staging: string): Promise<{ release(): Promise<void> }> {
  const found = await readdir(staging).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (found !== undefined && found.length > 0 && !found.includes(MARKER)) {
    throw new WattnessError('FILE_EXISTS', `${staging} is in the way: move it, or restore to another name`, { path: staging })
  }
  await mkdir(staging, { recursive: true, mode: 0o700 })
  await writeNewFile(join(staging, MARKER), new Uint8Array(0), 0o600)
  const lock = await lockDirectory(staging)
  // What the lock is made of stays: somebody else could take it otherwise.
  for (const name of found ?? [])
    if (![MARKER, 'lock', 'guard'].includes(name)) await rm(join(staging, name), { recursive: true, force: true })
  return lock
}

async function fill(staging: string, { archive, onProgress, turn }: RestoreArchiveInit): Promise<RestoreReport> {
  const file = await open(archive, 'r').catch((error: unknown) => Promise.reject(unusable(archive, 'cannot be read', error)))
  try {
    let head: ArchiveHead | undefined
    const files: string[] = []
    let sealAloneLeftOut = false
    let done = 0
    async function* recordsOf(): AsyncGenerator<readonly KvEntry[]> {
      for await (const part of readArchive(file)) {
        if ('head' in part) ({ head } = part)
        if ('file' in part) {
          const content = await restoreFile(staging, part.file, part.content, head?.hasPrivateKey === true)
          sealAloneLeftOut ||= content !== part.content
          files.push(part.file)
        }
        if (!('records' in part)) continue
        yield part.records
        done += part.records.length
        onProgress?.({ doing: 'reading', done, of: 0 })
        await turn?.()
      }
    }
    await writeStore(ledgerDirectory(staging), recordsOf())
    if (head === undefined) throw invalid(0, 'it has no head')
    return { ...head, directory: '', files, records: done, sealAloneLeftOut }
  } finally {
    await file.close()
  }
}

/** Answers with what was written. */
async function restoreFile(staging: string, name: string, content: Uint8Array, hasKey: boolean): Promise<Uint8Array> {
  // A name is never a path out of the directory.
  const isKnown = ARCHIVED_FILES.includes(name) || (hasKey && name === PRIVATE_KEY_FILE)
  if (!isKnown || content.length > MAX_ARCHIVED_FILE_BYTES) {
    throw refused(`a file ${JSON.stringify(name.slice(0, 80))} of ${content.length} bytes`)
  }
  const written = name === 'config.json' ? withoutSealAlone(content) : content
  if (await writeNewFile(join(staging, name), written, modeOf(name))) return written
  throw refused(`a second file ${JSON.stringify(name)}`)
}

/** As `verify` does, from genesis on, over what stands on the disk now. Blocks that are only missing are fetched by the node. */
async function verified(staging: string, head: RestoreReport, init: RestoreArchiveInit): Promise<void> {
  const { onProgress, turn, verify } = init
  const content = await readIfThere(join(staging, 'genesis.json'))
  if (content === undefined) throw refused('it has no genesis')
  const genesis = parseGenesis(content)
  if (toHex(genesis.networkId) !== head.network.id) throw refused('its genesis is of another network than its head says')
  const kv = await openLevelKv(ledgerDirectory(staging), { createIfMissing: false })
  try {
    const audit = await auditLedger({
      kv,
      genesis,
      verify,
      ownKey: head.ownKey === null ? undefined : fromHex(head.ownKey),
      onProgress: ({ blocks, ofBlocks }) => onProgress?.({ doing: 'checking', done: blocks, of: ofBlocks }),
      ...(turn === undefined ? {} : { turn }),
    })
    const fault = firstFault(audit)
    if (fault !== undefined) throw refused(fault)
    if (audit.blocks !== head.blocks) throw refused(`${audit.blocks} blocks, its head says ${head.blocks}`)
  } finally {
    await kv.close()
  }
}

function refused(what: string): WattnessError {
  return new WattnessError('ARCHIVE_INVALID', `archive: ${what}: nothing was restored`, { what })
}
