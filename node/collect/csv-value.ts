import { parseDecimal } from '../../protocol/decimal.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Register } from '../../protocol/reading.ts'
import { parseUnit } from '../../protocol/units.ts'
import type { CsvMapping, CsvValue } from './csv-mapping.ts'
import { rescale, type ScaledValue, ScalerMemory } from './scaler-memory.ts'

/** D = 8: the running total since the meter was made (time integral 1). */
const TOTAL = 8

/** Digits a printed float has; longer text is no number. */
const MAX_NUMBER_CHARS = 64

/** One declared value column, ready to read cells. */
export interface ValueReader {
  readonly declared: CsvValue
  /** Power of ten of the declared unit's prefix, for people. */
  readonly exponent: number
  /** The register of the running total, if one is kept. */
  readonly total: Register | undefined
  /** The cell as a number, or undefined where it stands for "no value". Throws CSV_VALUE_MALFORMED or VALUE_OUT_OF_RANGE. */
  read(cell: string): ScaledValue | undefined
  /** The register of a value that is missing. */
  register(): Register
}

export function valueReader(declared: CsvValue, mapping: CsvMapping): ValueReader {
  const obis = parseObis(declared.register)
  const { unit, exponent } = parseUnit(declared.unit)
  const missing = new Set(['', ...(mapping.missing ?? [])])
  const memory = new ScalerMemory()
  const decimals = declared.decimals
  const scaler = exponent - (decimals ?? 0)
  const text = cellText(mapping, decimals)
  return {
    declared,
    exponent,
    total: totalRegister(declared, obis, unit, scaler),
    register: () => (decimals === undefined ? memory.register(obis, unit, scaler) : { obis, unit, scaler }),
    read: (cell) => {
      if (missing.has(cell)) return undefined
      const parsed = parseDecimal(text(cell))
      const from = parsed.scaler + exponent
      if (decimals === undefined) return memory.settle(obis, unit, parsed.value, from)
      return { register: { obis, unit, scaler }, value: exactly(parsed.value, from, scaler, cell) }
    },
  }
}

function totalRegister({ cumulative }: CsvValue, obis: Obis, unit: number, scaler: number): Register | undefined {
  if (cumulative === undefined || cumulative === false) return undefined
  return { obis: cumulative === true ? { ...obis, d: TOTAL } : parseObis(cumulative), unit, scaler }
}

/** Fewer decimals than declared are padded; more are refused unless they are zeros: rounding would invent a value. */
function exactly(value: number, from: number, to: number, cell: string): number {
  if (from >= to) return rescale(value, from, to)
  const divisor = 10 ** (to - from)
  if (value % divisor !== 0) {
    throw new WattnessError('CSV_VALUE_MALFORMED', `value ${JSON.stringify(cell)} has more decimals than the mapping declares`, {
      found: cell,
    })
  }
  return value / divisor
}

function cellText(mapping: CsvMapping, decimals: number | undefined): (cell: string) => string {
  const comma = mapping.decimal === ','
  return (cell) => {
    if (cell.length > MAX_NUMBER_CHARS || (comma && cell.includes('.'))) {
      const found = cell.slice(0, MAX_NUMBER_CHARS)
      throw new WattnessError(
        'CSV_VALUE_MALFORMED',
        `value ${JSON.stringify(found)} is no number with a decimal ${comma ? 'comma' : 'point'}`,
        { found },
      )
    }
    const pointed = (comma ? cell.replace(',', '.') : cell).replace(/^([+-]?)\./, '$10.')
    return mapping.floats === true && decimals !== undefined ? roundDecimal(pointed, decimals) : pointed
  }
}

const FLOAT = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,2}))?$/

/** A printed float as decimal text with so many decimals, half away from zero; other text is left for parseDecimal to refuse. */
export function roundDecimal(text: string, decimals: number): string {
  const match = FLOAT.exec(text)
  if (match === null) return text
  const fraction = match[3] ?? ''
  const exponent = Number(match[4] ?? 0)
  const digits = BigInt((match[2] as string) + fraction)
  // digits × 10^(exponent − fraction.length), wanted as a multiple of 10^(−decimals).
  const shift = exponent - fraction.length + decimals
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : rounded(digits, 10n ** BigInt(-shift))
  const padded = scaled.toString().padStart(decimals + 1, '0')
  const whole = padded.slice(0, padded.length - decimals)
  return `${match[1]}${whole}${decimals === 0 ? '' : `.${padded.slice(padded.length - decimals)}`}`
}

function rounded(value: bigint, divisor: bigint): bigint {
  return (2n * value + divisor) / (2n * divisor)
}
