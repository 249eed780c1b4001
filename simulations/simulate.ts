import { Command, Option } from 'commander'
import { formatDuration, systemPlatform, useNativeHash } from '../node/index.ts'
import { isWattnessError, WattnessError } from '../protocol/index.ts'
import { addExplore } from './explore/command.ts'
import { checkerNames, loadChecker, loadScenario, scenarioNames } from './files.ts'
import { addWorker, gather, type MachineOptions } from './libp2p/machines.ts'
import { assertReal, REAL_TIMES } from './libp2p/real-presets.ts'
import { realTextLines } from './libp2p/real-report.ts'
import { loadOf, runReal } from './libp2p/run-real.ts'
import { builtInHomes, type Home, realHomes } from './loads/homes.ts'
import type { NetworkFigures } from './network-figures.ts'
import { planNetworks } from './networks.ts'
import { addCompare } from './page/command.ts'
import { writeReport } from './page/files.ts'
import { Progress } from './progress.ts'
import { makeReport, type Report } from './report.ts'
import { runNetworks } from './run.ts'
import { formatSetting, PRESETS, parseSetting, RULES, SETTING_NAMES, type Settings } from './settings.ts'

/**
 * `npm run simulate`: one scenario, one report. Status 1: a checker found a violation. Status 2: it was asked for wrongly.
 * Status 3: one of several networks did not run to its end.
 */

interface Options extends MachineOptions {
  readonly scenario: string
  readonly transport: string
  readonly seed: string
  readonly meters?: string
  readonly for?: string
  readonly data?: string
  readonly set: readonly string[]
  readonly break?: string
  readonly report?: string
  readonly json?: boolean
}

const INTERRUPTS = ['SIGINT', 'SIGTERM'] as const

function settingsTable(): string {
  const lines = SETTING_NAMES.map((name) => `  ${formatSetting(name, PRESETS).padEnd(34)} ${RULES[name].what}`)
  return `\nSettings, with their presets (a scenario may have others):\n${lines.join('\n')}`
}

const program = new Command('simulate')
  .description('Runs a neighbourhood of the real node code on virtual time, network and disks.')
  .requiredOption('--scenario <name>', `one of ${scenarioNames().join(', ')}`, 'baseline')
  .option('--meters <n>', 'short for --set meters=N')
  .option('--for <duration>', 'short for --set forMs=DURATION')
  .addOption(
    new Option('--transport <which>', 'virtual time and network, or real sockets in real time')
      .choices(['virtual', 'libp2p'])
      .default('virtual'),
  )
  .option('--workers <port>', 'with libp2p: waits at this port for other machines (simulate worker), which take the meters')
  .option('--machines <n>', 'with --workers: so many; as many as come, and a meter for each, unless told otherwise')
  .option('--seed <seed>', 'any text: the same seed gives the same run', '1')
  .option('--data <path>', 'real homes from a directory or file instead of built-in households')
  .option('--set <name=value>', 'changes a setting; may be given again', (text, all: readonly string[]) => [...all, text], [])
  .option('--break <checker>', `plants what this checker must catch: one of ${checkerNames().join(', ')}`)
  .option('--report <dir>', 'writes report.json and report.html there')
  .option('--json', 'prints the report as JSON')
  .addHelpText('after', settingsTable())
  // Words behind a subcommand are its own: --json and --report mean something there too.
  .enablePositionalOptions()
  .action((options: Options) => act(() => main(options)))

async function main(options: Options): Promise<number> {
  useNativeHash()
  const scenario = await loadScenario(options.scenario)
  const breakage = options.break === undefined ? undefined : (await loadChecker(options.break)).breakage
  const isReal = options.transport === 'libp2p'
  if (isReal && breakage !== undefined) {
    throw new WattnessError('BREAKAGE_VIRTUAL', `--break ${options.break} is for --transport virtual`)
  }
  const presets: Settings = { ...PRESETS, ...scenario.settings, ...(isReal ? REAL_TIMES : {}), ...breakage?.settings }
  let wasInterrupted = false
  const onInterrupt = (): void => {
    wasInterrupted = true
  }
  // Ctrl-C, and what containers are stopped by: a run ends with a report of what ran.
  for (const signal of INTERRUPTS) process.once(signal, onInterrupt)
  const told = [...options.set]
  if (options.meters !== undefined) told.unshift(`meters=${options.meters}`)
  if (options.for !== undefined) told.unshift(`forMs=${options.for}`)
  const settingsOf = (first: readonly string[]): Settings =>
    [...first, ...told].reduce<Settings>((all, text) => ({ ...all, ...parseSetting(text) }), presets)
  const { scenario: name, seed, data } = options
  const progress = new Progress(process.stderr)
  if (isReal) {
    // Nobody is called together for what is refused.
    assertReal(name, scenario, settingsOf([]))
    const gathered = await gather(options, isReal, () => wasInterrupted)
    if (gathered?.machines === 0) return 0
    try {
      const settings = settingsOf(gathered?.told ?? [])
      const homes = await homesOf(data, loadOf(settings))
      const run = { name, scenario, settings, presets, seed, data, homes, progress, isInterrupted: () => wasInterrupted }
      return tell(options, await runReal(gathered === undefined ? run : { ...run, harbour: gathered.harbour }))
    } finally {
      gathered?.harbour.close()
    }
  }
  await gather(options, isReal, () => wasInterrupted)
  const settings = settingsOf([])
  const broken = options.break
  const running = runNetworks({
    ...{ scenario: name, broken, seed },
    settings: { ...settings, witnesses: Math.min(settings.witnesses, settings.meters) },
    homes: await homesOf(data, settings),
    isStopped: (headway) => {
      progress.show(headway)
      return wasInterrupted
    },
  })
  const run = await running.finally(() => {
    progress.end()
    for (const signal of INTERRUPTS) process.removeListener(signal, onInterrupt)
  })
  return tell(options, makeReport({ run, scenario: name, broken, seed, data, presets }))
}

