import type { Platform, Timer } from '../platform.ts'

/**
 * When each of many things is due, on one timer. Most are over long before: setting and clearing a timer for each costs more
 * than one that now and then finds nothing due.
 */
export class Deadlines<T> {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>
  readonly #onDue: (item: T) => void
  readonly #due = new Map<T, number>()
  #timer: { readonly timer: Timer; readonly dueMs: number } | undefined

  constructor(platform: Pick<Platform, 'clock' | 'timers'>, onDue: (item: T) => void) {
    this.#platform = platform
    this.#onDue = onDue
  }

  /** `item` is due after `ms`, whatever was said of it before. */
  set(item: T, ms: number): void {
    const dueMs = this.#platform.clock.monotonicMs() + ms
    this.#due.set(item, dueMs)
    if (this.#timer === undefined || this.#timer.dueMs > dueMs) this.#arm(dueMs)
  }

  delete(item: T): void {
    this.#due.delete(item)
  }

  stop(): void {
    this.#due.clear()
    this.#disarm()
  }

  #arm(dueMs: number): void {
    this.#disarm()
    const ms = Math.max(0, dueMs - this.#platform.clock.monotonicMs())
    this.#timer = { timer: this.#platform.timers.set(ms, () => this.#tick()), dueMs }
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#platform.timers.clear(this.#timer.timer)
    this.#timer = undefined
  }

  #tick(): void {
    this.#timer = undefined
    const now = this.#platform.clock.monotonicMs()
    const due = [...this.#due].filter(([, dueMs]) => dueMs <= now)
    for (const [item] of due) this.#due.delete(item)
    for (const [item] of due) this.#onDue(item)
    if (this.#due.size > 0) this.#arm(Math.min(...this.#due.values()))
  }
}
