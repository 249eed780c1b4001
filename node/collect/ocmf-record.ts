import { parseDecimal } from '../../protocol/decimal.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import { isObis, OBIS_F_UNUSED } from '../../protocol/obis.ts'
import type { Obis, Quality, Reading, RegisterValue } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { parseUnit } from '../../protocol/units.ts'
import { endOfObject } from './ocmf-scanner.ts'
import { DEFAULT_ALGORITHM, type OcmfSignature } from './ocmf-signature.ts'

/** One record `OCMF|payload|signature`, taken apart. Numbers stay the digits that were signed: no float is ever formed. */

export interface OcmfRecord {
  /** Exactly the bytes that are signed. */
  readonly payload: Uint8Array
  readonly signature: OcmfSignature
  readonly rows: readonly OcmfRow[]
  /** Values that cannot be read; the others of the record are. */
  readonly faults: readonly string[]
}

interface OcmfRow {
  readonly reading: Reading
  readonly exponents: readonly number[]
}

/** Readings of one record; charging stations send two, and one each quarter hour at most. */
const MAX_READINGS = 1_024

/** Throws OCMF_RECORD_MALFORMED, and what the values of a reading may throw. */
export function parseRecord(bytes: Uint8Array): OcmfRecord {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const payloadEnd = endOfObject(text, 5)
  if (payloadEnd === undefined || text[5 + text.slice(5).search(/\S/)] !== '{') return refuse('the payload is no JSON object')
  const bar = /^\s*\|/.exec(text.slice(payloadEnd))
  if (bar === null) return refuse('no "|" stands behind the payload')
  // What stands between the bars is signed, blanks before the second bar included.
  const payload = bytes.subarray(5, payloadEnd + bar[0].length - 1)
  return {
    payload,
    signature: parseSignature(json(bytes.subarray(payloadEnd + bar[0].length), 'signature section')),
    ...rowsOf(json(payload, 'payload')),
  }
}

type Json = Readonly<Record<string, unknown>>

