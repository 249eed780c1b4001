/** A time of which nothing is known in any interval. */
export interface Gap {
  readonly fromMs: number
  readonly toMs: number
  /** What was measured over it as a whole, where that is known. */
  readonly amount?: number
}

/** Gaps that an answer names: the longest. */
export const MAX_GAPS = 1_000

/** Keeps the longest gaps. */
export class GapList {
  count = 0
  #gaps: Gap[] = []

  add(gap: Gap): void {
    this.count++
    this.#gaps.push(gap)
    if (this.#gaps.length >= 2 * MAX_GAPS) this.#gaps = this.longest
  }

  /** The longest first, MAX_GAPS at most. */
  get longest(): Gap[] {
    return this.#gaps.toSorted((x, y) => y.toMs - y.fromMs - (x.toMs - x.fromMs) || x.fromMs - y.fromMs).slice(0, MAX_GAPS)
  }
}
