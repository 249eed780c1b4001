import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import type { Quality, Reading, Register, RegisterValue } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'

/**
 * Power over an interval as mean and maximum.
 *
 * The codes are value group D 27 ("current average 5") and 53 ("maximum for recording interval 1"), the pair that belongs to
 * the recording interval, as D 29 does for its energy. D 4, 5 and 6 would be wrong: they are the averages and peaks of the
 * meter's own demand period, and Belgian meters send 1-0:1.4.0 and 1-0:1.6.0 with that meaning.
 */
export const MEAN_OF_INTERVAL = 27
export const MAXIMUM_OF_INTERVAL = 53

/** Two values of each register stand in one row. */
const MAX_POWER_REGISTERS = MAX_TABLE_REGISTERS / 2

/** Missing intervals written down for one outage: 31 days of quarter hours. */
export const MAX_MISSING_INTERVALS = 2_976

/** A mean over samples that leave out more than this part of the interval is an estimate. */
const HOLE_PART = 10

interface Sum {
  readonly register: Register
  total: number
  count: number
  max: number
}

export class PowerInterval {
  readonly #intervalMs: number
  /** Number of the open interval, counted from the epoch. */
  #interval: number | undefined
  #sums = new Map<string, Sum>()
  /** Registers of the last interval with samples: what is missing while there are none. */
  #registers: readonly Register[] = []
  #lastMs = 0
  #longestHoleMs = 0

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** Samples of one instant; returns the rows of the intervals that it ends. Late samples of a closed interval are left out. */
  add(time: number, values: readonly RegisterValue[]): Reading[] {
    const interval = Math.floor(time / this.#intervalMs)
    const rows: Reading[] = []
    if (this.#interval !== undefined && interval < this.#interval) return rows
    if (this.#interval === undefined || interval > this.#interval) {
      const closed = this.#interval
      rows.push(...this.close())
      if (closed !== undefined) rows.push(...this.#missing(closed, interval))
      this.#interval = interval
      this.#lastMs = interval * this.#intervalMs
      this.#longestHoleMs = 0
    }
    this.#longestHoleMs = Math.max(this.#longestHoleMs, time - this.#lastMs)
    this.#lastMs = time
    for (const { register, value } of values) if (value !== null) this.#addValue(register, value)
    return rows
  }

  /** Ends the open interval with what there is. */
  close(): Reading[] {
    if (this.#interval === undefined || this.#sums.size === 0) return []
    const end = (this.#interval + 1) * this.#intervalMs
    const hole = Math.max(this.#longestHoleMs, end - this.#lastMs)
    const quality: Quality = hole > this.#intervalMs / HOLE_PART ? 'estimated' : 'good'
    const sums = Array.from(this.#sums.values())
    this.#registers = sums.map(({ register }) => register)
    this.#sums = new Map()
    this.#interval = undefined
    const value = (register: Register, d: number, number: number): RegisterValue => ({
      register: withD(register, d),
      value: number,
      quality,
    })
    return [
      this.#row(
        end,
        sums.flatMap(({ register, total, count, max }) => [
          value(register, MEAN_OF_INTERVAL, Math.round(total / count)),
          value(register, MAXIMUM_OF_INTERVAL, max),
        ]),
      ),
    ]
  }

  #addValue(register: Register, value: number): void {
    const key = registerKey(register)
    const sum = this.#sums.get(key)
    if (sum === undefined) {
      if (this.#sums.size < MAX_POWER_REGISTERS) this.#sums.set(key, { register, total: value, count: 1, max: value })
    } else if (Number.isSafeInteger(sum.total + value)) {
      sum.total += value
      sum.count++
      sum.max = Math.max(sum.max, value)
    }
  }

  /** Whole intervals without a sample, each a stored fact; of a longer outage the last ones. */
  #missing(closed: number, next: number): Reading[] {
    const from = Math.max(closed + 1, next - MAX_MISSING_INTERVALS)
    const values = this.#registers.flatMap((register) =>
      [MEAN_OF_INTERVAL, MAXIMUM_OF_INTERVAL].map((d) => ({
        register: withD(register, d),
        value: null,
        quality: 'missing' as const,
      })),
    )
    if (values.length === 0) return []
    return Array.from({ length: Math.max(0, next - from) }, (_, step) => this.#row((from + step + 1) * this.#intervalMs, values))
  }

  #row(time: number, values: readonly RegisterValue[]): Reading {
    return { time, intervalMs: this.#intervalMs, timeSource: 'interval-end', values }
  }
}

function withD(register: Register, d: number): Register {
  return { ...register, obis: { ...register.obis, d } }
}
