import { CommanderError } from 'commander'
import { isWattnessError } from '../../protocol/index.ts'
import { type ExitStatus, FINE, FOUND_WRONG, type SharedOptions, WRONG_USAGE } from './context.ts'
import { type Io, write } from './io.ts'

/** What the person at the keyboard got wrong, rather than what was found. */
const USAGE_CODES = new Set([
  'USAGE',
  'CONFIG_INVALID',
  'QUERY_INVALID',
  'TICKET_INVALID',
  'REQUEST_INVALID',
  'MEMBER_UNKNOWN',
  'MEMBER_AMBIGUOUS',
  'FILE_EXISTS',
  'ROLES_INVALID',
  'LABEL_INVALID',
  'ADDRESS_INVALID',
  'SOURCE_SPEC_MALFORMED',
  'SOURCE_KIND_UNKNOWN',
  'SOURCE_OPTION_INVALID',
  'GENESIS_INVALID',
  'OUT_OF_RANGE',
])

export interface FailureOptions extends SharedOptions {
  readonly isVerbose: boolean
}

/** UNEXPECTED for what should not happen. */
export function codeOf(error: unknown): string {
  return isWattnessError(error) || error instanceof CommanderError ? error.code : 'UNEXPECTED'
}

/** Says what went wrong, in a line (or the few that a message has), never with a stack unless asked; answers the status. */
export async function reportFailure(io: Io, error: unknown, options: FailureOptions): Promise<ExitStatus> {
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? FINE : WRONG_USAGE
  const known = isWattnessError(error)
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  if (options.json === true) {
    await write(io.stdout, `${JSON.stringify({ error: { code, message, data: known ? error.data : {} } })}\n`)
  }
  // Ctrl-C is no surprise.
  const hint = known || error === io.stopped.reason || options.isVerbose ? '' : ' (this should not happen: --verbose shows where)'
  // Others' messages may have a stack of their own in them.
  const shown = known || options.isVerbose ? message : (message.split('\n')[0] as string)
  await write(io.stderr, `wattness: ${shown}${hint}\n`)
  if (options.isVerbose && error instanceof Error) await write(io.stderr, `${code}\n${error.stack ?? ''}\n`)
  return known && USAGE_CODES.has(code) ? WRONG_USAGE : FOUND_WRONG
}
