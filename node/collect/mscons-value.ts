import { parseDecimal } from '../../protocol/decimal.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Quality, Reading, RegisterValue } from '../../protocol/reading.ts'
import { parseUnit } from '../../protocol/units.ts'
import { localMs, type Zone } from './local-time.ts'
import type { ScalerMemory } from './scaler-memory.ts'

/** Quantities of MSCONS: a QTY segment with the times behind it. */

export interface OpenQuantity {
  /** Elements of its QTY segment. */
  readonly quantity: readonly string[]
  /** Text and format of its DTM segments, by qualifier. */
  readonly times: ReadonlyMap<string, readonly [text: string, format: string]>
}

/** What follows of a value's qualifier (QTY 6063), in the German and Swiss market guides. */
const QUALITIES: ReadonlyMap<string, Quality> = new Map([
  // 220 true value; 79 energy amount; Z48: true value by the guide of 2021.
  ['220', 'good'],
  ['79', 'good'],
  ['Z48', 'good'],
  // 67 substitute; 187 forecast; 201 preliminary; Z18, Z31 preliminary or disturbed.
  ['67', 'estimated'],
  ['187', 'estimated'],
  ['201', 'estimated'],
  ['Z18', 'estimated'],
  ['Z31', 'estimated'],
  // 20 not usable; Z30 and Z47 no longer or not there: no number of these is a measurement.
  ['20', 'missing'],
  ['Z30', 'missing'],
  ['Z47', 'missing'],
])

/** Codes of UN/ECE recommendation 20 that market messages use. */
const UNITS: Readonly<Record<string, string>> = {
  WHR: 'Wh',
  KWH: 'kWh',
  MWH: 'MWh',
  GWH: 'GWh',
  K3: 'kvarh',
  KVR: 'kvar',
  KWT: 'kW',
  MAW: 'MW',
  MTQ: 'm3',
  MQH: 'm3/h',
  LTR: 'l',
  CEL: '°C',
  BAR: 'bar',
  P1: '%',
}

const ELECTRICITY = 1
const GAS = 7
/** Group D that is no amount: means, maxima and momentary values. */
const POWERS = new Set([4, 5, 6, 7, 14, 15, 16, 24, 25, 26, 27])

/** Messages leave the unit out where the guide fixes it: kWh, kvarh and kW for electricity, m³ for gas. */
function unitOf(code: string | undefined, obis: Obis): string {
  if (code !== undefined && code !== '') {
    return UNITS[code.toUpperCase()] ?? refuse(`unit: expected KWH, K3, KWT, MTQ, …, found ${short(code)}`)
  }
  if (obis.a === GAS) return 'm3'
  if (obis.a !== ELECTRICITY) return refuse('no unit, and the code is not of electricity or gas')
  const reactive = obis.c >= 3 && obis.c <= 8
  if (POWERS.has(obis.d)) return reactive ? 'kvar' : 'kW'
  return reactive ? 'kvarh' : 'kWh'
}

/** `1-1:1.29.0`, with or without `*255`. Throws MSCONS_VALUE_MALFORMED. */
export function parseRegister(code: string): Obis {
  try {
    return parseObis(code)
  } catch {
    return refuse(`PIA: expected an OBIS code such as 1-1:1.29.0, found ${short(code)}`)
  }
}

/** Qualifiers of DTM: begin and end of the interval; instants of use and of reading. */
const BEGIN = '163'
const END = '164'
const INSTANTS = ['7', '9'] as const

const MAX_INTERVAL_MS = 366 * 86_400_000

/** Throws MSCONS_VALUE_MALFORMED, and what the value may throw. */
export function readingOf(
  open: OpenQuantity,
  obis: Obis,
  zone: Zone,
  memory: ScalerMemory,
): { reading: Reading; exponent: number } {
  const [qualifier = '', text = '', unitCode] = open.quantity
  const said = QUALITIES.get(qualifier) ?? refuse(`QTY: expected 220, 67, 201, …, found qualifier ${short(qualifier)}`)
  const { unit, exponent } = parseUnit(unitOf(unitCode, obis))
  const begin = timeOf(open, BEGIN, zone)
  const end = timeOf(open, END, zone)
  const instant = INSTANTS.map((name) => timeOf(open, name, zone)).find((time) => time !== undefined)
  const at = end ?? instant ?? begin ?? refuse('QTY: no DTM says of when it is')
  const intervalMs = begin !== undefined && end !== undefined ? end.time - begin.time : 0
  if (intervalMs < 0 || intervalMs > MAX_INTERVAL_MS) refuse('DTM: the interval ends before it begins, or is longer than a year')
  const doubtful = at.doubtful || begin?.doubtful === true
  const quality = said === 'good' && doubtful ? 'clock-doubtful' : said
  const value = valueOf({ obis, unit, exponent, text, quality }, memory)
  const timeSource = intervalMs > 0 ? 'interval-end' : 'meter-clock'
  return { reading: { time: at.time, intervalMs, timeSource, values: [value] }, exponent }
}

function valueOf(
  { obis, unit, exponent, text, quality }: { obis: Obis; unit: number; exponent: number; text: string; quality: Quality },
  memory: ScalerMemory,
): RegisterValue {
  if (quality === 'missing' || text === '') {
    return { register: memory.register(obis, unit, exponent), value: null, quality: 'missing' }
  }
  // Either decimal mark is allowed, whatever UNA says.
  const { value, scaler } = parseDecimal(text.replace(',', '.'))
  return { ...memory.settle(obis, unit, value, scaler + exponent), quality }
}

interface Instant {
  readonly time: number
  /** One of two, in the doubled hour of a message without zone. */
  readonly doubtful: boolean
}

function timeOf({ times }: OpenQuantity, qualifier: string, zone: Zone): Instant | undefined {
  const found = times.get(qualifier)
  return found === undefined ? undefined : parseTime(found[0], found[1], zone)
}

const TIME = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(?:([+-])(\d\d):?(\d\d)?)?$/

/** Formats 102, 203 and 204 (wall clock of the market), 303 and 304 (with its offset from UTC). Throws MSCONS_VALUE_MALFORMED. */
export function parseTime(text: string, format: string, zone: Zone): Instant {
  const match = TIME.exec(text.replace(/(UTC|GMT|Z)$/, '+00'))
  const offset = format === '303' || format === '304'
  if (match === null || !['102', '203', '204', '303', '304'].includes(format) || offset !== (match[7] !== undefined)) {
    return refuse(`DTM: expected 201912140015+01 as 303, or 102, 203, 204, 304; found ${short(text)} as ${short(format)}`)
  }
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? '0')) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const local = localMs(year, month, day, hour, minute, second) ?? refuse(`DTM: ${short(text)} names no time`)
  const offsetMs = (Number(match[8] ?? 0) * 60 + Number(match[9] ?? 0)) * 60_000
  const instants = offset ? [local - (match[7] === '-' ? -offsetMs : offsetMs)] : zone.utcOf(local)
  const [time] = instants
  if (time === undefined || time < 0) return refuse(`DTM: no clock showed ${short(text)}`)
  return { time, doubtful: instants.length > 1 }
}

function short(found: string): string {
  return JSON.stringify(found.slice(0, 40))
}

function refuse(reason: string): never {
  throw new WattnessError('MSCONS_VALUE_MALFORMED', reason)
}
