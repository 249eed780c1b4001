import type { Writer } from '../../protocol/bytes.ts'
import { Reader } from '../../protocol/bytes.ts'
import { decodeColumn, MISSING } from '../../protocol/columns.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { QUALITIES, type Quality, type Register, type TimeSource } from '../../protocol/reading.ts'
import { decodeRowTimes } from '../../protocol/row-times.ts'

/**
 * A query chunk: what a stretch of blocks of one chain says about one register in one span of eight UTC days, in the order
 * of the blocks.
 * It holds pieces, each begun by a varint:
 *
 * | tag   | piece                                                                                                     |
 * |-------|-----------------------------------------------------------------------------------------------------------|
 * | 0     | one good row as long after the last as that after the one before: signed step of the value                |
 * | 1     | one good row: signed change of the time's step in ms, signed step of the value                            |
 * | n + 1 | n rows: times and column as a block's table has them (rules R14 to R25), most often the block's own bytes |
 *
 * Tags 0 and 1 follow a row of tag 0 or 1, or a single good row; interval and time source are those of that row.
 */

const REGULAR = 0
const ROW = 1
export const DAY_MS = 86_400_000

/** UTC days of a chunk, counted from 1970-01-01. One day would be four times the records for a meter that seals daily. */
export const SPAN_DAYS = 8

/** Header of a column of one good cell (rule R20): raw, uniform, quality 0. */
export const GOOD_CELL = 0x04

/** Rows of one register that share interval and time source. `values` is NaN where the quality is missing. */
export interface ValueColumns {
  readonly intervalMs: number
  readonly timeSource: TimeSource
  readonly times: readonly number[]
  readonly values: readonly number[]
  readonly qualities: readonly Quality[]
}

/** The first day of a row's span. What an interval measured belongs where it was: midnight ends the day before. */
export function dayOf(timeMs: number, intervalMs: number): number {
  return Math.floor((intervalMs > 0 && timeMs > 0 ? timeMs - 1 : timeMs) / (SPAN_DAYS * DAY_MS)) * SPAN_DAYS
}

export const formatDay = (day: number): string => {
  const date = new Date(day * DAY_MS)
  return Number.isNaN(date.getTime()) ? `day ${day}` : date.toISOString().replace(/T.*/, '')
}

/** A register as two 32-bit words: A to D, and E, F, unit, scaler. */
export function registerWords({ obis, unit, scaler }: Register): { high: number; low: number } {
  return {
    high: (obis.a << 24) | (obis.b << 16) | (obis.c << 8) | obis.d,
    low: (obis.e << 24) | (obis.f << 16) | (unit << 8) | (scaler & 0xff),
  }
}

export function registerOfWords(high: number, low: number): Register {
  return {
    obis: { a: high >>> 24, b: (high >> 16) & 0xff, c: (high >> 8) & 0xff, d: high & 0xff, e: low >>> 24, f: (low >> 16) & 0xff },
    unit: (low >> 8) & 0xff,
    scaler: (low << 24) >> 24,
  }
}

/** A chunk that grows at its end. Its bytes lie in pieces among those of others: an array for each costs more than all else. */
/** Chunks in one stretch. */
export const MAX_CHUNKS = 256

/** The bytes of all chunks of a stretch, as they came, and whose they are: a node holds a stretch of every chain. */
export class Pieces {
  readonly writer: Writer
  /** Of each piece its end, and behind it the place of its chunk. */
  readonly #ends: number[] = []

  constructor(writer: Writer) {
    this.writer = writer
  }

  /** What was written since the last piece. */
  wrote(place: number): void {
    const ends = this.#ends
    const last = ends.length - 1
    const end = this.writer.length * MAX_CHUNKS + place
    if (last >= 0 && (ends[last] as number) % MAX_CHUNKS === place) ends[last] = end
    else ends.push(end)
  }

  copyOf(place: number, limit = this.writer.length, before = 0, after = 0): Uint8Array {
    let length = before + after
    this.#each(place, limit, (from, end) => {
      length += end - from
    })
    const bytes = Buffer.allocUnsafe(length)
    const all = this.writer.view()
    let at = before
    this.#each(place, limit, (from, end) => {
      if (end - from > LONG_PIECE) {
        bytes.set(all.subarray(from, end), at)
        at += end - from
      } else {
        for (let each = from; each < end; each++) bytes[at++] = all[each] as number
      }
    })
    return bytes
  }

  #each(place: number, limit: number, visit: (from: number, end: number) => void): void {
    let from = 0
    for (const each of this.#ends) {
      const end = Math.floor(each / MAX_CHUNKS)
      if (from >= limit) return
      if (each % MAX_CHUNKS === place) visit(from, Math.min(end, limit))
      from = end
    }
  }
}

export class ChunkWriter {
  readonly high: number
  readonly low: number
  readonly day: number
  readonly #pieces: Pieces
  readonly #place: number
  #canFollow = false
  #intervalMs = 0
  #timeSource: TimeSource = 'meter-clock'
  #time = 0
  #step = 0
  #value = 0

