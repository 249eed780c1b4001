import type { Command } from 'commander'
import { FORMATS, type SourceFormat, TOLD_FAULTS, writeReadings } from '../collect/index.ts'
import { addCommand, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'

interface ReadFlags extends SharedOptions {
  readonly format?: string
  readonly map?: string
  readonly key?: string
  readonly authKey?: string
  readonly keyFile?: string
  readonly list?: boolean
  readonly frames?: boolean
}

export function registerRead(program: Command, context: Context): void {
  const formats = FORMATS.map(({ name }) => name).join(', ')
  addCommand(
    program,
    'read [file]',
    'print the readings of a meter file as JSON lines; faults go to standard error',
    'wattness read telegrams.txt.gz --format p1',
  )
    .option('--format <name>', `${formats}; recognised by the first bytes unless given`)
    .option('--map <file>', 'column mapping of a CSV file')
    .option('--key <hex>', 'key of an encrypted meter; --key-file keeps it out of the list of processes')
    .option('--auth-key <hex>', 'authentication key, where the meter has one')
    .option('--key-file <path>', 'file with the key, and the authentication key on a second line; readable by its owner alone')
    .option('--frames', 'with each reading the bytes it was read from, in base64: a signed record bit for bit')
    .option('--list', 'print every format, how its sources are written and what is peculiar about it')
    .action((file: string | undefined, flags: ReadFlags) => {
      if (flags.list === true) return list(context, flags)
      if (file === undefined) throw usage('the file to read is missing (or --list)')
      return read(context, file, flags)
    })
}

async function list(context: Context, flags: ReadFlags): Promise<void> {
  const formats = FORMATS.map(({ name, describe, usage: written, quirks }) => ({ name, describe, usage: written, quirks }))
  await context.print(flags, { formats }, formats.map(paragraph).join('\n\n'))
}

function paragraph({
  name,
  describe,
  usage: written,
  quirks,
}: Pick<SourceFormat, 'name' | 'describe' | 'usage' | 'quirks'>): string {
  return [`${name}: ${describe}`, ...written.map((spec) => `  ${spec}`), ...quirks.map((quirk) => `  - ${quirk}`)].join('\n')
}

async function read(context: Context, file: string, { format, map, key, authKey, keyFile, frames }: ReadFlags): Promise<void> {
  const { stdin, stdout, stderr, platform, stopped } = context.io
  const options = {
    signal: stopped,
    ...(format === undefined ? {} : { format }),
    ...(map === undefined ? {} : { map }),
    ...(key === undefined ? {} : { key }),
    ...(authKey === undefined ? {} : { authKey }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(frames === undefined ? {} : { frames }),
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
  if (Object.keys(faultsByCode).some((code) => !TOLD_FAULTS.has(code))) context.status = FOUND_WRONG
}
