import { availableParallelism } from 'node:os'
import { formatDuration } from '../../node/index.ts'
import { round } from '../histogram.ts'
import { MAX_LINKS_TOLD, type NodeFigures } from '../node-figures.ts'
import { commitOf, type Report, replayOf, spreadOf } from '../report.ts'
import type { Settings } from '../settings.ts'
import type { RealSimulation } from './real-simulation.ts'
import { WRITE_BUFFER_BYTES } from './resident.ts'
import { WORKER_FRUGALITY } from './worker-channel.ts'

/** As node/net raises them for every node; a run on one machine would be refused and silenced by the presets. */
const RAISED = [
  'libp2p inboundConnectionThreshold: 1,000 a second and address (preset 5)',
  'libp2p maxIncomingPendingConnections: 256 (preset 10)',
  'libp2p maxParallelDials: 32, of which the node uses 8',
  'gossipsub IPColocationFactorWeight: 0 (the preset silences meshes of 16 and more peers behind one address)',
]

const DIFFERENCES = [
  'nothing is shared: every node checks every signature and keeps every block itself',
  'checking of large runs: on the main thread (verifyThreads 0), so that 200 nodes do not have 200 threads',
  'traffic: not counted',
  'processor time: of all threads of all workers, from meshed to drained; the main process is not in it',
  `memory of workers: ${WORKER_FRUGALITY.join('; ')}; LevelDB buffers ${WRITE_BUFFER_BYTES / 1_024} KiB, not 4,096`,
]

const SPREAD =
  'on several machines: the registrar on this one, meters on the others; latencies go by all their clocks, so these must agree'

export interface RealReportInit {
  readonly run: RealSimulation
  readonly scenario: string
  readonly seed: string
  readonly data: string | undefined
  readonly presets: Settings
}

export function makeRealReport({ run, scenario, seed, data, presets }: RealReportInit): Report {
  const { settings, crew, last, blocks } = run
  const wallSeconds = run.elapsedMs / 1_000
  const runSeconds = (run.timeline.at(-1)?.atMs ?? 0) / 1_000
  const bytes = run.storedBytes
  const all = blocks * crew.names.length
  const total = (of: 'held' | 'final'): number => last?.standings.reduce((sum, each) => sum + (each?.[of] ?? 0), 0) ?? 0
  const share = (of: 'held' | 'final'): number => (all === 0 ? 1 : Math.min(1, total(of) / all))
  return {
    scenario,
    story: run.story,
    broken: undefined,
    brokenOnPurpose: undefined,
    transport: 'libp2p',
    seed,
    commit: commitOf(),
    nodeVersion: process.version,
    cores: availableParallelism(),
    settings,
    load: data ?? 'built-in households',
    replay: replayOf({ scenario, broken: undefined, seed, data, settings, presets, transport: 'libp2p' }),
    isComplete: !run.isStopped,
    virtualSeconds: round(runSeconds),
    wallSeconds: round(wallSeconds),
    speedUp: 1,
    drainedSeconds: run.drainedMs === undefined ? undefined : round(run.drainedMs / 1_000),
    events: 0,
    blocks,
    readings: run.readings,
    deliveries: run.deliveries,
    deliveriesPerSecond: runSeconds === 0 ? 0 : round(run.deliveries / runSeconds),
    deliveredShare: share('held'),
    finalShare: settings.witnesses === 0 ? 0 : share('final'),
    attestations: last?.attestations ?? 0,
    cpuSeconds: round(run.cpuUs / 1e6),
    usPerDelivery: run.deliveries === 0 ? undefined : round(run.cpuUs / run.deliveries),
    delivery: spreadOf(run.delivery),
    finality: spreadOf(run.finality),
    crashes: run.crashes,
    traffic: {
      bytesPerNodePerDay: 0,
      messagesPerNodePerDay: 0,
      bytesBy: { sync: 0, gossip: 0, requests: 0 },
      lost: 0,
      doubled: 0,
      gossip: { heard: 0, duplicates: 0, rejected: 0, ignored: 0 },
    },
    faults: Object.fromEntries(run.faults),
    storedMiBPerNode: round(bytes.reduce((sum, each) => sum + each, 0) / bytes.length / MIB),
    rssMiB: round((last?.rssBytes ?? 0) / MIB),
    isShared: false,
    sharedChecks: { asked: 0, made: 0, runs: { asked: 0, made: 0 } },
    differences: run.isSpread ? [...DIFFERENCES, SPREAD] : DIFFERENCES,
    eventLogHash: '',
    eventLogLines: run.notes.length,
    violations: run.violations,
    violationsLeftOut: run.violationsLeftOut,
    timeline: run.timeline,
    nodes: figuresOf(run, bytes),
    links: linksOf(run),
    notes: run.notes,
    notesLeftOut: run.notesLeftOut,
    meshedSeconds: run.meshedMs === undefined ? undefined : round(run.meshedMs / 1_000),
    rssMiBPerNode: round(run.mostRssBytes / crew.names.length / MIB),
    processes: crew.processes,
    raised: RAISED,
  }
}

