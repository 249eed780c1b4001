import { existsSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { systemPlatform, useNativeHash } from '../../node/index.ts'
import { WattnessError } from '../../protocol/index.ts'
import { checkerNames, loadChecker } from '../files.ts'
import { writeReport } from '../page/files.ts'
import { makeReport } from '../report.ts'
import { runOf } from '../run.ts'
import { PRESETS } from '../settings.ts'
import { type Explored, explore, textOfExplored, textOfFinding } from './explore.ts'
import { type DrawInit, drawPlan, formatPlan, type Plan, parsePlan, settingsOf } from './plan.ts'
import { runPlan } from './trial.ts'

export interface ExploreOptions {
  readonly seeds: string
  readonly from: string
  readonly minutes?: string
  readonly meters?: string
  readonly break?: string
  readonly threads?: string
  readonly replay?: string
  readonly report?: string
  readonly json?: boolean
}

/** Lines on a terminal that shows none being written over come so often. */
const LINE_MS = 30_000
const DRAW_MS = 200

/** `act` runs it and takes its status: 1 with a finding. */
export function addExplore(program: Command, act: (run: () => Promise<number>) => Promise<void>): void {
  program
    .command('explore')
    .description('Draws random runs and faults, and shrinks what breaks a rule to its shortest.')
    .option('--seeds <n>', 'runs to draw', '1000')
    .option('--from <seed>', 'the first seed: a whole number', '1')
    .option('--minutes <n>', 'no new run is begun after so many minutes')
    .option('--meters <n>', 'meters of each run; drawn from 5 to 12 otherwise')
    .option('--threads <n>', 'runs at the same time; as many as there are cores otherwise')
    .option('--break <checker>', `plants what this checker must catch: one of ${checkerNames().join(', ')}`)
    .option('--replay <plan>', 'one run only: a seed, or a plan as printed, or a file with one')
    .option('--report <dir>', 'with --replay: writes report.json and report.html there')
    .option('--json', 'prints the findings, or the report of the one run, as JSON')
    .action((options: ExploreOptions) => act(() => runExplore(options)))
}

async function runExplore(options: ExploreOptions): Promise<number> {
  const meters = options.meters === undefined ? undefined : wholeNumber('--meters', options.meters, 1, 50)
  if (options.break !== undefined) await loadChecker(options.break)
  const draw: DrawInit = {
    ...(meters === undefined ? {} : { meters }),
    ...(options.break === undefined ? {} : { breaks: options.break }),
  }
  if (options.replay !== undefined) return replay(planOf(options.replay, draw), options)
  let isInterrupted = false
  process.once('SIGINT', () => {
    isInterrupted = true
  })
  const limitMs = options.minutes === undefined ? undefined : wholeNumber('--minutes', options.minutes, 1, 100_000) * 60_000
  const threads = options.threads === undefined ? undefined : wholeNumber('--threads', options.threads, 1, 16)
  const explored = await explore({
    seeds: wholeNumber('--seeds', options.seeds, 1, 10_000_000),
    from: wholeNumber('--from', options.from, 0, Number.MAX_SAFE_INTEGER / 2),
    draw,
    ...(limitMs === undefined ? {} : { limitMs }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: progressLine(process.stderr),
    onFinding: (finding) => process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${textOfFinding(finding)}\n`),
    isStopped: () => isInterrupted,
  })
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  console.log(options.json === true ? JSON.stringify(explored) : textOfExplored(explored))
  return explored.findings.length > 0 ? 1 : 0
}

function progressLine(out: NodeJS.WriteStream): (sofar: Explored) => void {
  const { clock } = systemPlatform
  let drawnMs = clock.monotonicMs()
  return ({ ran, seeds, findings, virtualSeconds, wallSeconds }) => {
    const nowMs = clock.monotonicMs()
    if (nowMs - drawnMs < (out.isTTY ? DRAW_MS : LINE_MS)) return
    drawnMs = nowMs
    const speed = Math.round(virtualSeconds / Math.max(1, wallSeconds))
    const line = `${ran} of ${seeds} seeds, ${findings.length} findings, ${speed}× real time`
    out.write(out.isTTY ? `\r\u001b[K${line}` : `${line}\n`)
  }
}

/** A seed, a plan, or a file that holds one. */
function planOf(text: string, draw: DrawInit): Plan {
  if (text.startsWith('{')) return parsePlan(text)
  if (/^\d{1,16}$/.test(text)) return drawPlan(text, draw)
  if (existsSync(text)) return parsePlan(readFileSync(text, 'utf8'))
  throw new WattnessError('PLAN_INVALID', `--replay ${text}: expected a seed, a plan in JSON, or a file that holds one`)
}

async function replay(plan: Plan, { report: directory, json }: ExploreOptions): Promise<number> {
  useNativeHash()
  const run = runOf(await runPlan(plan))
  const report = {
    ...makeReport({ run, scenario: 'explored', broken: plan.breaks, seed: plan.seed, data: undefined, presets: PRESETS }),
    replay: `npm run simulate -- explore --replay '${formatPlan(plan)}'`,
  }
  if (directory !== undefined) writeReport(directory, report)
  if (json === true) console.log(JSON.stringify(report))
  else {
    const { meters, forMs } = settingsOf(plan)
    console.log(`seed ${plan.seed}: ${meters} meters, ${forMs / 60_000} minutes, ${plan.faults.length} faults`)
    console.log(formatPlan(plan))
    for (const { checker, what } of report.violations.slice(0, 20)) console.log(`✗ ${checker}: ${what}`)
    if (report.violations.length === 0) console.log('✓ no violation')
  }
  return report.violations.length > 0 ? 1 : 0
}

/** Throws SETTING_INVALID. */
function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new WattnessError('SETTING_INVALID', `${name} ${text}: expected a whole number, ${least} to ${most}`)
}
