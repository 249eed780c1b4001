import { WattnessError } from '../../protocol/errors.ts'

/**
 * Local wall-clock time to UTC. A wall clock shows one hour twice in autumn and leaves one out in spring, so an answer is a
 * list: usually one instant, two in the doubled hour, none in the missing one.
 *
 * "Local milliseconds" are the wall clock's reading taken as if it were UTC.
 */
export interface Zone {
  readonly name: string
  /** The instants at which the clock shows this, earliest first. */
  utcOf(localMs: number): readonly number[]
}

const OFFSET_TEXT = /^([+-])(\d{2}):?(\d{2})$/
const QUARTER_HOUR_MS = 900_000
const DAY_MS = 86_400_000

/** Offsets remembered per zone: a year of quarter hours is 35,040. */
const MAX_CACHED_OFFSETS = 50_000

/** `UTC`, `Z`, `+01:00`, or an IANA name such as `Europe/Brussels`. Throws ZONE_UNKNOWN. */
export function parseZone(text: string): Zone {
  if (text === 'UTC' || text === 'Z') return fixedZone(text, 0)
  const match = OFFSET_TEXT.exec(text)
  if (match !== null) {
    const minutes = Number(match[2]) * 60 + Number(match[3])
    return fixedZone(text, (match[1] === '-' ? -minutes : minutes) * 60_000)
  }
  return namedZone(text)
}

function fixedZone(name: string, offsetMs: number): Zone {
  return { name, utcOf: (localMs) => [localMs - offsetMs] }
}

function namedZone(name: string): Zone {
  const offsetAt = offsetLookup(name)
  return {
    name,
    utcOf: (localMs) => {
      // Zones change by far less than a day, so the offsets of the day before and after are all that can apply.
      const offsets = new Set([offsetAt(localMs - DAY_MS), offsetAt(localMs + DAY_MS)])
      const instants = Array.from(offsets, (offset) => localMs - offset).filter((utc) => offsetAt(utc) === localMs - utc)
      return instants.sort((a, b) => a - b)
    },
  }
}

/** Offset from UTC in milliseconds at an instant; no zone in use changes off the quarter hour. */
function offsetLookup(name: string): (utcMs: number) => number {
  const format = zoneFormat(name)
  const cache = new Map<number, number>()
  return (utcMs) => {
    const key = Math.floor(utcMs / QUARTER_HOUR_MS)
    const cached = cache.get(key)
    if (cached !== undefined) return cached
    const at = key * QUARTER_HOUR_MS
    const part: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value)
    const local = Date.UTC(part['year'] ?? 0, (part['month'] ?? 1) - 1, part['day'], part['hour'], part['minute'], part['second'])
    if (cache.size >= MAX_CACHED_OFFSETS) cache.clear()
    cache.set(key, local - at)
    return local - at
  }
}

function zoneFormat(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
  } catch (error) {
    const found = name.slice(0, 60)
    throw new WattnessError(
      'ZONE_UNKNOWN',
      `time zone: expected UTC, an offset such as +01:00 or a name such as Europe/Brussels, found ${JSON.stringify(found)}`,
      { found },
      { cause: error },
    )
  }
}

/** The wall clock's reading as local milliseconds, or undefined where the numbers name no time. Hour 24 only as 24:00:00. */
export function localMs(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number | undefined {
  if (month < 1 || month > 12 || day < 1 || minute > 59 || second > 59) return undefined
  if (hour > 24 || (hour === 24 && (minute !== 0 || second !== 0))) return undefined
  const midnight = Date.UTC(year, month - 1, day)
  // Date.UTC turns 31 April into 1 May.
  if (new Date(midnight).getUTCDate() !== day) return undefined
  return midnight + ((hour * 60 + minute) * 60 + second) * 1_000
}
