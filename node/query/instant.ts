import { WattnessError } from '../../protocol/index.ts'
import type { TimeZone } from './time-zone.ts'

/** The end of what is asked for: the last year of four digits. */
export const MAX_INSTANT_MS = Date.UTC(9999, 11, 31)

/** The `+` of an offset may have come as a space: in a query it stands for one. */
const LOCAL = /^(\d{4})-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{3}))?)?)?)?(Z|[ +-]\d{2}:?\d{2})?$/

/**
 * A time as it is asked for: `2025-03-30T12:00:00Z` or with an offset, UTC milliseconds, or by the clock of the zone:
 * `2025-03-30T12:00`, `2025-03-30`, `2025-03`. Of a time that this clock shows twice the first is meant; of one that it leaves
 * out, the instant of the change. Throws QUERY_INVALID.
 */
export function parseInstant(name: string, text: string, zone: TimeZone): number {
  const ms = /^\d{1,15}$/.test(text) && text.length > 4 ? Number(text) : clockTime(text, zone)
  if (ms !== undefined && ms >= 0 && ms <= MAX_INSTANT_MS) return ms
  const expected = 'expected a time such as 2025-03-30T12:00:00Z, 2025-03-30T12:00, 2025-03-30, 2025-03 or UTC milliseconds'
  throw new WattnessError('QUERY_INVALID', `${name}: ${expected}, found ${JSON.stringify(text.slice(0, 40))}`, { name })
}

function clockTime(text: string, zone: TimeZone): number | undefined {
  const match = LOCAL.exec(text)
  if (match === null) return undefined
  const part = (place: number, unless: number): number => (match[place] === undefined ? unless : Number(match[place]))
  const [year, month, day] = [part(1, 0), part(2, 1), part(3, 1)]
  const midnight = Date.UTC(year, month - 1, day)
  const [hour, minute, second] = [part(4, 0), part(5, 0), part(6, 0)]
  // Date.UTC turns 31 April into 1 May.
  const shown = new Date(midnight)
  if (shown.getUTCDate() !== day || shown.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59) return undefined
  const localMs = midnight + ((hour * 60 + minute) * 60 + second) * 1_000 + part(7, 0)
  const offset = match[8]
  if (offset === undefined) return instantOf(localMs, zone)
  if (match[4] === undefined) return undefined
  if (offset === 'Z') return localMs
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2))
  return localMs - (offset.startsWith('-') ? -minutes : minutes) * 60_000
}

const WIDEST_MS = 2 * 86_400_000

function instantOf(localMs: number, zone: TimeZone): number {
  for (const { fromMs, toMs, offsetMs } of zone.stretches(localMs - WIDEST_MS, localMs + WIDEST_MS)) {
    const at = localMs - offsetMs
    if (at < toMs) return Math.max(at, fromMs)
  }
  return localMs
}

/** `2025-03-30T12:00:00Z`; milliseconds only where there are any. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}
