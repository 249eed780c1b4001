/** Longer ones count as this: what is wrong by a minute is wrong. */
export const MAX_LAG_MS = 60_000

/** Times of one kind, whole milliseconds, however many: counted by their length. */
export class Lags {
  readonly #counts = new Map<number, number>()
  #total = 0

  add(lagsMs: readonly number[]): void {
    for (const lagMs of lagsMs) {
      const ms = Math.min(Math.max(Math.round(lagMs), 0), MAX_LAG_MS)
      this.#counts.set(ms, (this.#counts.get(ms) ?? 0) + 1)
      this.#total++
    }
  }

  /** The least time that is no shorter than this share of all (0 to 1); null where there are none. */
  percentile(share: number): number | null {
    let left = Math.max(1, Math.ceil(this.#total * share))
    for (const ms of [...this.#counts.keys()].sort((a, b) => a - b)) {
      left -= this.#counts.get(ms) as number
      if (left <= 0) return ms
    }
    return null
  }
}
