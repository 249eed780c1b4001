import type { Command } from 'commander'
import { fromBase64, WattnessError } from '../../protocol/index.ts'
import { FORMATS } from '../collect/index.ts'
import { parseDuration, resolveConfig } from '../config/index.ts'
import {
  type FrameAnswer,
  type FrameLine,
  type FrameOrder,
  frameParameters,
  readFrameLines,
  streamControl,
} from '../control/index.ts'
import { filesOf } from '../directory/index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'
import { FrameFiles } from './frame-files.ts'
import { FrameCounts, formatFrameLine } from './frame-text.ts'
import { write } from './io.ts'
import { socketOf, withStore } from './ledger.ts'

export interface FramesFlags extends SharedOptions, Omit<FrameOrder, 'bytes'> {
  readonly out?: string
  readonly raw?: boolean
}

/** What becomes of each frame that was asked for. */
interface Target {
  take(line: FrameLine): Promise<void>
}

export function registerFrames(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'frames',
      'the raw frames this node keeps of its own readings (telegrams, signed records), each proven against its block',
      [
        'wattness frames --dir meter-01 --from 2026-03-01 --to 2026-03-02 --tz Europe/Berlin',
        'wattness frames --dir meter-01 --format ocmf --out records',
        'wattness frames --dir meter-01 --sha256 3fa9c1d2 --raw > record.ocmf',
      ].join('\n'),
    ),
  )
    .option('--from <time>', 'of readings from this time on: 2026-01-01T12:00Z, or by the clock of --tz 2026-01-01 or 2026-01')
    .option('--to <time>', 'up to but not including this time')
    .option('--tz <zone>', 'time zone of times without an offset', 'UTC')
    .option('--height <height>', "of one block of this node's own chain")
    .option('--format <name>', `of one format: ${FORMATS.map(({ name }) => name).join(', ')}`)
    .option('--sha256 <digits>', 'the one with this hash, or its first digits (six at least)')
    .option('--key <key>', 'check signed records with this public key, not with the one that stood beside them')
    .option('--out <directory>', 'write each to a file of its own in there, bit for bit')
    .option('--raw', 'write them to standard output, bit for bit, one behind the other')
    .action((flags: FramesFlags) => frames(context, flags))
}

async function frames(context: Context, flags: FramesFlags): Promise<void> {
  const dir = context.dirOf(flags)
  if (flags.raw === true && (flags.out !== undefined || flags.json === true)) {
    throw usage('--raw writes the bytes alone: not together with --out or --json')
  }
  const { from, to, tz, height, format, sha256, key } = flags
  const bytes = flags.raw === true || flags.out !== undefined || flags.json === true
  const order = Object.fromEntries(
    Object.entries({ from, to, tz, height, format, sha256, key, bytes }).filter(([, value]) => value !== undefined),
  ) as FrameOrder
  const answers = await streamControl<FrameAnswer>(socketOf(dir), `/frames?${frameParameters(order)}`)
  if (answers !== undefined) return show(context, flags, dir, answers)
  await withStore(dir, (view) => show(context, flags, dir, readFrameLines(view, context.io.platform, order)))
}

async function show(context: Context, flags: FramesFlags, dir: string, answers: AsyncIterable<FrameAnswer>): Promise<void> {
  const { io } = context
  const files = flags.out === undefined ? undefined : new FrameFiles(flags.out)
  const target = files ?? targetOf(context, flags)
  const counts = new FrameCounts()
  let kept: { readonly first: string; readonly last: string } | null = null
  let isCutShort = false
  for await (const answer of answers) {
    isCutShort = io.stopped.aborted
    if (isCutShort) break
    if ('kept' in answer) {
      kept = answer.kept
      continue
    }
    counts.add(answer.frame)
    await target.take(answer.frame)
  }
  if (counts.wrong || isCutShort) context.status = FOUND_WRONG
  if (files !== undefined) await context.print(flags, { ...files.report, ...counts.report }, files.text)
  if (isCutShort) return context.note(`stopped after ${counts.total} frames: there are more`)
  if (counts.total > 0) return context.note(counts.text)
  if (flags.sha256 !== undefined) {
    const where = flags.from === undefined && flags.to === undefined && flags.height === undefined ? '' : ' of those asked for'
    const message = `no frame that is kept here has a SHA-256 of ${flags.sha256}…${where}: ${noneText(context, flags, dir, kept)}`
    throw new WattnessError('FRAME_UNKNOWN', message, { sha256: flags.sha256 })
  }
  await context.note(noneText(context, flags, dir, kept))
}

function targetOf({ io }: Context, { raw, json }: FramesFlags): Target {
  return {
    take: async (line) => {
      if (raw !== true) return write(io.stdout, `${json === true ? JSON.stringify(line) : formatFrameLine(line)}\n`)
      if (line.frame !== undefined) await write(io.stdout, fromBase64(line.frame))
    },
  }
}

/** Why there is nothing. */
function noneText({ io }: Context, flags: FramesFlags, dir: string, kept: { first: string; last: string } | null): string {
  const keep = keepFramesOf(io.environment, dir)
  const setting = keep === undefined ? 'keepFrames' : `keepFrames, ${keep} here`
  if (kept === null && keep !== undefined && parseDuration(keep) === 0) {
    return `no raw frames are kept: keepFrames is ${keep} here (wattness config show)`
  }
  if (kept === null) return `no raw frames are kept here: no reading came with one, or their time is over (${setting})`
  const those = `frames of ${kept.first} to ${kept.last} are kept, earlier ones are dropped once their time is over (${setting})`
  return flags.height === undefined ? `no frame is as was asked for: ${those}` : `none of block ${flags.height}: ${those}`
}

/** What a node that is started without flags goes by. */
function keepFramesOf(environment: Readonly<Record<string, string | undefined>>, dir: string): string | undefined {
  try {
    return resolveConfig({ file: filesOf(dir).config, environment }).config.keepFrames
  } catch {
    // The question is about frames: what is wrong with the configuration is told where it is used.
    return undefined
  }
}
