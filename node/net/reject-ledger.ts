import type { Clock } from '../platform.ts'

/** A reject is forgotten by half in this time. */
const HALF_LIFE_MS = 600_000

/** Rejects below this count as none, and their entry is dropped. */
const FORGOTTEN = 0.1

const MAX_ENTRIES = 1_024

/**
 * Who sent rejected payloads, how many, how long ago. It outlives the connection: gossipsub's own counters start afresh
 * when a peer comes back, so that a liar would only have to reconnect.
 */
export class RejectLedger {
  readonly #clock: Clock
  readonly #entries = new Map<string, { count: number; atMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  add(peer: string): void {
    const count = this.of(peer) + 1
    this.#entries.delete(peer)
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value as string)
    this.#entries.set(peer, { count, atMs: this.#clock.monotonicMs() })
  }

  /** The rejects held against a peer now. */
  of(peer: string): number {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return 0
    const count = entry.count * 0.5 ** ((this.#clock.monotonicMs() - entry.atMs) / HALF_LIFE_MS)
    if (count >= FORGOTTEN) return count
    this.#entries.delete(peer)
    return 0
  }
}
