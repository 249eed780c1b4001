import type { Epochs } from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'

/** A change that is new becomes final on its own in this time, as a rule. */
const FIRST_MS = 5_000

/** One epoch has come by asking: the next will need it too. */
const NEXT_MS = 250

/** Nobody had what was asked for, or it was lost. */
const AGAIN_MS = 30_000

export interface EpochSeekerInit {
  readonly timers: Timers
  /** Of the registrar's chain as far as it is held. */
  readonly held: () => Epochs
  /** Of its blocks that count. */
  readonly counted: () => Epochs
  readonly askClosings: (epoch: number) => void
}

/**
 * Asks for the closing attestations of the last epoch that counts, while a later one is held (rules W8, W13): neighbours tell the
 * newest attestations and only so many, and who was away for long may be told none of those that an older change rests on.
 */
export class EpochSeeker {
  readonly #init: EpochSeekerInit
  #timer: Timer | undefined
  /** The epoch that the timer is set for, and the one that was last asked for. */
  #waitingFor: number | undefined
  #asked: number | undefined
  #stopped = false

  constructor(init: EpochSeekerInit) {
    this.#init = init
  }

  /** Something may have begun to count, or to be held. */
  look(): void {
    const { held, counted, timers } = this.#init
    const last = counted().latest.number
    if (this.#timer !== undefined && this.#waitingFor === last) return
    this.#clear()
    if (this.#stopped || held().latest.number <= last) return
    this.#waitingFor = last
    const waitMs = this.#asked === last ? AGAIN_MS : this.#asked === undefined || this.#asked < last - 1 ? FIRST_MS : NEXT_MS
    this.#timer = timers.set(waitMs, () => this.#ask(last))
  }

  #ask(epoch: number): void {
    this.#timer = undefined
    if (this.#init.counted().latest.number === epoch) {
      this.#asked = epoch
      this.#init.askClosings(epoch)
    }
    this.look()
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
  }

  stop(): void {
    this.#stopped = true
    this.#clear()
  }
}
