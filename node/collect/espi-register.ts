import { WattnessError } from '../../protocol/errors.ts'
import type { Obis, Quality } from '../../protocol/reading.ts'
import { UNIT } from '../../protocol/units.ts'
import type { EspiSeries } from './espi-catalog.ts'

/**
 * ESPI's codes (NAESB REQ.21: UnitSymbol, FlowDirection, AccumulationBehaviour, QualityOfReading) and the registers they stand
 * for. docs/sources.md has the table for people; green-button-writer.ts goes the other way by the same rows.
 */

export interface EspiRegister {
  readonly obis: Obis
  /** DLMS unit code. */
  readonly unit: number
  /** A value of 1 stands for `factor` × 10^exponent of that unit. */
  readonly factor: number
  readonly exponent: number
  /** False for a register's state or a momentary value: it belongs to an instant. */
  readonly interval: boolean
}

export interface EspiUnit {
  readonly uom: number
  readonly unit: number
  readonly factor: number
  readonly exponent: number
  /** OBIS group C, forward and reverse; undefined for volumes, whose medium decides. */
  readonly c?: readonly [number, number]
}

/**
 * Cubic feet and gallons are exact in cubic metres by definition. A therm is that of US law, 105,480,400 J exactly (NIST SP 811,
 * appendix B): ESPI is North American. Of the British thermal unit there are several, and nothing says which.
 */
export const ESPI_UNITS: readonly EspiUnit[] = [
  { uom: 72, unit: UNIT.wattHour, factor: 1, exponent: 0, c: [1, 2] },
  { uom: 73, unit: UNIT.varHour, factor: 1, exponent: 0, c: [3, 4] },
  { uom: 71, unit: UNIT.vaHour, factor: 1, exponent: 0, c: [9, 10] },
  { uom: 38, unit: UNIT.watt, factor: 1, exponent: 0, c: [1, 2] },
  { uom: 63, unit: UNIT.var, factor: 1, exponent: 0, c: [3, 4] },
  { uom: 61, unit: UNIT.va, factor: 1, exponent: 0, c: [9, 10] },
  { uom: 5, unit: UNIT.ampere, factor: 1, exponent: 0, c: [11, 11] },
  { uom: 29, unit: UNIT.volt, factor: 1, exponent: 0, c: [12, 12] },
  { uom: 33, unit: UNIT.hertz, factor: 1, exponent: 0, c: [14, 14] },
  { uom: 31, unit: UNIT.joule, factor: 1, exponent: 0 },
  { uom: 169, unit: UNIT.joule, factor: 1_054_804, exponent: 2 },
  { uom: 42, unit: UNIT.m3, factor: 1, exponent: 0 },
  { uom: 134, unit: UNIT.m3, factor: 1, exponent: -3 },
  { uom: 119, unit: UNIT.m3, factor: 28_316_846_592, exponent: -12 },
  { uom: 120, unit: 14, factor: 28_316_846_592, exponent: -12 },
  { uom: 128, unit: UNIT.m3, factor: 3_785_411_784, exponent: -12 },
  { uom: 130, unit: UNIT.m3, factor: 454_609, exponent: -8 },
]

/** FlowDirection: 1 is delivered to the customer; 19 is received from it. */
export const FLOW_FORWARD = '1'
export const FLOW_REVERSE = '19'

/** AccumulationBehaviour: 4 is the amount of the interval, 3 and 1 the register's state, 12 and 6 momentary values. */
export const DELTA = '4'
export const CUMULATIVE = '3'
const STATES = new Set(['1', '2', '3'])
const MOMENTARY = new Set(['6', '12'])

/** OBIS group A by the service's kind: electricity, gas, cold water; heat (5, 6) has its own. */
const MEDIA: Readonly<Record<string, number>> = { '0': 1, '1': 7, '2': 8, '5': 6, '6': 5 }

/** OBIS group D: 8 a running total, 29 the energy and 27 the mean and 53 the maximum of the recording interval, 7 now. */
const TOTAL = 8
const NOW = 7
const INTERVAL_ENERGY = 29
const INTERVAL_MEAN = 27
const INTERVAL_MAXIMUM = 53

const POWERS: ReadonlySet<number> = new Set([UNIT.watt, UNIT.var, UNIT.va, UNIT.ampere, UNIT.volt, UNIT.hertz])

/** Throws GREEN_BUTTON_TYPE_UNKNOWN, which says what the file leaves open. `tou` is the reading's own tariff. */
export function espiRegister({ type, serviceKind }: EspiSeries, tou: string | undefined): EspiRegister {
  if (type === undefined) return refuse('no ReadingType belongs to these readings')
  const uom = type.get('uom') ?? ''
  const row = ESPI_UNITS.find((unit) => String(unit.uom) === uom)
  if (uom === '') return refuse('the ReadingType has no unit (uom): what these numbers are is not said')
  if (row === undefined) return refuse(`uom ${uom.slice(0, 10)} has no unit of DLMS`)
  const reverse = type.get('flowDirection') === FLOW_REVERSE
  const behaviour = type.get('accumulationBehaviour') ?? ''
  const power = POWERS.has(row.unit)
  const interval = !STATES.has(behaviour) && !MOMENTARY.has(behaviour)
  const amount = type.get('dataQualifier') === '8' ? INTERVAL_MAXIMUM : power ? INTERVAL_MEAN : INTERVAL_ENERGY
  const d = interval ? amount : STATES.has(behaviour) ? TOTAL : NOW
  const a = MEDIA[serviceKind] ?? 1
  const medium = row.c === undefined ? (a === 1 ? undefined : 3) : row.c[reverse ? 1 : 0]
  if (medium === undefined) return refuse(`uom ${uom} is no quantity of electricity, and the service is not said to be another`)
  const multiplier = /^-?\d{1,2}$/.test(type.get('powerOfTenMultiplier') ?? '0')
    ? Number(type.get('powerOfTenMultiplier') ?? 0)
    : undefined
  if (multiplier === undefined || Math.abs(multiplier) > 15) return refuse('the powerOfTenMultiplier is no number of −15 to 15')
  const { unit, factor, exponent } = row
  const e = tariff(tou ?? type.get('tou'))
  return { obis: { a, b: 0, c: medium, d, e, f: 255 }, unit, factor, exponent: exponent + multiplier, interval }
}

function tariff(tou: string | undefined): number {
  return tou !== undefined && /^\d{1,2}$/.test(tou) && Number(tou) <= 63 ? Number(tou) : 0
}

/** 0 valid, 14 raw, 17 validated, 18 verified, 19 revenue-quality; all else is edited, estimated or doubted by its utility. */
const GOOD = new Set(['0', '14', '17', '18', '19'])

export function espiQuality(code: string | undefined): Quality {
  return code === undefined || GOOD.has(code) ? 'good' : 'estimated'
}

function refuse(reason: string): never {
  throw new WattnessError('GREEN_BUTTON_TYPE_UNKNOWN', reason)
}
