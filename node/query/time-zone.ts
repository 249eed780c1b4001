import { WattnessError } from '../../protocol/index.ts'
import { LruMap } from '../store/index.ts'

/**
 * Clocks of time zones, for whole intervals of local time: a zone is cut at its clock changes into stretches of one offset, which
 * are found once a year and zone. (`node/collect/local-time.ts` answers the other question, what one wall clock reading meant,
 * one reading at a time.)
 */

/** A time during which a zone's clock is set to one offset. */
export interface Stretch {
  readonly fromMs: number
  /** Where the clock is changed, or where what was looked at ends. */
  readonly toMs: number
  /** Local time less UTC. */
  readonly offsetMs: number
}

export interface TimeZone {
  readonly name: string
  offsetAt(utcMs: number): number
  /** Stretches that together are `fromMs` to `toMs`. */
  stretches(fromMs: number, toMs: number): Stretch[]
}

const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS
/** Zones, each with the years that were asked for. */
const ZONES_KEPT = 32
const YEARS_KEPT = 64
const MAX_NAME_CHARS = 64
const OFFSET_TEXT = /^([+-])(\d{2}):?(\d{2})$/

const zones = new LruMap<string, TimeZone>(ZONES_KEPT)

/** `UTC`, `Z`, `+05:30`, or an IANA name such as `Europe/Moscow`. Throws ZONE_UNKNOWN. */
export function timeZone(text: string): TimeZone {
  const known = zones.get(text)
  if (known !== undefined) return known
  const zone = makeZone(text)
  zones.set(text, zone)
  return zone
}

function makeZone(text: string): TimeZone {
  if (text === 'UTC' || text === 'Z') return fixedZone('UTC', 0)
  const match = OFFSET_TEXT.exec(text)
  if (match !== null) {
    const minutes = Number(match[2]) * 60 + Number(match[3])
    if (Number(match[3]) > 59 || minutes > 24 * 60) return refuse(text)
    return fixedZone(text, (match[1] === '-' ? -minutes : minutes) * 60_000)
  }
  return text.length > MAX_NAME_CHARS || text === '' ? refuse(text) : new NamedZone(text)
}

function refuse(text: string, cause?: unknown): never {
  const found = text.slice(0, MAX_NAME_CHARS)
  throw new WattnessError(
    'ZONE_UNKNOWN',
    `time zone: expected UTC, an offset such as +05:30 or a name such as Europe/Moscow, found ${JSON.stringify(found)}`,
    { found },
    { cause },
  )
}

function fixedZone(name: string, offsetMs: number): TimeZone {
  return { name, offsetAt: () => offsetMs, stretches: (fromMs, toMs) => [{ fromMs, toMs, offsetMs }] }
}

class NamedZone implements TimeZone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  readonly #years = new LruMap<number, readonly Stretch[]>(YEARS_KEPT)

  constructor(name: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
    } catch (error) {
      refuse(name, error)
    }
    this.name = name
  }

  offsetAt(utcMs: number): number {
    return (this.stretches(utcMs, utcMs + 1)[0] as Stretch).offsetMs
  }

  stretches(fromMs: number, toMs: number): Stretch[] {
    const found: Stretch[] = []
    for (let year = Math.floor(fromMs / YEAR_MS); year * YEAR_MS < toMs; year++) {
      for (const stretch of this.#yearOf(year)) {
        const begin = Math.max(fromMs, stretch.fromMs)
        const end = Math.min(toMs, stretch.toMs)
        if (begin >= end) continue
        const last = found.at(-1)
        if (last?.offsetMs === stretch.offsetMs) found[found.length - 1] = { ...last, toMs: end }
        else found.push({ fromMs: begin, toMs: end, offsetMs: stretch.offsetMs })
      }
    }
    return found
  }

  #yearOf(year: number): readonly Stretch[] {
    const known = this.#years.get(year)
    if (known !== undefined) return known
    const found: Stretch[] = []
    const end = (year + 1) * YEAR_MS
    let fromMs = year * YEAR_MS
    let offsetMs = this.#ask(fromMs)
    // No zone has changed its clock twice within a day.
    for (let at = fromMs; at < end; ) {
      const next = Math.min(at + DAY_MS, end)
      const offset = this.#ask(next)
      if (offset !== offsetMs) {
        const changeMs = this.#changeIn(at, next, offsetMs)
        found.push({ fromMs, toMs: changeMs, offsetMs })
        fromMs = changeMs
        offsetMs = offset
      }
      at = next
    }
    if (fromMs < end) found.push({ fromMs, toMs: end, offsetMs })
    this.#years.set(year, found)
    return found
  }

  /** The first instant in (after, until] with another offset than `offsetMs`; clocks are changed on a whole second. */
  #changeIn(after: number, until: number, offsetMs: number): number {
    let low = Math.floor(after / 1_000)
    let high = Math.floor(until / 1_000)
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.#ask(middle * 1_000) === offsetMs) low = middle
      else high = middle
    }
    return high * 1_000
  }

  /** `GMT+05:30`, `GMT`, and with seconds in the days of local mean time. */
  #ask(utcMs: number): number {
    const match = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?/.exec(this.#format.format(utcMs))
    const seconds = Number(match?.[2] ?? 0) * 3_600 + Number(match?.[3] ?? 0) * 60 + Number(match?.[4] ?? 0)
    return (match?.[1] === '-' ? -seconds : seconds) * 1_000
  }
}
