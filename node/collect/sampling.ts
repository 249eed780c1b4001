import type { Reading, Register, RegisterValue } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { UNIT } from '../../protocol/units.ts'
import { MAX_MISSING_INTERVALS, PowerInterval } from './power-interval.ts'
import { type EventItem, type FaultItem, fault, type MarkItem, type ReadingItem } from './source.ts'

/**
 * What of a meter's stream goes into the ledger. A P1 meter says 25 values a second; kept are the registers at each interval
 * boundary and power as mean and maximum of the interval, unless asked for otherwise.
 */
export interface SamplingPolicy {
  /** 'interval': as said above; 'all': every reading as it comes. */
  readonly mode: 'interval' | 'all'
  readonly intervalMs: number
  /** Values that are neither a running register nor power (voltage, current, counters): left out, or kept at each boundary. */
  readonly others: 'drop' | 'boundary'
  /** Sample sources too whose readings stand for intervals already (CSV, household, JSON lines). */
  readonly intervalData: boolean
}

export const DEFAULT_SAMPLING: SamplingPolicy = { mode: 'interval', intervalMs: 900_000, others: 'drop', intervalData: false }

export type SampledItem = ReadingItem | EventItem | FaultItem | MarkItem

/** Registers followed at once; four M-Bus meters and a three-phase meter have below 100. */
export const MAX_SAMPLED_REGISTERS = 256

type Kind = 'register' | 'power' | 'other'

/** Value group D: 6 maximum demand, 7 instantaneous, 8 time integral 1 (the register on the display). */
const MAXIMUM = 6
const INSTANTANEOUS = 7
const TOTAL = 8
const POWER_UNITS = new Set<number>([UNIT.watt, UNIT.va, UNIT.var])

/** Media of value group A: electricity, and what M-Bus meters measure through an electricity meter (abstract, C = 24, D = 2). */
const ELECTRICITY = 1
const M_BUS = 24
const M_BUS_VALUE = 2
/** Heat, cooling, gas, cold and hot water. */
const OTHER_MEDIA_FROM = 4

/** What happens to a register by default. Peaks are few and carry their own time: they are kept like registers. */
export function samplingKind({ obis, unit }: Register): Kind {
  if (obis.a === ELECTRICITY) {
    if (obis.d === TOTAL || obis.d === MAXIMUM) return 'register'
    return obis.d === INSTANTANEOUS && POWER_UNITS.has(unit) ? 'power' : 'other'
  }
  if (obis.a >= OTHER_MEDIA_FROM) return 'register'
  return obis.a === 0 && obis.c === M_BUS && obis.d === M_BUS_VALUE ? 'register' : 'other'
}

interface Seen {
  /** Number of the interval of the last one kept. */
  interval: number
  /** Its time. */
  time: number
  readonly register: Register
  /** Time of the newest one, kept or not. */
  heard: number
  /** It comes more often than once an interval: where it does not come, something is missing. */
  isQuick: boolean
}

/** What a sampler knows, for a restart: each register with the time of the last one kept. */
export type SampledRegisters = readonly { readonly register: Register; readonly time: number }[]

/** One source's readings through the policy. Not for several sources: each has boundaries of its own. */
export class Sampler {
  readonly #policy: SamplingPolicy
  readonly #seen = new Map<string, Seen>()
  readonly #power: PowerInterval
  #refused = false

  constructor(policy: SamplingPolicy) {
    this.#policy = policy
    this.#power = new PowerInterval(policy.intervalMs)
  }

