import { localMs, type Zone } from './local-time.ts'

/**
 * Time stamps of P1 telegrams: `YYMMDDhhmmssX`, where X is W in winter (standard time) and S in summer, one hour ahead (DSMR 5.0
 * section 6.4). The Netherlands, Belgium, Luxembourg, Sweden and Hungary share Central European Time; others are set by option.
 */

const TIME_TEXT = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})([SW]?)$/
const HOUR_MS = 3_600_000

/** What a telegram's local times mean. */
export interface P1Zone {
  /** Offset of standard time from UTC. */
  readonly standardOffsetMs: number
  /** For stamps without S or W, as versions 2 and 3 print them. */
  readonly zone: Zone
}

export interface P1Time {
  /** UTC milliseconds. */
  readonly time: number
  /** True in the doubled hour of a stamp without S or W: it may be an hour off. */
  readonly doubtful: boolean
}

/** True for text that has the shape of a time stamp, also of an impossible time. */
export function isTimeText(text: string): boolean {
  return TIME_TEXT.test(text)
}

/** Undefined where the text names no time: meters send zeros or impossible months while their clock is not set. */
export function parseP1Time(text: string, zone: P1Zone): P1Time | undefined {
  const match = TIME_TEXT.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const local = localMs(2_000 + year, month, day, hour, minute, second)
  if (local === undefined) return undefined
  const letter = match[7]
  if (letter === 'W') return { time: local - zone.standardOffsetMs, doubtful: false }
  if (letter === 'S') return { time: local - zone.standardOffsetMs - HOUR_MS, doubtful: false }
  const instants = zone.zone.utcOf(local)
  const time = instants.at(-1)
  return time === undefined ? undefined : { time, doubtful: instants.length > 1 }
}
