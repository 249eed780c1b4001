import { mkdir, readFile, readlink, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Kv } from './kv.ts'
import { guardDirectory } from './layout.ts'
import { openLevelKv } from './level-kv.ts'

const LOCK_FILE = 'lock'

export interface Lock {
  release(): Promise<void>
}

/**
 * One process per directory, whichever container it runs in: what holds is a lock of the operating system, which goes with its
 * process, so kill -9 leaves nothing to clean up. Node has none to give; LevelDB takes one on each store, so an empty store
 * stands guard. The ledger's own would come too late: before it is opened, a repair is ended and its logs are looked
 * through. The file `lock` only says who it is. Throws STORE_LOCKED, DISK_FULL, STORE_FAILED.
 */
export async function lockDirectory(directory: string): Promise<Lock> {
  const file = path.join(directory, LOCK_FILE)
  const guard = await takeGuard(directory)
  try {
    await announce(file)
  } catch (error) {
    await guard.close()
    throw error
  }
  return {
    release: async () => {
      await rm(file, { force: true })
      await guard.close()
    },
  }
}

async function takeGuard(directory: string): Promise<Kv> {
  const location = guardDirectory(directory)
  await mkdir(location, { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  })
  try {
    return await openLevelKv(location)
  } catch (error) {
    if (isWattnessError(error, 'STORE_LOCKED')) throw await refusal(directory)
    if (!isWattnessError(error, 'STORE_DAMAGED')) throw error
  }
  // There is nothing in it to lose, and no reason for a meter to stand still. Behind it stands the lock of the ledger.
  await rm(location, { recursive: true, force: true })
  return openLevelKv(location)
}

/** Made aside, so that nobody ever reads half of it. */
async function announce(file: string): Promise<void> {
  const aside = `${file}.${process.pid}`
  try {
    await writeFile(aside, `${formatIdentity(await identityOf(process.pid))}\n`, { mode: 0o600 })
    await rename(aside, file)
  } catch (error) {
    await unlink(aside).catch(() => undefined)
    throw error
  }
}

async function refusal(directory: string): Promise<WattnessError> {
  const holder = parseIdentity(await readOr(path.join(directory, LOCK_FILE), ''))
  const own = await identityOf(process.pid)
  const refuse = (whose: string, data: object = {}): WattnessError =>
    new WattnessError('STORE_LOCKED', `${directory} is in use by ${whose}`, { directory, ...data })
  if (holder === undefined) return refuse('another process')
  const { pid, started, boot, space, host } = holder
  if (boot !== own.boot || space !== own.space) return refuse(`process ${pid} of another container, ${host}`, { host })
  // Whoever has the guard may not have written its name yet: then that of the one before it is still there.
  if ((await identityOf(pid)).started !== started) return refuse('another process')
  return refuse(pid === own.pid ? 'this process already' : `process ${pid}`, { holder: pid })
}

/** Numbers of processes are used again, most of all after a reboot, and mean another process in another container. */
interface Identity {
  readonly pid: number
  /** On Linux: since when, in which boot, and where its number counts. */
  readonly started: string
  readonly boot: string
  readonly space: string
  readonly host: string
}

async function identityOf(pid: number): Promise<Identity> {
  const stat = await readOr(`/proc/${pid}/stat`, '')
  return {
    pid,
    // The fields behind the program's name, which stands in parentheses and may hold anything.
    started: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0',
    boot: (await readOr('/proc/sys/kernel/random/boot_id', 'boot')).trim(),
    space: await readlink('/proc/self/ns/pid').catch(() => 'space'),
    host: hostname(),
  }
}

function formatIdentity({ pid, started, boot, space, host }: Identity): string {
  return [pid, started, boot, space, host].join(' ')
}

function parseIdentity(text: string): Identity | undefined {
  const [pid = '', started, boot, space, host] = text.trim().split(' ')
  if (!/^[1-9]\d{0,9}$/.test(pid) || !started || !boot || !space || !host) return undefined
  return { pid: Number(pid), started, boot, space, host }
}

async function readOr(file: string, otherwise: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return otherwise
  }
}
