/** Each class is a twentieth wider than the one below: quantiles are right to about 2.5 %. */
const GROWTH = Math.log(1.05)
const LEAST = 0.1

/** All that a histogram knows, as it passes between processes. */
export interface HistogramState {
  readonly counts: readonly number[]
  readonly max: number
}

/** Many numbers above zero, in little room. */
export class Histogram {
  readonly #counts: number[] = []
  count = 0
  max = 0

  /** All numbers of these together. */
  static of(states: readonly HistogramState[]): Histogram {
    const histogram = new Histogram()
    for (const state of states) histogram.merge(state)
    return histogram
  }

  add(value: number): void {
    const place = value <= LEAST ? 0 : 1 + Math.floor(Math.log(value / LEAST) / GROWTH)
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
    this.count++
    if (value > this.max) this.max = value
  }

  state(): HistogramState {
    return { counts: Array.from(this.#counts, (count) => count ?? 0), max: this.max }
  }

  /** Adds all numbers of another one. */
  merge({ counts, max }: HistogramState): void {
    for (const [place, count] of counts.entries()) {
      if (count === 0) continue
      this.#counts[place] = (this.#counts[place] ?? 0) + count
      this.count += count
    }
    this.max = Math.max(this.max, max)
  }

  /** Undefined where there is no number. */
  quantile(share: number): number | undefined {
    if (this.count === 0) return undefined
    let left = share * this.count
    for (const [place, count] of this.#counts.entries()) {
      left -= count ?? 0
      if (left <= 0) return Math.min(this.max, LEAST * Math.exp(GROWTH * (place + 0.5)))
    }
    return this.max
  }

  /** Shares of all numbers up to each class's upper end: what a cumulative curve is drawn from. */
  curve(): readonly (readonly [upTo: number, share: number])[] {
    const points: [number, number][] = []
    let sum = 0
    for (const [place, count] of this.#counts.entries()) {
      if (count === undefined) continue
      sum += count
      points.push([round(LEAST * Math.exp(GROWTH * (place + 1))), round(sum / this.count)])
    }
    return points
  }
}

export function round(value: number): number {
  return Number(value.toPrecision(5))
}
