import type { Command } from 'commander'
import { FORMATS, writeReadings } from '../collect/index.ts'
import { addCommand, type Context, FOUND_WRONG, type SharedOptions } from './context.ts'

/** Told, though nothing that was whole was refused for it. */
const NOTHING_REFUSED: ReadonlySet<string> = new Set(['P1_CLOCK_INVALID', 'P1_STREAM_MIDWAY'])

interface ReadFlags extends SharedOptions {
  readonly format?: string
  readonly map?: string
}

export function registerRead(program: Command, context: Context): void {
  const formats = FORMATS.map(({ name }) => name).join(', ')
  addCommand(
    program,
    'read <file>',
    'print the readings of a meter file as JSON lines; faults go to standard error',
    'wattness read telegrams.txt.gz --format p1',
  )
    .option('--format <name>', `${formats}; recognised by the first bytes unless given`)
    .option('--map <file>', 'column mapping of a CSV file')
    .action((file: string, flags: ReadFlags) => read(context, file, flags))
}

async function read(context: Context, file: string, { format, map }: ReadFlags): Promise<void> {
  const { stdin, stdout, stderr, platform, stopped } = context.io
  const options = {
    signal: stopped,
    ...(format === undefined ? {} : { format }),
    ...(map === undefined ? {} : { map }),
  }
  const { readings, values, faults, faultsByCode } = await writeReadings(
    file,
    { ...platform, standardInput: () => stdin as AsyncIterable<Uint8Array> },
    options,
    stdout,
    stderr,
  )
  const codes = Object.entries(faultsByCode).map(([code, count]) => `${code} ${count}`)
  await context.note(
    `${readings} readings, ${values} values, ${faults} faults${codes.length === 0 ? '' : ` (${codes.join(', ')})`}`,
  )
  if (Object.keys(faultsByCode).some((code) => !NOTHING_REFUSED.has(code))) context.status = FOUND_WRONG
}
