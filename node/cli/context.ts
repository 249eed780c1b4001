import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WattnessError } from '../../protocol/index.ts'
import { type Io, write } from './io.ts'

/** Exit statuses, the same for every command. */
export const FINE = 0
export const FOUND_WRONG = 1
export const WRONG_USAGE = 2
export type ExitStatus = typeof FINE | typeof FOUND_WRONG | typeof WRONG_USAGE

/** How a command ended. */
export interface Ended {
  readonly status: ExitStatus
  /** The code of what it could not go on with; what it was stopped by is none. */
  readonly failure?: string
}

/** What `--dir` and `--json` mean to every command. */
export interface SharedOptions {
  readonly dir?: string
  readonly json?: boolean
}

/** One run of the command line: where a command finds its surroundings and leaves its exit status. */
export class Context {
  readonly io: Io
  status: ExitStatus = FINE
  /** `--verbose`: unexpected errors show where they came from. */
  isVerbose = false

  constructor(io: Io) {
    this.io = io
  }

  /** A result: the line of JSON, or the text. */
  async print(options: SharedOptions, value: object, text: string): Promise<void> {
    await write(this.io.stdout, options.json === true ? `${JSON.stringify(value)}\n` : `${text}\n`)
  }

  /** For the person beside the result. */
  async note(text: string): Promise<void> {
    await write(this.io.stderr, `${text}\n`)
  }

  /** The absolute directory of `--dir`, else of WATTNESS_DIR. Throws USAGE. */
  dirOf(options: SharedOptions): string {
    const dir = options.dir ?? this.io.environment['WATTNESS_DIR']
    if (dir === undefined || dir === '') throw usage('--dir <directory> is missing (or WATTNESS_DIR in the environment)')
    return resolve(dir)
  }
}

export function usage(message: string): WattnessError {
  return new WattnessError('USAGE', message)
}

export type Register = (program: Command, context: Context) => void

/** A command with the house's options and an example under its help. */
export function addCommand(parent: Command, nameAndArguments: string, description: string, example: string): Command {
  return parent
    .command(nameAndArguments)
    .description(description)
    .option('--json', 'machine-readable result')
    .addHelpText('after', `\nExample:\n  ${example.split('\n').join('\n  ')}`)
}

export function addDir(command: Command): Command {
  return command.option('--dir <directory>', "the node's directory (default: WATTNESS_DIR in the environment)")
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value]
}
