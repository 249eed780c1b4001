import { readFileSync } from 'node:fs'
import { readFile, rename, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { toUtf8, WattnessError } from '../../protocol/index.ts'
import { readIfThere, systemCode, writeNewFile } from './durable-file.ts'
import type { DirectoryFiles } from './layout.ts'

/**
 * One process per directory. The file names who holds it; LevelDB's own lock, which the kernel keeps, stands behind it
 * where two processes cannot see each other, as in two containers.
 */
export interface DirectoryLock {
  release(): Promise<void>
}

/** Who holds a lock. */
interface Holder {
  readonly pid: number
  readonly host: string
  /** When the process began, as the kernel counts it: a process of the same number after a restart is another. */
  readonly born: string | undefined
  /** What it does with the directory: `run`, `join`, … */
  readonly purpose: string
}

/** Tries against others who find the same lock abandoned at the same time. */
const MAX_TRIES = 5

/** Throws DIRECTORY_IN_USE naming the process that holds the directory. A lock whose holder is gone is taken over. */
export async function lockDirectory(files: DirectoryFiles, purpose: string): Promise<DirectoryLock> {
  const own: Holder = { pid: process.pid, host: hostname(), born: bornOf(process.pid), purpose }
  const text = `${JSON.stringify(own)}\n`
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (await writeNewFile(files.lock, toUtf8(text), 0o644)) return { release: () => release(files, text) }
    const found = await readText(files)
    if (found === undefined) continue
    const holder = parseHolder(found)
    if (holder !== undefined && isAlive(holder)) throw inUse(files, holder)
    await takeAway(files, found)
  }
  throw new WattnessError('DIRECTORY_IN_USE', `${files.dir} is being taken by other processes just now`, { dir: files.dir })
}

/** The live process that uses the directory. */
export async function lockHolder(files: DirectoryFiles): Promise<{ pid: number; purpose: string } | undefined> {
  const text = await readText(files)
  const holder = text === undefined ? undefined : parseHolder(text)
  return holder !== undefined && isAlive(holder) ? holder : undefined
}

function inUse(files: DirectoryFiles, { pid, purpose }: Holder): WattnessError {
  const who = pid === process.pid ? `this process (${pid})` : `process ${pid}`
  return new WattnessError('DIRECTORY_IN_USE', `${files.dir} is in use by ${who}: wattness ${purpose}`, {
    dir: files.dir,
    pid,
    purpose,
  })
}

async function readText(files: DirectoryFiles): Promise<string | undefined> {
  const bytes = await readIfThere(files.lock)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

/** Undefined for what no lock of ours says: nobody can be asked whether it is alive. */
function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, born, purpose } = JSON.parse(text) as Partial<Record<keyof Holder, unknown>>
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1 || typeof host !== 'string') return undefined
    return { pid, host, born: typeof born === 'string' ? born : undefined, purpose: typeof purpose === 'string' ? purpose : '?' }
  } catch {
    return undefined
  }
}

function isAlive({ pid, host, born }: Holder): boolean {
  // Another container's process cannot be asked; if it does live, LevelDB's lock refuses.
  if (host !== hostname()) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process cannot be signalled, but it lives.
    if (systemCode(error) !== 'EPERM') return false
  }
  const found = bornOf(pid)
  return born === undefined || found === undefined || born === found
}

/** Boot and tick at which the process began, where the kernel tells (Linux). */
function bornOf(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 22; the second may hold spaces and brackets, so that fields are counted from its end (proc(5)).
    const tick = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return tick === undefined ? undefined : `${boot}/${tick}`
  } catch {
    return undefined
  }
}

/** Takes an abandoned lock away, and only that one: another process may have put its own there since it was read. */
async function takeAway(files: DirectoryFiles, abandoned: string): Promise<void> {
  const aside = `${files.lock}.${process.pid}.old`
  try {
    await rename(files.lock, aside)
    const text = await readFile(aside, 'utf8')
    if (text !== abandoned) await writeNewFile(files.lock, toUtf8(text), 0o644)
    await unlink(aside)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

async function release(files: DirectoryFiles, text: string): Promise<void> {
  if ((await readText(files)) === text) await unlink(files.lock)
}
