import { parseQuantity } from '../../protocol/decimal.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { OBIS_F_UNUSED } from '../../protocol/obis.ts'
import type { Obis } from '../../protocol/reading.ts'
import { parseUnit } from '../../protocol/units.ts'
import { type IecDataSet, isHeatMeter, parseCode, parseDataSets } from './iec62056-data.ts'
import { isStamp, parseDateAndTime, parseStamp } from './iec62056-time.ts'
import { isPlainMeasurement } from './p1-line.ts'
import type { P1Time, P1Zone } from './p1-time.ts'
import { ReadingRows, type RowTime } from './reading-rows.ts'
import type { ReadingItem, ReadingMark } from './source.ts'

/**
 * What of a read-out is a measurement: every number with a unit, and plain numbers where a unit belongs or none is needed. Values
 * of earlier billing periods (`*01`, `*02` …) are readings of the time at which their period ended, where the read-out says it.
 */

export interface IecContext {
  readonly zone: P1Zone
  /** The node's clock: for read-outs without a time of their own. */
  readonly nowMs: number
  readonly live: boolean
  /** For energies that are printed without a unit. */
  readonly energyUnit?: string | undefined
}

export interface IecRows {
  readonly items: readonly ReadingItem[]
  /** The meter's own number, where the read-out says it. */
  readonly meter: string | undefined
  readonly faults: readonly { readonly code: string; readonly message: string }[]
}

const QUANTITY = /^([+-]?\d+(?:[.,]\d+)?)(?:\*(.{1,16}))?$/
const HISTORIES = new Set([98, 99])
/** Writings of heat meters that mean something else in OBIS, and one of angles. */
const HEAT_UNITS: ReadonlyMap<string, string> = new Map([
  ['C', '°C'],
  ['m', 'min'],
])
const UNITS: ReadonlyMap<string, string> = new Map([['Deg', '°']])
/** Group D: time integrals, averages, maxima and momentary values have a unit, counts and factors have none. */
const WITH_UNIT = new Set([2, 4, 5, 6, 7, 8, 9, 29])
const POWER_FACTORS = new Set([13, 33, 53, 73])
const ENERGY = 8

export function iecRows(text: string, context: IecContext): IecRows {
  const faults: { code: string; message: string }[] = []
  const { sets, malformed } = parseDataSets(text)
  for (const rest of malformed) {
    const message = `${JSON.stringify(rest.slice(0, 80))} is no data set such as 1.8.0(…)`
    faults.push({ code: 'IEC_LINE_MALFORMED', message })
  }
  const reader = new ReadOut(sets, context, faults)
  for (const set of sets) reader.add(set)
  return { items: reader.rows.items(), meter: meterOf(sets), faults }
}

/** Device address or serial number of electricity meters, and of heat meters the last one. */
const IDENTITIES = [/^(?:1-0:)?0\.0\.0(?:\*255)?$/, /^(?:0-0:)?C\.1\.0(?:\*255)?$/, /^0\.0$/]

function meterOf(sets: readonly IecDataSet[]): string | undefined {
  for (const identity of IDENTITIES) {
    const found = sets.find(({ code }) => identity.test(code))?.values[0]?.trim()
    if (found !== undefined && found !== '') return found
  }
  return undefined
}

class ReadOut {
  readonly rows = new ReadingRows()
  readonly #context: IecContext
  readonly #faults: { code: string; message: string }[]
  readonly #isHeat: boolean
  readonly #now: RowTime
  /** When the billing periods ended, by their number. */
  readonly #resets = new Map<number, RowTime>()

  constructor(sets: readonly IecDataSet[], context: IecContext, faults: { code: string; message: string }[]) {
    this.#context = context
    this.#faults = faults
    this.#isHeat = isHeatMeter(sets)
    this.#now = this.#clock(sets)
    for (const { code, values } of sets) {
      const reset = /^(?:1-0:)?0\.1\.2[*&](\d{1,3})$/.exec(code)
      const time = reset === null ? undefined : parseStamp(values[0] ?? '', context.zone)
      if (reset !== null && time !== undefined) this.#resets.set(Number(reset[1]), rowTime(time))
    }
  }

