import type { Command } from 'commander'
import { type JoinRefusal, parseRoles, parseTicket, toHex, WattnessError } from '../../protocol/index.ts'
import { askStatus } from '../control/index.ts'
import { assertGenesisSame, filesOf, readGenesisFile } from '../directory/index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions } from './context.ts'
import { type Admission, type Entered, enterNetwork, seekAdmission } from './enter.ts'
import { socketOf } from './ledger.ts'

interface JoinFlags extends SharedOptions {
  readonly label: string
  readonly roles: string
}

export function registerJoin(program: Command, context: Context): void {
  const example = 'wattness join wattness-ticket:1:… --dir meter-01 --label "Elm Street 12"'
  addDir(addCommand(program, 'join <ticket>', 'make a key and ask for admission; may be repeated until it is granted', example))
    .requiredOption('--label <text>', 'what this meter is called')
    .option('--roles <roles>', 'meter, witness, observer, separated by commas', 'meter')
    .action((ticket: string, flags: JoinFlags) => join(context, ticket, flags))
}

async function join(context: Context, text: string, flags: JoinFlags): Promise<void> {
  const ticket = parseTicket(text)
  const roles = parseRoles(flags.roles)
  const dir = context.dirOf(flags)
  const running = (await askStatus(socketOf(dir)))?.value
  if (running !== undefined && running.self.index !== null) {
    const files = filesOf(dir)
    assertGenesisSame(files, await readGenesisFile(files), ticket.genesis)
    const { key, index, label } = running.self
    return context.print(flags, { joined: true, key, index }, `this node runs already, as member ${index} "${label ?? '?'}"`)
  }
  await enterNetwork(context.io, dir, ticket, async (entered) => {
    const admission = await seekAdmission(context.io, entered, ticket, flags.label, roles)
    await reportAdmission(context, flags, entered, admission)
  })
}

/** Says whether the key was admitted; where not, what to do. Throws JOIN_REFUSED where asking again is of no use. */
export async function reportAdmission(
  context: Context,
  flags: SharedOptions,
  entered: Entered,
  admission: Admission,
): Promise<boolean> {
  const { answer, request, requestText, failures } = admission
  const { files, genesis, signer } = entered
  const key = toHex(signer.publicKey)
  if (answer?.type === 'accepted') {
    const { registrarSize } = answer
    const text = `joined "${genesis.name}" as ${key}\nnext: wattness run --dir ${files.dir} --source SPEC`
    await context.print(flags, { joined: true, key, registrarSize }, text)
    return true
  }
  if (answer !== undefined && answer.code !== 'INVITATION_REQUIRED') {
    throw new WattnessError('JOIN_REFUSED', `the registrar refused: ${REFUSAL_TEXT[answer.code]} (${answer.code})`, {
      code: answer.code,
      key,
    })
  }
  const why =
    answer !== undefined
      ? 'this ticket holds no invitation'
      : failures.length === 0
        ? 'the ticket names no address of the registrar'
        : `the registrar cannot be reached:\n  ${failures.join('\n  ')}`
  // With an invitation in hand the newcomer was to be let in now, and was not.
  if (request.invited !== undefined) context.status = FOUND_WRONG
  await context.note(`not a member yet: ${why}`)
  await context.note(
    'have the registrar run: wattness member admit REQUEST --dir DIR, or run this command again later. The request:',
  )
  await context.print(flags, { joined: false, key, request: requestText, failures }, requestText)
  return false
}

const REFUSAL_TEXT: Readonly<Record<JoinRefusal, string>> = {
  WRONG_NETWORK: 'the request is for another network',
  UNACCEPTABLE_KEY: 'this key must not be admitted; start with an empty directory',
  BAD_SIGNATURE: "the request's signature is wrong",
  ALREADY_MEMBER: 'this key is a member already',
  REVOKED: 'this key was revoked; start with an empty directory',
  MEMBERS_FULL: 'the network has all the members that it can have',
  INVITATION_REQUIRED: 'an invitation is needed',
  INVITATION_INVALID: "the ticket's invitation is not the registrar's",
  INVITATION_EXPIRED: "the ticket's invitation has expired; ask for a new ticket",
  INVITATION_USED: "the ticket's invitation was used by somebody else; ask for a new ticket",
  ROLES_NOT_GRANTED: 'the invitation is not for these roles; see --roles',
  NOT_THE_REGISTRAR: 'the node that answered is not the registrar',
  BUSY: 'the registrar is busy; run this command again',
  WITNESSES_FULL: 'the network has all the witnesses that it can have; see --roles',
}
