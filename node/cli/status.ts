import type { Command } from 'commander'
import { askStatus, describeStatus, formatStatus, readStatus, type StatusAnswer, unknownText } from '../control/index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions } from './context.ts'
import { socketOf, withStore } from './ledger.ts'

export function registerStatus(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'status',
      "a running node's or a stopped store's state: chains, what is final of them, witnesses, peers, waiting readings",
      'wattness status --dir meter-01',
    ),
  ).action((options: SharedOptions) => status(context, options))
}

async function status(context: Context, options: SharedOptions): Promise<void> {
  const { value: found, unknown, answer } = await statusOf(context.dirOf(options))
  const isOwnChainStopped = found.chains.some(({ key, quarantined }) => quarantined && key === found.self.key)
  const isHalted = found.finality.halted !== null
  if (isOwnChainStopped || isHalted || found.damage.length > 0 || found.setAside > 0) context.status = FOUND_WRONG
  const isWhole = unknown.length === 0
  const note = isWhole ? '' : `\nnot known  ${unknownText(unknown, found.running?.version)}`
  await context.print(options, isWhole ? answer : { ...answer, unknown }, formatStatus(found) + note)
}

/** From the running node where there is one. */
async function statusOf(dir: string): Promise<StatusAnswer> {
  return (await askStatus(socketOf(dir))) ?? readStatus(await withStore(dir, (view) => describeStatus(view, null)))
}
