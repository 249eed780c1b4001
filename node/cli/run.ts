import type { Command } from 'commander'
import { configOf } from './config.ts'
import { addConfigFlags, configFlags } from './config-flags.ts'
import { addCommand, addDir, type Context, type SharedOptions } from './context.ts'
import { runNode } from './node-process.ts'

export function registerRun(program: Command, context: Context): void {
  const example =
    'wattness run --dir meter-01 --source p1:tcp://192.0.2.7:23\n' +
    "wattness run --dir meter-02 --source 'household:7?solar=4kWp&interval=10s' --interval 10s"
  const command = addDir(
    addCommand(program, 'run', 'run a member: read the meter, seal, replicate. Ends on SIGINT or SIGTERM', example),
  )
  addConfigFlags(command, true).action((flags: SharedOptions & Record<string, unknown>) => run(context, flags))
}

async function run(context: Context, flags: SharedOptions & Record<string, unknown>): Promise<void> {
  const dir = context.dirOf(flags)
  context.status = await runNode(context, flags, dir, configOf(context.io, dir, configFlags(flags)))
}
