import { isWattnessError } from '../../protocol/errors.ts'
import type { Quality, Reading, RegisterValue } from '../../protocol/reading.ts'
import type { ValueReader } from './csv-value.ts'
import { type FaultItem, fault, type SourceItem } from './source.ts'

/**
 * Puts rows in time: cells of one time become one reading, a doubled autumn hour is told apart by the order of the rows, what is
 * not there becomes a reading whose values are missing, and what comes twice or goes back is a fault.
 */

/** Missing intervals written for one gap: more than a year of quarter hours is a wrong date, not a gap. */
export const MAX_GAP_INTERVALS = 40_000

export interface CsvRow {
  readonly line: number
  /** What the time text can mean, earliest first; empty in the missing spring hour. */
  readonly instants: readonly number[]
  /** The cell of each value reader; undefined where the row has nothing to do with it. */
  readonly cells: readonly (string | undefined)[]
  /** What the row says of itself. */
  readonly quality?: 'estimated' | 'missing'
}

export interface AssemblerInit {
  readonly readers: readonly ValueReader[]
  /** 0: each row is a read-out of registers at an instant. */
  readonly intervalMs: number
  readonly names: 'start' | 'end'
  /** Quality of a value that is there and of which nothing else is said. */
  readonly always: Quality
}

interface OpenRow {
  readonly time: number
  readonly values: Map<number, RegisterValue>
}

export class CsvAssembler {
  readonly #init: AssemblerInit
  readonly #totals: number[]
  #open: OpenRow | undefined

  constructor(init: AssemblerInit) {
    this.#init = init
    this.#totals = init.readers.map(() => 0)
  }

  take(row: CsvRow): SourceItem[] {
    const where = `line ${row.line}`
    const empty = row.cells.every((cell) => cell === undefined || cell === '')
    if (row.instants.length === 0) return this.#nonexistent(row, where)
    const shiftMs = this.#init.names === 'start' ? this.#init.intervalMs : 0
    const times = row.instants.map((instant) => instant + shiftMs)
    const time = times.find((candidate) => this.#fits(candidate, row))
    if (time === undefined) return empty ? [] : [this.#misplaced(times, where)]
    const items: SourceItem[] = []
    if (this.#open === undefined || time > this.#open.time) {
      // In this order: the row before the gap counts into the totals that stand still during it.
      items.push(...this.#close())
      if (this.#open !== undefined) items.push(...this.#gap(this.#open, time, where))
      this.#open = { time, values: new Map() }
    }
    items.push(...this.#fill(this.#open, row, where))
    return items
  }

  end(): SourceItem[] {
    const items = this.#close()
    this.#open = undefined
    return items
  }

  #fits(time: number, row: CsvRow): boolean {
    const open = this.#open
    if (open === undefined) return true
    if (time === open.time) return row.cells.every((cell, index) => cell === undefined || !open.values.has(index))
    return time >= open.time + Math.max(1, this.#init.intervalMs)
  }

  #misplaced(times: readonly number[], where: string): FaultItem {
    const open = this.#open as OpenRow
    const found = new Date(times.at(-1) as number).toISOString()
    const last = new Date(open.time).toISOString()
    if (times.includes(open.time))
      return fault('CSV_DUPLICATE', `${where}: ${found} stands there already; the first counts`, where)
    if ((times.at(-1) as number) < open.time)
      return fault('CSV_TIME_BACKWARDS', `${where}: ${found} comes after ${last}; left out`, where)
    return fault('CSV_OVERLAP', `${where}: the interval up to ${found} overlaps the one up to ${last}; left out`, where)
  }

  /** Wall-clock times that a spring change leaves out: files with a fixed number of slots pad them with nothing or zero. */
  #nonexistent(row: CsvRow, where: string): SourceItem[] {
    const padding = row.cells.every((cell) => cell === undefined || /^[0.,]*$/.test(cell))
    return padding ? [] : [fault('CSV_TIME_NONEXISTENT', `${where}: this wall-clock time was left out by a clock change`, where)]
  }

  #fill(open: OpenRow, row: CsvRow, where: string): FaultItem[] {
    const faults: FaultItem[] = []
    for (const [index, cell] of row.cells.entries()) {
      if (cell === undefined) continue
      const reader = this.#init.readers[index] as ValueReader
      try {
        const found = row.quality === 'missing' ? undefined : reader.read(cell)
        open.values.set(index, found === undefined ? missing(reader) : { ...found, quality: row.quality ?? this.#init.always })
      } catch (error) {
        if (!isWattnessError(error)) throw error
        // The interval was there; its value is what cannot be known.
        open.values.set(index, missing(reader))
        faults.push(fault('CSV_VALUE_MALFORMED', `${where}: ${error.message}`, where))
      }
    }
    return faults
  }

  #gap(last: OpenRow, time: number, where: string): SourceItem[] {
    const { intervalMs, readers } = this.#init
    if (intervalMs === 0) return []
    const count = Math.floor((time - last.time) / intervalMs) - 1
    if (count <= 0) return []
    if (count > MAX_GAP_INTERVALS) {
      const from = new Date(last.time).toISOString()
      return [
        fault(
          'CSV_GAP_TOO_LONG',
          `${where}: ${count} intervals are missing since ${from}; a gap of so many is not written down`,
          where,
        ),
      ]
    }
    return Array.from({ length: count }, (_, step) => {
      const values = new Map(Array.from(last.values.keys(), (index) => [index, missing(readers[index] as ValueReader)] as const))
      return this.#item({ time: last.time + (step + 1) * intervalMs, values })
    })
  }

  #close(): SourceItem[] {
    const open = this.#open
    if (open === undefined) return []
    const some = Array.from(open.values.values()).some(({ value }) => value !== null)
    // A read-out without any value tells nothing; an interval without one is a fact.
    return this.#init.intervalMs === 0 && !some ? [] : [this.#item(open)]
  }

  #item({ time, values }: OpenRow): SourceItem {
    const { intervalMs, readers } = this.#init
    const row: RegisterValue[] = []
    const exponents: number[] = []
    for (const [index, value] of Array.from(values).sort(([a], [b]) => a - b)) {
      const reader = readers[index] as ValueReader
      if (intervalMs === 0 && value.value === null) continue
      row.push(value)
      exponents.push(reader.exponent)
      if (reader.total === undefined) continue
      row.push(this.#total(index, reader, value))
      exponents.push(reader.exponent)
    }
    const timeSource = intervalMs === 0 ? 'meter-clock' : 'interval-end'
    const reading: Reading = { time, intervalMs, timeSource, values: row }
    return { type: 'reading', reading, exponents }
  }

  /** While a value is missing the total stands still, and says that it is at least so much. */
  #total(index: number, reader: ValueReader, { value, quality }: RegisterValue): RegisterValue {
    const sum = (this.#totals[index] as number) + (value ?? 0)
    const register = reader.total as NonNullable<ValueReader['total']>
    // A sum beyond 2^53 − 1 is a broken file; the total stays where it was.
    if (!Number.isSafeInteger(sum)) return { register, value: this.#totals[index] as number, quality: 'overflow' }
    this.#totals[index] = sum
    return { register, value: sum, quality: value === null ? 'estimated' : quality }
  }
}

function missing(reader: ValueReader): RegisterValue {
  return { register: reader.register(), value: null, quality: 'missing' }
}
