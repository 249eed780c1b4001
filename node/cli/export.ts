import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { WattnessError } from '../../protocol/index.ts'
import {
  type ExportedLine,
  type ReadingLineOrProgress,
  type ReadingOrder,
  readingParameters,
  readReadingLines,
  streamControl,
} from '../control/index.ts'
import { csvHead, csvLine } from '../query/index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'
import { greenButton } from './export-green-button.ts'
import { write } from './io.ts'
import { socketOf, withStore } from './ledger.ts'
import { ProgressBar } from './progress-bar.ts'

export interface ExportFlags extends SharedOptions, Omit<ReadingOrder, 'follow'> {
  readonly follow?: boolean
  readonly format?: string
  readonly out?: string
}

export interface ExportFormat {
  head(resolution: string): string
  line(line: ExportedLine): string
  /** Behind the last line. */
  end?(): string
}

/** A further format is a row. */
const FORMATS = new Map<string, (context: Context, flags: ExportFlags) => ExportFormat>([
  [
    'csv',
    () => ({
      head: (resolution) => `member,${csvHead(resolution)}`,
      line: (line) => `${line.member},${csvLine(line, line.register, line.unit)}`,
    }),
  ],
  ['ndjson', () => ({ head: () => '', line: (line) => `${JSON.stringify(line)}\n` })],
  ['green-button', greenButton],
])

/** Lines are handed to the system together: a call for each costs more than making it. */
const PIECE_CHARS = 65_536

export function registerExport(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'export',
      'readings as CSV, lines of JSON or Green Button, of a running node or a stopped store; missing ones are empty, or null',
      [
        'wattness export --dir observer --member "Elm Street 12" --register 1-0:1.8.0 > meter.csv',
        'wattness export --dir observer --member 3 --from 2026-01 --to 2026-02 --resolution 1d --tz Europe/Moscow --out days.csv',
      ].join('\n'),
    ),
  )
    .option('--member <member>', "one member's: label, first digits of its key, or index; every member's unless given")
    .option('--register <code>', 'one register, such as 1-0:1.8.0; every register unless given')
    .option('--from <time>', 'from this time on: 2026-01-01T12:00Z, or by the clock of --tz 2026-01-01 or 2026-01')
    .option('--to <time>', 'up to but not including this time')
    .option('--resolution <resolution>', 'raw, or put into intervals: 15m, 1h, 1d, 1mo (docs/queries.md)', 'raw')
    .option('--tz <zone>', 'time zone of intervals, and of times without an offset', 'UTC')
    .option('--follow', 'also what the keys wrote that a member replaced')
    .option('--format <format>', [...FORMATS.keys()].join(' or '), 'csv')
    .option('--out <file>', 'where to: a name that is free; standard output unless given')
    .action((flags: ExportFlags) => exportReadings(context, flags))
}

async function exportReadings(context: Context, flags: ExportFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { member, register, from, to, resolution, tz, follow, format: name = 'csv' } = flags
  const make = FORMATS.get(name)
  if (make === undefined) throw usage(`--format ${name}: expected ${[...FORMATS.keys()].join(' or ')}`)
  const format = make(context, flags)
  const order = Object.fromEntries(
    Object.entries({ member, register, from, to, resolution, tz, follow }).filter(([, value]) => value !== undefined),
  ) as ReadingOrder
  const lines = await streamControl<ReadingLineOrProgress>(socketOf(dir), `/readings?${readingParameters(order)}`)
  if (lines !== undefined) return print(context, flags, format, lines)
  await withStore(dir, (view) => print(context, flags, format, readReadingLines(view, order)))
}

async function print(
  context: Context,
  flags: ExportFlags,
  format: ExportFormat,
  lines: AsyncIterable<ReadingLineOrProgress>,
): Promise<void> {
  const { io } = context
  const bar = new ProgressBar(io, flags.out !== undefined)
  let target: Writable | undefined
  let piece = format.head(flags.resolution ?? 'raw')
  let count = 0
  let isCutShort = false
  try {
    for await (const line of lines) {
      isCutShort = io.stopped.aborted
      if (isCutShort) break
      if ('progress' in line) {
        bar.show(line.progress.done, line.progress.of, `${count} values, ${line.progress.text}`)
        continue
      }
      // Only now: what is wrong with the question shows before the first value, and leaves no file behind.
      target ??= flags.out === undefined ? io.stdout : await newFile(resolve(flags.out))
      piece += format.line(line.value)
      count++
      if (piece.length < PIECE_CHARS) continue
      await write(target, piece)
      piece = ''
    }
    target ??= flags.out === undefined ? io.stdout : await newFile(resolve(flags.out))
    await write(target, piece + (format.end?.() ?? ''))
  } finally {
    await bar.end()
    if (target !== undefined && target !== io.stdout) {
      target.end()
      await finished(target)
    }
  }
  if (isCutShort) {
    context.status = FOUND_WRONG
    await context.note(`stopped after ${count} values: there are more`)
  } else if (flags.out !== undefined) {
    const file = resolve(flags.out)
    await context.print(flags, { file, values: count }, `${file}: ${count} values`)
  }
}

async function newFile(path: string): Promise<Writable> {
  const stream = createWriteStream(path, { flags: 'wx' })
  try {
    await new Promise<void>((ready, failed) => {
      stream.once('open', () => ready())
      stream.once('error', failed)
    })
    return stream
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new WattnessError('FILE_EXISTS', `${path} is there already: it is not overwritten`, { path })
    }
    const text = `${path}: cannot be written: ${(error as Error).message}`
    throw new WattnessError('DIRECTORY_UNUSABLE', text, { path }, { cause: error })
  }
}
