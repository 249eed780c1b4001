import type { Obis } from '../../protocol/reading.ts'
import { UNIT } from '../../protocol/units.ts'
import type { MbusFunction, MbusRecord } from './mbus-record.ts'

/**
 * What a record's value is: VIF tables of EN 13757-3 (sections 6.4.3 to 6.4.5), and the OBIS code it gets. Codes are those of
 * EN 13757-1 and of the Open Metering System where these name one: A the medium, B the subunit, E the tariff, F the storage
 * number.
 */

export type Quantity =
  | 'energy'
  | 'volume'
  | 'mass'
  | 'on-time'
  | 'operating-time'
  | 'power'
  | 'flow'
  | 'flow-temperature'
  | 'return-temperature'
  | 'temperature-difference'
  | 'external-temperature'
  | 'pressure'
  | 'voltage'
  | 'current'
  | 'heat-cost'
  | 'humidity'
  | 'plain'

export interface Measured {
  readonly quantity: Quantity
  readonly unit: number
  /** Value × factor × 10^scaler is in the unit; the factor is for minutes and seconds as hours. */
  readonly scaler: number
  readonly factor: number
}

const M3_PER_HOUR = 15
const JOULE_PER_HOUR = 26
const KILOGRAM = 20
const KELVIN = 52
const BAR = 24
const PERCENT = 56
/** Seconds, minutes, hours, days. */
const DURATIONS = [7, 6, 5, 4]

/** First and last VIF, what it is, its unit, and the scaler of the first; the next ones are ten times more each. */
type Row = readonly [first: number, last: number, quantity: Quantity, unit: number, scaler: number, factor?: number]

const PRIMARY: readonly Row[] = [
  [0x00, 0x07, 'energy', UNIT.wattHour, -3],
  [0x08, 0x0f, 'energy', UNIT.joule, 0],
  [0x10, 0x17, 'volume', UNIT.m3, -6],
  [0x18, 0x1f, 'mass', KILOGRAM, -3],
  [0x28, 0x2f, 'power', UNIT.watt, -3],
  [0x30, 0x37, 'power', JOULE_PER_HOUR, 0],
  [0x38, 0x3f, 'flow', M3_PER_HOUR, -6],
  [0x40, 0x47, 'flow', M3_PER_HOUR, -6, 6],
  [0x48, 0x4f, 'flow', M3_PER_HOUR, -7, 36],
  [0x58, 0x5b, 'flow-temperature', UNIT.celsius, -3],
  [0x5c, 0x5f, 'return-temperature', UNIT.celsius, -3],
  [0x60, 0x63, 'temperature-difference', KELVIN, -3],
  [0x64, 0x67, 'external-temperature', UNIT.celsius, -3],
  [0x68, 0x6b, 'pressure', BAR, -3],
  [0x6e, 0x6e, 'heat-cost', UNIT.count, 0],
]
const FB: readonly Row[] = [
  [0x00, 0x01, 'energy', UNIT.wattHour, 5],
  [0x08, 0x09, 'energy', UNIT.joule, 8],
  [0x10, 0x11, 'volume', UNIT.m3, 2],
  [0x18, 0x19, 'mass', KILOGRAM, 5],
  [0x1a, 0x1b, 'humidity', PERCENT, -1],
  [0x28, 0x29, 'power', UNIT.watt, 5],
  [0x30, 0x31, 'power', JOULE_PER_HOUR, 8],
]
const FD: readonly Row[] = [
  [0x3a, 0x3a, 'plain', UNIT.count, 0],
  [0x40, 0x4f, 'voltage', UNIT.volt, -9],
  [0x50, 0x5f, 'current', UNIT.ampere, -12],
]

/** Extensions that multiply: 70 to 77 by 10^-6 to 10^1, 7D by 1,000. The others tell of the value and do not change it. */
function correction(extension: number): number {
  if (extension >= 0x70 && extension <= 0x77) return extension - 0x76
  return extension === 0x7d ? 3 : 0
}

/** Adds a constant in units of its own: what is meant cannot be had from the value alone. */
function isAdditive(extension: number): boolean {
  return extension >= 0x78 && extension <= 0x7b
}

/** Undefined for what is no measurement, or none that has a unit here: identifiers, dates, flags, settings. */
export function measuredBy({ table, vif, text, extensions }: MbusRecord): Measured | undefined {
  const own = table === 'manufacturer' ? undefined : base(table, vif, text)
  const before = beforeManufacturer(extensions)
  if (own === undefined || before.some(isAdditive)) return undefined
  return { ...own, scaler: before.reduce((scaler, extension) => scaler + correction(extension), own.scaler) }
}

function base(table: Exclude<MbusRecord['table'], 'manufacturer'>, vif: number, text: string): Measured | undefined {
  if (table === 'text') {
    const isHumidity = text === '%RH'
    return { quantity: isHumidity ? 'humidity' : 'plain', unit: isHumidity ? PERCENT : UNIT.count, scaler: 0, factor: 1 }
  }
  if (table === 'primary' && vif >= 0x20 && vif <= 0x27) {
    const quantity = vif < 0x24 ? 'on-time' : 'operating-time'
    return { quantity, unit: DURATIONS[vif & 0x03] as number, scaler: 0, factor: 1 }
  }
  const rows = table === 'primary' ? PRIMARY : table === 'fb' ? FB : FD
  const row = rows.find(([first, last]) => vif >= first && vif <= last)
  if (row === undefined) return undefined
  const [first, , quantity, unit, scaler, factor] = row
  return { quantity, unit, scaler: scaler + vif - first, factor: factor ?? 1 }
}

