import type { VirtualTime } from '../time/virtual-time.ts'

interface Letter {
  readonly dueMs: number
  readonly deliver: () => void
}

/** Letters handed out before the array behind them is cut. */
const CUT_AFTER = 256

/** One direction of a connection: what was sent arrives in order; while the way is blocked it waits, as TCP's bytes do. */
export class Wire {
  readonly #time: VirtualTime
  readonly #isOpen: () => boolean
  readonly #onDue = (): void => this.#deliver()
  #letters: Letter[] = []
  #at = 0
  #lastMs = 0
  #isArmed = false
  #isBlocked = false
  #isCut = false

  /** What arrives where it is not open any more is dropped. */
  constructor(time: VirtualTime, isOpen: () => boolean) {
    this.#time = time
    this.#isOpen = isOpen
  }

  /** Arrives after `travelMs`, and not before what was sent earlier. */
  send(travelMs: number, deliver: () => void): void {
    if (this.#isCut) return
    this.#lastMs = Math.max(this.#lastMs, this.#time.elapsedMs + travelMs)
    this.#letters.push({ dueMs: this.#lastMs, deliver })
    this.#arm()
  }

  block(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    this.#arm()
  }

  /** For good: nothing arrives any more. */
  cut(): void {
    this.#isCut = true
    this.#letters = []
    this.#at = 0
  }

  #arm(): void {
    const next = this.#letters[this.#at]
    if (next === undefined || this.#isArmed || this.#isBlocked) return
    this.#isArmed = true
    this.#time.after(next.dueMs - this.#time.elapsedMs, this.#onDue)
  }

  #deliver(): void {
    this.#isArmed = false
    for (let next = this.#letters[this.#at]; next !== undefined && !this.#isBlocked; next = this.#letters[this.#at]) {
      if (next.dueMs > this.#time.elapsedMs) break
      this.#at++
      if (this.#isOpen()) next.deliver()
    }
    if (this.#at >= this.#letters.length) {
      this.#letters.length = 0
      this.#at = 0
    } else if (this.#at >= CUT_AFTER) {
      this.#letters = this.#letters.slice(this.#at)
      this.#at = 0
    }
    this.#arm()
  }
}
