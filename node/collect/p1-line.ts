import { parseQuantity } from '../../protocol/decimal.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Register } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { parseUnit } from '../../protocol/units.ts'
import { type P1Object, parseObject } from './p1-telegram.ts'
import { isTimeText, type P1Time, type P1Zone, parseP1Time } from './p1-time.ts'

/**
 * What one line of a telegram means, remembered: a meter repeats most of its lines second after second, and of those that change
 * only the digits do. Reading each one anew is six times slower (measured).
 */

/** A register, one object for each, so that it is noticed where it stands twice. */
export interface P1Slot {
  readonly register: Register
  /** The row in which it stands last. */
  row: unknown
}

export interface P1Measured {
  readonly slot: P1Slot
  /** Power of ten of the unit as it was written. */
  readonly exponent: number
  readonly value: number
}

/** `none`: identifiers, texts, histories. `own`: at its own time, undefined where it names none. */
export type P1Line =
  | { readonly type: 'none' }
  | { readonly type: 'malformed'; readonly text: string }
  | { readonly type: 'refused'; readonly code: string; readonly why: string }
  | { readonly type: 'clock'; readonly text: string; readonly time: P1Time | undefined }
  | ({ readonly type: 'value'; readonly code: string } & P1Measured)
  | ({ readonly type: 'own'; readonly code: string; readonly time: P1Time } & P1Measured)

/** Lines remembered: a telegram has below 100, and those that change push the others out. */
export const MAX_LINES = 2_048
/** Registers remembered, by code as it was written, unit and decimals. */
export const MAX_SLOTS = 2_048
/** Units and decimals remembered of one code; a meter prints one. */
const MAX_SHAPES = 8

const NONE: P1Line = { type: 'none' }
const CLOCK = '0-0:1.0.0'
/** Class E of the electricity counters with a dimension ends below the service groups. */
const SERVICE_GROUPS_FROM = 96
const HISTORIES = new Set([98, 99])
const QUANTITY = /^([+-]?[0-9.]+)(?:\*(.+))?$/
const DIGITS = 14
const OPEN = 0x28
const HASH_FACTOR = 31
const HASH_MASK = 0x3ff_ffff
const ZERO = 0x30
const POINT = 0x2e

interface Code {
  readonly text: string
  readonly obis: Obis
  readonly known: P1Shape[]
}

/** A number of this code that was met; the unit with what stands before and behind it: `*kWh)`. */
export interface P1Shape {
  readonly unit: string
  readonly decimals: number
  readonly slot: P1Slot
  readonly exponent: number
}

export class P1Lines {
  readonly #zone: P1Zone
  #lines = new Map<string, P1Line>()
  #codes = new Map<string, Code>()
  /** The same by a number of their characters, which costs no text to look up. */
  #hashed = new Map<number, Code>()
  /** The digits of the line that `plain` found last. */
  value = 0
  #slots = new Map<string, P1Slot>()

  constructor(zone: P1Zone) {
    this.#zone = zone
  }

