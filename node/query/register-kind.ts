import { type Register, UNIT } from '../../protocol/index.ts'

/**
 * What a register's numbers mean, by value group D of its code (IEC 62056-6-1):
 *
 * - `counter`: runs on since the meter was made (8; 17 and 18, the same at the end of the last recording interval; and the
 *   registers of gas, water and heat): what counts is how much it grew.
 * - `total`: of a recording interval (29, 30): they add up.
 * - `maximum`, `minimum`: of a time.
 * - `mean`: everything else: power and voltage, averages of intervals and samples of instants.
 */
export type RegisterKind = 'counter' | 'total' | 'mean' | 'maximum' | 'minimum'

const ELECTRICITY = 1
const ABSTRACT = 0
/** The channel's meter reading that was taken last, as P1 ports give gas, water and heat: 0-n:24.2.1. */
const MBUS_READING = 24

const COUNTERS = new Set([8, 17, 18])
const TOTALS = new Set([29, 30])
const MAXIMA = new Set([2, 6, 12, 16, 22, 26, 53, 54])
const MINIMA = new Set([1, 3, 11, 13, 21, 23, 51, 52])
const VOLUMES_AND_ENERGIES: ReadonlySet<number> = new Set([UNIT.m3, 14, UNIT.joule, UNIT.wattHour])

export function kindOf({ obis: { a, c, d }, unit }: Register): RegisterKind {
  if (a === ABSTRACT) return c === MBUS_READING && VOLUMES_AND_ENERGIES.has(unit) ? 'counter' : 'mean'
  if (a !== ELECTRICITY) return d === 0 && VOLUMES_AND_ENERGIES.has(unit) ? 'counter' : otherKind(d)
  return otherKind(d)
}

function otherKind(d: number): RegisterKind {
  if (COUNTERS.has(d)) return 'counter'
  if (TOTALS.has(d)) return 'total'
  if (MAXIMA.has(d)) return 'maximum'
  return MINIMA.has(d) ? 'minimum' : 'mean'
}
