/** What a message meets on its way from one node to another. */
export interface Conditions {
  /** One way: the median over all pairs of nodes. */
  readonly latencyMs: number
  /** How much the pairs differ: the standard deviation of the logarithm of their latency; 0 for not at all. */
  readonly latencySpread: number
  /** Added to each message: exponential, with this mean. */
  readonly jitterMs: number
  /** Share of messages lost. On a stream, a loss is sent again and holds up what comes behind it; a gossiped payload is gone. */
  readonly loss: number
  /** Share of gossiped payloads that arrive twice. */
  readonly duplication: number
  /** Share of gossiped payloads that are overtaken by others. */
  readonly reordering: number
  /** Bytes a second that one node sends in all; 0 for no bound. */
  readonly bytesPerSecond: number
}

/** Homes of one city on cable and fibre. */
export const DEFAULT_CONDITIONS: Conditions = {
  latencyMs: 20,
  latencySpread: 0.4,
  jitterMs: 4,
  loss: 0,
  duplication: 0,
  reordering: 0,
  bytesPerSecond: 0,
}

/** A lost segment is sent again after this, doubled each time (RFC 6298: not below 200 ms in practice). */
export const RETRANSMISSION_MS = 200

/** Headers of yamux, Noise, TCP and IP around one message. */
export const OVERHEAD_BYTES = 84