  add({ code, values }: IecDataSet): void {
    const parsed = parseCode(code, this.#isHeat)
    const [first, second] = values
    if (parsed === undefined || first === undefined || HISTORIES.has(parsed.obis.c)) return
    const at = this.#timeOf(parsed.obis, second)
    if (values.length > 2 || at === undefined) return
    const parts = first.split('&')
    // Of a code in two parts with several values, the last part numbers them.
    if (parts.length > 1 && parsed.hasE) return
    for (const [index, part] of parts.entries()) this.#value(code, { ...parsed.obis, e: parsed.obis.e + index }, part, at)
  }

  #value(code: string, obis: Obis, text: string, at: RowTime): void {
    const match = QUANTITY.exec(text.trim())
    if (match === null) return
    const printed = match[2]?.trim()
    if (printed === undefined && !this.#isMeasurement(obis)) return
    const lacksUnit = printed === undefined && WITH_UNIT.has(obis.d) && !POWER_FACTORS.has(obis.c)
    const unitText = this.#unit(printed ?? (lacksUnit && obis.d === ENERGY ? (this.#context.energyUnit ?? '') : ''))
    try {
      const { value, unit, scaler } = parseQuantity((match[1] as string).replace(',', '.'), unitText)
      const mark: ReadingMark | undefined = lacksUnit ? 'unit-missing' : undefined
      const register = { obis, unit, scaler }
      const { exponent } = parseUnit(unitText)
      if (this.rows.add(at, { value: { register, value, quality: at.quality }, exponent, mark })) return
      this.#faults.push({ code: 'IEC_VALUE_REPEATED', message: `data set ${code} stands twice; the first counts` })
    } catch (error) {
      if (!isWattnessError(error)) throw error
      this.#faults.push({ code: 'IEC_VALUE_MALFORMED', message: `data set ${code}: ${error.message}` })
    }
  }

  /** Of heat meters a number without unit is an identifier or a state. */
  #isMeasurement(obis: Obis): boolean {
    return !this.#isHeat && isPlainMeasurement(obis)
  }

  #unit(text: string): string {
    return (this.#isHeat ? HEAT_UNITS.get(text) : undefined) ?? UNITS.get(text) ?? text
  }

  /** A value's own time, as maxima have it, or the end of its billing period; undefined where it has another second value. */
  #timeOf(obis: Obis, second: string | undefined): RowTime | undefined {
    if (second === undefined) return (obis.f === OBIS_F_UNUSED ? undefined : this.#resets.get(obis.f)) ?? this.#now
    if (!isStamp(second)) return undefined
    const own = parseStamp(second, this.#context.zone)
    return own === undefined ? undefined : rowTime(own)
  }

  #clock(sets: readonly IecDataSet[]): RowTime {
    const { zone, nowMs, live } = this.#context
    const valueOf = (code: RegExp): string | undefined => sets.find((set) => code.test(set.code))?.values[0]
    const date = valueOf(/^(?:1-0:)?0\.9\.2(?:\*255)?$/)
    const time = valueOf(/^(?:1-0:)?0\.9\.1(?:\*255)?$/)
    const both = valueOf(/^(?:[01]-0:)?(?:0\.9\.4|1\.0\.0)(?:\*255)?$/)?.replaceAll(/[-: ]/g, '')
    const heat = this.#isHeat ? valueOf(/^9\.36$/)?.split('&') : undefined
    const stamps = [
      date === undefined || time === undefined ? undefined : parseDateAndTime(date, time, zone),
      both === undefined || !isStamp(both) ? undefined : parseStamp(both, zone),
      heat === undefined ? undefined : parseDateAndTime(heat[0] ?? '', heat[1] ?? '', zone),
    ]
    const stamp = stamps.find((each) => each !== undefined)
    if (stamp !== undefined) return rowTime(stamp)
    if (date !== undefined && time !== undefined) {
      const message = `date ${JSON.stringify(date)} and time ${JSON.stringify(time)} name no time; the node's clock is taken`
      this.#faults.push({ code: 'IEC_CLOCK_INVALID', message })
    }
    return { time: nowMs, timeSource: 'node-clock', quality: live ? 'good' : 'clock-doubtful' }
  }
}

function rowTime({ time, doubtful }: P1Time): RowTime {
  return { time, timeSource: 'meter-clock', quality: doubtful ? 'clock-doubtful' : 'good' }
}
