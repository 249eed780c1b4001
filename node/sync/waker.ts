import type { Platform, Timer } from '../platform.ts'

/** Between two looks at what pauses have ended, milliseconds. */
export const WAKE_GAP_MS = 2_500

/** One timer for whoever waits for several things: the first that is due wakes it for all. */
export class Waker {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>
  readonly #wake: () => void
  #next: { readonly timer: Timer; readonly dueMs: number } | undefined
  #wokenMs = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(platform: Pick<Platform, 'clock' | 'timers'>, wake: () => void) {
    this.#platform = platform
    this.#wake = wake
  }

  #nowMs(): number {
    return this.#platform.clock.monotonicMs()
  }

  in(ms: number): void {
    const dueMs = this.#nowMs() + ms
    if (this.#stopped || (this.#next !== undefined && this.#next.dueMs <= dueMs)) return
    this.#clear()
    const { timers } = this.#platform
    this.#next = { timer: timers.set(ms, () => this.#onDue()), dueMs }
  }

  /** The same; but pauses end one by one, hundreds of them where a clock is wrong: those of a while are looked at together. */
  afterPause(ms: number): void {
    this.in(Math.max(ms, this.#wokenMs + WAKE_GAP_MS - this.#nowMs()))
  }

  #onDue(): void {
    this.#next = undefined
    this.#wokenMs = this.#nowMs()
    this.#wake()
  }

  #clear(): void {
    if (this.#next !== undefined) this.#platform.timers.clear(this.#next.timer)
    this.#next = undefined
  }

  stop(): void {
    this.#stopped = true
    this.#clear()
  }
}
