import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import type { Quality, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
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

export class ReadingRows {
  readonly #rows = new Map<string, { readonly at: RowTime; readonly values: Map<string, RowValue> }>()

  /** False where the row has this register already: the first counts. */
  add(at: RowTime, value: RowValue): boolean {
    const rowKey = `${at.time}/${at.timeSource}/${at.quality}`
    let row = this.#rows.get(rowKey)
    if (row === undefined) {
      row = { at, values: new Map() }
      this.#rows.set(rowKey, row)
    }
    const key = registerKey(value.value.register)
    if (row.values.has(key)) return false
    row.values.set(key, value)
    return true
  }

  /** The rows as readings, in the order in which their first values came. */
  items(): ReadingItem[] {
    return Array.from(this.#rows.values()).flatMap(({ at, values }) => split(at, Array.from(values.values())))
  }
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
