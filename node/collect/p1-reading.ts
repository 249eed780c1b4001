import { parseQuantity } from '../../protocol/decimal.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Quality, Reading, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { parseUnit } from '../../protocol/units.ts'
import type { P1Object, P1Telegram } from './p1-telegram.ts'
import { isTimeText, type P1Zone, parseP1Time } from './p1-time.ts'

/**
 * What of a telegram is a measurement: every number with a unit, counters and states that are plain numbers, and values with a
 * time of their own (M-Bus meters, peaks), which become readings of that time. Identifiers, texts, and the histories of classes
 * 98 and 99 (monthly peaks, power failure log) are not readings of now and are left out.
 */

export interface P1Context {
  readonly zone: P1Zone
  /** The node's clock: for telegrams without a time of their own. */
  readonly nowMs: number
  /** True where the bytes come from a meter now; false for a file, whose node time says little. */
  readonly live: boolean
}

export interface P1Rows {
  readonly rows: readonly { readonly reading: Reading; readonly exponents: readonly number[] }[]
  readonly faults: readonly { readonly code: string; readonly message: string }[]
}

interface Measured {
  readonly value: RegisterValue
  readonly exponent: number
}

interface Stamp {
  readonly time: number
  readonly timeSource: TimeSource
  readonly quality: Quality
}

const CLOCK = '0-0:1.0.0'
/** Class E of the electricity counters with a dimension ends below the service groups. */
const SERVICE_GROUPS_FROM = 96
const HISTORIES = new Set([98, 99])
const QUANTITY = /^([+-]?[0-9.]+)(?:\*(.+))?$/

export function readingsOf(telegram: P1Telegram, context: P1Context): P1Rows {
  const faults: { code: string; message: string }[] = []
  const stamp = telegramStamp(telegram, context, faults)
  const rows = new Map<string, { stamp: Stamp; measured: Map<string, Measured> }>()
  for (const line of telegram.malformed) {
    faults.push({
      code: 'P1_LINE_MALFORMED',
      message: `P1 line ${JSON.stringify(line.slice(0, 80))} is no object such as 1-0:1.8.1(…)`,
    })
  }
  for (const object of telegram.objects) {
    try {
      const found = measurement(object, stamp, context)
      if (found === undefined) continue
      const key = `${found.stamp.time}/${found.stamp.quality}`
      const row = rows.get(key) ?? { stamp: found.stamp, measured: new Map<string, Measured>() }
      rows.set(key, row)
      const register = registerKey(found.measured.value.register)
      if (row.measured.has(register))
        faults.push({ code: 'P1_OBJECT_REPEATED', message: `P1 object ${object.code} stands twice; the first counts` })
      else row.measured.set(register, found.measured)
    } catch (error) {
      if (!isWattnessError(error)) throw error
      faults.push({ code: 'P1_VALUE_MALFORMED', message: `P1 object ${object.code}: ${error.message}` })
    }
  }
  return { rows: Array.from(rows.values(), (row) => split(row.stamp, Array.from(row.measured.values()))).flat(), faults }
}

function telegramStamp(telegram: P1Telegram, context: P1Context, faults: { code: string; message: string }[]): Stamp {
  const clock = telegram.objects.find((object) => object.code === CLOCK)?.values[0]
  const parsed = clock === undefined ? undefined : parseP1Time(clock, context.zone)
  if (parsed !== undefined)
    return { time: parsed.time, timeSource: 'meter-clock', quality: parsed.doubtful ? 'clock-doubtful' : 'good' }
  if (clock !== undefined) {
    faults.push({
      code: 'P1_CLOCK_INVALID',
      message: `P1 time ${JSON.stringify(clock)} names no time; the node's clock is taken`,
    })
  }
  return { time: context.nowMs, timeSource: 'node-clock', quality: context.live ? 'good' : 'clock-doubtful' }
}

