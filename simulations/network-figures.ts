import { Histogram, type HistogramState, round } from './histogram.ts'
import type { NetworkResult } from './network-result.ts'
import { sharesOf } from './tally.ts'
import { trafficFigures } from './traffic.ts'

interface Times {
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
  readonly maxMs: number
}

/** One of several networks of a run: what differs from one to the other. */
export interface NetworkFigures {
  readonly name: string
  /** Hex: the hash of its genesis. */
  readonly networkId: string
  readonly meters: number
  /** False where it was stopped before its end. */
  readonly isComplete: boolean
  readonly virtualSeconds: number
  readonly blocks: number
  readonly deliveries: number
  readonly deliveredShare: number
  readonly finalShare: number
  readonly attestations: number
  readonly delivery: Times
  readonly finality: Times
  readonly crashes: number
  readonly drainedSeconds: number | undefined
  readonly bytesPerNodePerDay: number
  readonly storedMiBPerNode: number
  readonly violations: number
  /** Over its own events. */
  readonly eventLogHash: string
}

export function networkFigures(result: NetworkResult): NetworkFigures {
  const { name, networkId, meters, totals, drainedMs, traffic } = result
  return {
    ...{ name, networkId, meters },
    isComplete: !result.isStopped,
    virtualSeconds: round(result.elapsedMs / 1_000),
    blocks: totals.blocks,
    deliveries: totals.deliveries,
    ...sharesOf(totals.standing),
    attestations: totals.attestations,
    delivery: timesOf(totals.delivery),
    finality: timesOf(totals.finality),
    crashes: totals.crashes,
    drainedSeconds: drainedMs === undefined ? undefined : drainedMs / 1_000,
    bytesPerNodePerDay: trafficFigures(traffic).bytesPerNodePerDay,
    storedMiBPerNode: round(result.storedBytes / result.nodes.length / 1_048_576),
    violations: result.violations.length + result.violationsLeftOut,
    eventLogHash: result.log.digest,
  }
}

function timesOf(state: HistogramState): Times {
  const histogram = Histogram.of([state])
  const at = (share: number): number | undefined => {
    const value = histogram.quantile(share)
    return value === undefined ? undefined : round(value)
  }
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: round(histogram.max) }
}
