import { parseDecimal } from '../../protocol/decimal.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Obis, Quality } from '../../protocol/reading.ts'
import { parseUnit, UNIT } from '../../protocol/units.ts'
import { localMs } from './local-time.ts'

/**
 * Fields of AEMO's records (Meter Data File Format, NEM12 and NEM13). Market time is UTC+10 all year, in every state: files know
 * no daylight saving.
 */

const MARKET_OFFSET_MS = 10 * 3_600_000
const DAY_MINUTES = 1_440

/** What is wrong with a record; the reader says where. */
export function refuse(code: string, reason: string): never {
  throw new WattnessError(code, reason)
}

/** A 200 record: what the 300 records behind it are. */
export interface Nem12Stream {
  readonly nmi: string
  readonly obis: Obis
  readonly unit: number
  readonly exponent: number
  readonly intervalMs: number
  readonly count: number
}

/**
 * The first letter of an NMI suffix as OBIS group C. E is what the customer draws ("export" of the network), B what it feeds in;
 * Q and K are the reactive counterparts. Check meters, averages and net streams are not registers of their own.
 */
const STREAMS: ReadonlyMap<string, number> = new Map([
  ['E', 1],
  ['B', 2],
  ['Q', 3],
  ['K', 4],
])

const ENERGIES: ReadonlySet<number> = new Set([UNIT.wattHour, UNIT.varHour, UNIT.vaHour])

/** Throws NEM12_RECORD_MALFORMED and NEM12_STREAM_UNKNOWN. */
export function parseStream(fields: readonly string[]): Nem12Stream {
  const [, nmi = '', , , suffix = '', , , uom = '', length = ''] = fields
  const minutes = /^\d{1,2}$/.test(length) ? Number(length) : 0
  if (nmi === '') refuse('NEM12_RECORD_MALFORMED', 'record 200: no NMI')
  if (minutes === 0 || DAY_MINUTES % minutes !== 0) {
    refuse('NEM12_RECORD_MALFORMED', `record 200: interval length: expected 5, 15 or 30 minutes, found ${short(length)}`)
  }
  const { unit, exponent } = parseUom(uom)
  const obis = { a: 1, b: channelOf(suffix), c: letterOf(suffix), d: ENERGIES.has(unit) ? 29 : 27, e: 0, f: 255 }
  return { nmi, obis, unit, exponent, intervalMs: minutes * 60_000, count: DAY_MINUTES / minutes }
}

function letterOf(suffix: string): number {
  const c = /^[A-Z][\dA-Z]$/.test(suffix) ? STREAMS.get(suffix[0] as string) : undefined
  return (
    c ?? refuse('NEM12_STREAM_UNKNOWN', `NMI suffix ${short(suffix)}: expected E, B, Q or K and a meter's number, such as E1`)
  )
}

/** E1 is the first meter of the connection point (B = 0), E2 the second; behind 9 come letters. */
function channelOf(suffix: string): number {
  return Math.max(0, Number.parseInt(suffix[1] ?? '1', 36) - 1)
}

/** Units in any case, `KWH` and `kvarh`. */
function parseUom(uom: string): { unit: number; exponent: number } {
  const found = uom.trim()
  try {
    if (found !== '') return parseUnit(/^MWH$/i.test(found) ? 'MWh' : found)
  } catch {
    // Said below, with the record's own code.
  }
  return refuse('NEM12_STREAM_UNKNOWN', `unit: expected kWh, Wh, kvarh, …, found ${short(found)}`)
}

/** A 300 record: one day. */
export interface Nem12Day {
  /** UTC milliseconds of its midnight. */
  readonly startMs: number
  readonly cells: readonly string[]
  readonly quality: string
}

const QUALITY = /^(?:[AENSFV]|[AENSF]\d\d)$/

