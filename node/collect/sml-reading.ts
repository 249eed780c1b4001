import { formatObis } from '../../protocol/obis.ts'
import type { Obis, Quality, RegisterValue } from '../../protocol/reading.ts'
import { UNIT } from '../../protocol/units.ts'
import { ReadingRows, type RowTime } from './reading-rows.ts'
import { wasSentUnsigned } from './sml-dzg.ts'
import type { SmlEntry, SmlList, SmlTime } from './sml-message.ts'
import type { NamedOctets, ReadingItem, ReadingMark } from './source.ts'

/**
 * What of a list of values is a measurement: every number, exact, with its unit and scaler as they were sent. A seconds index
 * counts since the meter was started and says nothing about the time: then the node's clock is taken. Ids, keys and signatures
 * are kept as octets.
 */

export interface SmlContext {
  /** The node's clock: for lists without a time of their own. */
  readonly nowMs: number
  /** True where the bytes come from a meter now; false for a file, whose node time says little. */
  readonly live: boolean
}

export interface SmlRows {
  readonly items: readonly ReadingItem[]
  readonly octets: readonly NamedOctets[]
  readonly faults: readonly { readonly code: string; readonly message: string }[]
}

/** A meter without a set clock counts its timestamps from 1970 on; none of them is older than this. */
export const EARLIEST_TIMESTAMP = Date.UTC(2000, 0, 1) / 1_000

/** Meters show no more than this until their PIN is entered. */
const COARSE_SCALER = 3
const KILOWATT_HOUR = 1_000
const ENERGIES = new Set<number>([UNIT.wattHour, UNIT.vaHour, UNIT.varHour])
const POWERS = new Set<number>([UNIT.watt, UNIT.va, UNIT.var])
const TOTAL = 8

export function rowsOf(list: SmlList, context: SmlContext): SmlRows {
  const faults: { code: string; message: string }[] = []
  const octets: NamedOctets[] = []
  const rows = new ReadingRows()
  const listTime = timeOf(list.time, context, faults)
  const coarse = isCoarse(list)
  for (const entry of list.entries) {
    const { value } = entry
    const obis = obisOf(entry.name)
    if (value.type === 'octets') octets.push({ obis, octets: value.octets })
    if (entry.signature !== undefined && entry.signature.length > 0) octets.push({ obis, octets: entry.signature })
    if (value.type === 'beyond') {
      const message = `SML value ${formatObis(obis)}: expected a number of one to eight bytes below 2^53`
      faults.push({ code: 'SML_VALUE_MALFORMED', message })
    }
    const measured = measurement(entry, list, coarse)
    if (measured === undefined) continue
    const unit = entry.unit === undefined || entry.unit === 0 ? UNIT.count : entry.unit
    if (unit < 0 || unit > 255 || entry.scaler < -128 || entry.scaler > 127) {
      const message = `SML value ${formatObis(obis)}: unit ${unit} or scaler ${entry.scaler} is none`
      faults.push({ code: 'SML_VALUE_MALFORMED', message })
      continue
    }
    const at = entry.time?.type === 'timestamp' ? timeOf(entry.time, context, faults) : listTime
    const register = { obis, unit, scaler: entry.scaler }
    const quality = at.quality === 'good' ? measured.quality : at.quality
    const rowValue: RegisterValue = { register, value: measured.number, quality }
    if (!rows.add(at, { value: rowValue, exponent: 0, mark: measured.mark })) {
      const message = `SML value ${formatObis(obis)} stands twice in its list; the first counts`
      faults.push({ code: 'SML_VALUE_REPEATED', message })
    }
  }
  if (list.signature !== undefined && list.signature.length > 0) {
    octets.push({ obis: obisOf(list.name ?? new Uint8Array(6)), octets: list.signature })
  }
  return { items: rows.items(), octets, faults }
}

interface Measured {
  readonly number: number
  readonly quality: Quality
  readonly mark?: ReadingMark | undefined
}

/** The entry's number, or undefined where it holds none. */
function measurement(entry: SmlEntry, list: SmlList, coarse: boolean): Measured | undefined {
  const { value } = entry
  if (value.type !== 'integer' && value.type !== 'unsigned') return undefined
  if (wasSentUnsigned(entry, list)) {
    return { number: value.value + 2 ** (8 * value.width), quality: 'estimated', mark: 'sign-assumed' }
  }
  return { number: value.value, quality: 'good', mark: coarse && isEnergy(entry) ? 'coarse' : undefined }
}

function timeOf(time: SmlTime | undefined, context: SmlContext, faults: { code: string; message: string }[]): RowTime {
  if (time?.type === 'timestamp') {
    if (time.seconds >= EARLIEST_TIMESTAMP) return { time: time.seconds * 1_000, timeSource: 'meter-clock', quality: 'good' }
    const message = `SML timestamp ${time.seconds} is before the year 2000: the meter's clock is not set; the node's is taken`
    faults.push({ code: 'SML_CLOCK_INVALID', message })
  }
  return { time: context.nowMs, timeSource: 'node-clock', quality: context.live ? 'good' : 'clock-doubtful' }
}

/**
 * Without PIN: energies in whole kilowatt-hours and no power. Most makes say so by their scaler, others send zeros for the digits
 * that they hide.
 */
function isCoarse({ entries }: SmlList): boolean {
  const energies = entries.filter(isEnergy)
  if (energies.some(({ scaler }) => scaler >= COARSE_SCALER)) return true
  if (entries.some(({ unit }) => unit !== undefined && POWERS.has(unit))) return false
  const wattHours = energies.map(({ value, scaler }) => ('value' in value ? value.value * 10 ** scaler : 0))
  return wattHours.some((each) => each !== 0) && wattHours.every((each) => each % KILOWATT_HOUR === 0)
}

function isEnergy({ name, unit }: SmlEntry): boolean {
  return name[3] === TOTAL && unit !== undefined && ENERGIES.has(unit)
}

function obisOf(name: Uint8Array): Obis {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = name
  return { a, b, c, d, e, f }
}
