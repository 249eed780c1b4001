import { constants, copyFile, link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { WattnessError } from '../../protocol/errors.ts'

const LOCK_FILE = 'lock'
const ATTEMPTS = 5

const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Tells apart the files made aside by one process. */
let locksTried = 0

export interface Lock {
  release(): Promise<void>
}

/**
 * One process per directory. The file names its holder, and counts for nothing once that process is gone: kill -9 leaves
 * nothing to clean up. The holder is told from a later process of the same number by when it was started. LevelDB's own
 * lock stands behind this one; this one can say who holds it. Throws STORE_LOCKED.
 */
export async function lockDirectory(directory: string): Promise<Lock> {
  const file = path.join(directory, LOCK_FILE)
  const own = await identityOf(process.pid)
  // Made aside and linked into place, so that nobody ever reads half an identity.
  const aside = `${file}.${process.pid}.${++locksTried}`
  try {
    await writeFile(aside, `${own}\n`, { mode: 0o600 })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await tryLink(aside, file)) return { release: () => release(file, own) }
      await removeStale(directory, file)
    }
  } finally {
    await rm(aside, { force: true })
  }
  throw new WattnessError('STORE_LOCKED', `${directory}: several processes are trying to open it at once`, { directory })
}

/** The process that holds a directory; undefined where none does. */
export async function lockHolder(directory: string): Promise<number | undefined> {
  return livingHolder(await readOr(path.join(directory, LOCK_FILE), ''))
}

async function removeStale(directory: string, file: string): Promise<void> {
  const found = await readOr(file, undefined)
  if (found === undefined) return
  const holder = await livingHolder(found)
  if (holder !== undefined) {
    const whose = holder === process.pid ? 'this process already' : `process ${holder}`
    throw new WattnessError('STORE_LOCKED', `${directory} is in use by ${whose}`, { directory, holder })
  }
  // Taken away by renaming: if another process has put its own lock there meanwhile, it gets it back.
  const stale = `${file}.stale.${process.pid}`
  try {
    await rename(file, stale)
    if ((await readOr(stale, '')) !== found) await tryLink(stale, file)
    await unlink(stale)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    // Not every file system of a small box has links.
    if (code === undefined || !WITHOUT_LINKS.has(code)) throw error
    return copyFile(from, to, constants.COPYFILE_EXCL).then(
      () => true,
      () => false,
    )
  }
}

async function release(file: string, own: string): Promise<void> {
  if ((await readOr(file, '')).trim() === own) await unlink(file)
}

async function readOr<T>(file: string, otherwise: T): Promise<string | T> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise
    throw error
  }
}

async function livingHolder(text: string): Promise<number | undefined> {
  const pid = Number(text.split(' ')[0])
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid) || (await isZombie(pid))) return undefined
  return (await identityOf(pid)) === text.trim() ? pid : undefined
}

/** Killed, its files closed, and not yet waited for by its parent: where process 1 of a container never does, for ever. */
async function isZombie(pid: number): Promise<boolean> {
  return statOf(await readOr(`/proc/${pid}/stat`, ''))[0] === 'Z'
}

/** The fields behind the program's name, which stands in parentheses and may hold anything. */
function statOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Process number, and on Linux when it was started and in which boot: numbers are used again, most of all after a reboot. */
async function identityOf(pid: number): Promise<string> {
  const boot = await readOr('/proc/sys/kernel/random/boot_id', 'boot')
  const stat = await readOr(`/proc/${pid}/stat`, '')
  const started = statOf(stat)[19] ?? '0'
  return `${pid} ${started} ${boot.trim()}`
}
