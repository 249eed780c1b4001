import type { Command } from 'commander'
import {
  equalBytes,
  formatRoles,
  formatTicket,
  type Genesis,
  type HeldInvitation,
  MAX_TICKET_ADDRESSES,
  parseRoles,
  type Signer,
  signInvitation,
  toHex,
  WattnessError,
} from '../../protocol/index.ts'
import { askStatus } from '../control/index.ts'
import {
  type DirectoryFiles,
  filesOf,
  promiseAddresses,
  readAddresses,
  readGenesisFile,
  readKeyFile,
} from '../directory/index.ts'
import { createSigner, generateSeed } from '../index.ts'
import { configOf } from './config.ts'
import { addCommand, addDir, type Context, collect, type SharedOptions } from './context.ts'
import { durationOf } from './network.ts'

interface TicketFlags extends SharedOptions {
  readonly invite?: boolean
  readonly roles: string
  readonly expires: string
  readonly address?: readonly string[]
}

export function registerTicket(program: Command, context: Context): void {
  const example = 'wattness ticket --dir registrar --invite --expires 2d'
  addDir(addCommand(program, 'ticket', 'print a ticket: all that a new node needs, in one line', example))
    .option('--invite', 'with a single-use invitation; only the registrar can')
    .option('--roles <roles>', 'the most that the invitation may be used for', 'meter')
    .option('--expires <duration>', 'how long the invitation is valid', '7d')
    .option('--address <address>', 'where newcomers connect (default: the addresses of this node); may be repeated', collect)
    .action((flags: TicketFlags) => ticket(context, flags))
}

async function ticket(context: Context, flags: TicketFlags): Promise<void> {
  const files = filesOf(context.dirOf(flags))
  const genesis = await readGenesisFile(files)
  const signer = createSigner(await readKeyFile(files))
  const held = flags.invite === true ? invite(context, genesis, signer, flags) : undefined
  const all = flags.address ?? (await addressesOf(context, files, signer.publicKey))
  const addresses = all.slice(0, MAX_TICKET_ADDRESSES)
  const text = formatTicket(held === undefined ? { genesis, addresses } : { genesis, addresses, held })
  const terms = held?.invitation
  const invitation =
    terms === undefined
      ? null
      : { key: toHex(terms.key), roles: formatRoles(terms.roles), expiresAt: new Date(terms.expiresAt).toISOString() }
  await context.print(
    flags,
    { ticket: text, network: { name: genesis.name, id: toHex(genesis.networkId) }, addresses, invitation },
    text,
  )
  if (invitation !== null) {
    await context.note(`whoever has this ticket may join once as ${invitation.roles}, until ${invitation.expiresAt}`)
  }
  if (addresses.length === 0)
    await context.note('the ticket names no address: start the node and make it again, or give --address')
}

function invite(context: Context, genesis: Genesis, signer: Signer, { roles, expires }: TicketFlags): HeldInvitation {
  if (!equalBytes(signer.publicKey, genesis.registrar)) {
    throw new WattnessError('NOT_THE_REGISTRAR', "only the registrar's directory can invite: its key signs the invitation")
  }
  const { clock, random } = context.io.platform
  const seed = generateSeed(random)
  const expiresAt = clock.now() + durationOf('--expires', expires)
  const terms = { key: createSigner(seed).publicKey, roles: parseRoles(roles), expiresAt }
  return { invitation: signInvitation(signer, genesis.networkId, terms), seed }
}

/** The running node's; else where it was last; else where it will be. */
async function addressesOf(context: Context, files: DirectoryFiles, key: Uint8Array): Promise<readonly string[]> {
  const running = (await askStatus(files.controlSocket))?.value.running
  if (running && running.addresses.length > 0) return running.addresses
  const last = await readAddresses(files)
  if (last.length > 0) return last
  const { config } = configOf(context.io, files.dir)
  return config.announce.length > 0 ? config.announce : promiseAddresses(files, config.listen, key)
}
