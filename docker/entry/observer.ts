import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { run, setting, until } from './command.ts'

/** An observer's container: anybody may read here, so it needs a ticket and no invitation. */
const DIR = setting('WATTNESS_DIR', '/data/observer')
const TICKETS = setting('TICKETS', '/tickets')

const isKnown = existsSync(path.join(DIR, 'genesis.json'))
const ticket = isKnown
  ? []
  : [await until('a ticket', () => readFile(path.join(TICKETS, 'observer.ticket'), 'utf8').catch(() => undefined))]
const address = setting('PUBLISHED', '')
if (address !== '') console.error(`the neighbourhood is shown at ${address}`)
process.exit((await run('observe', ...ticket.map((each) => each.trim()), '--dir', DIR)).status)
