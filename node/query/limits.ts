/** What one question may cost. A test may tighten them; a configuration does not. */
export interface QueryLimits {
  /** Intervals in an answer of JSON: a year of quarter hours. */
  readonly intervals: number
  /** Intervals in an answer of lines, which nobody holds as a whole: twenty years of quarter hours. */
  readonly lineIntervals: number
  /** Time of raw values in an answer of JSON. */
  readonly rawMs: number
  /** Rows of one register in memory at once. */
  readonly sliceRows: number
  /** Members of a balance. */
  readonly members: number
}

const DAY_MS = 86_400_000

export const QUERY_LIMITS: QueryLimits = {
  intervals: 36_000,
  lineIntervals: 720_000,
  rawMs: 62 * DAY_MS,
  sliceRows: 262_144,
  members: 256,
}

/**
 * A step of time across the end of an interval is shared out up to this length, see IntervalGroups: what a meter that is read
 * daily says of days, and one that is read hourly of quarter hours.
 */
export const SHARED_MS: Readonly<Record<'15m' | '1h' | '1d' | '1mo', number>> = {
  '15m': 3_600_000,
  '1h': 3_600_000,
  '1d': 25 * 3_600_000,
  '1mo': 25 * 3_600_000,
}
