import { WattnessError } from '../../protocol/errors.ts'
import type { Reading } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { type ReadOptions, sourcesOf } from './read.ts'
import { DEFAULT_SAMPLING, type SampledItem, Sampler } from './sampling.ts'
import type { FaultItem, MeterSource, ReadingItem, SourceDeps } from './source.ts'
import { TOLD_FAULTS } from './told-faults.ts'

/**
 * A file into a spool: what a live source would have given, of the time before it was connected. Doing it again takes nothing
 * twice, wherever the file lies by then: what was taken is known by format, home, register and month, and within those by time
 * and content. Each of these is given in order of time, whatever the order of the file, so that nothing counts as forgotten.
 */

export interface BackFillRow {
  readonly source: string
  readonly reading: Reading
  readonly frame?: Uint8Array
  /** See ReadingItem. */
  readonly signed?: { readonly publicKey?: string }
}

export interface BackFillCounts {
  /** Readings that are new, and durable. */
  readonly taken: number
  /** Readings that were taken before. */
  readonly known: number
  /** Faults for which something was refused. */
  readonly refused: number
  readonly refusedByCode: Readonly<Record<string, number>>
  /** UTC milliseconds of the first and last reading; null where there is none. */
  readonly firstMs: number | null
  readonly lastMs: number | null
}

export interface BackFillInit {
  /** A file, or a source such as `nem12:FILE#NMI`. */
  readonly path: string
  readonly options: ReadOptions
  readonly deps: SourceDeps
  /** Resolves when the rows are durable, and says how many were new. All of them or none. */
  take(rows: readonly BackFillRow[]): Promise<{ readonly taken: number; readonly duplicates: number }>
  onFault?(fault: FaultItem): void
}

/** Rows of one `take`: well below what a spool takes at once. */
const BATCH_ROWS = 2_048

/** Rows of one register and month that wait to be put in order; five-minute values make 8,928. */
export const MAX_MONTH_ROWS = 20_000

/** Registers whose month is open at once. */
export const MAX_OPEN_MONTHS = 256

/**
 * Yields the counts so far after each write, and at last the whole. Throws IMPORT_HOME_NEEDED, and what reading and taking
 * throw.
 */
export async function* backFill(init: BackFillInit): AsyncGenerator<BackFillCounts> {
  const { path, options, deps } = init
  const sources = await sourcesOf(path, deps, options)
  const [source, ...others] = sources
  if (source === undefined) throw new WattnessError('SOURCE_UNREADABLE', `${path} holds no source`, { where: path })
  if (others.length > 0) {
    const homes = sources.slice(0, 5).map(({ spec }) => spec)
    const message = `${path} holds ${sources.length} homes, and a node has one meter: name one, such as ${homes.join(', ')}`
    throw new WattnessError('IMPORT_HOME_NEEDED', message, { homes })
  }
  const months = new Months(source)
  const counts = new Counts()
  for await (const item of sampled(source, options.signal ?? new AbortController().signal)) {
    if (item.type === 'fault') {
      counts.fault(item)
      init.onFault?.(item)
    } else if (item.type === 'reading') {
      for (const rows of months.add(item)) yield* taken(rows, init, counts)
    }
  }
  for (const rows of months.end()) yield* taken(rows, init, counts)
  yield counts.now()
}

async function* taken(rows: readonly BackFillRow[], init: BackFillInit, counts: Counts): AsyncGenerator<BackFillCounts> {
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const part = rows.slice(from, from + BATCH_ROWS)
    counts.rows(part, await init.take(part))
    yield counts.now()
  }
}

/** A stream of telegrams through the sampling of a live meter; interval data as it is. */
async function* sampled(source: MeterSource, signal: AbortSignal): AsyncGenerator<SampledItem> {
  const sampler = source.intervalData ? undefined : new Sampler(DEFAULT_SAMPLING)
  for await (const item of source.items(signal)) {
    if (item.type === 'mark') await item.durable()
    else if (item.type !== 'reading' || sampler === undefined) yield item
    else if (item.reading.timeSource !== 'node-clock') yield* sampler.take(item)
    else yield noTime()
  }
  yield* sampler?.end() ?? []
}

/** The time of reading the file says nothing of when it was measured; and it would be another one each time. */
function noTime(): FaultItem {
  const message = 'a reading without a time of its own: when it was measured cannot be known from a file'
  return { type: 'fault', code: 'IMPORT_TIME_MISSING', message, where: 'the file' }
}

class Counts {
  #taken = 0
  #known = 0
  #refused = 0
  readonly #byCode = new Map<string, number>()
  #firstMs: number | null = null
  #lastMs: number | null = null

  fault({ code }: FaultItem): void {
    if (!TOLD_FAULTS.has(code)) this.#refused++
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1)
  }

  rows(rows: readonly BackFillRow[], { taken, duplicates }: { readonly taken: number; readonly duplicates: number }): void {
    this.#taken += taken
    this.#known += duplicates
    for (const { reading } of rows) {
      this.#firstMs = Math.min(this.#firstMs ?? reading.time, reading.time)
      this.#lastMs = Math.max(this.#lastMs ?? reading.time, reading.time)
    }
  }

  now(): BackFillCounts {
    return {
      taken: this.#taken,
      known: this.#known,
      refused: this.#refused,
      refusedByCode: Object.fromEntries(this.#byCode),
      firstMs: this.#firstMs,
      lastMs: this.#lastMs,
    }
  }
}

interface Month {
  readonly name: string
  rows: BackFillRow[]
}

/** Rows of one register, month by month, each month in order of time. */
class Months {
  readonly #prefix: string
  readonly #open = new Map<string, Month>()

  constructor({ spec, kind }: MeterSource) {
    // The file may be moved or renamed between two imports: only the home is kept of where it lies.
    const hash = spec.lastIndexOf('#')
    const home = hash > spec.lastIndexOf('/') ? spec.slice(hash).slice(0, 80) : ''
    this.#prefix = `import:${kind}${home}`
  }

  /** Rows that are complete now. */
  *add({ reading, frame, signed }: ReadingItem): Generator<readonly BackFillRow[]> {
    const [first] = reading.values
    if (first === undefined) return
    const series = `${registerKey(first.register)}/${reading.intervalMs}`
    const name = new Date(reading.time).toISOString().slice(0, 7)
    let month = this.#open.get(series)
    if (month !== undefined && (month.name !== name || month.rows.length >= MAX_MONTH_ROWS)) {
      yield ordered(month)
      month = undefined
    }
    if (month === undefined) {
      if (!this.#open.has(series) && this.#open.size >= MAX_OPEN_MONTHS) yield* this.end()
      month = { name, rows: [] }
      this.#open.set(series, month)
    }
    const raw = frame === undefined ? {} : { frame, ...(signed === undefined ? {} : { signed }) }
    month.rows.push({ source: `${this.#prefix}/${series}/${name}`, reading, ...raw })
  }

  *end(): Generator<readonly BackFillRow[]> {
    for (const month of this.#open.values()) yield ordered(month)
    this.#open.clear()
  }
}

function ordered({ rows }: Month): readonly BackFillRow[] {
  return rows.toSorted((a, b) => a.reading.time - b.reading.time)
}
