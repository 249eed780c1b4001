import { toHex } from '../protocol/index.ts'
import { type Histogram, round } from './histogram.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { sharesOf } from './tally.ts'
import type { World } from './world/world.ts'

export interface TrafficFigures {
  readonly bytesPerNodePerDay: number
  readonly messagesPerNodePerDay: number
  readonly bytesBy: { readonly sync: number; readonly gossip: number; readonly requests: number }
  readonly lost: number
  readonly doubled: number
  readonly gossip: { readonly heard: number; readonly duplicates: number; readonly rejected: number; readonly ignored: number }
}

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

export function networkFigures(
  { name, world, tally, drainedMs, violations }: Neighbourhood,
  virtualSeconds: number,
): NetworkFigures {
  return {
    name,
    networkId: toHex(world.genesis.networkId),
    meters: world.settings.meters,
    blocks: tally.blocks,
    deliveries: tally.deliveries,
    ...sharesOf(tally),
    attestations: tally.attestations,
    delivery: timesOf(tally.delivery),
    finality: timesOf(tally.finality),
    crashes: tally.crashes,
    drainedSeconds: drainedMs === undefined ? undefined : drainedMs / 1_000,
    bytesPerNodePerDay: trafficOf([world], virtualSeconds).bytesPerNodePerDay,
    storedMiBPerNode: round(storedBytes(world) / world.nodes.length / 1_048_576),
    violations,
    eventLogHash: world.log.digest(),
  }
}

function timesOf(histogram: Histogram): Times {
  const at = (share: number): number | undefined => {
    const value = histogram.quantile(share)
    return value === undefined ? undefined : round(value)
  }
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: round(histogram.max) }
}

/** On the disks of all nodes together. */
export function storedBytes({ nodes }: World): number {
  return nodes.reduce((sum, { disk }) => sum + disk.usedBytes, 0)
}

const DAY_SECONDS = 86_400

/** Of all these networks together. */
export function trafficOf(worlds: readonly World[], virtualSeconds: number): TrafficFigures {
  const bytesBy = { sync: 0, gossip: 0, requests: 0 }
  const gossip = { heard: 0, duplicates: 0, rejected: 0, ignored: 0 }
  let [bytes, messages, nodeCount, lost, doubled] = [0, 0, 0, 0, 0]
  for (const { network, nodes } of worlds) {
    nodeCount += nodes.length
    lost += network.lost
    doubled += network.doubled
    for (const traffic of network.traffic.values()) {
      bytes += traffic.bytes
      messages += traffic.messages
      for (const kind of ['sync', 'gossip', 'requests'] as const) bytesBy[kind] += traffic.bytesBy[kind]
    }
    for (const counts of [...network.gossipOf.values(), ...nodes.map(({ port }) => port?.gossip)]) {
      for (const name of ['heard', 'duplicates', 'rejected', 'ignored'] as const) gossip[name] += counts?.[name] ?? 0
    }
  }
  const perNodePerDay = virtualSeconds === 0 ? 0 : DAY_SECONDS / virtualSeconds / nodeCount
  return {
    bytesPerNodePerDay: Math.round(bytes * perNodePerDay),
    messagesPerNodePerDay: Math.round(messages * perNodePerDay),
    bytesBy,
    lost,
    doubled,
    gossip,
  }
}
