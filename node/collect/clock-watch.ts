import type { Clock } from '../platform.ts'
import type { EventItem, ReadingItem } from './source.ts'

/**
 * A meter's clock beside this node's. A step is seen against the node's monotonic clock, which nobody sets; drift against its
 * time of day. Lines deliver late and in bursts, so what counts is what stays.
 */

/** Adapters and brokers hold telegrams back for seconds. */
export const LEAST_STEP_MS = 15_000
/** A new difference must hold for so many telegrams and so long. */
const HELD_TELEGRAMS = 3
const HELD_MS = 20_000
/** Beyond this the meter's time is told to be off; again when it is twice as much, and when it is right again. */
export const DRIFT_MS = 60_000

export class ClockWatch {
  readonly #clock: Clock
  /** Meter time less monotonic time. */
  #offsetMs: number | undefined
  #candidate: { readonly offsetMs: number; readonly sinceMs: number; readonly time: number; count: number } | undefined
  #toldDriftMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Only telegrams' own times count: values of sub-meters are older than that by nature. */
  take({ reading, frame }: ReadingItem): EventItem[] {
    if (reading.timeSource !== 'meter-clock' || reading.intervalMs > 0 || frame === undefined) return []
    const monotonicMs = this.#clock.monotonicMs()
    const offsetMs = reading.time - monotonicMs
    if (this.#offsetMs === undefined) {
      this.#offsetMs = offsetMs
      return this.#drift(reading.time)
    }
    if (Math.abs(offsetMs - this.#offsetMs) < LEAST_STEP_MS) {
      this.#candidate = undefined
      // Small differences are the line's, or a slow drift that is followed.
      this.#offsetMs += (offsetMs - this.#offsetMs) / 16
      return this.#drift(reading.time)
    }
    return this.#maybeStep(offsetMs, monotonicMs, reading.time)
  }

  #maybeStep(offsetMs: number, monotonicMs: number, time: number): EventItem[] {
    const candidate = this.#candidate
    if (candidate === undefined || Math.abs(offsetMs - candidate.offsetMs) >= LEAST_STEP_MS) {
      this.#candidate = { offsetMs, sinceMs: monotonicMs, time, count: 1 }
      return []
    }
    candidate.count++
    if (candidate.count < HELD_TELEGRAMS || monotonicMs - candidate.sinceMs < HELD_MS) return []
    const stepMs = candidate.offsetMs - (this.#offsetMs as number)
    this.#offsetMs = offsetMs
    this.#candidate = undefined
    const detail = `the meter's clock was set ${seconds(stepMs)} ${stepMs > 0 ? 'forward' : 'back'}`
    return [{ type: 'event', time: candidate.time, event: 'clock-set', detail }, ...this.#drift(time)]
  }

  #drift(time: number): EventItem[] {
    const driftMs = (this.#offsetMs as number) + this.#clock.monotonicMs() - this.#clock.now()
    const size = Math.abs(driftMs)
    const isNews = this.#toldDriftMs === 0 ? size > DRIFT_MS : size > 2 * this.#toldDriftMs || size < DRIFT_MS / 2
    if (!isNews) return []
    this.#toldDriftMs = size < DRIFT_MS / 2 ? 0 : size
    const detail =
      this.#toldDriftMs === 0
        ? "the meter's clock and this node's agree again"
        : `the meter's clock is ${seconds(driftMs)} ${driftMs > 0 ? 'ahead of' : 'behind'} this node's`
    return [{ type: 'event', time, event: 'clock-drift', detail }]
  }
}

function seconds(ms: number): string {
  return `${Math.round(Math.abs(ms) / 1_000)} s`
}
