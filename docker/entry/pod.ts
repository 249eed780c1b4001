import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { ask, run, setting, until } from './command.ts'

/**
 * A meter's pod of a StatefulSet: its volume and its name are its own, for as long as the set has that number. It joins with the
 * invitation that lies under its name among the tickets; nobody else has a use for it once that is done.
 */
const DIR = setting('WATTNESS_DIR', '/data/meter')
const TICKETS = setting('TICKETS', '/tickets')
const INTERVAL = setting('INTERVAL', '15m')
const NAME = setting('POD_NAME', hostname())
const number = Number(/-(\d+)$/.exec(NAME)?.[1] ?? 0) + 1
const SOURCE = setting('SOURCE', `household:${number}?solar=${number % 2 === 0 ? '4kWp' : '0kWp'}&interval=${INTERVAL}`)
/** Kept until it has done its work: a join that was broken off goes on with the same one. */
const KEPT = path.join(DIR, 'ticket')

await mkdir(DIR, { recursive: true, mode: 0o700 })
if (!existsSync(path.join(DIR, 'genesis.json')) || existsSync(KEPT)) await join()
process.exit((await run('run', '--dir', DIR, '--interval', INTERVAL, '--source', SOURCE)).status)

async function join(): Promise<void> {
  if (!existsSync(KEPT)) {
    const found = await until('an invitation', () => readFile(path.join(TICKETS, NAME), 'utf8').catch(() => undefined))
    await writeFile(KEPT, found, { mode: 0o600 })
  }
  const ticket = (await readFile(KEPT, 'utf8')).trim()
  await until('admission', () => ask('join', ticket, '--dir', DIR, '--label', NAME).then(() => true))
  await rm(KEPT)
}