/** Behind FF the manufacturer's own extensions stand. */
function beforeManufacturer(extensions: readonly number[]): readonly number[] {
  const at = extensions.indexOf(0x7f)
  return at < 0 ? extensions : extensions.slice(0, at)
}

/** Value group A by the medium that a meter names (EN 13757-3 table 3); other media are 15. */
const MEDIA: ReadonlyMap<number, number> = new Map([
  [0x02, 1],
  [0x03, 7],
  [0x04, 6],
  [0x06, 9],
  [0x07, 8],
  [0x08, 4],
  [0x0a, 5],
  [0x0b, 5],
  [0x0c, 6],
  [0x0d, 6],
  [0x15, 9],
  [0x16, 8],
  [0x20, 1],
  [0x28, 8],
])
const OTHER_MEDIA = 15
const ELECTRICITY = 1
const GAS = 7

/** Value groups C and D by medium. Of electricity D 8 is the register and 7 the instant; of the others D is 0. */
const ELECTRICITY_CODES: Partial<Record<Quantity, readonly [number, number]>> = {
  energy: [1, 8],
  power: [16, 7],
  voltage: [12, 7],
  current: [11, 7],
}
const GAS_CODES: Partial<Record<Quantity, readonly [number, number]>> = { volume: [3, 0], flow: [43, 0], pressure: [42, 0] }
const WATER_CODES: Partial<Record<Quantity, readonly [number, number]>> = { volume: [1, 0], flow: [2, 0] }
/** Heat and cold; also whatever names no medium of its own. */
const HEAT_CODES: Record<Quantity, readonly [number, number]> = {
  energy: [1, 0],
  volume: [2, 0],
  mass: [3, 0],
  power: [8, 0],
  flow: [9, 0],
  'flow-temperature': [10, 0],
  'return-temperature': [11, 0],
  'temperature-difference': [12, 0],
  pressure: [13, 0],
  'heat-cost': [1, 0],
  // The others are the device's own, in the abstract groups: times of operation, ambient temperature.
  'on-time': [96, 8],
  'operating-time': [96, 8],
  'external-temperature': [96, 9],
  humidity: [96, 9],
  voltage: [96, 50],
  current: [96, 50],
  plain: [96, 50],
}
const ABSTRACT = 96
/** Maximum and minimum as electricity has them; of the values during errors no code is defined. */
const PROCESSED: Readonly<Record<MbusFunction, number | undefined>> = {
  instantaneous: undefined,
  maximum: 6,
  minimum: 3,
  error: 128,
}
/** From here on value group D is the manufacturer's own. */
const OWN_FROM = 129
const UNUSED = 255
const MAX_SUBUNIT = 63
const MAX_STORAGE = 99
/** Accumulation of negative contributions only: what was returned. */
const NEGATIVE_ONLY = 0x3c
const POSITIVE_ONLY = 0x3b
const MULTIPLIERS_FROM = 0x70

/**
 * Codes of one answer: what stands twice, or says something that no code does, is told apart by group D, in the order it comes.
 */
export class MbusCodes {
  readonly #medium: number
  readonly #taken = new Set<string>()

  constructor(medium: number) {
    this.#medium = MEDIA.get(medium) ?? OTHER_MEDIA
  }

  codeOf(record: MbusRecord, quantity: Quantity): Obis {
    const code = this.#base(record, quantity)
    const isPlain = record.extensions.every((extension) => extension >= MULTIPLIERS_FROM || DIRECTIONS.has(extension))
    const isKnown = isPlain && !record.extensions.includes(0x7f) && record.subunit <= MAX_SUBUNIT && record.storage <= MAX_STORAGE
    for (let d = isKnown ? code.d : OWN_FROM; d <= UNUSED; d = Math.max(d + 1, OWN_FROM)) {
      const found = { ...code, d }
      const key = Object.values(found).join('.')
      if (this.#taken.has(key)) continue
      this.#taken.add(key)
      return found
    }
    return { ...code, d: UNUSED }
  }

  #base({ function: processed, tariff, storage, subunit, extensions }: MbusRecord, quantity: Quantity): Obis {
    const own = this.#ownCode(quantity)
    const [c, d] = own ?? HEAT_CODES[quantity]
    const isReturned = this.#medium === ELECTRICITY && quantity === 'energy' && extensions.includes(NEGATIVE_ONLY)
    return {
      a: c === ABSTRACT && own === undefined ? 0 : this.#medium,
      b: Math.min(subunit, MAX_SUBUNIT),
      c: isReturned ? 2 : c,
      d: PROCESSED[processed] ?? d,
      e: quantity === 'operating-time' ? 1 : Math.min(tariff, UNUSED),
      f: storage === 0 ? UNUSED : Math.min(storage, MAX_STORAGE),
    }
  }

  #ownCode(quantity: Quantity): readonly [number, number] | undefined {
    if (this.#medium === ELECTRICITY) return ELECTRICITY_CODES[quantity]
    if (this.#medium === GAS) return GAS_CODES[quantity]
    return this.#medium === 8 || this.#medium === 9 ? WATER_CODES[quantity] : undefined
  }
}

const DIRECTIONS = new Set([POSITIVE_ONLY, NEGATIVE_ONLY])
