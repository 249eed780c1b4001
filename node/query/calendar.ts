import { WattnessError } from '../../protocol/index.ts'
import type { Stretch, TimeZone } from './time-zone.ts'

/** Intervals of the clock of a time zone: quarter hours, hours, days, months, each where that clock has it. */

export type Grouping = '15m' | '1h' | '1d' | '1mo'
export type Resolution = 'raw' | Grouping
export const RESOLUTIONS: readonly Resolution[] = ['raw', '15m', '1h', '1d', '1mo']

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** No zone is further from UTC, and no clock change larger. */
const MOST_OFFSET_MS = 2 * DAY_MS

/** The shortest that an interval usually is: what bounds their number before they are made. */
const USUAL_MS: Readonly<Record<Grouping, number>> = {
  '15m': 15 * MINUTE_MS,
  '1h': HOUR_MS,
  '1d': 23 * HOUR_MS,
  '1mo': 28 * DAY_MS,
}

/**
 * Where the intervals begin that together hold `fromMs` to `toMs`, and, last, where the last one ends: both are widened to whole
 * intervals. A day is from the first instant of its date to that of the next, be it 23, 24.5 or 25 hours. Hours and quarter
 * hours also end where the clock is changed. Throws QUERY_TOO_LARGE for more than `most` intervals.
 */
export function boundsOf(zone: TimeZone, grouping: Grouping, fromMs: number, toMs: number, most: number): number[] {
  if ((toMs - fromMs) / USUAL_MS[grouping] > most + 1) tooMany(grouping, most)
  const bounds =
    grouping === '1d' || grouping === '1mo' ? dates(zone, grouping, fromMs, toMs) : hours(zone, grouping, fromMs, toMs)
  if (bounds.length - 1 > most) tooMany(grouping, most)
  return bounds
}

function tooMany(grouping: Grouping, most: number): never {
  throw new WattnessError(
    'QUERY_TOO_LARGE',
    `more than ${most} intervals of ${grouping}: ask for a shorter time or a coarser resolution`,
    { limit: most, resolution: grouping },
  )
}

function hours(zone: TimeZone, grouping: '15m' | '1h', fromMs: number, toMs: number): number[] {
  const lengthMs = USUAL_MS[grouping]
  const bounds: number[] = []
  const wide = zone.stretches(fromMs - lengthMs, toMs + lengthMs)
  for (const stretch of wide) {
    // Of the first stretch only the clock is known, not where it began.
    if (stretch !== wide[0]) bounds.push(stretch.fromMs)
    const first = Math.ceil((stretch.fromMs + stretch.offsetMs) / lengthMs) * lengthMs - stretch.offsetMs
    for (let at = first; at < stretch.toMs; at += lengthMs) if (at !== bounds.at(-1)) bounds.push(at)
  }
  return cut(bounds, fromMs, toMs)
}

function dates(zone: TimeZone, grouping: '1d' | '1mo', fromMs: number, toMs: number): number[] {
  const margin = grouping === '1d' ? DAY_MS : 31 * DAY_MS
  const stretches = zone.stretches(fromMs - margin - MOST_OFFSET_MS, toMs + margin + MOST_OFFSET_MS)
  const bounds: number[] = []
  const local = new Date(fromMs - margin)
  const month = local.getUTCMonth()
  for (let step = 0; ; step++) {
    const day = grouping === '1d' ? local.getUTCDate() + step : 1
    const midnight = Date.UTC(local.getUTCFullYear(), month + (grouping === '1d' ? 0 : step), day)
    const at = firstInstant(stretches, midnight)
    // A date that a zone left out, going from one side of the date line to the other, has no interval.
    if (at !== bounds.at(-1)) bounds.push(at)
    if (at >= toMs) return cut(bounds, fromMs, toMs)
  }
}

/** When the clock first shows `localMs` or, where a change leaves that out, more. */
function firstInstant(stretches: readonly Stretch[], localMs: number): number {
  for (const { fromMs, toMs, offsetMs } of stretches) {
    const at = localMs - offsetMs
    if (at < toMs) return Math.max(at, fromMs)
  }
  return localMs - (stretches.at(-1) as Stretch).offsetMs
}

/** From the last that is not after `fromMs` to the first that is not before `toMs`. */
function cut(bounds: readonly number[], fromMs: number, toMs: number): number[] {
  let first = 0
  while ((bounds[first + 1] ?? Number.POSITIVE_INFINITY) <= fromMs) first++
  let last = bounds.length - 1
  while ((bounds[last - 1] ?? Number.NEGATIVE_INFINITY) >= toMs) last--
  return bounds.slice(first, last + 1)
}
