import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { ask, numberSetting, run, setting, until } from './command.ts'

/**
 * A meter's container. Replicas share one volume, and each takes a directory of its own there: two nodes under one key would
 * tell two stories. What keeps them apart is the lock that the kernel holds on a running node's LevelDB, which a container that
 * was killed no longer has; a directory is made by whoever made its folder.
 */
const HOME = setting('METERS', '/data/meters')
const TICKETS = setting('TICKETS', '/tickets')
const INTERVAL = setting('INTERVAL', '15m')
const MAX_METERS = numberSetting('MAX_METERS', 255, 1)
const SOURCE = setting('SOURCE', '')
/** A folder without a node in it belongs to whoever is about to make one, until it is as old as this. */
const MAKING_MS = 120_000

await mkdir(HOME, { recursive: true, mode: 0o700 })
for (let number = 1; number <= MAX_METERS; number++) {
  const dir = path.join(HOME, `meter-${String(number).padStart(3, '0')}`)
  if (!(await take(dir, number))) continue
  const source = SOURCE === '' ? `household:${number}?solar=${number % 2 === 0 ? '4kWp' : '0kWp'}&interval=${INTERVAL}` : SOURCE
  const { status, output } = await run('run', '--dir', dir, '--interval', INTERVAL, '--source', source)
  if (!output.includes('STORE_LOCKED')) process.exit(status)
}
console.error(`no directory is left in ${HOME}: all ${MAX_METERS} are in use`)
process.exit(1)

/** True where a member's directory is ready to be run, by this container unless another one holds it. */
async function take(dir: string, number: number): Promise<boolean> {
  const isOwn = await mkdir(dir, { recursive: false, mode: 0o700 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false
      throw error
    },
  )
  const mark = path.join(dir, 'joining')
  if (!isOwn && existsSync(path.join(dir, 'genesis.json')) && !existsSync(mark)) return true
  // What was broken off is gone on with by its own container, or by anybody once that is long ago.
  const holder = isOwn ? hostname() : await readFile(mark, 'utf8').catch(() => '')
  if (holder !== hostname() && Date.now() - (await stat(dir)).mtimeMs < MAKING_MS) return false
  await writeFile(mark, hostname())
  await join(dir, number)
  await rm(mark)
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
