import type { Command } from 'commander'
import { toleratedOf } from '../../protocol/index.ts'
import {
  type AdmitOrder,
  type AdmitResult,
  admitMember,
  askControl,
  askMembers,
  changeRoles,
  describeMembers,
  formatQuorum,
  type ListedMember,
  type ReplaceOrder,
  type ReplaceResult,
  type RevokeResult,
  type RolesResult,
  replaceMember,
  revokeMember,
  unknownText,
  type WitnessChange,
} from '../control/index.ts'
import { verifySignature } from '../index.ts'
import { addCommand, addDir, type Context, type SharedOptions } from './context.ts'
import { socketOf, withStoppedNode, withStore } from './ledger.ts'

interface RegistrarFlags extends SharedOptions {
  readonly sealAlone?: boolean
}

interface ReplaceFlags extends RegistrarFlags {
  readonly label?: string
}

interface AdmitFlags extends RegistrarFlags {
  readonly label?: string
  readonly roles?: string
}

const SEAL_ALONE = 'write without hearing from a neighbour first, where the node is stopped: no other copy of this key may exist'

export function registerMember(program: Command, context: Context): void {
  const member = program.command('member').description("the registrar's side of membership")
  const example = 'wattness member admit wattness-request:1:… --dir registrar'
  addDir(addCommand(member, 'admit <who>', 'admit a pasted request, or a key with the label and roles given', example))
    .option('--label <text>', 'for a bare key (default: its first digits)')
    .option('--roles <roles>', 'for a bare key: meter, witness, observer, separated by commas (default: meter)')
    .option('--seal-alone', SEAL_ALONE)
    .action((who: string, flags: AdmitFlags) => admit(context, who, flags))
  addDir(addCommand(member, 'list', 'who belongs to the network', 'wattness member list --dir registrar')).action(
    (options: SharedOptions) => list(context, options),
  )
  addDir(
    addCommand(
      member,
      'revoke <member>',
      "end a member's chain at what the registrar holds of it",
      'wattness member revoke 3 --dir registrar',
    ),
  )
    .option('--seal-alone', SEAL_ALONE)
    .action((name: string, flags: RegistrarFlags) => revoke(context, name, flags))
  addDir(
    addCommand(
      member,
      'role <members> <roles>',
      'give a member, or several separated by commas, other roles: all that they have from then on',
      'wattness member role 1,2,3,4 meter,witness --dir registrar',
    ),
  )
    .option('--seal-alone', SEAL_ALONE)
    .action((name: string, roles: string, flags: RegistrarFlags) => changeRolesOf(context, name, roles, flags))
  addDir(
    addCommand(
      member,
      'replace <member> <by>',
      "end a member's chain at what is final of it, and let a new key go on: a pasted request, or a key",
      'wattness member replace 3 wattness-request:1:… --dir registrar',
    ),
  )
    .option('--label <text>', "for a bare key (default: the old one's)")
    .option('--seal-alone', SEAL_ALONE)
    .action((name: string, by: string, flags: ReplaceFlags) => replace(context, name, by, flags))
}

async function admit(context: Context, who: string, flags: AdmitFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { label, roles } = flags
  const order: AdmitOrder = { who, ...(label === undefined ? {} : { label }), ...(roles === undefined ? {} : { roles }) }
  const { random } = context.io.platform
  const result =
    (await askControl<AdmitResult>(socketOf(dir), 'POST', '/members/admit', order)) ??
    (await withStoppedNode(dir, flags.sealAlone === true, ({ node }) => admitMember(node, random, order)))
  const { index, key, registrarSize } = result
  const named = result.label === null ? '' : `"${result.label}" `
  const text = `member ${index} ${named}${key} counts from size ${registrarSize} of the registrar's chain`
  await context.print(flags, result, text)
  await noteWitnesses(context, result)
}

/** Who changes the witnesses is told what it comes to while it can still be changed again. */
async function noteWitnesses(context: Context, { witnesses }: WitnessChange): Promise<void> {
  if (witnesses === undefined || toleratedOf(witnesses) > 0) return
  const meaning = witnesses === 0 ? '' : '; while one of them is away nothing more becomes final'
  await context.note(`WARNING: once this counts, the network has ${formatQuorum(witnesses)}${meaning}`)
}

async function list(context: Context, options: SharedOptions): Promise<void> {
  const dir = context.dirOf(options)
  const { value: members, unknown } =
    (await askMembers(socketOf(dir))) ??
    (await withStore(dir, (view) => Promise.resolve({ value: describeMembers(view), unknown: [] })))
  await context.print(options, members, members.map(listLine).join('\n'))
  if (unknown.length > 0) await context.note(`not known: ${unknownText(unknown)}`)
}

function listLine({ index, key, label, roles, replaces, revoked, counts }: ListedMember): string {
  const notes = [
    replaces === null ? undefined : `goes on for ${replaces}`,
    revoked === null ? undefined : endText(revoked),
    counts ? undefined : 'not final yet',
  ].filter((note) => note !== undefined)
  const row = `${String(index).padStart(3)}  ${key}  ${roles.padEnd(13)}  ${label ?? '?'}`
  return [row, ...notes].join('  ')
}

function endText({ endSize, replacedBy }: NonNullable<ListedMember['revoked']>): string {
  return replacedBy === null ? `revoked after ${endSize} blocks` : `replaced by ${replacedBy} after ${endSize} blocks`
}

async function revoke(context: Context, name: string, flags: RegistrarFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const result =
    (await askControl<RevokeResult>(socketOf(dir), 'POST', '/members/revoke', { member: name })) ??
    (await withStoppedNode(dir, flags.sealAlone === true, ({ node }) => revokeMember(node, name)))
  await context.print(
    flags,
    result,
    `member ${result.index} ${result.key} is revoked; ${result.endSize} blocks of its chain stay`,
  )
  await noteWitnesses(context, result)
}

async function changeRolesOf(context: Context, name: string, roles: string, flags: RegistrarFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const result =
    (await askControl<RolesResult>(socketOf(dir), 'POST', '/members/role', { member: name, roles })) ??
    (await withStoppedNode(dir, flags.sealAlone === true, ({ node }) => changeRoles(node, name, roles)))
  const lines = result.members.map(({ index, key, roles: given }) => `member ${index} ${key} is ${given}`)
  await context.print(flags, result, lines.join('\n'))
  await noteWitnesses(context, result)
}

async function replace(context: Context, name: string, by: string, flags: ReplaceFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { label } = flags
  const order: ReplaceOrder = { member: name, by, ...(label === undefined ? {} : { label }) }
  const { clock, random } = context.io.platform
  const tools = { clock, random, verify: verifySignature }
  const result =
    (await askControl<ReplaceResult>(socketOf(dir), 'POST', '/members/replace', order)) ??
    (await withStoppedNode(dir, flags.sealAlone === true, ({ node }) => replaceMember(node, tools, order)))
  const { index, key, registrarSize, replaces } = result
  const named = result.label === null ? '' : `"${result.label}" `
  await context.print(
    flags,
    result,
    `member ${index} ${named}${key} goes on for member ${replaces.index}, of whose chain ${replaces.endSize} blocks stay; ` +
      `it counts from size ${registrarSize} of the registrar's chain`,
  )
  await noteWitnesses(context, result)
}
