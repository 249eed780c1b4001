import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { ask, numberSetting, run, setting, until } from './command.ts'

/**
 * A meter's container. Replicas share one volume, and each takes a directory of its own there: two nodes under one key would
 * tell two stories. Whoever runs on a directory says so in it again and again, under its container's name, and takes that back
 * when it is stopped, so that the container of a newer image finds the place of the one before; behind that stands the lock that
 * the kernel holds on a running node's LevelDB.
 */
const HOME = setting('METERS', '/data/meters')
const TICKETS = setting('TICKETS', '/tickets')
const INTERVAL = setting('INTERVAL', '15m')
const MAX_METERS = numberSetting('MAX_METERS', 255, 1)
const SOURCE = setting('SOURCE', '')
/** Names who runs on a directory, or is about to. */
const HOLDER = 'holder'
const SAID_AGAIN_MS = 5_000
/** A container that has been silent for so long is gone, or stands still: then the kernel's lock decides. */
const SILENT_MS = 60_000

let saying: NodeJS.Timeout | undefined
/** Runs here, or is about to. */
let held: string | undefined
process.once('exit', () => {
  if (held !== undefined && isHeldHere(held)) rmSync(path.join(held, HOLDER), { force: true })
})
await mkdir(HOME, { recursive: true, mode: 0o700 })
const dirOf = (number: number): string => path.join(HOME, `meter-${String(number).padStart(3, '0')}`)
const numbers = Array.from({ length: MAX_METERS }, (_, i) => i + 1)
// A container that was killed goes on where it was.
const own = numbers.filter((number) => isHeldHere(dirOf(number)))
for (const number of new Set([...own, ...numbers])) {
  const dir = dirOf(number)
  if (!(await take(dir, number))) continue
  const source = SOURCE === '' ? `household:${number}?solar=${number % 2 === 0 ? '4kWp' : '0kWp'}&interval=${INTERVAL}` : SOURCE
  const { status, output } = await run('run', '--dir', dir, '--interval', INTERVAL, '--source', source)
  if (!output.includes('STORE_LOCKED') && !output.includes('is in use by')) process.exit(status)
  clearInterval(saying)
}
console.error(`no directory is left in ${HOME}: all ${MAX_METERS} are in use`)
process.exit(1)

function isHeldHere(dir: string): boolean {
  try {
    return readFileSync(path.join(dir, HOLDER), 'utf8') === hostname()
  } catch {
    return false
  }
}

/** True where a member's directory is ready to be run by this container. */
async function take(dir: string, number: number): Promise<boolean> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const holder = path.join(dir, HOLDER)
  // Of several that reach for a new directory one gets it.
  const isFirst = await writeFile(holder, hostname(), { flag: 'wx', mode: 0o600 }).then(
    () => true,
    () => false,
  )
  if (!isFirst && (await readFile(holder, 'utf8').catch(() => '')) !== hostname()) {
    if (Date.now() - (await stat(holder)).mtimeMs < SILENT_MS) return false
    await writeFile(holder, hostname(), { mode: 0o600 })
  }
  held = dir
  saying = setInterval(() => void utimes(holder, new Date(), new Date()).catch(() => undefined), SAID_AGAIN_MS)
  if (!existsSync(path.join(dir, 'genesis.json')) || existsSync(path.join(dir, 'ticket'))) await join(dir, number)
  return true
}

async function join(dir: string, number: number): Promise<void> {
  const kept = path.join(dir, 'ticket')
  if (!existsSync(kept)) {
    await until('an invitation', async () => {
      const [first] = (await readdir(TICKETS)).filter((name) => name.endsWith('.invitation')).sort()
      if (first === undefined) return undefined
      // One of those that reach for it gets it.
      const aside = path.join(TICKETS, `.taken-${hostname()}`)
      const isTaken = await rename(path.join(TICKETS, first), aside).then(
        () => true,
        () => false,
      )
      if (!isTaken) return undefined
      await writeFile(kept, await readFile(aside), { mode: 0o600 })
      await rm(aside)
      return true
    })
  }
  const ticket = (await readFile(kept, 'utf8')).trim()
  await until('admission', () => ask('join', ticket, '--dir', dir, '--label', `meter ${number}`).then(() => true))
  await rm(kept)
}
