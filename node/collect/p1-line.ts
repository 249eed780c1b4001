import { parseQuantity } from '../../protocol/decimal.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Register, RegisterValue } from '../../protocol/reading.ts'
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
  /** As far as the line itself says: of quality 'good'. */
  readonly value: RegisterValue
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
const DIGITS = 15
const ZERO = 0x30
const POINT = 0x2e

interface Code {
  readonly text: string
  readonly obis: Obis
  /** Of the numbers met; the unit with what stands before and behind it: `*kWh)`. */
  readonly known: { readonly unit: string; readonly decimals: number; readonly slot: P1Slot; readonly exponent: number }[]
}

export class P1Lines {
  readonly #zone: P1Zone
  #lines = new Map<string, P1Line>()
  #codes = new Map<string, Code>()
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
    this.#slots = new Map()
  }

  line(text: string): P1Line {
    const known = this.#lines.get(text)
    if (known !== undefined) return known
    const line = this.#plain(text) ?? this.#line(text)
    this.#lines.set(text, line)
    return line
  }

  /** `1-0:1.8.1(001234.567*kWh)`, of a code, unit and number of decimals that were met before. */
  #plain(text: string): P1Line | undefined {
    const open = text.indexOf('(')
    const code = this.#codes.get(text.slice(0, open))
    if (code === undefined) return undefined
    const end = text.length - 1
    let value = 0
    let decimals = -1
    let at = open + 1
    for (; at < end; at++) {
      const digit = text.charCodeAt(at)
      if (digit === POINT && decimals < 0) decimals = 0
      else if (digit < ZERO || digit > ZERO + 9) break
      else {
        value = value * 10 + digit - ZERO
        if (decimals >= 0) decimals++
      }
    }
    if (at - open > DIGITS || text.charCodeAt(open + 1) === POINT) return undefined
    for (const { unit, decimals: own, slot, exponent } of code.known) {
      // To the end of the line: there is one value, and it is whole.
      if (own === decimals && unit.length === text.length - at && text.endsWith(unit)) {
        return { type: 'value', code: code.text, slot, exponent, value: { register: slot.register, value, quality: 'good' } }
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
    return { slot, exponent, value: { register: slot.register, value, quality: 'good' } }
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
