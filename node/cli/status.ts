import type { Command } from 'commander'
import { askControl, describeStatus, formatStatus, type Status } from '../control/index.ts'
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
  const dir = context.dirOf(options)
  const found = await statusOf(dir)
  const isOwnChainStopped = found.chains.some(({ key, quarantined }) => quarantined && key === found.self.key)
  const isHalted = found.finality.halted !== null
  if (isOwnChainStopped || isHalted || found.damage.length > 0 || found.setAside > 0) context.status = FOUND_WRONG
  await context.print(options, found, formatStatus(found))
}

/** From the running node where there is one. */
export async function statusOf(dir: string): Promise<Status> {
  const answer = await askControl<Status>(socketOf(dir), 'GET', '/status')
  return answer ?? withStore(dir, (view) => describeStatus(view, null))
}
