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
  const sent = [...network.traffic.values()]
  const heard = [...network.gossipOf.values(), ...nodes.flatMap(({ port }) => port?.gossip ?? [])]
  const { lost, doubled } = network
  return {
    bytes: sumOf(sent, ({ bytes }) => bytes),
    messages: sumOf(sent, ({ messages }) => messages),
    nodeMs: nodes.length * time.elapsedMs,
    bytesBy: sumOfCounts(
      KINDS,
      sent.map(({ bytesBy }) => bytesBy),
    ),
    ...{ lost, doubled },
    gossip: sumOfCounts(GOSSIP_COUNTS, heard),
  }
}

export function sumOfTraffic(parts: readonly TrafficCounts[]): TrafficCounts {
  return {
    ...sumOfCounts(['bytes', 'messages', 'nodeMs'], parts),
    bytesBy: sumOfCounts(
      KINDS,
      parts.map(({ bytesBy }) => bytesBy),
    ),
    ...sumOfCounts(['lost', 'doubled'], parts),
    gossip: sumOfCounts(
      GOSSIP_COUNTS,
      parts.map(({ gossip }) => gossip),
    ),
  }
}

function sumOf<T>(parts: readonly T[], of: (part: T) => number): number {
  return parts.reduce((sum, part) => sum + of(part), 0)
}

/** Count by count. */
function sumOfCounts<K extends string>(names: readonly K[], parts: readonly CountsOf<K>[]): CountsOf<K> {
  return Object.fromEntries(names.map((name) => [name, sumOf(parts, (part) => part[name])])) as CountsOf<K>
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
