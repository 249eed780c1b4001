import { parseObis } from '../../protocol/obis.ts'
import type { Obis } from '../../protocol/reading.ts'
import { UNIT } from '../../protocol/units.ts'
import { type DlmsData, TAG } from './dlms-data.ts'

/**
 * What some lists leave out, each with where it is known from. Lists without any codes are recognised by the kinds of their
 * values, and by nothing else; a list that fits no table is refused, since a guessed code would be a wrong reading.
 */

/** A place in a list: text, the date and time, octets of no use, a code, or a value of this register. */
export type Place = 'text' | 'clock' | 'octets' | { readonly code: string } | PlacedRegister

export interface PlacedRegister {
  readonly obis: Obis
  readonly unit: number
  readonly scaler: number
}

export interface PositionalList {
  readonly name: string
  readonly places: readonly Place[]
  /** Such meters announce more values than they send. */
  readonly mayBeShort: boolean
}

function register(obis: string, unit: number, scaler = 0): PlacedRegister {
  return { obis: parseObis(obis), unit, scaler }
}

function table(name: string, places: readonly Place[], mayBeShort = false): PositionalList {
  return { name, places, mayBeShort }
}

const POWERS = [
  register('1-0:1.7.0', UNIT.watt),
  register('1-0:2.7.0', UNIT.watt),
  register('1-0:3.7.0', UNIT.var),
  register('1-0:4.7.0', UNIT.var),
]
const ENERGIES = [
  register('1-0:1.8.0', UNIT.wattHour),
  register('1-0:2.8.0', UNIT.wattHour),
  register('1-0:3.8.0', UNIT.varHour),
  register('1-0:4.8.0', UNIT.varHour),
]

// "Kaifa HAN OBIS codes KFM_001" (NEK/NVE, 2018): currents in mA, voltages in 0.1 V; energies are in Wh, where the paper says
// 10 Wh: meters show that it is wrong by their displays (roarfred/AmsToMqttBridge, Samples/Kaifa).
const KAIFA_HEAD: readonly Place[] = ['text', 'text', 'text', ...POWERS]
const KAIFA_ONE_PHASE: readonly Place[] = [
  ...KAIFA_HEAD,
  register('1-0:31.7.0', UNIT.ampere, -3),
  register('1-0:32.7.0', UNIT.volt, -1),
]
const KAIFA_THREE_PHASE: readonly Place[] = [
  ...KAIFA_HEAD,
  ...[31, 51, 71].map((c) => register(`1-0:${c}.7.0`, UNIT.ampere, -3)),
  ...[32, 52, 72].map((c) => register(`1-0:${c}.7.0`, UNIT.volt, -1)),
]

// Elektro Celje, customer port of Iskraemeco meters, lists 1 and 2, as athombv/node-dsmr-parser has them; a capture shows 2346
// for 234.6 V. The scaler of the currents is published nowhere: they stay plain numbers.
const CELJE_POWERS: readonly Place[] = [
  'text',
  'text',
  ...POWERS,
  ...[32, 52, 72].map((c) => register(`1-0:${c}.7.0`, UNIT.volt, -1)),
  ...[31, 51, 71].map((c) => register(`1-0:${c}.7.0`, UNIT.count)),
  ...[21, 41, 61, 22, 42, 62].map((c) => register(`1-0:${c}.7.0`, UNIT.watt)),
]
const CELJE_ENERGIES: readonly Place[] = [
  'text',
  'text',
  register('0-0:96.3.10', UNIT.count),
  'octets',
  ...['1.8.0', '1.8.1', '1.8.2', '2.8.0', '2.8.1', '2.8.2'].map((code) => register(`1-0:${code}`, UNIT.wattHour)),
  ...['3.8.0', '4.8.0'].map((code) => register(`1-0:${code}`, UNIT.varHour)),
]

// Wiener Netze, "Smart Meter Kundenschnittstelle" (IDIS CII, Iskraemeco AM550 and Siemens IM350 alike); Tasmota's documentation
// prints the same order for AM550. The long form begins with the code of its push object, serial number, time and date.
const VIENNA: readonly Place[] = ['clock', ...ENERGIES, ...POWERS]
const ISKRA: readonly Place[] = [{ code: '0-6:25.9.0' }, 'octets', 'octets', 'octets', ...ENERGIES, ...POWERS]