const MIB = 1_048_576

function figuresOf({ crew, last, settings }: RealSimulation, bytes: readonly number[]): NodeFigures[] {
  return crew.names.map((name, member) => {
    const standing = last?.standings[member]
    return {
      name,
      role: member === 0 ? 'registrar' : member <= settings.witnesses ? 'witness' : 'meter',
      isUp: standing !== undefined,
      starts: crew.starts[member] ?? 0,
      sentBytes: 0,
      sentMessages: 0,
      heard: 0,
      duplicates: 0,
      storedMiB: round((bytes[member] ?? 0) / MIB),
      held: standing?.held ?? 0,
      final: standing?.final ?? 0,
    }
  })
}

function linksOf({ last }: RealSimulation): [number, number][] {
  const links: [number, number][] = []
  for (const standing of last?.standings ?? []) {
    for (const other of standing?.links ?? []) {
      if (standing !== undefined && standing.member < other && links.length < MAX_LINKS_TOLD) links.push([standing.member, other])
    }
  }
  return links
}

const WIDTH = 24

/** The progress line. */
export function realLineOf(run: RealSimulation): string {
  const { phase, settings, last, runMs } = run
  const up = last?.standings.filter((standing) => standing !== undefined).length ?? 0
  if (phase === 'starting' || phase === 'meshing') {
    const begun = run.crew.starts.filter((starts) => starts > 0).length
    const time = formatDuration(Math.floor(run.elapsedMs / 1_000) * 1_000)
    return `${phase}: ${begun} of ${run.crew.names.length} nodes started, ${time}`
  }
  const filled = Math.round(Math.min(1, runMs / settings.forMs) * WIDTH)
  const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`
  const time = formatDuration(Math.floor(runMs / 1_000) * 1_000)
  const cost = run.deliveries === 0 ? '' : `, ${Math.round(run.cpuUs / run.deliveries)} µs each`
  return `[${bar}] ${phase} ${time}, ${up} nodes up, ${run.blocks} blocks, ${run.deliveries} delivered${cost}`
}

/** The report as text, in the manner of a run on virtual time. */
export function realTextLines(report: Report): string[] {
  const { raised = [] } = report
  return [
    `  meshed    ${report.meshedSeconds ?? '–'} s after the first of ${report.processes} processes`,
    `  cost      ${report.usPerDelivery ?? '–'} µs CPU per delivered block`,
    `  memory    ${report.rssMiBPerNode} MiB per node beside 90 MB per process`,
    `  drained   ${report.drainedSeconds === undefined ? 'not' : `in ${report.drainedSeconds} s`}`,
    ...raised.map((limit, i) => `  ${i === 0 ? 'raised   ' : '         '} ${limit}`),
  ]
}
