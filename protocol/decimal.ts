import { WattnessError } from './errors.ts'
import type { Register } from './reading.ts'
import { formatUnit, parseUnit, UNIT } from './units.ts'

/**
 * Decimal text to integer × 10^scaler and back, exactly: no float is ever formed. The number of decimals given is kept,
 * so `001234.500` kWh and `1234.5` kWh are different scalers of one quantity. Rules R6 to R8.
 */

/** An integer times 10^scaler. */
export interface Decimal {
  readonly value: number
  readonly scaler: number
}

export interface Quantity extends Decimal {
  /** DLMS unit code. */
  readonly unit: number
}

/** A value as it is printed. */
export interface QuantityText {
  readonly value: string
  readonly unit: string
}

/** Text longer than this is no meter value: bounds the work on hostile input. */
const MAX_DECIMAL_LENGTH = 64
const DECIMAL_TEXT = /^([+-]?)(\d+)(?:\.(\d+))?$/

/** Units printed with the prefix k, as meters and bills write them. Rule R8. */
const KILO_UNITS: ReadonlySet<number> = new Set([UNIT.watt, UNIT.va, UNIT.var, UNIT.wattHour, UNIT.vaHour, UNIT.varHour])
const KILO_EXPONENT = 3

/**
 * Rule R6: `-12.50` → value −1250, scaler −2. Leading zeros are taken, exponents, blanks and commas are not: throws
 * MALFORMED_DECIMAL; VALUE_OUT_OF_RANGE where the integer would not be safe.
 */
export function parseDecimal(text: string): Decimal {
  const match = text.length <= MAX_DECIMAL_LENGTH ? DECIMAL_TEXT.exec(text) : null
  if (match === null) {
    const found = text.slice(0, MAX_DECIMAL_LENGTH)
    throw new WattnessError('MALFORMED_DECIMAL', `decimal: expected digits such as 1234.567, found ${JSON.stringify(found)}`, {
      found,
    })
  }
  const decimals = match[3] ?? ''
  // Digits beyond 2^53 − 1 round to 2^53 or more, which is not safe: no wrong integer passes.
  const magnitude = Number((match[2] as string) + decimals)
  if (!Number.isSafeInteger(magnitude)) {
    throw new WattnessError('VALUE_OUT_OF_RANGE', `decimal ${text}: its digits exceed 2^53-1`, { found: text })
  }
  const value = match[1] === '-' && magnitude !== 0 ? -magnitude : magnitude
  return { value, scaler: decimals.length === 0 ? 0 : -decimals.length }
}

/** Rule R6, the other way: exactly −scaler decimals; a positive scaler writes its zeros. */
export function formatDecimal(value: number, scaler: number): string {
  const sign = value < 0 ? '-' : ''
  const digits = String(Math.abs(value))
  if (scaler >= 0) return sign + (value === 0 ? digits : digits + '0'.repeat(scaler))
  const padded = digits.padStart(1 - scaler, '0')
  return `${sign}${padded.slice(0, scaler)}.${padded.slice(scaler)}`
}

/** Rule R7: `('1234.567', 'kWh')` → 1234567 × 10^0 Wh. Throws as parseDecimal and parseUnit do. */
export function parseQuantity(text: string, unitText: string): Quantity {
  const { value, scaler } = parseDecimal(text)
  const { unit, exponent } = parseUnit(unitText)
  return { value, unit, scaler: scaler + exponent }
}

/** The value in the register's own unit, without prefix: `1234567` for 1234567 Wh. */
export function formatValue(register: Register, value: number): string {
  return formatDecimal(value, register.scaler)
}

/**
 * Rule R8: the value as people read it: W, Wh, VA, VAh, var and varh in kilo-units, all else in its own unit, with exactly
 * the decimals that are stored: 1234567 Wh → `1234.567`, `kWh`. parseQuantity of the result gives the register's unit and value
 * back (for a scaler that leaves decimals).
 */
export function formatQuantity(register: Register, value: number): QuantityText {
  const unit = formatUnit(register.unit)
  if (!KILO_UNITS.has(register.unit)) return { value: formatDecimal(value, register.scaler), unit }
  return { value: formatDecimal(value, register.scaler - KILO_EXPONENT), unit: `k${unit}` }
}
