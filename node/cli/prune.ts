import type { Command } from 'commander'
import { WattnessError } from '../../protocol/index.ts'
import { type PruneLine, type PruneOrder, type PruneReport, pruneLines, streamControl } from '../control/index.ts'
import { momentBefore } from './age.ts'
import { addCommand, addDir, type Context, type SharedOptions, usage } from './context.ts'
import { socketOf, withStore } from './ledger.ts'
import { ProgressBar } from './progress-bar.ts'

interface PruneFlags extends SharedOptions {
  readonly keep?: string
  readonly dropValues?: boolean
  readonly withoutWitnesses?: boolean
}

export function registerPrune(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'prune',
      'drop what old final blocks say, and keep what links and proves them; readings are still answered unless dropped too',
      'wattness prune --dir meter-01 --keep 13mo',
    ),
  )
    .option('--keep <age>', 'blocks that were sealed since then stay whole: 13mo, 400d, 1y6mo')
    .option('--drop-values', 'their readings as well: they are answered no more')
    .option('--without-witnesses', 'in a network that has none, where nothing is ever final: what is old enough goes')
    .action((flags: PruneFlags) => prune(context, flags))
}

async function prune(context: Context, flags: PruneFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { io } = context
  const order = orderOf(io.platform.clock.now(), flags)
  const bar = new ProgressBar(io, flags.json !== true)
  let report: PruneReport
  try {
    const lines = await streamControl<PruneLine>(socketOf(dir), '/prune', order)
    const take = (each: AsyncIterable<PruneLine>): Promise<PruneReport> => followed(context, bar, each)
    report = lines === undefined ? await withStore(dir, (view) => take(pruneLines(view, io.platform, order))) : await take(lines)
  } finally {
    await bar.end()
  }
  await context.print(flags, report, formatReport(report))
}

function orderOf(nowMs: number, { keep, dropValues = false, withoutWitnesses = false }: PruneFlags): PruneOrder {
  if (keep === undefined) throw usage('--keep <age> is missing: how long blocks stay whole, 13mo for example')
  const beforeMs = momentBefore(nowMs, keep)
  if (beforeMs === undefined) throw usage(`--keep: found ${JSON.stringify(keep)}, expected an age such as 13mo, 400d or 1y6mo`)
  return { beforeMs, dropValues, withoutWitnesses }
}

async function followed({ io }: Context, bar: ProgressBar, lines: AsyncIterable<PruneLine>): Promise<PruneReport> {
  for await (const line of lines) {
    io.stopped.throwIfAborted()
    if ('report' in line) return line.report
    const { blocks, ofBlocks } = line.progress
    bar.show(blocks, ofBlocks, `${blocks} of ${ofBlocks} blocks`)
  }
  throw new WattnessError('CONTROL_FAILED', 'the running node ended its answer without a result')
}

function formatReport({ before, dropValues, chains, bodies, bytes, chunks }: PruneReport): string {
  const lines = chains
    .filter(({ size }) => size > 0)
    .map(({ member, size, pruned, bodies: dropped, kept }) => {
      const state = kept ?? `${pruned} of ${size} blocks pruned`
      return `${member}: ${dropped === 0 ? '' : `${dropped} bodies dropped, `}${state}`
    })
  const what = `${bodies} ${bodies === 1 ? 'body' : 'bodies'} of blocks sealed before ${before} dropped`
  lines.push(`${what}, ${(bytes / 1_000_000).toFixed(1)} MB; headers, signatures and proofs stay`)
  lines.push(dropValues ? `their readings too: ${chunks} records` : 'their readings are still answered')
  return lines.join('\n')
}
