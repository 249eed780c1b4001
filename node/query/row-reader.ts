import {
  isWattnessError,
  QUALITIES,
  type Quality,
  type Register,
  TIME_SOURCES,
  type TimeSource,
  WattnessError,
} from '../../protocol/index.ts'
import type { ValueColumns } from '../store/index.ts'
import type { Series } from './register-choice.ts'

/** What is read of the store. */
export interface ValueStore {
  values(member: Uint8Array, register: Register, fromMs: number, toMs: number, endSize?: number): AsyncGenerator<ValueColumns>
  registersOf(member: Uint8Array, limit?: number): Promise<Register[]>
  /** A chain of another size, or another root, may say something else. */
  head(member: Uint8Array): { readonly size: number; readonly root: Uint8Array } | undefined
}

/** One chain, and how many of its blocks count where it has an end. */
export interface CountedChain {
  readonly member: Uint8Array
  readonly endSize?: number
}

/** Rows in memory at once, of one register: 5 MB. A year of quarter hours is an eighth of it. */
export const MAX_SLICE_ROWS = 262_144

const DAY_MS = 86_400_000
const FIRST_SLICE_MS = 32 * DAY_MS
const LONGEST_SLICE_MS = 512 * DAY_MS
const SHORTEST_SLICE_MS = 3_600_000
const TIMES_LONGER = 4
/** Chains whose tail is replaced that often while they are read are not worth waiting for. */
const MOST_TRIES = 3

/** Of several rows for one time the best is taken: good before doubtful, before estimated, overflow, missing. */
const RANKS: readonly number[] = (['good', 'clock-doubtful', 'estimated', 'overflow', 'missing'] as const).map((quality) =>
  QUALITIES.indexOf(quality),
)
const RANK_OF: readonly number[] = QUALITIES.map((_, index) => RANKS.indexOf(index))

/** A day of half hours fits; more make room for themselves. */
const FIRST_ROWS = 64

/** Rows of one series in the order of time, none twice. */
export class Rows {
  count = 0
  times = new Float64Array(FIRST_ROWS)
  /** NaN where the quality is missing. */
  values = new Float64Array(FIRST_ROWS)
  /** 0: of an instant. */
  intervals = new Float64Array(FIRST_ROWS)
  /** Indexes into QUALITIES. */
  qualities = new Uint8Array(FIRST_ROWS)
  /** Indexes into TIME_SOURCES. */
  sources = new Uint8Array(FIRST_ROWS)
  /** Which of the chains it is from. */
  chains = new Uint8Array(FIRST_ROWS)
  #inOrder = true

  qualityAt(row: number): Quality {
    return QUALITIES[this.qualities[row] as number] as Quality
  }

  sourceAt(row: number): TimeSource {
    return TIME_SOURCES[this.sources[row] as number] as TimeSource
  }

  add({ intervalMs, timeSource, times, values, qualities }: ValueColumns, factor: number, chain: number): void {
    this.#room(this.count + times.length)
    const source = TIME_SOURCES.indexOf(timeSource)
    for (let i = 0; i < times.length; i++) {
      const at = this.count++
      const time = times[i] as number
      const value = (values[i] as number) * factor
      const isTooLarge = factor !== 1 && !Number.isNaN(value) && !Number.isSafeInteger(value)
      if (at > 0 && time <= (this.times[at - 1] as number)) this.#inOrder = false
      this.times[at] = time
      this.values[at] = isTooLarge ? Number.NaN : value
      this.intervals[at] = intervalMs
      this.qualities[at] = isTooLarge ? MISSING : QUALITY_INDEX[qualities[i] as Quality]
      this.sources[at] = source
      this.chains[at] = chain
    }
  }