/** Throws NEM12_RECORD_MALFORMED: a day has exactly as many values as its 200 record says. */
export function parseDay(fields: readonly string[], { count }: Nem12Stream): Nem12Day {
  const startMs = parseDate(fields[1] ?? '', 'record 300: date')
  const at = fields.findIndex((field, index) => index >= 2 && /^[A-Z]/.test(field))
  const found = at < 0 ? fields.length - 2 : at - 2
  // A day of null data may be said without writing each null.
  if (found === 0 && fields[2]?.startsWith('N') === true)
    return { startMs, cells: new Array<string>(count).fill(''), quality: 'N' }
  if (found !== count) {
    refuse(
      'NEM12_RECORD_MALFORMED',
      `record 300: expected ${count} values and a quality flag, found ${Math.max(0, found)} values`,
    )
  }
  const quality = fields[at] ?? ''
  if (!QUALITY.test(quality)) {
    refuse('NEM12_RECORD_MALFORMED', `record 300: quality flag: expected A, E, F, N, S or V, found ${short(quality)}`)
  }
  return { startMs, cells: fields.slice(2, 2 + count), quality }
}

/** A 400 record: the quality of the intervals from `first` to `last`, counted from 1. Throws NEM12_RECORD_MALFORMED. */
export function parseRange(fields: readonly string[], count: number): { first: number; last: number; quality: string } {
  const [, from = '', to = '', quality = ''] = fields
  const whole = /^\d{1,4}$/
  const first = whole.test(from) ? Number(from) : 0
  const last = whole.test(to) ? Number(to) : 0
  if (first < 1 || last < first || last > count) {
    refuse('NEM12_RECORD_MALFORMED', `record 400: expected a range within 1 to ${count}, found ${short(from)} to ${short(to)}`)
  }
  if (!QUALITY.test(quality) || quality === 'V') {
    refuse('NEM12_RECORD_MALFORMED', `record 400: quality flag: expected A, E, F, N or S, found ${short(quality)}`)
  }
  return { first, last, quality }
}

/** A actual; N null, so nothing was measured; E, F, S are estimated or substituted. */
export function qualityOf(flag: string): Quality {
  if (flag.startsWith('A')) return 'good'
  return flag.startsWith('N') ? 'missing' : 'estimated'
}

/** A 250 record: an accumulation meter read twice. */
export interface Nem13Read {
  readonly nmi: string
  readonly obis: Obis
  readonly unit: number
  readonly exponent: number
  readonly previous: { readonly text: string; readonly time: number; readonly quality: Quality }
  readonly current: { readonly text: string; readonly time: number; readonly quality: Quality }
  readonly quantity: string
}

/** Throws NEM12_RECORD_MALFORMED and NEM12_STREAM_UNKNOWN. */
export function parseAccumulation(fields: readonly string[]): Nem13Read {
  const [, nmi = '', , , suffix = '', , , direction = ''] = fields
  if (nmi === '') refuse('NEM12_RECORD_MALFORMED', 'record 250: no NMI')
  if (direction !== 'E' && direction !== 'I') {
    refuse('NEM12_STREAM_UNKNOWN', `record 250: direction: expected E or I, found ${short(direction)}`)
  }
  const { unit, exponent } = parseUom(fields[19] ?? '')
  // 11 is general consumption, 41 controlled load: registers of one meter, told apart like tariffs.
  const e = /^\d{1,2}$/.test(suffix) ? Number(suffix) : 0
  const read = (at: number) => ({
    text: fields[at] ?? '',
    time: parseDate(fields[at + 1] ?? '', 'record 250: read time'),
    quality: qualityOf(fields[at + 2] ?? ''),
  })
  return {
    nmi,
    obis: { a: 1, b: 0, c: direction === 'E' ? 1 : 2, d: 8, e, f: 255 },
    unit,
    exponent,
    previous: read(8),
    current: read(13),
    quantity: fields[18] ?? '',
  }
}

const DATE = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?$/

function parseDate(text: string, what: string): number {
  const match = DATE.exec(text)
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = (match ?? []).map((part) => part ?? '0')
  const local =
    match === null ? undefined : localMs(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
  if (local === undefined || local - MARKET_OFFSET_MS < 0) {
    refuse('NEM12_RECORD_MALFORMED', `${what}: expected YYYYMMDD, found ${short(text)}`)
  }
  return (local ?? 0) - MARKET_OFFSET_MS
}

/** `.005` and `0.00000000000000` are numbers here; decimals that are all zeros say nothing and would leave no room. */
export function parseValue(cell: string): { value: number; scaler: number } {
  const text = cell.startsWith('.') ? `0${cell}` : cell
  return parseDecimal(text.replace(/(\.\d{3}\d*?)0+$/, '$1'))
}

export function short(found: string): string {
  return found === '' ? 'nothing' : JSON.stringify(found.slice(0, 40))
}