  /** `place`: among the chunks of the stretch, below MAX_CHUNKS. */
  constructor(high: number, low: number, day: number, pieces: Pieces, place: number) {
    this.high = high
    this.low = low
    this.day = day
    this.#pieces = pieces
    this.#place = place
  }

  canFollow(intervalMs: number, timeSource: TimeSource, value: number): boolean {
    if (!this.#canFollow || intervalMs !== this.#intervalMs || timeSource !== this.#timeSource) return false
    return Number.isSafeInteger(value) && Number.isSafeInteger(value - this.#value)
  }

  /** One good row, if the last one stands for its interval and time source: true if it was written. */
  follow(time: number, intervalMs: number, timeSource: TimeSource, value: number): boolean {
    if (!this.canFollow(intervalMs, timeSource, value)) return false
    const difference = value - this.#value
    const step = time - this.#time
    const { writer } = this.#pieces
    if (step === this.#step) writer.u8(REGULAR).signed(difference)
    else {
      writer
        .u8(ROW)
        .signed(step - this.#step)
        .signed(difference)
    }
    this.#pieces.wrote(this.#place)
    this.#time = time
    this.#step = step
    this.#value = value
    return true
  }

  /** Rows as a table has them: its bytes of times and of one column. */
  rows(rowCount: number, times: Uint8Array, column: Uint8Array): void {
    this.#pieces.writer
      .varint(rowCount + 1)
      .bytes(times)
      .bytes(column)
    this.#pieces.wrote(this.#place)
    this.#canFollow = false
  }

  /** The single good row that was just written by `rows`: others may follow it. */
  followable(time: number, intervalMs: number, timeSource: TimeSource, value: number): void {
    this.#canFollow = true
    this.#intervalMs = intervalMs
    this.#timeSource = timeSource
    this.#time = time
    this.#step = 0
    this.#value = value
  }

  /** Its bytes among the first `limit` of all, between room for `before` and `after` more. */
  copy(limit?: number, before = 0, after = 0): Uint8Array {
    return this.#pieces.copyOf(this.#place, limit, before, after)
  }
}

/** Bytes from which on a copy by the engine is faster than a loop. */
const LONG_PIECE = 48

/**
 * Decodes a chunk, or its beginning up to a piece's end: rows whose time is from `fromMs` up to `toMs`, gathered where
 * neighbours share interval and time source. Ends at rows that no validation would have let into a chain.
 */
export function decodeChunk(bytes: Uint8Array, fromMs: number, toMs: number): ValueColumns[] {
  const gathered = new Gathered(fromMs, toMs)
  try {
    decodePieces(new Reader(bytes, 'query chunk'), gathered)
  } catch (error) {
    if (!isWattnessError(error)) throw error
  }
  return gathered.columns
}

function decodePieces(reader: Reader, gathered: Gathered): void {
  let intervalMs = 0
  let timeSource: TimeSource | undefined
  let time = 0
  let step = 0
  let value = 0
  while (reader.remaining > 0) {
    const tag = reader.varint()
    if (tag <= ROW) {
      if (timeSource === undefined) reader.fail('OUT_OF_RANGE', 'a row that follows none')
      if (tag === ROW) step += reader.signed()
      time += step
      value += reader.signed()
      gathered.add(intervalMs, timeSource, time, value, 0)
      continue
    }
    const rows = decodeRowTimes(reader, tag - 1)
    const column = decodeColumn(reader, tag - 1)
    for (let row = 0; row < tag - 1; row++) {
      gathered.add(
        rows.intervalMs,
        rows.timeSource,
        rows.times[row] as number,
        column.values[row] as number,
        column.qualities[row] as number,
      )
    }
    timeSource = undefined
    if (tag !== 2 || column.qualities[0] === MISSING) continue
    intervalMs = rows.intervalMs
    timeSource = rows.timeSource
    time = rows.times[0] as number
    step = 0
    value = column.values[0] as number
  }
}

interface Gathering {
  readonly intervalMs: number
  readonly timeSource: TimeSource
  readonly times: number[]
  readonly values: number[]
  readonly qualities: Quality[]
}

/** Rows within a time, put together where neighbours share interval and time source. */
export class Gathered {
  readonly columns: Gathering[] = []
  readonly #fromMs: number
  readonly #toMs: number

  constructor(fromMs: number, toMs: number) {
    this.#fromMs = fromMs
    this.#toMs = toMs
  }

  add(intervalMs: number, timeSource: TimeSource, time: number, value: number, quality: number): void {
    if (time < this.#fromMs || time >= this.#toMs) return
    let last = this.columns.at(-1)
    if (last === undefined || last.intervalMs !== intervalMs || last.timeSource !== timeSource) {
      last = { intervalMs, timeSource, times: [], values: [], qualities: [] }
      this.columns.push(last)
    }
    last.times.push(time)
    last.values.push(value)
    last.qualities.push(QUALITIES[quality] as Quality)
  }
}
