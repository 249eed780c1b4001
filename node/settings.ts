import type { GossipMode } from './gossip/index.ts'

/** How one node behaves; what the whole network must agree on stands in genesis. */
export interface NodeSettings {
  /** Time between two rounds of sealing, milliseconds. */
  readonly intervalMs: number
  /** Rows that are sealed without waiting for the round. */
  readonly rowsAtOnce: number
  /** Most rows in one block. */
  readonly maxRows: number
  /** From something new to the telling of it, milliseconds; undefined: a sixth of the interval, within its bounds. */
  readonly announceDelayMs: number | undefined
  /** From something new that a witness may sign to its attestation, milliseconds; at least a fifth of the interval. */
  readonly attestDelayMs: number
  readonly crossCheckMs: number | undefined
  readonly gossip: GossipMode
  /** Seal after a start without a neighbour's word. */
  readonly sealAlone: boolean
  /** False: takes what neighbours give and writes nothing of its own, as long as it runs. */
  readonly seals: boolean
  /** Addresses dialled from the start, and again for ever. */
  readonly bootstrap: readonly string[]
  /** Worker threads that check large runs; 0: all on the main thread. */
  readonly verifyThreads: number
  /** Name and version that neighbours are shown. */
  readonly agent: string
}

const LEAST_ANNOUNCE_DELAY_MS = 250
const MOST_ANNOUNCE_DELAY_MS = 30_000

export const DEFAULT_SETTINGS: NodeSettings = {
  intervalMs: 900_000,
  rowsAtOnce: 96,
  maxRows: 96,
  announceDelayMs: undefined,
  attestDelayMs: 2_000,
  crossCheckMs: undefined,
  gossip: 'auto',
  sealAlone: false,
  seals: true,
  bootstrap: [],
  verifyThreads: 1,
  agent: 'wattness/0.1.0',
}

/** A sixth of the block interval, 0.25 to 30 s, unless it is set. */
export function announceDelayOf(settings: NodeSettings): number {
  const preset = Math.min(Math.max(settings.intervalMs / 6, LEAST_ANNOUNCE_DELAY_MS), MOST_ANNOUNCE_DELAY_MS)
  return settings.announceDelayMs ?? Math.round(preset)
}

/**
 * Blocks come once an interval: a witness that attests more often says little each time, and each time everybody checks it.
 * (`npm run simulate -- --meters 200 --for 1h`: at forty an interval two thirds of all CPU go into attestations, at ten a third.)
 */
const ATTESTATIONS_PER_INTERVAL = 5

export function attestDelayOf({ attestDelayMs, intervalMs }: Pick<NodeSettings, 'attestDelayMs' | 'intervalMs'>): number {
  return Math.max(attestDelayMs, Math.round(intervalMs / ATTESTATIONS_PER_INTERVAL))
}

const LEAST_CROSS_CHECK_MS = 30_000

/** Cross-checks in the time in which each chain grows by one block: more often there is nothing new to be compared. */
const CROSS_CHECKS_PER_INTERVAL = 10

/** Time between two comparisons of heads roots with each neighbour, milliseconds: half a minute or more, unless it is set. */
export function crossCheckOf({ crossCheckMs, intervalMs }: Pick<NodeSettings, 'crossCheckMs' | 'intervalMs'>): number {
  return crossCheckMs ?? Math.max(LEAST_CROSS_CHECK_MS, Math.round(intervalMs / CROSS_CHECKS_PER_INTERVAL))
}
