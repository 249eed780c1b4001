import type { Command } from 'commander'
import {
  type AdmitOrder,
  type AdmitResult,
  admitMember,
  askControl,
  describeMembers,
  type MemberLine,
  type RevokeResult,
  revokeMember,
} from '../control/index.ts'
import { addCommand, addDir, type Context, type SharedOptions } from './context.ts'
import { socketOf, withStoppedNode, withStore } from './ledger.ts'

interface RegistrarFlags extends SharedOptions {
  readonly sealAlone?: boolean
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
    .option('--roles <roles>', 'for a bare key: meter, witness, observer, separated by commas (default: meter,witness)')
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
}

async function list(context: Context, options: SharedOptions): Promise<void> {
  const dir = context.dirOf(options)
  const members =
    (await askControl<MemberLine[]>(socketOf(dir), 'GET', '/members')) ??
    (await withStore(dir, ({ membership }) => Promise.resolve(describeMembers(membership))))
  const lines = members.map(({ index, key, label, roles, revoked }) => {
    const end = revoked === null ? '' : `  revoked after ${revoked.endSize} blocks`
    return `${String(index).padStart(3)}  ${key}  ${roles.padEnd(13)}  ${label ?? '?'}${end}`
  })
  await context.print(options, members, lines.join('\n'))
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
}
