import { localMs } from './local-time.ts'
import type { P1Time, P1Zone } from './p1-time.ts'

/**
 * Times of read-outs: `[S]YYMMDD`, `[S]hhmmss`, both in one, and the same with separators. S is the season: 0 standard time, 1
 * summer time, 2 UTC; without it the wall clock is taken.
 */

const HOUR_MS = 3_600_000
const STAMP = /^([012]?)(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?$/
const DATE = /^([012]?)(?:(?:20)?(\d{2}))-?(\d{2})-?(\d{2})$/
const TIME = /^([012]?)(\d{2}):?(\d{2})(?::?(\d{2}))?$/

/** `1703100930`, with seconds or season or both. Undefined where it names no time. */
export function parseStamp(text: string, zone: P1Zone): P1Time | undefined {
  const match = STAMP.exec(text)
  return match === null ? undefined : instant(match[1] as string, match.slice(2).map(Number), zone)
}

/** A date and a time that stand in two places. */
export function parseDateAndTime(date: string, time: string, zone: P1Zone): P1Time | undefined {
  const day = DATE.exec(date)
  const clock = TIME.exec(time)
  if (day === null || clock === null) return undefined
  const season = day[1] === '' ? (clock[1] as string) : (day[1] as string)
  return instant(season, [...day.slice(2), ...clock.slice(2)].map(Number), zone)
}

/** True for text of the shape of a stamp, also of an impossible time. */
export function isStamp(text: string): boolean {
  return STAMP.test(text)
}

function instant(season: string, parts: readonly number[], zone: P1Zone): P1Time | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
  const local = localMs(2_000 + year, month, day, hour, minute, Number.isNaN(second) ? 0 : second)
  if (local === undefined) return undefined
  if (season === '2') return { time: local, doubtful: false }
  if (season !== '') return { time: local - zone.standardOffsetMs - Number(season) * HOUR_MS, doubtful: false }
  const instants = zone.zone.utcOf(local)
  const time = instants.at(-1)
  return time === undefined ? undefined : { time, doubtful: instants.length > 1 }
}
