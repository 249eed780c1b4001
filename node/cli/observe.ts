import type { Command } from 'commander'
import { isWattnessError, parseTicket, ROLE_OBSERVER, type Ticket, toHex } from '../../protocol/index.ts'
import { filesOf, readGenesisFile } from '../directory/index.ts'
import { configOf } from './config.ts'
import { addConfigFlags, configFlags } from './config-flags.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'
import { enterNetwork, seekAdmission } from './enter.ts'
import { reportAdmission } from './join.ts'
import { runNode } from './node-process.ts'

/** What an observer is for is to be asked: on this machine alone, unless its operator says more. */
const OBSERVER_HTTP = '8080'

type ObserveFlags = SharedOptions & Record<string, unknown> & { readonly label?: string }

export function registerObserve(program: Command, context: Context): void {
  const example = 'wattness observe wattness-ticket:1:… --dir observer\nwattness observe --dir observer'
  const command = addDir(
    addCommand(program, 'observe [ticket]', 'run a read-only node; the ticket is needed the first time', example),
  ).option('--label <text>', 'what it is called, where the network admits listed observers only')
  addConfigFlags(command, false).action((ticket: string | undefined, flags: ObserveFlags) => observe(context, ticket, flags))
}

async function observe(context: Context, text: string | undefined, flags: ObserveFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const ticket = text === undefined ? undefined : parseTicket(text)
  const config = configOf(context.io, dir, configFlags(flags))
  if (ticket === undefined) await assertEntered(dir)
  else if (!(await enter(context, dir, ticket, flags))) return
  const isHttpPreset = config.origins.http === 'default'
  const http = isHttpPreset ? OBSERVER_HTTP : config.config.http
  context.status = await runNode(context, flags, dir, {
    ...config,
    config: { ...config.config, http, sources: [] },
    isHttpPreset,
  })
}

async function assertEntered(dir: string): Promise<void> {
  try {
    await readGenesisFile(filesOf(dir))
  } catch (error) {
    if (!isWattnessError(error, 'NO_NETWORK')) throw error
    throw usage(`${dir} belongs to no network yet: the first time, \`observe\` needs a ticket`)
  }
}

/** True once this key may read: at once in an open network, after admission in one that lists its observers. */
async function enter(context: Context, dir: string, ticket: Ticket, flags: ObserveFlags): Promise<boolean> {
  const mayRead = await enterNetwork(context.io, dir, ticket, async (entered) => {
    if (ticket.genesis.observers === 'open') return true
    const label = flags.label ?? `observer ${toHex(entered.signer.publicKey).slice(0, 8)}`
    const admission = await seekAdmission(context.io, entered, ticket, label, ROLE_OBSERVER)
    if (admission.answer?.type === 'accepted') return true
    await reportAdmission(context, flags, entered, admission)
    return false
  })
  if (!mayRead) context.status = FOUND_WRONG
  return mayRead
}