  #room(count: number): void {
    if (count <= this.times.length) return
    const length = Math.max(count, 2 * this.times.length)
    const wider = <A extends Float64Array | Uint8Array>(before: A, after: A): A => {
      after.set(before)
      return after
    }
    this.times = wider(this.times, new Float64Array(length))
    this.values = wider(this.values, new Float64Array(length))
    this.intervals = wider(this.intervals, new Float64Array(length))
    this.qualities = wider(this.qualities, new Uint8Array(length))
    this.sources = wider(this.sources, new Uint8Array(length))
    this.chains = wider(this.chains, new Uint8Array(length))
  }

  /** Sorts, and takes the best, else the last, of several rows for one time and interval. */
  settle(): this {
    if (this.#inOrder) return this
    const { times, intervals, qualities } = this
    const order = Array.from({ length: this.count }, (_, row) => row).sort(
      (x, y) => (times[x] as number) - (times[y] as number) || (intervals[x] as number) - (intervals[y] as number) || x - y,
    )
    const kept: number[] = []
    for (const row of order) {
      const last = kept.at(-1)
      if (last === undefined || times[last] !== times[row] || intervals[last] !== intervals[row]) kept.push(row)
      else if (rankOf(qualities[row]) <= rankOf(qualities[last])) kept[kept.length - 1] = row
    }
    this.times = Float64Array.from(kept, (row) => this.times[row] as number)
    this.values = Float64Array.from(kept, (row) => this.values[row] as number)
    this.intervals = Float64Array.from(kept, (row) => this.intervals[row] as number)
    this.qualities = Uint8Array.from(kept, (row) => this.qualities[row] as number)
    this.sources = Uint8Array.from(kept, (row) => this.sources[row] as number)
    this.chains = Uint8Array.from(kept, (row) => this.chains[row] as number)
    this.count = kept.length
    this.#inOrder = true
    return this
  }
}

const MISSING = QUALITIES.indexOf('missing')
const QUALITY_INDEX = Object.fromEntries(QUALITIES.map((quality, index) => [quality, index])) as Readonly<Record<Quality, number>>
const rankOf = (quality: number | undefined): number => RANK_OF[quality as number] as number

/**
 * Rows with a time from `fromMs` up to but not including `toMs`, slice by slice: a slice holds MAX_SLICE_ROWS at most, and is
 * made shorter where there are more. Throws QUERY_TOO_DENSE where an hour has more, and what `values` throws.
 */
export async function* readRows(
  store: ValueStore,
  chains: readonly CountedChain[],
  series: Series,
  fromMs: number,
  toMs: number,
  maxRows = MAX_SLICE_ROWS,
): AsyncGenerator<Rows> {
  let lengthMs = FIRST_SLICE_MS
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min(toMs, at + lengthMs)
    const rows = await readSlice(store, chains, series, at, end, maxRows)
    if (rows === undefined) {
      if (end - at <= SHORTEST_SLICE_MS) tooDense(at, maxRows)
      lengthMs = Math.max(SHORTEST_SLICE_MS, Math.floor((end - at) / 2))
      continue
    }
    if (rows.count > 0) yield rows
    at = end
    if (rows.count * 2 * TIMES_LONGER < maxRows) lengthMs = Math.min(LONGEST_SLICE_MS, lengthMs * TIMES_LONGER)
  }
}

function tooDense(fromMs: number, maxRows: number): never {
  const from = new Date(fromMs).toISOString()
  throw new WattnessError('QUERY_TOO_DENSE', `more than ${maxRows} values of one register in the hour from ${from}`, {
    from,
    limit: maxRows,
  })
}

/** Undefined where there are more than `maxRows`. */
async function readSlice(
  store: ValueStore,
  chains: readonly CountedChain[],
  series: Series,
  fromMs: number,
  toMs: number,
  maxRows: number,
): Promise<Rows | undefined> {
  for (let tries = 1; ; tries++) {
    const rows = new Rows()
    try {
      for (const [chain, { member, endSize }] of chains.entries()) {
        for (const { register, factor } of series.parts) {
          for await (const columns of store.values(member, register, fromMs, toMs, endSize)) {
            if (rows.count + columns.times.length > maxRows) return undefined
            rows.add(columns, factor, chain)
          }
        }
      }
      return rows.settle()
    } catch (error) {
      if (tries >= MOST_TRIES || !isWattnessError(error, 'STORE_CONFLICT')) throw error
    }
  }
}
