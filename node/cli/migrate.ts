import type { Command } from 'commander'
import { explainFullDisk, filesOf, readGenesisFile } from '../directory/index.ts'
import { type MigrationReport, migrateLedger } from '../store/index.ts'
import { addCommand, addDir, type Context, type SharedOptions } from './context.ts'
import { ProgressBar } from './progress-bar.ts'

export function registerMigrate(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'migrate',
      "bring a stopped node's store to this program's schema version, where that takes longer than a start should",
      'wattness migrate --dir meter-01',
    ),
  ).action((flags: SharedOptions) => migrate(context, flags))
}

async function migrate(context: Context, flags: SharedOptions): Promise<void> {
  const dir = context.dirOf(flags)
  const { io } = context
  // Nothing is made in a directory that is none of a node.
  await readGenesisFile(filesOf(dir))
  const bar = new ProgressBar(io, flags.json !== true)
  let report: MigrationReport
  try {
    report = await migrateLedger({
      directory: dir,
      onProgress: ({ what, done, of }) => bar.show(done, of, `${what}: ${done} of ${of}`),
      // Whatever was written by then stays, and is gone on with.
      turn: async () => io.stopped.throwIfAborted(),
    }).catch((error: unknown) => explainFullDisk(dir, error))
  } finally {
    await bar.end()
  }
  await context.print(flags, report, formatReport(report))
}

function formatReport({ from, to, steps }: MigrationReport): string {
  if (from === null) return 'there is no store yet: nothing to do'
  if (steps.length === 0) return `schema version ${to}: nothing to do`
  return [...steps.map((step) => `done: ${step}`), `schema version ${to}`].join('\n')
}
