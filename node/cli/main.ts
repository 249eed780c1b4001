import { Command } from 'commander'
import { programVersion } from '../version.ts'
import { registerArchive } from './archive.ts'
import { registerBlocks } from './blocks.ts'
import { registerCheck } from './check.ts'
import { registerConfig } from './config.ts'
import { Context, type ExitStatus, type Register } from './context.ts'
import { registerDemo } from './demo.ts'
import { registerEvidence } from './evidence.ts'
import { registerExport } from './export.ts'
import { reportFailure } from './failure.ts'
import { registerImport } from './import.ts'
import { type Io, write } from './io.ts'
import { registerJoin } from './join.ts'
import { registerMember } from './member.ts'
import { registerMigrate } from './migrate.ts'
import { registerNetwork } from './network.ts'
import { registerObserve } from './observe.ts'
import { registerProve } from './prove.ts'
import { registerPrune } from './prune.ts'
import { registerRead } from './read.ts'
import { registerRepair } from './repair.ts'
import { registerRun } from './run.ts'
import { registerStatus } from './status.ts'
import { registerTicket } from './ticket.ts'
import { registerVerify } from './verify.ts'

/** In the order of the help. */
const COMMANDS: readonly Register[] = [
  registerDemo,
  registerNetwork,
  registerTicket,
  registerJoin,
  registerRun,
  registerObserve,
  registerStatus,
  registerBlocks,
  registerExport,
  registerVerify,
  registerRepair,
  registerMigrate,
  registerPrune,
  registerArchive,
  registerEvidence,
  registerProve,
  registerCheck,
  registerMember,
  registerRead,
  registerImport,
  registerConfig,
]

/** Runs one command line, the words after the program's name; never throws and never ends the process. */
export async function main(words: readonly string[], io: Io): Promise<ExitStatus> {
  const context = new Context(io)
  context.isVerbose = words.includes('--verbose')
  const program = createProgram(context)
  try {
    await program.parseAsync([...words], { from: 'user' })
    return context.status
  } catch (error) {
    return reportFailure(io, error, { json: words.includes('--json'), isVerbose: context.isVerbose })
  }
}

function createProgram(context: Context): Command {
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
  for (const register of COMMANDS) register(program, context)
  return program
}
