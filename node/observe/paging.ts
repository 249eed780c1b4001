import Type, { type TUnsafe } from 'typebox'
import { type Member, WattnessError } from '../../protocol/index.ts'
import type { MemberRef } from './schemas/index.ts'

/** What lists have in common. */

export const Order = (preset: 'asc' | 'desc'): TUnsafe<'asc' | 'desc'> =>
  Type.Unsafe<'asc' | 'desc'>({ type: 'string', enum: ['asc', 'desc'], default: preset, description: 'Oldest or newest first.' })

/** Path and query of the page after. */
export function nextPath(path: string, parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value))
  return `${path}?${query}`
}

const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/

/**
 * UTC milliseconds of a time with `Z` or an offset (whose `+` may have come as a space), or of the beginning of a day in UTC.
 * Throws QUERY_INVALID.
 */
export function parseTime(name: string, given: string): number {
  const text = given.replace(' ', '+')
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  const expected = 'expected such as 2026-01-01T00:15:00Z, 2026-01-01T01:15+01:00 or 2026-01-01'
  throw new WattnessError('QUERY_INVALID', `${name}: found ${JSON.stringify(given)}, ${expected}`, { name, found: given })
}

export function refOf({ index, keyHex, label }: Member): MemberRef {
  return { index, key: keyHex, label: label ?? null }
}
