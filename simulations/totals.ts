import { sumOfLogs } from './event-log.ts'
import { Histogram } from './histogram.ts'
import type { NetworkResult, Result } from './network-result.ts'
import { type Link, MAX_LINKS_TOLD, type NodeFigures } from './node-figures.ts'
import { MAX_VIOLATIONS, type Violation } from './simulation.ts'
import type { Standing, Totals } from './tally.ts'
import { sumOfTimelines } from './timeline.ts'
import { sumOfTraffic } from './traffic.ts'

/**
 * What the networks of one run came to together: one alone is as it is. Of several, violations, nodes and notes begin with the
 * name of their network.
 */
export function sumOf(results: readonly NetworkResult[]): Result {
  const sum = (of: (result: NetworkResult) => number): number => results.reduce((all, each) => all + of(each), 0)
  const violations = violationsOf(results)
  const leftOut = sum(({ violationsLeftOut }) => violationsLeftOut)
  return {
    isStopped: results.some(({ isStopped }) => isStopped),
    elapsedMs: Math.max(...results.map(({ elapsedMs }) => elapsedMs)),
    drainedMs: longestDrain(results),
    events: sum(({ events }) => events),
    totals: sumOfTotals(results.map(({ totals }) => totals)),
    traffic: sumOfTraffic(results.map(({ traffic }) => traffic)),
    storedBytes: sum(({ storedBytes }) => storedBytes),
    checks: {
      asked: sum(({ checks }) => checks.asked),
      made: sum(({ checks }) => checks.made),
      runs: { asked: sum(({ checks }) => checks.runs.asked), made: sum(({ checks }) => checks.runs.made) },
    },
    log: sumOfLogs(results),
    violations: violations.slice(0, MAX_VIOLATIONS),
    violationsLeftOut: leftOut + Math.max(0, violations.length - MAX_VIOLATIONS),
    timeline: sumOfTimelines(results.map(({ timeline, isStopped }) => ({ points: timeline, isStopped }))),
    nodes: results.flatMap(nodesOf),
    links: linksOf(results),
  }
}

/** Undefined where one of them did not come to agree. */
function longestDrain(results: readonly NetworkResult[]): number | undefined {
  let longest = 0
  for (const { drainedMs } of results) {
    if (drainedMs === undefined) return undefined
    longest = Math.max(longest, drainedMs)
  }
  return longest
}

function sumOfTotals(parts: readonly Totals[]): Totals {
  const sum = (of: (totals: Totals) => number): number => parts.reduce((all, each) => all + of(each), 0)
  const standing = (of: keyof Standing): number => sum((each) => each.standing[of])
  const faults: Record<string, number> = {}
  for (const part of parts) {
    for (const [fault, count] of Object.entries(part.faults)) faults[fault] = (faults[fault] ?? 0) + count
  }
  return {
    delivery: Histogram.of(parts.map(({ delivery }) => delivery)).state(),
    finality: Histogram.of(parts.map(({ finality }) => finality)).state(),
    deliveries: sum(({ deliveries }) => deliveries),
    readings: sum(({ readings }) => readings),
    blocks: sum(({ blocks }) => blocks),
    attestations: sum(({ attestations }) => attestations),
    crashes: sum(({ crashes }) => crashes),
    faults,
    standing: { all: standing('all'), held: standing('held'), final: standing('final') },
  }
}

/** In the order of time; of several networks each says where. */
function violationsOf(results: readonly NetworkResult[]): Violation[] {
  const says = (name: string, what: string): string => (name === '' ? what : `${name}: ${what}`)
  return results
    .flatMap(({ name, violations }) => violations.map((each) => ({ ...each, what: says(name, each.what) })))
    .sort((a, b) => a.atMs - b.atMs)
}

function nodesOf({ name, nodes }: NetworkResult): readonly NodeFigures[] {
  return name === '' ? nodes : nodes.map((node) => ({ ...node, name: `${name} ${node.name}` }))
}

/** Places among the nodes of all networks, one behind the other. */
function linksOf(results: readonly NetworkResult[]): Link[] {
  const all: Link[] = []
  let first = 0
  for (const { nodes, links } of results) {
    for (const [from, to] of links) all.push([first + from, first + to])
    first += nodes.length
  }
  return all.slice(0, MAX_LINKS_TOLD)
}
