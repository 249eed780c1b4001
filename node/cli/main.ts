import { Command } from 'commander'
import { loadPart } from '../part.ts'
import { programVersion } from '../version.ts'
import { Context, type Ended, type ExitStatus, type Register } from './context.ts'
import { codeOf, reportFailure } from './failure.ts'
import { type Io, write } from './io.ts'

/** In the order of the help, by their names. Each is loaded where it is called, with what it needs; all for the help. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  demo: async () => (await import('./demo.ts')).registerDemo,
  network: async () => (await import('./network.ts')).registerNetwork,
  ticket: async () => (await import('./ticket.ts')).registerTicket,
  join: async () => (await import('./join.ts')).registerJoin,
  run: async () => (await import('./run.ts')).registerRun,
  observe: async () => (await import('./observe.ts')).registerObserve,
  status: async () => (await import('./status.ts')).registerStatus,
  blocks: async () => (await import('./blocks.ts')).registerBlocks,
  export: async () => (await import('./export.ts')).registerExport,
  verify: async () => (await import('./verify.ts')).registerVerify,
  repair: async () => (await import('./repair.ts')).registerRepair,
  migrate: async () => (await import('./migrate.ts')).registerMigrate,
  prune: async () => (await import('./prune.ts')).registerPrune,
  archive: async () => (await import('./archive.ts')).registerArchive,
  evidence: async () => (await import('./evidence.ts')).registerEvidence,
  prove: async () => (await import('./prove.ts')).registerProve,
  check: async () => (await import('./check.ts')).registerCheck,
  member: async () => (await import('./member.ts')).registerMember,
  read: async () => (await import('./read.ts')).registerRead,
  frames: async () => (await import('./frames.ts')).registerFrames,
  import: async () => (await import('./import.ts')).registerImport,
  config: async () => (await import('./config.ts')).registerConfig,
}

/** Runs one command line, the words after the program's name; never throws and never ends the process. */
export async function main(words: readonly string[], io: Io): Promise<ExitStatus> {
  return (await attempt(words, io)).status
}

/** The same, for those who have another way to go where it fails. */
export async function attempt(words: readonly string[], io: Io): Promise<Ended> {
  const context = new Context(io)
  context.isVerbose = words.includes('--verbose')
  try {
    const program = await createProgram(context, words)
    await program.parseAsync([...words], { from: 'user' })
    return { status: context.status }
  } catch (error) {
    const status = await reportFailure(io, error, { json: words.includes('--json'), isVerbose: context.isVerbose })
    return io.stopped.aborted ? { status } : { status, failure: codeOf(error) }
  }
}

async function createProgram(context: Context, words: readonly string[]): Promise<Command> {
  const { io } = context
  const program = new Command('wattness')
    .description('The ledger that electricity meters keep together, without a server')
    .version(programVersion(), '--version')
    .option('--verbose', 'show where unexpected errors came from')
    .helpOption('-h, --help', 'display help')
    .addHelpText('after', '\nExit status: 0 fine, 1 found something wrong, 2 wrong usage.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void write(io.stdout, text),
      writeErr: (text) => void write(io.stderr, text.replace(/^error: /, 'wattness: ')),
    })
    .showHelpAfterError('(wattness COMMAND --help says more)')
  for (const [name, load] of commandsOf(words)) {
    const register = await loadPart(`the command ${name}`, load)
    register(program, context)
  }
  return program
}

/** The one that is called; none for the version alone; else all, be it for the help or to say what was meant. */
function commandsOf(words: readonly string[]): readonly (readonly [name: string, load: () => Promise<Register>])[] {
  const [first, ...rest] = words.filter((word) => word !== '--verbose')
  if (first === '--version' && rest.length === 0) return []
  const load = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  return load === undefined ? Object.entries(COMMANDS) : [[first as string, load]]
}
