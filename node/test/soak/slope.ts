/** How something changed over time, told by ranks: neither one outlier nor the saw teeth of a garbage collector move it far. */
export interface Trend {
  /** Median of the slopes between all pairs (Theil and Sen), per hour. */
  readonly perHour: number
  /** The slope that 99 in 100 are sure to lie above (normal approximation after Sen, of Kendall's variance). */
  readonly leastPerHour: number
  /** Median of the values. */
  readonly level: number
}

/** A place in time and what was found there. */
export interface Sample {
  readonly atMs: number
  readonly value: number
}

const HOUR_MS = 3_600_000
/** One-sided 99 %. */
const Z = 2.326

/** Pairs grow with the square: more samples are first gathered to so many windows. */
export const MAX_WINDOWS = 120
/** Fewer tell nothing. */
export const MIN_SAMPLES = 8

/**
 * The floor of each of `windows` stretches of equal length: what is in use right after the collector ran, which is what a
 * leak raises. Empty stretches are left out.
 */
export function floors(samples: readonly Sample[], windows: number): Sample[] {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined) return []
  const lengthMs = Math.max(1, (last.atMs - first.atMs) / Math.min(windows, MAX_WINDOWS))
  const lowest = new Map<number, Sample>()
  for (const sample of samples) {
    const window = Math.min(Math.floor((sample.atMs - first.atMs) / lengthMs), windows - 1)
    const found = lowest.get(window)
    if (found === undefined || sample.value < found.value) lowest.set(window, sample)
  }
  return [...lowest.values()]
}

/** Undefined for fewer than MIN_SAMPLES. */
export function trendOf(samples: readonly Sample[]): Trend | undefined {
  const count = samples.length
  if (count < MIN_SAMPLES) return undefined
  if (count > MAX_WINDOWS) return trendOf(floors(samples, MAX_WINDOWS))
  const slopes: number[] = []
  for (const [i, a] of samples.entries()) {
    for (const b of samples.slice(i + 1)) {
      if (b.atMs !== a.atMs) slopes.push(((b.value - a.value) / (b.atMs - a.atMs)) * HOUR_MS)
    }
  }
  slopes.sort((a, b) => a - b)
  const deviation = Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)
  const rank = Math.floor((slopes.length - Z * deviation) / 2)
  return {
    perHour: middle(slopes),
    leastPerHour: slopes[Math.max(0, rank)] ?? 0,
    level: middle(samples.map(({ value }) => value).sort((a, b) => a - b)),
  }
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length / 2
  const above = sorted[Math.floor(half)] ?? 0
  return Number.isInteger(half) ? ((sorted[half - 1] ?? 0) + above) / 2 : above
}

/** What a rise comes to before it is told: in the values' own unit, and as a share of their level. */
export interface Least {
  readonly rise: number
  readonly share: number
}

/** A rise that chance does not explain, and that came to something in the time that was watched. */
export function isRising(trend: Trend, watchedMs: number, { rise, share }: Least): boolean {
  return trend.leastPerHour > 0 && (trend.perHour * watchedMs) / HOUR_MS > Math.max(rise, trend.level * share)
}