  /** What to keep of this reading, and of the interval that it ends. */
  take(item: ReadingItem): SampledItem[] {
    // A reading over an interval is a sample already, and a record that is signed is kept for its own sake.
    if (this.#policy.mode === 'all' || item.reading.intervalMs > 0 || item.signed !== undefined) return [item]
    const { reading } = item
    const kinds = reading.values.map(({ register }) => samplingKind(register))
    const items: SampledItem[] = []
    if (this.#clockWentBack(reading)) {
      items.push(...this.#power.close().map(asItem))
      this.#seen.clear()
      const detail = `the meter's time went back to ${new Date(reading.time).toISOString()}`
      items.push({ type: 'event', time: reading.time, event: 'clock-set', detail })
    }
    const power = reading.values.filter((_, index) => kinds[index] === 'power')
    if (power.length > 0) items.push(...this.#power.add(reading.time, power).map(asItem))
    items.push(...this.#missing(reading, kinds))
    const kept = reading.values.map((value, index) => this.#isDue(value, kinds[index] as Kind, reading.time))
    if (kept.some((due) => due)) items.push(only(item, kept))
    return this.#bounded(items, reading.time)
  }

  /** The source is over: the interval that is open ends with what there is, as estimated. */
  end(): SampledItem[] {
    return this.#power.close().map(asItem)
  }

  /** Registers that were kept last before a restart, and came more often than once an interval. */
  get known(): SampledRegisters {
    return Array.from(this.#seen.values())
      .filter(({ isQuick }) => isQuick)
      .map(({ register, time }) => ({ register, time }))
  }

  restore(known: SampledRegisters): void {
    for (const { register, time } of known.slice(0, MAX_SAMPLED_REGISTERS)) {
      const interval = Math.floor(time / this.#policy.intervalMs)
      this.#seen.set(registerKey(register), { interval, time, register, heard: time, isQuick: true })
    }
  }

  /** A row for each boundary at which quick registers of this reading were not read: that is a fact, and stored as one. */
  #missing({ time, values }: Reading, kinds: readonly Kind[]): ReadingItem[] {
    const interval = Math.floor(time / this.#policy.intervalMs)
    const rows = new Map<number, Register[]>()
    for (const [index, { register }] of values.entries()) {
      const seen = kinds[index] === 'register' ? this.#seen.get(registerKey(register)) : undefined
      if (seen === undefined || !seen.isQuick || register.obis.d === MAXIMUM) continue
      for (let at = Math.max(seen.interval + 1, interval - MAX_MISSING_INTERVALS); at < interval; at++) {
        const registers = rows.get(at) ?? []
        rows.set(at, registers)
        registers.push(register)
      }
    }
    return Array.from(rows, ([at, registers]) =>
      asItem({
        time: at * this.#policy.intervalMs,
        intervalMs: 0,
        timeSource: 'interval-end',
        values: registers.map((register) => ({ register, value: null, quality: 'missing' })),
      }),
    )
  }

  #isDue({ register }: RegisterValue, kind: Kind, time: number): boolean {
    if (kind === 'power' || (kind === 'other' && this.#policy.others === 'drop')) return false
    const key = registerKey(register)
    const interval = Math.floor(time / this.#policy.intervalMs)
    const seen = this.#seen.get(key)
    if (seen !== undefined) {
      if (time > seen.heard && time - seen.heard < this.#policy.intervalMs) seen.isQuick = true
      seen.heard = Math.max(seen.heard, time)
      if (interval <= seen.interval) return false
    }
    if (seen === undefined && this.#seen.size >= MAX_SAMPLED_REGISTERS) {
      this.#refused = true
      return false
    }
    this.#seen.set(key, { interval, time, register, heard: time, isQuick: seen?.isQuick ?? false })
    return true
  }

  /** By more than an interval: a smaller step is jitter, or a sub-meter's own time. Only running registers tell. */
  #clockWentBack({ time, values, timeSource }: Reading): boolean {
    if (timeSource !== 'meter-clock') return false
    return values.some(({ register }) => {
      const seen = samplingKind(register) === 'register' ? this.#seen.get(registerKey(register)) : undefined
      return seen !== undefined && register.obis.d !== MAXIMUM && time < seen.time - this.#policy.intervalMs
    })
  }

  #bounded(items: SampledItem[], time: number): SampledItem[] {
    if (!this.#refused) return items
    this.#refused = false
    const message = `more than ${MAX_SAMPLED_REGISTERS} registers; further ones are left out`
    return [...items, fault('SAMPLING_TOO_MANY_REGISTERS', message, new Date(time).toISOString())]
  }
}

function only(item: ReadingItem, kept: readonly boolean[]): ReadingItem {
  const values = item.reading.values.filter((_, index) => kept[index] === true)
  const exponents = item.exponents?.filter((_, index) => kept[index] === true)
  const marks = item.marks?.filter((_, index) => kept[index] === true)
  return {
    ...item,
    reading: { ...item.reading, values },
    ...(exponents === undefined ? {} : { exponents }),
    ...(marks === undefined ? {} : { marks }),
  }
}

function asItem(reading: Reading): ReadingItem {
  return { type: 'reading', reading }
}
