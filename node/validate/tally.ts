import type { Outcome } from './lanes.ts'

/** What became of the runs that came to the door: codes are a closed set, so that this stays small. */
export class Tally {
  readonly #byCode = new Map<string, number>()
  #totalMs = 0

  note(outcome: Outcome, ms: number): void {
    const code = outcome.verdict === 'accept' ? 'ACCEPTED' : outcome.code
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1)
    this.#totalMs += ms
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