/** JSON whose numbers are the text that stands there: JSON.parse gives it to a reviver since Node 21. */
function json(bytes: Uint8Array, what: string): Json {
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? (context?.source ?? String(value)) : value
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8'), keepDigits) as unknown
    if (isObject(value)) return value
  } catch (error) {
    return refuse(`the ${what} is no JSON: ${error instanceof Error ? error.message.slice(0, 100) : 'unreadable'}`)
  }
  return refuse(`the ${what} is no JSON object`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseSignature(section: Json): OcmfSignature {
  const { SD: data, SA: algorithm = DEFAULT_ALGORITHM, SE: encoding = 'hex' } = section
  if (typeof data !== 'string' || typeof algorithm !== 'string') return refuse('the signature section has no "SD"')
  if (encoding !== 'hex' && encoding !== 'base64') return refuse(`"SE": expected hex or base64, found ${short(encoding)}`)
  const well = encoding === 'hex' ? /^(?:[\dA-Fa-f]{2})+$/ : /^[A-Za-z\d+/]+=*$/
  if (!well.test(data)) return refuse(`"SD" is not ${encoding}`)
  return { algorithm, bytes: Buffer.from(data, encoding) }
}

interface Row {
  readonly time: number
  readonly values: RegisterValue[]
  readonly exponents: number[]
}

/** A reading without a time of its own belongs to the one before (rule of the specification's section "Readings"). */
function rowsOf(payload: Json): { rows: OcmfRow[]; faults: string[] } {
  const list = payload['RD']
  if (!Array.isArray(list)) return refuse('"RD" is no list of readings')
  if (list.length > MAX_READINGS) return refuse(`"RD" holds ${list.length} readings, expected at most ${MAX_READINGS}`)
  const rows: Row[] = []
  const faults: string[] = []
  let said: Json = {}
  for (const [index, found] of (list as unknown[]).entries()) {
    if (!isObject(found)) return refuse(`reading ${index + 1} is no object`)
    // What changes not is written once: status, unit and errors hold on too.
    said = { TM: said['TM'], RU: said['RU'], RI: said['RI'], ST: said['ST'], EF: said['EF'], ...found }
    try {
      addValue(rows, said, found, `reading ${index + 1}`)
    } catch (error) {
      if (!isWattnessError(error)) throw error
      faults.push(error.message)
    }
  }
  const made = rows.map(({ time, values, exponents }): OcmfRow => {
    return { reading: { time, intervalMs: 0, timeSource: 'meter-clock', values }, exponents }
  })
  return { rows: made, faults }
}

function addValue(rows: Row[], said: Json, found: Json, where: string): void {
  const { time, doubtful } = parseTime(said['TM'], where)
  const { value, exponent } = parseValue(said, found['RV'], doubtful, where)
  const row = rows.at(-1)
  const key = registerKey(value.register)
  const fits = row?.time === time && row.values.length < MAX_TABLE_REGISTERS
  if (fits && found['TM'] === undefined && row.values.every(({ register }) => registerKey(register) !== key)) {
    row.values.push(value)
    row.exponents.push(exponent)
  } else {
    rows.push({ time, values: [value], exponents: [exponent] })
  }
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:,(\d{1,3}))?([+-]\d\d):?(\d\d)(?: ([UISR]))?$/

function parseTime(found: unknown, where: string): { time: number; doubtful: boolean } {
  const match = typeof found === 'string' ? TIME.exec(found.trim()) : null
  const time = match === null ? Number.NaN : Date.parse(`${match[1]}.${(match[2] ?? '').padEnd(3, '0')}${match[3]}:${match[4]}`)
  if (match === null || !(time >= 0)) {
    return refuse(`${where}: "TM": expected 2018-07-24T13:22:04,000+0200 S, found ${short(found)}`)
  }
  return { time, doubtful: match[5] === 'U' }
}

/** Beyond the specification's table, as DZG meters write the length of a charge. */
const UNITS: ReadonlyMap<string, string> = new Map([['sec', 's']])

/** `rv` is the reading's own: a value is never taken over from the one before. */
function parseValue(said: Json, rv: unknown, doubtful: boolean, where: string): { value: RegisterValue; exponent: number } {
  const { RU: unitText, RI: code, ST: status = 'G', EF: errors = '' } = said
  if (typeof unitText !== 'string') return refuse(`${where}: "RU": expected a unit, found ${short(unitText)}`)
  const { unit, exponent } = parseUnit(UNITS.get(unitText) ?? unitText)
  // The specification lets it be left out: then it is the energy drawn, which the record is about.
  const obis = parseIdentification(code ?? '1-0:1.8.0', where)
  if (rv === undefined || rv === null) {
    return { value: { register: { obis, unit, scaler: exponent }, value: null, quality: 'missing' }, exponent }
  }
  // Numbers came as their digits, and some meters write them as text, padded with blanks.
  if (typeof rv !== 'string') return refuse(`${where}: "RV": expected a number, found ${short(rv)}`)
  const { value, scaler } = parseDecimal(rv.trim())
  const quality = qualityOf(String(status), String(errors), doubtful)
  return { value: { register: { obis, unit, scaler: scaler + exponent }, value, quality }, exponent }
}

/** Anything but "G" and every energy error says that the value is not fit for a bill; "t" says so of the time. */
function qualityOf(status: string, errors: string, doubtful: boolean): Quality {
  if (status === 'O') return 'overflow'
  if (status !== 'G' || errors.includes('E')) return 'estimated'
  return doubtful || errors.includes('t') ? 'clock-doubtful' : 'good'
}

const IDENTIFICATION = /^(\w{1,3})-(\w{1,3}):(\w{1,3})\.(\w{1,3})\.(\w{1,3})(?:[.*](\w{1,3}))?$/

/**
 * `1-0:1.8.0*198`; `1-b:1.8.e`, where a letter stands for a channel or tariff that is not told (0); and two hexadecimal digits a
 * group (`01-00:B2.08.00.FF`), as DZG meters write it.
 */
function parseIdentification(found: unknown, where: string): Obis {
  const match = typeof found === 'string' ? IDENTIFICATION.exec(found.trim()) : null
  if (match === null) return refuse(`${where}: "RI": expected an OBIS code, found ${short(found)}`)
  const groups = match.slice(1).filter((group) => group !== undefined)
  const hexadecimal = groups.length === 6 && groups.every((group) => /^[\dA-Fa-f]{2}$/.test(group))
  const numbers = groups.map((group) => {
    if (hexadecimal) return Number.parseInt(group, 16)
    return /^[a-z]$/.test(group) ? 0 : Number(group)
  })
  const [a, b, c, d, e, f = OBIS_F_UNUSED] = numbers as [number, number, number, number, number, number?]
  const obis = { a, b, c, d, e, f }
  return isObis(obis) ? obis : refuse(`${where}: "RI": expected an OBIS code, found ${short(found)}`)
}

function short(found: unknown): string {
  return (JSON.stringify(found) ?? 'nothing').slice(0, 60)
}

function refuse(reason: string): never {
  throw new WattnessError('OCMF_RECORD_MALFORMED', reason)
}