export const POSITIONAL_LISTS: readonly PositionalList[] = [
  // NVE list 1 of Kaifa, every two seconds: active power alone.
  table('Kaifa list 1', [register('1-0:1.7.0', UNIT.watt)]),
  table('Kaifa list 2, one phase', KAIFA_ONE_PHASE),
  table('Kaifa list 2, three phases', KAIFA_THREE_PHASE),
  table('Kaifa list 3, one phase', [...KAIFA_ONE_PHASE, 'clock', ...ENERGIES]),
  table('Kaifa list 3, three phases', [...KAIFA_THREE_PHASE, 'clock', ...ENERGIES]),
  table('Elektro Celje list 1', CELJE_POWERS),
  table('Elektro Celje list 2', CELJE_ENERGIES),
  table('Wiener Netze', VIENNA),
  table('Iskraemeco with push object', ISKRA, true),
]

/** The table that a list fits, by the kinds of its values. */
export function positionalList(items: readonly DlmsData[], isShort: boolean): PositionalList | undefined {
  return POSITIONAL_LISTS.find(({ places, mayBeShort }) => {
    if (isShort ? !mayBeShort || items.length > places.length : items.length !== places.length) return false
    // Cut within its head it holds nothing; more than the head tells which list it is.
    return items.every((item, index) => fits(item, places[index] as Place)) && items.length > places.findIndex(isRegister)
  })
}

export function isRegister(place: Place): place is PlacedRegister {
  return typeof place === 'object' && 'obis' in place
}

function fits(item: DlmsData, place: Place): boolean {
  if (isRegister(place)) return item.type === 'null' || (item.type === 'number' && item.tag !== TAG.boolean)
  if (item.type !== 'bytes') return false
  if (place === 'clock') return item.bytes.length === 12
  if (place === 'octets') return true
  if (place === 'text') return item.bytes.every((byte) => byte >= 0x20 && byte < 0x7f)
  const { a, b, c, d, e } = parseObis(place.code)
  return Buffer.from(item.bytes).equals(Buffer.from([a, b, c, d, e, 255]))
}

/** Unit and scaler of a code that stands in a list without them. */
export interface Assumed {
  readonly unit: number
  readonly scaler: number
}

/**
 * Value groups C of one phase and of all: 1 and 2 active, 3 to 8 reactive, 9 and 10 apparent; 11 currents, 12 voltages, 13
 * factors.
 */
const PHASE_STEP = 20
const TOTAL = 8
const INSTANTANEOUS = 7

/**
 * By list name. Kamstrup ("HAN-NVE interface description", rev. 3.1): energies in 10 Wh, currents in 10 mA, voltages in whole
 * volts, power factors in hundredths.
 */
export function assumedFor(obis: Obis, listName: string | undefined): Assumed {
  const isKamstrup = listName?.startsWith('Kamstrup_V') ?? false
  if (obis.a !== 1 || obis.c > 80) return { unit: UNIT.count, scaler: 0 }
  const quantity = obis.c % PHASE_STEP
  const [power, energy] = UNITS.find(([last]) => quantity >= 1 && quantity <= last)?.slice(1) ?? []
  // Energy and power without scaler are in Wh and W on every port that is documented (Landis+Gyr E450, Sagemcom XT211, IDIS).
  if (energy !== undefined && obis.d === TOTAL) return { unit: energy, scaler: isKamstrup ? 1 : 0 }
  if (power !== undefined && obis.d >= 4 && obis.d <= INSTANTANEOUS) return { unit: power, scaler: 0 }
  if (isKamstrup && obis.d === INSTANTANEOUS) return KAMSTRUP.get(quantity) ?? { unit: UNIT.count, scaler: 0 }
  // Currents and voltages come with -3 to 0 decimals: as plain numbers they are at least not wrong.
  return { unit: UNIT.count, scaler: 0 }
}

const UNITS: readonly (readonly [number, number, number])[] = [
  [2, UNIT.watt, UNIT.wattHour],
  [8, UNIT.var, UNIT.varHour],
  [10, UNIT.va, UNIT.vaHour],
]

const KAMSTRUP: ReadonlyMap<number, Assumed> = new Map([
  [11, { unit: UNIT.ampere, scaler: -2 }],
  [12, { unit: UNIT.volt, scaler: 0 }],
  [13, { unit: UNIT.count, scaler: -2 }],
])
