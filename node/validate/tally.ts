import type { Clock } from '../platform.ts'
import type { Outcome } from './lanes.ts'

/** What became of the runs that came to the door: codes are a closed set, so that this stays small. */
export class Tally {
  readonly #byCode = new Map<string, number>()
  #totalMs = 0

  /** Returns what it was given. */
  note<O extends Outcome>(outcome: O, ms: number): O {
    const code = outcome.verdict === 'accept' ? 'ACCEPTED' : outcome.code
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1)
    this.#totalMs += ms
    return outcome
  }

  /** The same function, which notes what it is told and how long that took from now on. */
  timing(clock: Pick<Clock, 'monotonicMs'>, answer: (outcome: Outcome) => void): (outcome: Outcome) => void {
    const cameMs = clock.monotonicMs()
    return (outcome) => {
      this.note(outcome, clock.monotonicMs() - cameMs)
      answer(outcome)
    }
  }

  /** By error code; ACCEPTED for what was stored. */
  get byCode(): ReadonlyMap<string, number> {
    return this.#byCode
  }

  /** From their coming to their being checked and stored, summed up. */
  get totalMs(): number {
    return this.#totalMs
  }
}
