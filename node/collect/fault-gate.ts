import type { Clock } from '../platform.ts'

/** A fault that comes every second is told once a minute, with its count. */
const QUIET_MS = 60_000

/** Kinds of fault told apart; there are about thirty. */
const MAX_CODES = 64

export class FaultGate {
  readonly #clock: Clock
  readonly #codes = new Map<string, { toldMs: number; held: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many there were since the last one told, if this one is to be told; else 0. */
  pass(code: string): number {
    const now = this.#clock.monotonicMs()
    const known = this.#codes.get(code)
    if (known === undefined) {
      if (this.#codes.size >= MAX_CODES) this.#codes.clear()
      this.#codes.set(code, { toldMs: now, held: 0 })
      return 1
    }
    known.held++
    if (now - known.toldMs < QUIET_MS) return 0
    const count = known.held
    known.toldMs = now
    known.held = 0
    return count
  }
}
