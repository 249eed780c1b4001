import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Register } from '../../protocol/reading.ts'
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
  /** The type it is sent in, where another list differs in nothing else. */
  readonly tag?: number
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

/** Voltages and currents of Iskraemeco are 16 bits wide. */
function short(obis: string, unit: number, scaler: number): PlacedRegister {
  return { ...register(obis, unit, scaler), tag: TAG.uint16 }
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

// Slovenia, Iskraemeco: UtilitechAS/amsreader-firmware (IEC6205675, lists of ISK) and athombv/node-dsmr-parser (ECE lists 1 and
// 2) have the same places; a capture shows 2346 for 234.6 V. Energies and powers are 32 bits wide, which tells lists of one
// length apart.
const SLOVENE_HEAD: readonly Place[] = ['text', 'text']
const SLOVENE_VOLTAGES = [32, 52, 72].map((c) => short(`1-0:${c}.7.0`, UNIT.volt, -1))
const SLOVENE_CURRENTS = [31, 51, 71].map((c) => short(`1-0:${c}.7.0`, UNIT.ampere, -2))
const wide = (obis: string, unit: number): PlacedRegister => ({ ...register(obis, unit), tag: TAG.uint32 })
const SLOVENE: readonly (readonly [name: string, places: readonly Place[]])[] = [
  [
    'powers, three phases',
    [
      ...POWERS,
      ...SLOVENE_VOLTAGES,
      ...SLOVENE_CURRENTS,
      ...[21, 41, 61, 22, 42, 62].map((c) => wide(`1-0:${c}.7.0`, UNIT.watt)),
    ],
  ],
  ['voltages first, three phases', [...SLOVENE_VOLTAGES, ...SLOVENE_CURRENTS, ...POWERS]],
  [
    'powers, one phase',
    [
      ...POWERS,
      ...SLOVENE_VOLTAGES.slice(0, 1),
      ...SLOVENE_CURRENTS.slice(0, 1),
      ...[21, 22].map((c) => wide(`1-0:${c}.7.0`, UNIT.watt)),
    ],
  ],
  ['voltages first, one phase', [...SLOVENE_VOLTAGES.slice(0, 1), ...SLOVENE_CURRENTS.slice(0, 1), ...POWERS]],
  [
    'tariffs',
    [
      ...['1.8.1', '1.8.2', '2.8.1', '2.8.2'].map((code) => wide(`1-0:${code}`, UNIT.wattHour)),
      ...['3.8.1', '3.8.2', '4.8.1', '4.8.2'].map((code) => wide(`1-0:${code}`, UNIT.varHour)),
    ],
  ],
  [
    'energies',
    [
      register('0-0:96.3.10', UNIT.count),
      'octets',
      ...['1.8.0', '1.8.1', '1.8.2', '2.8.0', '2.8.1', '2.8.2'].map((code) => wide(`1-0:${code}`, UNIT.wattHour)),
      ...['3.8.0', '4.8.0'].map((code) => wide(`1-0:${code}`, UNIT.varHour)),
    ],
  ],
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
  ...SLOVENE.map(([name, places]) => table(`Slovenia, ${name}`, [...SLOVENE_HEAD, ...places])),
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
  if (isRegister(place)) {
    return item.type === 'null' || (item.type === 'number' && (place.tag === undefined || place.tag === item.tag))
  }
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

/** What the operator of a meter says of values without scaler: powers of ten of Wh, W, V and A. */
export interface DeclaredScalers {
  readonly energy?: number
  readonly power?: number
  readonly voltage?: number
  readonly current?: number
}

export type Maker = 'aidon' | 'kaifa' | 'kamstrup' | 'kamstrup-ct'

/** Names of lists and types that stand in lists: `AIDON_V0001`, `KFM_001`, `MA304H3E`, `Kamstrup_V0001`, `6851131…`. */
export function makerOf(texts: readonly string[]): Maker | undefined {
  const some = (pattern: RegExp): boolean => texts.some((text) => pattern.test(text))
  if (some(/^AIDON_V/)) return 'aidon'
  if (some(/^KFM_|^MA\d{3}[A-Z]/)) return 'kaifa'
  if (!some(/^Kamstrup_V/)) return undefined
  // Meters behind current transformers (type 685) send currents in mA: toreamun/amshan, kamstrup.py.
  return some(/^685\d{4}/) ? 'kamstrup-ct' : 'kamstrup'
}

/**
 * Value groups C of one phase and of all: 1 and 2 active, 3 to 8 reactive, 9 and 10 apparent; 11 currents, 12 voltages, 13
 * factors.
 */
const PHASE_STEP = 20
const TOTAL = 8
const INSTANTANEOUS = 7
const CURRENT = 11
const VOLTAGE = 12
const FACTOR = 13

/**
 * Scalers of what is neither power nor energy, and of energy, by maker. Kamstrup ("HAN-NVE interface description", rev. 3.1,
 * section 2.7): energies in 10 Wh, currents in 10 mA, voltages in whole volts, power factors in hundredths. Kaifa with codes
 * (Sweden): toreamun/amshan, kaifa.py, the scalers of its lists without codes.
 */
const MAKERS: Readonly<Record<Maker, { readonly energy: number; readonly others: ReadonlyMap<number, Assumed> }>> = {
  aidon: { energy: 0, others: new Map() },
  kaifa: { energy: 0, others: others(-3, -1) },
  kamstrup: { energy: 1, others: others(-2, 0, -2) },
  'kamstrup-ct': { energy: 1, others: others(-3, 0, -2) },
}

function others(current: number, voltage: number, factor?: number): ReadonlyMap<number, Assumed> {
  return new Map([
    [CURRENT, { unit: UNIT.ampere, scaler: current }],
    [VOLTAGE, { unit: UNIT.volt, scaler: voltage }],
    ...(factor === undefined ? [] : [[FACTOR, { unit: UNIT.count, scaler: factor }] as const]),
  ])
}

const UNITS: readonly (readonly [last: number, power: number, energy: number])[] = [
  [2, UNIT.watt, UNIT.wattHour],
  [8, UNIT.var, UNIT.varHour],
  [10, UNIT.va, UNIT.vaHour],
]

/** What a value without a scaler of its own is: as declared, else as its maker has it, else by its code. */
export function assumedFor(obis: Obis, maker: Maker | undefined, declared: DeclaredScalers = {}): Assumed {
  const said = declaredFor(obis, declared)
  if (said !== undefined) return said
  if (obis.a !== 1 || obis.c > 80) return { unit: UNIT.count, scaler: 0 }
  const { power, energy } = unitsOf(obis)
  // Energy and power without scaler are in Wh and W on every port that is documented (Landis+Gyr E450, Sagemcom XT211, IDIS).
  if (energy !== undefined) return { unit: energy, scaler: maker === undefined ? 0 : MAKERS[maker].energy }
  if (power !== undefined) return { unit: power, scaler: 0 }
  const other = maker === undefined || obis.d !== INSTANTANEOUS ? undefined : MAKERS[maker].others.get(obis.c % PHASE_STEP)
  // Currents and voltages come with -3 to 0 decimals: as plain numbers they are at least not wrong.
  return other ?? { unit: UNIT.count, scaler: 0 }
}

/** A current or voltage whose unit and scaler nobody has said. */
export function lacksUnit({ obis, unit }: Register): boolean {
  const quantity = obis.c % PHASE_STEP
  const isMissing = unit === UNIT.count && obis.a === 1 && obis.c <= 80 && obis.d === INSTANTANEOUS
  return isMissing && (quantity === CURRENT || quantity === VOLTAGE)
}

/** As the operator says; undefined where nothing is said of this code. */
export function declaredFor(obis: Obis, { energy, power, voltage, current }: DeclaredScalers): Assumed | undefined {
  if (obis.a !== 1 || obis.c > 80) return undefined
  const units = unitsOf(obis)
  if (units.energy !== undefined && energy !== undefined) return { unit: units.energy, scaler: energy }
  if (units.power !== undefined && power !== undefined) return { unit: units.power, scaler: power }
  if (obis.d !== INSTANTANEOUS) return undefined
  const quantity = obis.c % PHASE_STEP
  if (quantity === CURRENT && current !== undefined) return { unit: UNIT.ampere, scaler: current }
  return quantity === VOLTAGE && voltage !== undefined ? { unit: UNIT.volt, scaler: voltage } : undefined
}

function unitsOf({ c, d }: Obis): { power?: number; energy?: number } {
  const quantity = c % PHASE_STEP
  const row = quantity === 0 ? undefined : UNITS.find(([last]) => quantity <= last)
  if (row === undefined) return {}
  if (d === TOTAL) return { energy: row[2] }
  return d >= 4 && d <= INSTANTANEOUS ? { power: row[1] } : {}
}
