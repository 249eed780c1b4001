import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Note } from './event-log.ts'
import { type Histogram, round } from './histogram.ts'
import { linksOf, type NodeFigures, nodeFigures } from './node-figures.ts'
import { formatSetting, PRESETS, SETTING_NAMES, type Settings } from './settings.ts'
import type { Simulation, Violation } from './simulation.ts'
import type { TimelinePoint } from './timeline.ts'

/** Which of the world's limits do not hold in a simulation, or hold otherwise: said in every report. */
const DIFFERENCES = [
  'signature checks: one for all nodes of the process and each content (sharedChecks), unless shared=false',
  'stored bytes: one copy for all nodes of the process, unless shared=false',
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
  readonly traffic: {
    readonly bytesPerNodePerDay: number
    readonly messagesPerNodePerDay: number
    readonly bytesBy: { readonly sync: number; readonly gossip: number; readonly requests: number }
    readonly lost: number
    readonly doubled: number
    readonly gossip: { readonly heard: number; readonly duplicates: number; readonly rejected: number; readonly ignored: number }
  }
  readonly faults: { readonly [fault: string]: number }
  readonly storedMiBPerNode: number
  readonly rssMiB: number
  readonly isShared: boolean
  readonly sharedChecks: { readonly asked: number; readonly made: number }
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
  readonly links: readonly (readonly [number, number])[]
  readonly notes: readonly Note[]
  readonly notesLeftOut: number
  /** On real sockets: from the first process to the last node's having neighbours enough. */
  readonly meshedSeconds?: number | undefined
  /** Of the most that all workers held at once, less 90 MB for each of them. */
  readonly rssMiBPerNode?: number
  readonly processes?: number
  /** Limits of the node's libraries that are raised, and to what. */
  readonly raised?: readonly string[]
}

export interface ReportInit {
  readonly simulation: Simulation
  readonly scenario: string
  readonly broken: string | undefined
  readonly seed: string
  readonly data: string | undefined
  /** As the scenario sets them; what differs was told by hand. */
  readonly presets: Settings
}

export function makeReport({ simulation, scenario, broken, seed, data, presets }: ReportInit): Report {
  const { world, tally, settings } = simulation
  const virtualSeconds = world.time.elapsedMs / 1_000
  const wallSeconds = simulation.elapsedWallMs / 1_000
  const { cpuMs } = simulation.timeline
  return {
    scenario,
    story: simulation.story,
    broken,
    brokenOnPurpose: simulation.brokenOnPurpose,
    transport: 'virtual',
    seed,
    commit: commitOf(),
    nodeVersion: process.version,
    cores: availableParallelism(),
    settings,
    load: data ?? 'built-in households',
    replay: replayOf({ scenario, broken, seed, data, settings, presets }),
    isComplete: !simulation.isStopped,
    virtualSeconds: round(virtualSeconds),
    wallSeconds: round(wallSeconds),
    speedUp: round(virtualSeconds / wallSeconds),
    drainedSeconds: simulation.drainedMs === undefined ? undefined : simulation.drainedMs / 1_000,
    events: world.time.events,
    blocks: tally.blocks,
    readings: tally.readings,
    deliveries: tally.deliveries,
    deliveriesPerSecond: round(tally.deliveries / wallSeconds),
    ...tally.shares(),
    attestations: tally.attestations,
    cpuSeconds: round(cpuMs / 1_000),
    usPerDelivery: tally.deliveries === 0 ? undefined : round((cpuMs * 1_000) / tally.deliveries),
    delivery: spreadOf(tally.delivery),
    finality: spreadOf(tally.finality),
    crashes: tally.crashes,
    traffic: trafficOf(simulation, virtualSeconds),
    faults: Object.fromEntries(tally.faults),
    storedMiBPerNode: round(world.nodes.reduce((sum, { disk }) => sum + disk.usedBytes, 0) / world.nodes.length / 1_048_576),
    rssMiB: round(process.memoryUsage.rss() / 1_048_576),
    isShared: settings.shared,
    sharedChecks: { asked: world.checks.asked, made: world.checks.made },
    differences: DIFFERENCES,
    eventLogHash: world.log.digest(),
    eventLogLines: world.log.lines,
    violations: simulation.violations,
    violationsLeftOut: simulation.violationsLeftOut,
    timeline: simulation.timeline.points,
    nodes: nodeFigures(world, tally),
    links: linksOf(world),
    notes: world.log.notes,
    notesLeftOut: world.log.notesLeftOut,
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

const DAY_SECONDS = 86_400

function trafficOf({ world }: Simulation, virtualSeconds: number): Report['traffic'] {
  const { network, nodes } = world
  const bytesBy = { sync: 0, gossip: 0, requests: 0 }
  let [bytes, messages] = [0, 0]
  for (const traffic of network.traffic.values()) {
    bytes += traffic.bytes
    messages += traffic.messages
    for (const kind of ['sync', 'gossip', 'requests'] as const) bytesBy[kind] += traffic.bytesBy[kind]
  }
  const gossip = { heard: 0, duplicates: 0, rejected: 0, ignored: 0 }
  for (const counts of [...network.gossipOf.values(), ...nodes.map(({ port }) => port?.gossip)]) {
    for (const name of ['heard', 'duplicates', 'rejected', 'ignored'] as const) gossip[name] += counts?.[name] ?? 0
  }
  const perNodePerDay = virtualSeconds === 0 ? 0 : DAY_SECONDS / virtualSeconds / nodes.length
  return {
    bytesPerNodePerDay: Math.round(bytes * perNodePerDay),
    messagesPerNodePerDay: Math.round(messages * perNodePerDay),
    bytesBy,
    lost: network.lost,
    doubled: network.doubled,
    gossip,
  }
}

type ReplayInit = Omit<ReportInit, 'simulation'> & { readonly settings: Settings; readonly transport?: Report['transport'] }

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
