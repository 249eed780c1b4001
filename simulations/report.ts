import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Note } from './event-log.ts'
import { Histogram, round } from './histogram.ts'
import { type NetworkFigures, networkFigures } from './network-figures.ts'
import type { Link, NodeFigures } from './node-figures.ts'
import type { Run } from './run.ts'
import { formatSetting, PRESETS, SETTING_NAMES, type Settings } from './settings.ts'
import type { Violation } from './simulation.ts'
import { sharesOf } from './tally.ts'
import type { TimelinePoint } from './timeline.ts'
import { sumOf } from './totals.ts'
import { type TrafficFigures, trafficFigures } from './traffic.ts'
import type { CheckCounts } from './world/commons.ts'

/** Which of the world's limits do not hold in a simulation, or hold otherwise: said in every report. */
const DIFFERENCES = [
  'checks of signatures and runs: one for all nodes of a network and each content (sharedChecks), unless shared=false',
  'stored bytes: one copy for all nodes of a network, unless shared=false',
  'checking of large runs: on the main thread (verifyThreads 0)',
  'links: pings are not sent; a link on which nothing can come back ends after the same time',
  'gossip: no message "I do not want", no scores but for rejects',
  'processor: virtual time stands still while a node computes, so no node is ever slow by itself',
]

export interface Spread {
  readonly count: number
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
  readonly p99Ms: number | undefined
  readonly maxMs: number
  /** Share of all up to each time. */
  readonly curve: readonly (readonly [upToMs: number, share: number])[]
}

export interface Report {
  readonly scenario: string
  /** What happens in it and what is expected to hold, for people. */
  readonly story: string
  readonly broken: string | undefined
  readonly brokenOnPurpose: string | undefined
  readonly transport: 'virtual' | 'libp2p'
  readonly seed: string
  readonly commit: string
  readonly nodeVersion: string
  readonly cores: number
  readonly settings: Settings
  readonly load: string
  readonly replay: string
  readonly isComplete: boolean
  /** Of several networks that of the one that came furthest. */
  readonly virtualSeconds: number
  readonly wallSeconds: number
  readonly speedUp: number
  readonly drainedSeconds: number | undefined
  readonly events: number
  readonly blocks: number
  readonly readings: number
  readonly deliveries: number
  readonly deliveriesPerSecond: number
  readonly deliveredShare: number
  readonly finalShare: number
  readonly attestations: number
  /** Processor time of the whole process, and its share of each delivered block. */
  readonly cpuSeconds: number
  readonly usPerDelivery: number | undefined
  readonly delivery: Spread
  readonly finality: Spread
  readonly crashes: number
  readonly traffic: TrafficFigures
  readonly faults: { readonly [fault: string]: number }
  readonly storedMiBPerNode: number
  /** The most that the process held. */
  readonly rssMiB: number
  readonly isShared: boolean
  readonly sharedChecks: CheckCounts
  readonly differences: readonly string[]
  /** SHA-256 over every event in order: two runs with the same one were the same. */
  readonly eventLogHash: string
  readonly eventLogLines: number
  readonly violations: readonly Violation[]
  readonly violationsLeftOut: number
  /** The course of the run, at even steps of virtual time: 300 points at most. */
  readonly timeline: readonly TimelinePoint[]
  readonly nodes: readonly NodeFigures[]
  /** Places in `nodes` of those that are linked at the end. */
  readonly links: readonly Link[]
  readonly notes: readonly Note[]
  readonly notesLeftOut: number
  /** Each network that ran, of a run that has several. */
  readonly networks?: readonly NetworkFigures[]
  /** Networks that had not begun when the run was stopped: no figure is of them. */
  readonly networksNotRun?: readonly string[]
  /** On real sockets: from the first process to the last node's having neighbours enough. */
  readonly meshedSeconds?: number | undefined
  /** Of the most that all workers held at once, less 90 MB for each of them. */
  readonly rssMiBPerNode?: number
  readonly processes?: number
  /** Limits of the node's libraries that are raised, and to what. */
  readonly raised?: readonly string[]
}

