import { WattnessError } from '../../protocol/errors.ts'
import { UNIT } from '../../protocol/units.ts'
import type { Measured, Quantity } from './mbus-quantity.ts'
import { decodeBcd, decodeInteger, type MbusRecord, type MbusValue } from './mbus-record.ts'

/**
 * The fixed data structure of old meters (EN 1434-3, control information 73): two counters of four bytes, with a unit and a
 * medium for both. Status bit 0 tells binary from decimal digits, bit 1 that the counters are those of the set day.
 */

const BYTES = 16
const STATUS_AT = 5
const UNITS_AT = 6
const COUNTERS_AT = 8
const COUNTER_BYTES = 4
const UNIT_MASK = 0x3f
const SAME_BUT_STORED = 0x3e

/** First and last unit code, what it is, its unit, and the power of ten of the first; the next ones are ten times more each. */
const UNITS: readonly (readonly [first: number, last: number, quantity: Quantity, unit: number, scaler: number])[] = [
  [0x02, 0x0a, 'energy', UNIT.wattHour, 0],
  [0x0b, 0x13, 'energy', UNIT.joule, 3],
  [0x14, 0x1c, 'power', UNIT.watt, 0],
  [0x1d, 0x25, 'power', 26, 3],
  [0x26, 0x2e, 'volume', UNIT.m3, -6],
  [0x2f, 0x37, 'flow', 15, -6],
  [0x38, 0x38, 'flow-temperature', UNIT.celsius, -3],
  [0x39, 0x39, 'heat-cost', UNIT.count, 0],
  [0x3f, 0x3f, 'plain', UNIT.count, 0],
]

export interface FixedCounter {
  readonly record: MbusRecord
  readonly measured: Measured
}

/** Counters with a unit that is known. Throws MBUS_RECORD_MALFORMED. */
export function decodeFixed(content: Uint8Array): { medium: number; counters: readonly FixedCounter[] } {
  if (content.length !== BYTES) {
    throw new WattnessError('MBUS_RECORD_MALFORMED', `a fixed structure of ${content.length} bytes, expected ${BYTES}`)
  }
  const status = content[STATUS_AT] as number
  const [first, second] = [content[UNITS_AT] as number, content[UNITS_AT + 1] as number]
  const counters: FixedCounter[] = []
  for (const [index, byte] of [first, second].entries()) {
    const isStored = (byte & UNIT_MASK) === SAME_BUT_STORED || (status & 0x02) !== 0
    const measured = measuredBy((byte & UNIT_MASK) === SAME_BUT_STORED ? first & UNIT_MASK : byte & UNIT_MASK)
    const at = COUNTERS_AT + index * COUNTER_BYTES
    const bytes = content.slice(at, at + COUNTER_BYTES)
    const value = (status & 0x01) === 0 ? decodeBcd(bytes) : decodeInteger(bytes)
    if (measured !== undefined) counters.push({ record: recordOf(value, isStored ? 1 : 0), measured })
  }
  return { medium: (first >> 6) | ((second >> 6) << 2), counters }
}

function measuredBy(code: number): Measured | undefined {
  const row = UNITS.find(([first, last]) => code >= first && code <= last)
  if (row === undefined) return undefined
  const [first, , quantity, unit, scaler] = row
  return { quantity, unit, scaler: scaler + code - first, factor: 1 }
}

function recordOf(value: MbusValue, storage: number): MbusRecord {
  return { function: 'instantaneous', storage, tariff: 0, subunit: 0, table: 'primary', vif: 0, text: '', extensions: [], value }
}
