import { WattnessError } from '../../protocol/errors.ts'
import { formatObis } from '../../protocol/obis.ts'
import type { Obis, Register } from '../../protocol/reading.ts'

/** A whole power of ten that keeps the integers safe in between. */
const MAX_SHIFT = 15

/** Registers remembered: a source with more distinct ones is no meter. */
const MAX_REGISTERS = 1_024

export interface ScaledValue {
  readonly register: Register
  readonly value: number
}

/**
 * Text without fixed decimals (`1234.5` after `1234.567`) would give one quantity several scalers, and so several
 * registers. This remembers the finest scaler met for each, and writes later values with it.
 */
export class ScalerMemory {
  readonly #finest = new Map<string, number>()

  /** Throws VALUE_OUT_OF_RANGE where the integer would not be safe any more. */
  settle(obis: Obis, unit: number, value: number, scaler: number): ScaledValue {
    const key = `${formatObis(obis)}/${unit}`
    const finest = Math.min(this.#finest.get(key) ?? scaler, scaler)
    if (this.#finest.has(key) || this.#finest.size < MAX_REGISTERS) this.#finest.set(key, finest)
    return { register: { obis, unit, scaler: finest }, value: rescale(value, scaler, finest) }
  }

  /** The register as it was settled last, for a value that is missing. */
  register(obis: Obis, unit: number, scaler: number): Register {
    return { obis, unit, scaler: this.#finest.get(`${formatObis(obis)}/${unit}`) ?? scaler }
  }
}

/** value × 10^from as an integer × 10^to, for to ≤ from. Throws VALUE_OUT_OF_RANGE. */
export function rescale(value: number, from: number, to: number): number {
  const shift = from - to
  const scaled = shift > MAX_SHIFT && value !== 0 ? Number.NaN : value * 10 ** Math.min(shift, MAX_SHIFT)
  if (Number.isSafeInteger(scaled)) return scaled
  throw new WattnessError('VALUE_OUT_OF_RANGE', `value ${value} with ${-to} decimals exceeds 2^53-1`, { value, from, to })
}