/** Writes and prints a report; the answer is the status to end with. */
function tell(options: Options, report: Report): number {
  if (options.report !== undefined) writeReport(options.report, report)
  console.log(options.json === true ? JSON.stringify(report) : textOf(report))
  return report.violations.length > 0 ? 1 : 0
}

function homesOf(data: string | undefined, settings: Settings): Home[] | Promise<Home[]> {
  // Meters that cannot be spread are refused before anything is read.
  planNetworks('', settings)
  return data === undefined ? builtInHomes(settings) : realHomes(data, settings, systemPlatform)
}

function textOf(report: Report): string {
  const { settings, delivery, finality } = report
  const ms = (value: number | undefined): string => (value === undefined ? '–' : formatDuration(Math.round(value)))
  const spread = settings.networks === 1 ? '' : ` in ${settings.networks} networks`
  const lines = [
    `${report.scenario}: ${settings.meters} meters${spread}, ${settings.witnesses} witnesses, seed ${report.seed}`,
    `  ran       ${formatDuration(Math.round(report.virtualSeconds) * 1_000)} in ${report.wallSeconds} s (${report.speedUp}×)`,
    `  delivered ${report.blocks} blocks, ${report.deliveries} times (${report.deliveriesPerSecond} a second of wall time)`,
    `  delivery  half in ${ms(delivery.p50Ms)}, 95 % in ${ms(delivery.p95Ms)}, all in ${ms(delivery.maxMs)}`,
    `  final     half in ${ms(finality.p50Ms)}, 95 % in ${ms(finality.p95Ms)}, all in ${ms(finality.maxMs)}`,
    `  shares    ${(100 * report.deliveredShare).toFixed(2)} % delivered, ${(100 * report.finalShare).toFixed(2)} % final`,
    ...(report.transport === 'libp2p' ? realTextLines(report) : virtualTextLines(report)),
  ]
  for (const each of report.networks ?? []) lines.push(networkLine(each))
  for (const each of report.networksNotRun ?? []) lines.push(`  ${each.padEnd(12)} had not begun: no figure is of it`)
  if (!report.isComplete) lines.push('  stopped before its end: what is judged only at the end was not')
  for (const { checker, atMs, what } of report.violations.slice(0, 20)) {
    lines.push(`✗ ${checker} at ${formatDuration(Math.floor(atMs))}: ${what}`)
  }
  if (report.violations.length === 0) lines.push('✓ no violation')
  else lines.push(`${report.violations.length + report.violationsLeftOut} violations; again: ${report.replay}`)
  return lines.join('\n')
}

/** What differs from one network to the other. */
function networkLine(network: NetworkFigures): string {
  const { name, meters, blocks, deliveredShare, finalShare, finality, violations, isComplete, virtualSeconds } = network
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
  const within = finality.p95Ms === undefined ? '' : ` (95 % in ${formatDuration(Math.round(finality.p95Ms))})`
  const stopped = isComplete ? '' : `, stopped at ${formatDuration(Math.round(virtualSeconds) * 1_000)}`
  const bad = violations === 0 ? '' : `, ${violations} violations`
  return (
    `  ${name.padEnd(12)} ${meters} meters, ${blocks} blocks, ${percent(deliveredShare)} delivered, ` +
    `${percent(finalShare)} final${within}${stopped}${bad}`
  )
}

function virtualTextLines(report: Report): string[] {
  const { traffic } = report
  return [
    `  traffic   ${(traffic.bytesPerNodePerDay / 1e6).toFixed(1)} MB per node and day sent`,
    `  stored    ${report.storedMiBPerNode} MiB per node; this process ${Math.round(report.rssMiB)} MiB`,
    `  checks    ${checksText(report)}`,
    `  log       ${report.eventLogLines} lines, SHA-256 ${report.eventLogHash}`,
  ]
}

function checksText({ sharedChecks, isShared }: Report): string {
  const { asked, made, runs } = sharedChecks
  const shared = isShared ? ' (shared)' : ''
  return `${runs.made} of ${runs.asked} runs and ${made} of ${asked} signatures checked${shared}`
}

async function act(run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run()
  } catch (error) {
    if (!isWattnessError(error)) throw error
    console.error(`simulate: ${error.message}`)
    process.exitCode = error.code === 'NETWORK_FAILED' ? 3 : 2
  }
}

addCompare(program, act)
addExplore(program, act)
addWorker(program, act)
await program.parseAsync()
