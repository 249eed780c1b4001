import { existsSync } from 'node:fs'
import { chmod, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ask, invitationsIn, isAnswering, numberSetting, run, setting, until } from './command.ts'

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
let isTicketLaid = false

if (!existsSync(path.join(DIR, 'genesis.json'))) await ask('network', 'create', '--name', NAME, '--open-observers', '--dir', DIR)
const node = run('run', '--dir', DIR, '--announce', `/dns4/${HOST}/tcp/4001`)
void serve()
process.exit((await node).status)

/** Whatever fails is said, and tried again: the node beside it goes on. */
async function serve(): Promise<never> {
  // Until the node answers whoever asks opens the store, and would lock the node out.
  await until('the registrar', async () => ((await isAnswering(DIR)) ? true : undefined), Number.POSITIVE_INFINITY)
  for (let said = ''; ; ) {
    try {
      await layOut()
      said = ''
    } catch (error) {
      const { message } = error as Error
      if (message !== said) console.error(message)
      said = message
    }
    await wait(PAUSE_MS)
  }
}

async function layOut(): Promise<void> {
  const ticket = 'observer.ticket'
  // The addresses in the one from before may be others by now.
  if (!isTicketLaid || !existsSync(path.join(TICKETS, ticket))) await lay(ticket, await ask('ticket', '--dir', DIR))
  isTicketLaid = true
  while ((await invitationsIn(TICKETS)).length < SPARE)
    await lay(`${Date.now()}.invitation`, await ask('ticket', '--invite', '--roles', 'meter', '--dir', DIR))
  await appoint()
}

/** Nobody reads half a ticket: it gets its name once it is whole. */
async function lay(name: string, text: string): Promise<void> {
  const aside = path.join(TICKETS, `.${name}`)
  await writeFile(aside, `${text}\n`, { mode: 0o600 })
  await chmod(aside, 0o600)
  await rename(aside, path.join(TICKETS, name))
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
