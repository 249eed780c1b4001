import type { Register } from '../../protocol/index.ts'
import { formatQuantity, formatUnit } from '../../protocol/index.ts'

/** Sums and shares of integers, exactly: values are safe integers, what is made of many of them need not be. */

/** Adds up safe integers. */
export class IntegerSum {
  #small = 0
  #large = 0n

  add(value: number): void {
    const sum = this.#small + value
    if (Number.isSafeInteger(sum)) {
      this.#small = sum
      return
    }
    this.#large += BigInt(this.#small) + BigInt(value)
    this.#small = 0
  }

  /** Adds a product that need not be safe. */
  addProduct(x: number, y: number): void {
    const product = x * y
    if (Number.isSafeInteger(product)) this.add(product)
    else this.#large += BigInt(x) * BigInt(y)
  }

  /** A number where that is exact: most sums are small, and big integers cost. */
  get value(): number | bigint {
    return this.#large === 0n ? this.#small : this.#large + BigInt(this.#small)
  }
}

/**
 * What `part` of `whole` has of an amount, rounded towards the earlier: for 0 ≤ part ≤ whole. Shares of parts that follow each
 * other are differences of this, so that together they are the amount.
 */
export function shareOf(amount: number, part: number, whole: number): number {
  if (part === 0) return 0
  if (part === whole) return amount
  const product = amount * part
  if (Number.isSafeInteger(product)) return Math.floor(product / whole)
  const large = BigInt(amount) * BigInt(part)
  const quotient = large / BigInt(whole)
  // BigInt division rounds towards zero.
  return Number(large < 0n && quotient * BigInt(whole) !== large ? quotient - 1n : quotient)
}

/** The mean, to the nearest integer, halves away from zero. */
export function meanOf(sum: bigint, count: bigint): bigint {
  const twice = 2n * (sum < 0n ? -sum : sum)
  const rounded = (twice + count) / (2n * count)
  return sum < 0n ? -rounded : rounded
}

/** Exactly as formatDecimal writes what is safe. */
export function formatInteger(value: bigint | number, scaler: number): string {
  const text = String(value)
  const sign = text.startsWith('-') ? '-' : ''
  const digits = text.slice(sign.length)
  if (scaler >= 0) return digits === '0' ? digits : sign + digits + '0'.repeat(scaler)
  const padded = digits.padStart(1 - scaler, '0')
  return `${sign}${padded.slice(0, scaler)}.${padded.slice(scaler)}`
}

/** How values of a register are printed, as rule R8 has it: `12.345` with the unit `kWh`. */
export class ValueText {
  readonly unit: string
  readonly #scaler: number

  constructor(register: Register) {
    this.unit = formatQuantity(register, 0).unit
    this.#scaler = register.scaler - (this.unit === formatUnit(register.unit) ? 0 : KILO_EXPONENT)
  }

  of(value: bigint | number): string {
    return formatInteger(value, this.#scaler)
  }
}

const KILO_EXPONENT = 3
