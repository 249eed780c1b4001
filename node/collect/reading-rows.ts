import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import type { Quality, Register, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { equalRegisters, registerKey } from '../../protocol/register.ts'
import type { ReadingItem, ReadingMark } from './source.ts'

/** Values of one frame as rows of their times: each register once in a row, and no more of them than a table of a block holds. */

export interface RowTime {
  readonly time: number
  readonly timeSource: TimeSource
  readonly quality: Quality
}

export interface RowValue {
  readonly value: RegisterValue
  readonly exponent: number
  readonly mark?: ReadingMark | undefined
}

/** Up to so many values a register is looked for one by one, which costs less than a key for each (measured). */
const FEW = 16

interface Row {
  readonly at: RowTime
  readonly values: RowValue[]
  keys?: Set<string>
}

export class ReadingRows {
  readonly #rows: Row[] = []
  /** Rows by their time, once there are more than a few: a frame may give each value one of its own. */
  #byTime: Map<string, Row> | undefined

  /** False where the row has this register already: the first counts. */
  add(at: RowTime, value: RowValue): boolean {
    const row = this.#row(at)
    if (holds(row, value.value.register)) return false
    row.values.push(value)
    return true
  }

  /** The rows as readings, in the order in which their first values came. */
  items(): ReadingItem[] {
    return this.#rows.flatMap(({ at, values }) => split(at, values))
  }

  #row(at: RowTime): Row {
    if (this.#rows.length > FEW) this.#byTime ??= new Map(this.#rows.map((row) => [timeKey(row.at), row]))
    const known =
      this.#byTime === undefined ? this.#rows.find((row) => row.at === at || isOne(row.at, at)) : this.#byTime.get(timeKey(at))
    if (known !== undefined) return known
    const row: Row = { at, values: [] }
    this.#rows.push(row)
    this.#byTime?.set(timeKey(at), row)
    return row
  }
}

function timeKey({ time, timeSource, quality }: RowTime): string {
  return `${time}/${timeSource}/${quality}`
}

function isOne(x: RowTime, y: RowTime): boolean {
  return x.time === y.time && x.timeSource === y.timeSource && x.quality === y.quality
}

function holds(row: Row, register: Register): boolean {
  if (row.values.length < FEW) return row.values.some(({ value }) => equalRegisters(value.register, register))
  row.keys ??= new Set(row.values.map(({ value }) => registerKey(value.register)))
  const key = registerKey(register)
  if (row.keys.has(key)) return true
  row.keys.add(key)
  return false
}

function split({ time, timeSource }: RowTime, values: readonly RowValue[]): ReadingItem[] {
  const items: ReadingItem[] = []
  for (let from = 0; from < values.length; from += MAX_TABLE_REGISTERS) {
    const part = values.slice(from, from + MAX_TABLE_REGISTERS)
    items.push({
      type: 'reading',
      reading: { time, intervalMs: 0, timeSource, values: part.map(({ value }) => value) },
      exponents: part.map(({ exponent }) => exponent),
      ...(part.some(({ mark }) => mark !== undefined) ? { marks: part.map(({ mark }) => mark) } : {}),
    })
  }
  return items
}
