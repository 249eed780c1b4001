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
/** There from before the first attempt until it has joined: one that was broken off is gone on with. */
const JOINING = path.join(DIR, 'joining')

await mkdir(DIR, { recursive: true, mode: 0o700 })
if (!existsSync(path.join(DIR, 'genesis.json')) || existsSync(JOINING)) await join()
process.exit((await run('run', '--dir', DIR, '--interval', INTERVAL, '--source', SOURCE)).status)

async function join(): Promise<void> {
  await writeFile(JOINING, '')
  await until('an invitation', async () => {
    // Read anew each time: a ticket that was wrong is put right by another one.
    const ticket = (await readFile(path.join(TICKETS, NAME), 'utf8').catch(() => '')).trim()
    if (ticket === '') return undefined
    await ask('join', ticket, '--dir', DIR, '--label', NAME)
    return true
  })
  await rm(JOINING)
}