export interface ReportInit {
  readonly run: Run
  readonly scenario: string
  readonly broken: string | undefined
  readonly seed: string
  readonly data: string | undefined
  /** As the scenario sets them; what differs was told by hand. */
  readonly presets: Settings
}

export function makeReport({ run, scenario, broken, seed, data, presets }: ReportInit): Report {
  const { settings, results, cpuMs } = run
  const { totals, checks, log, ...sum } = sumOf(results)
  const virtualSeconds = sum.elapsedMs / 1_000
  const wallSeconds = run.wallMs / 1_000
  return {
    scenario,
    story: run.story,
    broken,
    brokenOnPurpose: run.brokenOnPurpose,
    transport: 'virtual',
    seed,
    commit: commitOf(),
    nodeVersion: process.version,
    cores: availableParallelism(),
    settings,
    load: data ?? 'built-in households',
    replay: replayOf({ scenario, broken, seed, data, settings, presets }),
    isComplete: !sum.isStopped && run.notRun.length === 0,
    virtualSeconds: round(virtualSeconds),
    wallSeconds: round(wallSeconds),
    speedUp: round(virtualSeconds / wallSeconds),
    drainedSeconds: sum.drainedMs === undefined ? undefined : sum.drainedMs / 1_000,
    events: sum.events,
    blocks: totals.blocks,
    readings: totals.readings,
    deliveries: totals.deliveries,
    deliveriesPerSecond: round(totals.deliveries / wallSeconds),
    ...sharesOf(totals.standing),
    attestations: totals.attestations,
    cpuSeconds: round(cpuMs / 1_000),
    usPerDelivery: totals.deliveries === 0 ? undefined : round((cpuMs * 1_000) / totals.deliveries),
    delivery: spreadOf(Histogram.of([totals.delivery])),
    finality: spreadOf(Histogram.of([totals.finality])),
    crashes: totals.crashes,
    traffic: trafficFigures(sum.traffic),
    faults: totals.faults,
    storedMiBPerNode: round(sum.storedBytes / sum.nodes.length / 1_048_576),
    rssMiB: round(process.resourceUsage().maxRSS / 1_024),
    isShared: settings.shared,
    sharedChecks: checks,
    differences: DIFFERENCES,
    eventLogHash: log.digest,
    eventLogLines: log.lines,
    violations: sum.violations,
    violationsLeftOut: sum.violationsLeftOut,
    timeline: sum.timeline,
    nodes: sum.nodes,
    links: sum.links,
    notes: log.notes,
    notesLeftOut: log.notesLeftOut,
    ...(settings.networks === 1 ? {} : { networks: results.map(networkFigures) }),
    ...(run.notRun.length === 0 ? {} : { networksNotRun: run.notRun }),
  }
}

export function spreadOf(histogram: Histogram): Spread {
  const at = (share: number): number | undefined => {
    const value = histogram.quantile(share)
    return value === undefined ? undefined : round(value)
  }
  const { count, max } = histogram
  return { count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: round(max), curve: histogram.curve() }
}

type ReplayInit = Omit<ReportInit, 'run'> & { readonly settings: Settings; readonly transport?: Report['transport'] }

/** The command that gives the same run again. */
export function replayOf({ scenario, broken, seed, data, settings, presets, transport }: ReplayInit): string {
  const words = ['npm run simulate --', `--scenario ${scenario}`, `--seed ${seed}`]
  if (transport === 'libp2p') words.push('--transport libp2p')
  if (data !== undefined) words.push(`--data ${data}`)
  if (broken !== undefined) words.push(`--break ${broken}`)
  for (const name of SETTING_NAMES) {
    // A later version may have other presets: what the story depends on is said in full.
    const isSaid = settings[name] !== presets[name] || presets[name] !== PRESETS[name] || name === 'meters' || name === 'forMs'
    if (isSaid) words.push(`--set ${formatSetting(name, settings)}`)
  }
  return words.join(' ')
}

export function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'unknown'
  }
}
