import { toHex } from '../protocol/index.ts'
import type { LogSummary } from './event-log.ts'
import { type Link, linksOf, type NodeFigures, nodeFigures } from './node-figures.ts'
import type { Simulation, Violation } from './simulation.ts'
import type { Totals } from './tally.ts'
import type { TimelinePoint } from './timeline.ts'
import { type TrafficCounts, trafficOf } from './traffic.ts'
import type { CheckCounts } from './world/commons.ts'

/** What one network came to, or several together: plain data, as it passes between threads. */
export interface Result {
  /** Before its end: what is judged only then was not. */
  readonly isStopped: boolean
  /** Virtual time that was run; of several, by the one that came furthest. */
  readonly elapsedMs: number
  /** Virtual time from the end of the run until all agreed; undefined where they did not. */
  readonly drainedMs: number | undefined
  readonly events: number
  readonly totals: Totals
  readonly traffic: TrafficCounts
  /** On the disks of all nodes together. */
  readonly storedBytes: number
  readonly checks: CheckCounts
  readonly log: LogSummary
  readonly violations: readonly Violation[]
  readonly violationsLeftOut: number
  readonly timeline: readonly TimelinePoint[]
  readonly nodes: readonly NodeFigures[]
  readonly links: readonly Link[]
}

export interface NetworkResult extends Result {
  /** Empty where it is the only one of its run. */
  readonly name: string
  /** Hex: the hash of its genesis. */
  readonly networkId: string
  readonly meters: number
}

/** Of a finished run. */
export function networkResult(simulation: Simulation, name = ''): NetworkResult {
  const { world, commons, tally, timeline, isStopped, drainedMs, violations, violationsLeftOut } = simulation
  const { asked, made, runs } = commons.checks
  return {
    name,
    networkId: toHex(world.genesis.networkId),
    meters: world.settings.meters,
    isStopped,
    elapsedMs: commons.time.elapsedMs,
    drainedMs,
    events: commons.time.events,
    totals: tally.totals(),
    traffic: trafficOf(world),
    storedBytes: world.nodes.reduce((sum, { disk }) => sum + disk.usedBytes, 0),
    checks: { asked, made, runs: { asked: runs.asked, made: runs.made } },
    log: world.log.summary(),
    ...{ violations, violationsLeftOut },
    timeline: timeline.points,
    nodes: nodeFigures(world, tally),
    links: linksOf(world),
  }
}
