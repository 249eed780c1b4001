import type { Bytes } from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { Outcome } from '../validate/index.ts'

/** A run of this size is live traffic; a larger one is a catch-up and goes on at once. */
const SMALL_RUN_BYTES = 4_096

/** Runs gathered at most. */
export const MAX_GATHERED = 256

export interface GathererInit {
  readonly timers: Timers
  /** A small run waits this long for others, milliseconds. */
  readonly gatherMs: number
  readonly submit: (run: Bytes) => Promise<Outcome>
}

interface Waiting {
  readonly run: Bytes
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void
}

/** Small runs that come shortly after each other pass the door together: one stretch of checking, one write. */
export class Gatherer {
  readonly #init: GathererInit
  #waiting: Waiting[] = []
  #timer: Timer | undefined

  constructor(init: GathererInit) {
    this.#init = init
  }

  submit(run: Bytes): Promise<Outcome> {
    if (run.length > SMALL_RUN_BYTES) return this.#init.submit(run)
    return new Promise((resolve) => {
      this.#waiting.push({ run, resolve })
      if (this.#waiting.length >= MAX_GATHERED) this.flush()
      else this.#timer ??= this.#init.timers.set(this.#init.gatherMs, () => this.flush())
    })
  }

  flush(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
    const waiting = this.#waiting
    this.#waiting = []
    for (const { run, resolve } of waiting) resolve(this.#init.submit(run))
  }
}
