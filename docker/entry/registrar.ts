import { existsSync } from 'node:fs'
import { chmod, readdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ask, numberSetting, run, setting, until } from './command.ts'

/**
 * The registrar's container: makes the network once, runs its first member, and lays out invitations in a volume that only
 * containers of this neighbourhood share. Each admits one key, once, whoever takes it first.
 */
const DIR = setting('WATTNESS_DIR', '/data/registrar')
const TICKETS = setting('TICKETS', '/tickets')
const NAME = setting('NETWORK_NAME', 'Compose Street')
/** Invitations that lie ready: more meters than this wait a moment. */
const SPARE = numberSetting('SPARE_INVITATIONS', 8, 1)
/** Meters that become witnesses once so many have joined; 0: nobody, and nothing is final. */
const WITNESSES = numberSetting('WITNESSES', 4, 0)
const HOST = setting('ANNOUNCE_HOST', 'registrar')
const PAUSE_MS = 1_000
let isAppointed = false

if (!existsSync(path.join(DIR, 'genesis.json'))) await ask('network', 'create', '--name', NAME, '--open-observers', '--dir', DIR)
const node = run('run', '--dir', DIR, '--announce', `/dns4/${HOST}/tcp/4001`)
void serve().catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
process.exit((await node).status)

async function serve(): Promise<never> {
  await until(
    'the registrar',
    async () => (JSON.parse(await ask('status', '--json', '--dir', DIR)) as Status).running ?? undefined,
  )
  await lay('observer.ticket', await ask('ticket', '--dir', DIR))
  for (let serial = Date.now(); ; serial++) {
    const waiting = (await readdir(TICKETS)).filter((name) => name.endsWith('.invitation'))
    if (waiting.length < SPARE)
      await lay(`${serial}.invitation`, await ask('ticket', '--invite', '--roles', 'meter', '--dir', DIR))
    else {
      await appoint()
      await wait(PAUSE_MS)
    }
  }
}

/** Nobody reads half a ticket: it gets its name once it is whole. */
async function lay(name: string, text: string): Promise<void> {
  const aside = path.join(TICKETS, `.${name}`)
  await writeFile(aside, `${text}\n`, { mode: 0o600 })
  await chmod(aside, 0o600)
  await rename(aside, path.join(TICKETS, name))
}

interface Status {
  readonly running: object | null
}

interface Listed {
  readonly index: number
  readonly roles: string
  readonly revoked: object | null
}

/** The first meters that joined sign what they hold of all chains: in one block, one epoch. */
async function appoint(): Promise<void> {
  if (WITNESSES === 0 || isAppointed) return
  const members = JSON.parse(await ask('member', 'list', '--json', '--dir', DIR)) as readonly Listed[]
  isAppointed = members.some(({ roles }) => roles.includes('witness'))
  const meters = members.filter(({ roles, revoked }) => revoked === null && roles.split(',').includes('meter'))
  const ready = meters.filter(({ roles }) => !roles.includes('registrar')).slice(0, WITNESSES)
  if (isAppointed || ready.length < WITNESSES) return
  await ask('member', 'role', ready.map(({ index }) => index).join(','), 'meter,witness', '--dir', DIR)
  console.error(`members ${ready.map(({ index }) => index).join(', ')} are witnesses from now on`)
}