function measurement(object: P1Object, stamp: Stamp, context: P1Context): { stamp: Stamp; measured: Measured } | undefined {
  const obis = parseObis(object.code.replace(/^([^.]*\.\d+\.\d+)[.&]/, '$1*'))
  if (HISTORIES.has(obis.c)) return undefined
  if (obis.c === 24 && obis.d === 3) return hourlyMeter(object, stamp, context)
  const [first, second] = object.values
  if (first === undefined || first === '') return undefined
  if (object.values.length === 1) {
    const measured = quantity(obis, first, stamp.quality)
    return measured === undefined ? undefined : { stamp, measured }
  }
  if (object.values.length !== 2 || !isTimeText(first)) return undefined
  const own = ownStamp(first, stamp, context)
  const measured = quantity(obis, second as string, own?.quality ?? 'good')
  return own === undefined || measured === undefined ? undefined : { stamp: own, measured }
}

/** A value's own time; undefined where it names none, as M-Bus slots without a meter print. */
function ownStamp(text: string, telegram: Stamp, context: P1Context): Stamp | undefined {
  const parsed = parseP1Time(text, context.zone)
  if (parsed === undefined) return undefined
  const quality = parsed.doubtful ? 'clock-doubtful' : 'good'
  // The telegram's own row, where both name one instant.
  if (parsed.time === telegram.time && telegram.timeSource === 'meter-clock' && quality === telegram.quality) return telegram
  return { time: parsed.time, timeSource: 'meter-clock', quality }
}

/** Versions 2 and 3: `0-1:24.3.0(time)(status)(minutes)(count)(0-1:24.2.1)(unit)(value)`, one object in its profile. */
function hourlyMeter(object: P1Object, telegram: Stamp, context: P1Context): { stamp: Stamp; measured: Measured } | undefined {
  const [time, , , count, code, unit, value] = object.values
  if (count !== '1' || time === undefined || code === undefined || unit === undefined || value === undefined) return undefined
  const stamp = ownStamp(time, telegram, context)
  if (stamp === undefined) return undefined
  const measured = quantity(parseObis(code), `${value}*${unit}`, stamp.quality)
  return measured === undefined ? undefined : { stamp, measured }
}

function quantity(obis: Obis, text: string, quality: Quality): Measured | undefined {
  const match = QUANTITY.exec(text)
  if (match === null) return undefined
  const unit = match[2]
  if (unit === undefined && !isPlainMeasurement(obis)) return undefined
  const { value, unit: code, scaler } = parseQuantity(match[1] as string, unit ?? '')
  return { value: { register: { obis, unit: code, scaler }, value, quality }, exponent: parseUnit(unit ?? '').exponent }
}

/** Plain numbers that count or measure; all other ones are identifiers, versions and status words. */
function isPlainMeasurement(obis: Obis): boolean {
  // Electricity: sags and swells, power factors. Group C 0 and from 96 on holds identifiers and the meter's own state.
  if (obis.a === 1) return obis.c > 0 && obis.c < SERVICE_GROUPS_FROM
  // Abstract: breaker and valve state, power failures, tariff, M-Bus counters.
  if (obis.c === 96) return obis.d === 3 || obis.d === 7 || obis.d === 14
  return obis.c === 24 && (obis.d === 2 || obis.d === 4)
}

/** A table of a block holds so many registers: a longer row becomes several of the same time. */
function split(stamp: Stamp, measured: readonly Measured[]): { reading: Reading; exponents: number[] }[] {
  const rows: { reading: Reading; exponents: number[] }[] = []
  for (let from = 0; from < measured.length; from += MAX_TABLE_REGISTERS) {
    const part = measured.slice(from, from + MAX_TABLE_REGISTERS)
    const reading: Reading = {
      time: stamp.time,
      intervalMs: 0,
      timeSource: stamp.timeSource,
      values: part.map(({ value }) => value),
    }
    rows.push({ reading, exponents: part.map(({ exponent }) => exponent) })
  }
  return rows
}
