import type { World } from './world/world.ts'

const KINDS = ['sync', 'gossip', 'requests'] as const
const GOSSIP_COUNTS = ['heard', 'duplicates', 'rejected', 'ignored'] as const

type CountsOf<K extends string> = { readonly [kind in K]: number }

/** What was sent in one network, or in several together: plain data. */
export interface TrafficCounts {
  readonly bytes: number
  readonly messages: number
  /** Virtual time that its nodes went through, all of them added up: what rates go by. */
  readonly nodeMs: number
  readonly bytesBy: CountsOf<(typeof KINDS)[number]>
  readonly lost: number
  readonly doubled: number
  readonly gossip: CountsOf<(typeof GOSSIP_COUNTS)[number]>
}

export interface TrafficFigures extends Pick<TrafficCounts, 'bytesBy' | 'lost' | 'doubled' | 'gossip'> {
  readonly bytesPerNodePerDay: number
  readonly messagesPerNodePerDay: number
}

export function trafficOf({ network, nodes, time }: World): TrafficCounts {
  const bytesBy = { sync: 0, gossip: 0, requests: 0 }
  const gossip = { heard: 0, duplicates: 0, rejected: 0, ignored: 0 }
  let [bytes, messages] = [0, 0]
  for (const traffic of network.traffic.values()) {
    bytes += traffic.bytes
    messages += traffic.messages
    for (const kind of KINDS) bytesBy[kind] += traffic.bytesBy[kind]
  }
  for (const counts of [...network.gossipOf.values(), ...nodes.map(({ port }) => port?.gossip)]) {
    for (const name of GOSSIP_COUNTS) gossip[name] += counts?.[name] ?? 0
  }
  const { lost, doubled } = network
  return { bytes, messages, nodeMs: nodes.length * time.elapsedMs, bytesBy, lost, doubled, gossip }
}

export function sumOfTraffic(parts: readonly TrafficCounts[]): TrafficCounts {
  const sum = (of: (part: TrafficCounts) => number): number => parts.reduce((all, part) => all + of(part), 0)
  return {
    bytes: sum(({ bytes }) => bytes),
    messages: sum(({ messages }) => messages),
    nodeMs: sum(({ nodeMs }) => nodeMs),
    bytesBy: {
      sync: sum(({ bytesBy }) => bytesBy.sync),
      gossip: sum(({ bytesBy }) => bytesBy.gossip),
      requests: sum(({ bytesBy }) => bytesBy.requests),
    },
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    gossip: {
      heard: sum(({ gossip }) => gossip.heard),
      duplicates: sum(({ gossip }) => gossip.duplicates),
      rejected: sum(({ gossip }) => gossip.rejected),
      ignored: sum(({ gossip }) => gossip.ignored),
    },
  }
}

const DAY_MS = 86_400_000

export function trafficFigures({ bytes, messages, nodeMs, bytesBy, lost, doubled, gossip }: TrafficCounts): TrafficFigures {
  const perNodePerDay = nodeMs === 0 ? 0 : DAY_MS / nodeMs
  return {
    bytesPerNodePerDay: Math.round(bytes * perNodePerDay),
    messagesPerNodePerDay: Math.round(messages * perNodePerDay),
    ...{ bytesBy, lost, doubled, gossip },
  }
}
