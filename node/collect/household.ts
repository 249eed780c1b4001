import { parseObis } from '../../protocol/obis.ts'
import type { Reading, Register, RegisterValue } from '../../protocol/reading.ts'
import { UNIT } from '../../protocol/units.ts'
import { sleep } from '../platform.ts'
import { HEATINGS, type Heating, Household, type HouseholdModel, wattHours } from './household-model.ts'
import type { MeterSource, SourceDeps, SourceFormat, SourceItem, SourceSpec } from './source.ts'
import { assertOptionsKnown, durationOption, instantOption, parseInstant, refuseOption } from './source-spec.ts'

/** A home that needs no meter and no file: `household:SEED?solar=4kWp&heating=heat-pump`. */
export const householdFormat: SourceFormat = {
  name: 'household',
  describe: 'a built-in home: seeded, deterministic, with day, night, weekend, season, heating and optional solar',
  usage: [
    'household:SEED',
    'household:SEED?solar=4kWp&heating=heat-pump',
    'household:SEED?from=2025-06-01',
    'household:SEED?from=2025-06-01&until=2025-07-01&speed=900&interval=15m',
  ],
  quirks: [],
  recognise: () => false,
  open,
}

export interface HouseholdOptions {
  /** Default 'none'. */
  readonly heating?: Heating
  /** Peak watts of the panels; default 0, none. */
  readonly solarWp?: number
  /** UTC milliseconds at which the registers stood at zero; default 2024-01-01. */
  readonly startMs?: number
  /** Default 15 minutes. */
  readonly intervalMs?: number
}

export const HOUSEHOLD_START_MS = Date.UTC(2024, 0, 1)
export const DEFAULT_INTERVAL_MS = 900_000

const DAY_MS = 86_400_000
const MS_PER_HOUR = 3_600_000
/** Beyond this no home's roof goes, and the integers stay far from their end. */
const MAX_SOLAR_WP = 100_000
const DECIVOLT_SCALER = -1

const register = (code: string, unit: number, scaler = 0): Register => ({ obis: parseObis(code), unit, scaler })
const IMPORT = register('1-0:1.8.0', UNIT.wattHour)
const EXPORT = register('1-0:2.8.0', UNIT.wattHour)
/** D = 27: average over the recording interval (docs/sources.md, "Sampling", says why not 4 to 6). */
const MEAN_IMPORT = register('1-0:1.27.0', UNIT.watt)
const MEAN_EXPORT = register('1-0:2.27.0', UNIT.watt)
const VOLTAGE = register('1-0:32.7.0', UNIT.volt, DECIVOLT_SCALER)

/** The row of the interval that ends at `timeMs`; costs one day's sums at most, wherever `timeMs` lies. */
export function householdReadings(seed: string, options: HouseholdOptions = {}): (timeMs: number) => Reading {
  const model = modelOf(seed, options)
  const household = new Household(model)
  const intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS
  return (timeMs) => rowAt(household, model, intervalMs, timeMs)
}

/** The same for one instant. Where many are asked for, householdReadings keeps what it has summed up. */
export function householdReading(seed: string, options: HouseholdOptions, timeMs: number): Reading {
  return householdReadings(seed, options)(timeMs)
}

function modelOf(seed: string, options: HouseholdOptions): HouseholdModel {
  const startMs = options.startMs ?? HOUSEHOLD_START_MS
  return {
    seed,
    heating: options.heating ?? 'none',
    solarWp: options.solarWp ?? 0,
    startMs: startMs - (((startMs % DAY_MS) + DAY_MS) % DAY_MS),
  }
}

