import { type Platform, phaseOf, type Timer } from '../../node/index.ts'
import type { Reading } from '../../protocol/index.ts'
import type { Load } from './messages.ts'

/** A reading comes so long before its meter's turn to seal, or a twentieth of the interval where that is less. */
const MOST_LEAD_MS = 2_000
const LEAD_SHARE = 0.05

const SECOND_MS = 1_000

export interface FeederInit {
  readonly key: Uint8Array
  /** One for each interval; their own times are of another year and give way. */
  readonly readings: readonly Reading[]
  readonly platform: Pick<Platform, 'clock' | 'timers'>
  readonly take: (reading: Reading) => Promise<unknown>
  /** A reading of this time is durable, as the node said. */
  readonly onTaken: (time: number) => void
  readonly onRefused: (error: Error) => void
}

/**
 * A meter that shows one reading in each block interval, shortly before the node's turn to seal: what it shows goes by the clock
 * alone, so that a node that was away goes on where its meter is.
 */
export class Feeder {
  readonly #init: FeederInit
  #timer: Timer | undefined
  #load: Load | undefined
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(init: FeederInit) {
    this.#init = init
  }

  feed(load: Load): void {
    this.stop()
    this.#load = load
    this.#plan()
  }

  stop(): void {
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
    this.#load = undefined
  }

  #plan(): void {
    if (this.#load?.fromMs === undefined) return
    const { key, platform } = this.#init
    const { intervalMs, fromMs, toMs } = this.#load
    const leadMs = Math.min(MOST_LEAD_MS, Math.round(intervalMs * LEAD_SHARE))
    const phaseMs = phaseOf(key, intervalMs) - leadMs
    const nowMs = platform.clock.now()
    // The first instant of this phase after all of these; a timer may fire a moment before its time.
    const earliestMs = Math.max(nowMs + 1, fromMs, this.#lastMs + 1)
    const atMs = Math.ceil((earliestMs - phaseMs) / intervalMs) * intervalMs + phaseMs
    if (toMs !== undefined && atMs >= toMs) return
    this.#timer = platform.timers.set(atMs - nowMs, () => {
      this.#lastMs = atMs
      this.#take(Math.floor((atMs - fromMs) / intervalMs), atMs)
      this.#plan()
    })
  }

  #take(place: number, atMs: number): void {
    const reading = this.#init.readings[place]
    const intervalMs = this.#load?.intervalMs ?? 0
    if (reading === undefined) return
    // Meters tell whole seconds; blocks that come faster want finer times.
    const time = intervalMs < SECOND_MS ? atMs : Math.floor(atMs / SECOND_MS) * SECOND_MS
    const shown = { ...reading, time, intervalMs: Math.min(reading.intervalMs, intervalMs) }
    this.#init.take(shown).then(
      () => this.#init.onTaken(time),
      (error: Error) => this.#init.onRefused(error),
    )
  }
}