  /** Between telegrams only: within one, a register must stay the same object. */
  forget(): void {
    if (this.#lines.size > MAX_LINES) this.#lines = new Map()
    if (this.#slots.size <= MAX_SLOTS && this.#codes.size <= MAX_SLOTS) return
    // Lines hold slots too.
    this.#lines = new Map()
    this.#codes = new Map()
    this.#hashed = new Map()
    this.#slots = new Map()
  }

  line(text: string): P1Line {
    const known = this.#lines.get(text)
    if (known !== undefined) return known
    const line = this.#line(text)
    this.#lines.set(text, line)
    return line
  }

  /**
   * `1-0:1.8.1(001234.567*kWh)`, of a code, unit and number of decimals that were met before: the number is in `value` then. The
   * line stands from `from` to `to`.
   */
  plain(text: string, from: number, to: number): P1Shape | undefined {
    let hash = 0
    let at = from
    for (let code = text.charCodeAt(at); code !== OPEN; code = text.charCodeAt(++at)) {
      if (at >= to) return undefined
      hash = (hash * HASH_FACTOR + code) & HASH_MASK
    }
    const code = this.#hashed.get(hash)
    if (code === undefined || code.text.length !== at - from || !text.startsWith(code.text, from)) return undefined
    const digits = at + 1
    let value = 0
    let decimals = -1
    for (at = digits; at < to; at++) {
      const digit = text.charCodeAt(at)
      if (digit === POINT && decimals < 0) decimals = 0
      else if (digit < ZERO || digit > ZERO + 9) break
      else {
        value = value * 10 + digit - ZERO
        if (decimals >= 0) decimals++
      }
    }
    if (at === digits || at - digits > DIGITS || text.charCodeAt(digits) === POINT) return undefined
    for (const shape of code.known) {
      // To the end of the line: there is one value, and it is whole.
      if (shape.decimals === decimals && shape.unit.length === to - at && text.startsWith(shape.unit, at)) {
        this.value = value
        return shape
      }
    }
    return undefined
  }

  #line(text: string): P1Line {
    const object = parseObject(text)
    if (object === undefined) return { type: 'malformed', text }
    if (object.code === CLOCK && object.values[0] !== undefined) {
      return { type: 'clock', text: object.values[0], time: parseP1Time(object.values[0], this.#zone) }
    }
    try {
      return this.#meaning(object) ?? NONE
    } catch (error) {
      if (!isWattnessError(error)) throw error
      return { type: 'refused', code: object.code, why: error.message }
    }
  }

  #meaning(object: P1Object): P1Line | undefined {
    const code = this.#code(object.code)
    const { obis } = code
    if (HISTORIES.has(obis.c)) return undefined
    if (obis.c === 24 && obis.d === 3) return this.#hourlyMeter(object)
    const [first, second] = object.values
    if (first === undefined || first === '') return undefined
    if (object.values.length === 1) {
      const measured = this.#quantity(code, first)
      return measured === undefined ? undefined : { type: 'value', code: object.code, ...measured }
    }
    if (object.values.length !== 2 || !isTimeText(first)) return undefined
    return this.#own(code, first, second as string)
  }

  /** A value's own time; nothing where it names none, as M-Bus slots without a meter print. */
  #own(code: Code, timeText: string, text: string): P1Line | undefined {
    const time = parseP1Time(timeText, this.#zone)
    const measured = this.#quantity(code, text)
    return time === undefined || measured === undefined ? undefined : { type: 'own', code: code.text, time, ...measured }
  }

  /** Versions 2 and 3: `0-1:24.3.0(time)(status)(minutes)(count)(0-1:24.2.1)(unit)(value)`, one object in its profile. */
  #hourlyMeter(object: P1Object): P1Line | undefined {
    const [time, , , count, code, unit, value] = object.values
    if (count !== '1' || time === undefined || code === undefined || unit === undefined || value === undefined) return undefined
    return this.#own(this.#code(code), time, `${value}*${unit}`)
  }

  #code(text: string): Code {
    const known = this.#codes.get(text)
    if (known !== undefined) return known
    const code: Code = { text, obis: parseObis(text.replace(/^([^.]*\.\d+\.\d+)[.&]/, '$1*')), known: [] }
    this.#codes.set(text, code)
    let hash = 0
    for (let at = 0; at < text.length; at++) hash = (hash * HASH_FACTOR + text.charCodeAt(at)) & HASH_MASK
    this.#hashed.set(hash, code)
    return code
  }

  #quantity(code: Code, text: string): P1Measured | undefined {
    const match = QUANTITY.exec(text)
    if (match === null) return undefined
    const unitText = match[2]
    if (unitText === undefined && !isPlainMeasurement(code.obis)) return undefined
    const number = match[1] as string
    const { value, unit, scaler } = parseQuantity(number, unitText ?? '')
    const slot = this.#slot({ obis: code.obis, unit, scaler })
    const { exponent } = parseUnit(unitText ?? '')
    const point = number.indexOf('.')
    const shape = { unit: `*${unitText})`, decimals: point < 0 ? -1 : number.length - point - 1, slot, exponent }
    const isKnown = code.known.some((known) => known.unit === shape.unit && known.decimals === shape.decimals)
    if (unitText !== undefined && !isKnown && code.known.length < MAX_SHAPES) code.known.push(shape)
    return { slot, exponent, value }
  }

  /** Other codes may mean the same register, with and without *255. */
  #slot(register: Register): P1Slot {
    const key = registerKey(register)
    const known = this.#slots.get(key)
    if (known !== undefined) return known
    const slot: P1Slot = { register, row: undefined }
    this.#slots.set(key, slot)
    return slot
  }
}

/** Plain numbers that count or measure; all other ones are identifiers, versions and status words. */
export function isPlainMeasurement(obis: Obis): boolean {
  // Electricity: sags and swells, power factors. Group C 0 and from 96 on holds identifiers and the meter's own state.
  if (obis.a === 1) return obis.c > 0 && obis.c < SERVICE_GROUPS_FROM
  // Abstract: breaker and valve state, power failures, tariff, M-Bus counters.
  if (obis.c === 96) return obis.d === 3 || obis.d === 7 || obis.d === 14
  return obis.c === 24 && (obis.d === 2 || obis.d === 4)
}