function rowAt(household: Household, model: HouseholdModel, intervalMs: number, timeMs: number): Reading {
  const end = household.energyAt(timeMs)
  const begin = household.energyAt(timeMs - intervalMs)
  const good = (of: Register, value: number): RegisterValue => ({ register: of, value, quality: 'good' })
  const mean = (joules: number): number => Math.round((joules * 1_000) / intervalMs)
  const values = [good(IMPORT, wattHours(end.importJ))]
  if (model.solarWp > 0) values.push(good(EXPORT, wattHours(end.exportJ)))
  values.push(good(MEAN_IMPORT, mean(end.importJ - begin.importJ)))
  if (model.solarWp > 0) values.push(good(MEAN_EXPORT, mean(end.exportJ - begin.exportJ)))
  values.push(good(VOLTAGE, household.deciVoltsAt(timeMs)))
  return { time: timeMs, intervalMs, timeSource: 'interval-end', values }
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['solar', 'heating', 'start', 'interval', 'from', 'until', 'speed'])
  const intervalMs = durationOption(spec, 'interval') ?? DEFAULT_INTERVAL_MS
  const fromMs = instantOption(spec, 'from')
  const startMs = instantOption(spec, 'start') ?? HOUSEHOLD_START_MS
  const rows = householdReadings(spec.target, { heating: heating(spec), solarWp: solarWp(spec), startMs, intervalMs })
  const pace = speed(spec)
  const end = until(spec, fromMs)
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    intervalData: true,
    items: (signal) => households(rows, { intervalMs, fromMs, pace, end }, deps, signal),
  }
}

interface Schedule {
  readonly intervalMs: number
  /** Undefined: from now on. */
  readonly fromMs: number | undefined
  /** Seconds of the home's time in one real second; Infinity: as fast as it is read. */
  readonly pace: number
  /** 'now': from the present on with the clock. UTC milliseconds: the newest row. Undefined: none, also past the present. */
  readonly end: 'now' | number | undefined
}

async function* households(
  rows: (timeMs: number) => Reading,
  { intervalMs, fromMs, pace, end }: Schedule,
  { clock, timers }: SourceDeps,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  const beganMs = clock.now()
  const firstMs = fromMs ?? beganMs
  // A boundary that falls on the start is the end of an interval nobody saw.
  for (let count = 1; ; count++) {
    const time = (Math.floor(firstMs / intervalMs) + count) * intervalMs
    if (typeof end === 'number' && time > end) return
    const paceMs = beganMs + (time - firstMs) / pace
    // Nobody has read a meter tomorrow, unless asked to.
    const dueMs = end === 'now' ? Math.max(paceMs, time) : paceMs
    try {
      // Clocks are set: sleep again until the time is there.
      for (let waitMs = dueMs - clock.now(); waitMs > 0; waitMs = dueMs - clock.now())
        await sleep(timers, Math.min(waitMs, MS_PER_HOUR), signal)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    if (signal.aborted) return
    yield { type: 'reading', reading: rows(time) }
  }
}

function heating(spec: SourceSpec): Heating {
  const text = spec.options.get('heating') ?? 'none'
  const found = HEATINGS.find((name) => name === text)
  return found ?? refuseOption(spec, 'heating', `expected one of ${HEATINGS.join(', ')}`)
}

function solarWp(spec: SourceSpec): number {
  const text = spec.options.get('solar')
  if (text === undefined) return 0
  const match = /^(\d{1,3}(?:\.\d{1,3})?)kWp$/.exec(text)
  const watts = match === null ? Number.NaN : Math.round(Number(match[1]) * 1_000)
  return watts <= MAX_SOLAR_WP
    ? watts
    : refuseOption(spec, 'solar', 'expected peak power of at most 100kWp, such as 4kWp or 3.6kWp')
}

function until(spec: SourceSpec, fromMs: number | undefined): Schedule['end'] {
  const text = spec.options.get('until')
  if (text === undefined) return fromMs === undefined || spec.options.has('speed') ? undefined : 'now'
  if (fromMs === undefined) return refuseOption(spec, 'until', 'only a replay has an end: give from= as well')
  if (text === 'now') return 'now'
  const untilMs = parseInstant(text)
  if (untilMs !== undefined && untilMs >= fromMs) return untilMs
  return refuseOption(spec, 'until', 'expected now, or an instant after from= such as 2025-01-01 or 2025-01-01T12:00Z')
}

function speed(spec: SourceSpec): number {
  const text = spec.options.get('speed')
  if (text === undefined) return spec.options.has('from') ? Number.POSITIVE_INFINITY : 1
  if (!spec.options.has('from')) return refuseOption(spec, 'speed', 'only a replay has a speed: give from= as well')
  if (text === 'max') return Number.POSITIVE_INFINITY
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  return value >= 1 ? value : refuseOption(spec, 'speed', 'expected a whole number such as 900, or max')
}
