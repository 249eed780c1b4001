import { formatQuantity } from '../../protocol/decimal.ts'
import type { EventName } from '../../protocol/event-body.ts'
import { formatObis } from '../../protocol/obis.ts'
import type { Register, RegisterValue } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { UNIT } from '../../protocol/units.ts'
import type { EventItem, ReadingItem } from './source.ts'

/**
 * What a running register cannot do. It is stored as it was read, always, and an event beside it says what is wrong: a ledger
 * that mends what it is given proves nothing. A value that does not go on from the one before, because the register began anew
 * at its end or belongs to another meter, has the quality `overflow`, so that nobody takes the difference for consumption.
 */

/** A direct meter of three phases at 125 A gives 86 kW; `max=` says more for meters behind transformers. */
export const DEFAULT_MAX_WATTS = 100_000

/** A G65 gas meter, and any water meter of a house. */
const MAX_M3_PER_HOUR = 100
/** Heat of a large house. */
const MAX_JOULE_PER_SECOND = 1_000_000
/** What a running mean of clocks and roundings may add. */
const SLACK = 1.1

const HOUR_MS = 3_600_000
const SECOND_MS = 1_000
/** Registers are watched up to this many; a source with more is no meter. */
const MAX_REGISTERS = 256
/** A register that flaps is told once a minute. */
const QUIET_MS = 60_000

const ELECTRICITY = 1
const TOTAL = 8
/** Value groups C 16, 36, 56, 76: the sum over both directions, which runs both ways. */
const SIGNED_SUM = 16
const PHASES = 20

/** Meters show five digits at least: 99,999 kWh, 9,999 m³ with one digit behind the point. */
const LEAST_ENERGY_DIGITS = 8
const LEAST_OTHER_DIGITS = 4
const ACCUMULATOR = 2 ** 32

interface Last {
  readonly value: number
  readonly timeMs: number
}

type Finding = 'register-back' | 'register-jump' | 'register-overflow'

export interface WatchedRegisters {
  readonly meter?: string
  readonly last: readonly (readonly [string, number, number])[]
}

export class RegisterWatch {
  readonly #maxWatts: number
  readonly #last = new Map<string, Last>()
  readonly #toldMs = new Map<string, number>()
  #meter: string | undefined

  constructor(maxWatts = DEFAULT_MAX_WATTS) {
    this.#maxWatts = maxWatts
  }

  /** The reading, flagged where it must be, and the events beside it. */
  take(item: ReadingItem): readonly (ReadingItem | EventItem)[] {
    const { reading } = item
    if (reading.intervalMs > 0) return [item]
    const events: EventItem[] = []
    const isOther = this.#isOtherMeter(item, events)
    const found = new Map<Finding, string[]>()
    const values = reading.values.map((value) => this.#judge(value, reading.time, isOther, found))
    for (const [event, details] of found) this.#tell(event, reading.time, details, events)
    const isFlagged = values.some((value, index) => value !== reading.values[index])
    return [isFlagged ? { ...item, reading: { ...reading, values } } : item, ...events]
  }

  /** What is known, for a restart. */
  get known(): WatchedRegisters {
    const last = Array.from(this.#last, ([key, { value, timeMs }]) => [key, value, timeMs] as const)
    return this.#meter === undefined ? { last } : { meter: this.#meter, last }
  }

  restore({ meter, last }: WatchedRegisters): void {
    this.#meter = meter
    for (const [key, value, timeMs] of last.slice(0, MAX_REGISTERS)) this.#last.set(key, { value, timeMs })
  }

  #isOtherMeter({ meter, reading }: ReadingItem, events: EventItem[]): boolean {
    if (meter === undefined || meter === this.#meter) return false
    const before = this.#meter
    this.#meter = meter
    if (before === undefined) return false
    const detail = `${before.slice(0, 40)} was here before, now ${meter.slice(0, 40)}`
    events.push({ type: 'event', time: reading.time, event: 'meter-replaced', detail })
    return true
  }

  #judge(found: RegisterValue, timeMs: number, isOther: boolean, findings: Map<Finding, string[]>): RegisterValue {
    const { register, value } = found
    if (value === null || !runsUp(register)) return found
    const key = registerKey(register)
    const last = this.#last.get(key)
    // A row of earlier, read again or filled in later, says nothing of now.
    if (last !== undefined && timeMs <= last.timeMs && !isOther) return found
    if (last !== undefined || this.#last.size < MAX_REGISTERS) this.#last.set(key, { value, timeMs })
    if (last === undefined || found.quality === 'estimated') return found
    if (isOther) return { ...found, quality: 'overflow' }
    const finding = this.#finding(register, value, last, timeMs)
    if (finding === undefined) return found
    const details = findings.get(finding) ?? []
    findings.set(finding, details)
    details.push(`${formatObis(register.obis)} ${shown(register, last.value)} to ${shown(register, value)}`)
    return finding === 'register-overflow' ? { ...found, quality: 'overflow' } : found
  }

  #finding(register: Register, value: number, last: Last, timeMs: number): Finding | undefined {
    const most = mostGrowth(register, timeMs - last.timeMs, this.#maxWatts)
    const grown = value - last.value
    if (grown >= 0) return grown > most ? 'register-jump' : undefined
    const isRoundTrip = capacities(register, last.value).some((capacity) => value >= 0 && capacity + grown <= most)
    return isRoundTrip ? 'register-overflow' : 'register-back'
  }

  #tell(event: EventName, time: number, details: readonly string[], events: EventItem[]): void {
    const told = this.#toldMs.get(event)
    if (told !== undefined && Math.abs(time - told) < QUIET_MS) return
    this.#toldMs.set(event, time)
    const more = details.length > 3 ? ` and ${details.length - 3} more` : ''
    events.push({ type: 'event', time, event, detail: details.slice(0, 3).join('; ') + more })
  }
}

/** Whether it can only grow: energy of one direction, and volumes. */
export function runsUp({ obis, unit }: Register): boolean {
  if (obis.a !== ELECTRICITY) return unit === UNIT.m3 || unit === UNIT.wattHour || unit === UNIT.joule
  const isEnergy = unit === UNIT.wattHour || unit === UNIT.varHour || unit === UNIT.vaHour
  return isEnergy && obis.d === TOTAL && obis.c % PHASES !== SIGNED_SUM
}

/** In steps of the register; two steps may always come: coarse counters jump. */
function mostGrowth({ unit, scaler }: Register, elapsedMs: number, maxWatts: number): number {
  const hours = elapsedMs / HOUR_MS
  const most =
    unit === UNIT.m3
      ? MAX_M3_PER_HOUR * hours
      : unit === UNIT.joule
        ? MAX_JOULE_PER_SECOND * (elapsedMs / SECOND_MS)
        : maxWatts * hours
  return (most * SLACK) / 10 ** scaler + 2
}

/** Where a register that shows this may begin anew: behind its digits, or behind 32 bits at some scale. */
function capacities({ obis, scaler }: Register, value: number): number[] {
  const least = (obis.a === ELECTRICITY ? LEAST_ENERGY_DIGITS : LEAST_OTHER_DIGITS) - scaler
  return [
    10 ** Math.max(least, String(Math.abs(value)).length),
    ...[1, 10, 100, 1_000].map((scale) => ACCUMULATOR * scale).filter((capacity) => capacity > value),
  ]
}

function shown(register: Register, value: number): string {
  const quantity = formatQuantity(register, value)
  return `${quantity.value} ${quantity.unit}`
}
