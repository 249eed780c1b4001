import { KIND_READINGS } from '../../protocol/block.ts'
import { Reader, Writer } from '../../protocol/bytes.ts'
import { decodeColumn, encodeColumn, MISSING } from '../../protocol/columns.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { MAX_TABLE_REGISTERS, MAX_TABLE_ROWS } from '../../protocol/limits.ts'
import { TIME_SOURCES, type TimeSource } from '../../protocol/reading.ts'
import { encodeRowTimes, MAX_TIME_MS } from '../../protocol/row-times.ts'
import { ChunkWriter, dayOf, GOOD_CELL, MAX_CHUNKS, Pieces } from './query-chunk.ts'
import { contentOf, planTables, type TablePlan, timesAt, UNIT_MS } from './query-plan.ts'

/**
 * The query chunks of one stretch of a chain, while it is being filled: blocks are cut into columns of one register and one
 * span of days. Where a stretch ends is decided by its blocks alone, so that chunks made again from blocks are the same bytes.
 */

/** A day of quarter hours, a row a block, is three or four stretches: little to hold, and little to cut again after a start. */
export const STRETCH_BLOCKS = 32

/** A stretch also ends behind the block with which it comes to as many bytes or chunks. */
const STRETCH_BYTES = 16_384
const STRETCH_CHUNKS = MAX_CHUNKS / 2

/**
 * What one block may make of chunks: pieces, and bytes for each of its own. A block beyond it (many years of daily values
 * at once, or one made to be a burden) is filed whole: a reader of any register looks into it.
 */
export const BLOCK_PIECES = MAX_CHUNKS / 2
export const BLOCK_GROWTH = 4
const BLOCK_EXTRA_BYTES = 256

/** Bytes of a piece beside its times and column. */
const PIECE_BYTES = 8

/** A block that is not cut, and the times that it has. */
export interface WholeBlock {
  readonly height: number
  readonly firstMs: number
  readonly lastMs: number
}

export class QueryDraft {
  /** Height of the stretch's first block. */
  readonly start: number
  /** Height of the next block. */
  height: number
  /** The same for the blocks that are stored: what is behind them is in a write that may still fail. */
  committedHeight: number
  #committedBytes = 0
  readonly chunks: ChunkWriter[] = []
  readonly whole: WholeBlock[] = []
  readonly #offset: number
  #index: Map<string, ChunkWriter> | undefined
  /** The last block's chunks in its order: the next one has the same, most often. Absent while it is the order of all. */
  #order: ChunkWriter[] | undefined
  #pieces = 0
  readonly #all: Pieces

  /** The first byte of the key shifts the ends, so that not every chain of a network ends a stretch at once. */
  constructor(member: Uint8Array, start: number, writer = new Writer(64)) {
    this.#all = new Pieces(writer)
    this.#offset = member[0] as number
    this.start = start
    this.height = start
    this.committedHeight = start
  }

  /** All chunks' bytes, as they came. */
  get writer(): Writer {
    return this.#all.writer
  }

  get isFull(): boolean {
    const { height, start } = this
    const ends = height > start && (height + this.#offset) % STRETCH_BLOCKS === 0
    return ends || this.writer.length >= STRETCH_BYTES || this.chunks.length >= STRETCH_CHUNKS
  }

  commit(): void {
    this.committedHeight = this.height
    this.#committedBytes = this.writer.length
  }

  /** Takes the next block: header ‖ body, whatever follows. One that cannot be read has no rows; nothing is thrown. */
  add(block: Uint8Array): void {
    const height = this.height++
    if (block[1] !== KIND_READINGS) return
    try {
      const content = contentOf(block)
      if (this.#fileRow(content)) return
      const tables = planTables(content)
      if (isTooMuch(tables, content.length)) this.whole.push(wholeBlock(height, content, tables))
      else this.#file(content, tables)
    } catch (error) {
      if (!isWattnessError(error)) throw error
    }
  }

  /** What the stored blocks say in a chunk. */
  committed(chunk: ChunkWriter): Uint8Array {
    return chunk.copy(this.#committedBytes)
  }

  /** A block that is there but damaged: its rows come back with it. */
  skip(): void {
    this.height++
  }

  #file(content: Uint8Array, tables: readonly TablePlan[]): void {
    this.#pieces = 0
    for (const table of tables) {
      if (table.spans === 1) this.#fileSpan(content, table)
      else this.#fileSpans(content, table)
    }
  }

  /**
   * The most frequent block, one row of good values that follow those of the block before, without making anything for the
   * collector. False, and nothing filed, for any other.
   */
  #fileRow(content: Uint8Array): boolean {
    const last = this.#order ?? this.chunks
    const count = content[1] as number
    if (content[0] !== 1 || count > MAX_TABLE_REGISTERS || count > last.length) return false
    let at = 2
    for (let i = 0; i < count; i++) {
      const { high, low } = last[i] as ChunkWriter
      // Short registers only (rule R12).
      if (content[at] !== 1 || high !== ((1 << 24) | (byteAt(content, at + 1) << 8) | byteAt(content, at + 2))) return false
      const rest = (byteAt(content, at + 3) << 24) | (0xff << 16) | (byteAt(content, at + 4) << 8) | byteAt(content, at + 5)
      if (low !== rest) return false
      at += 6
    }
    if (content[at] !== 1) return false
    const header = byteAt(content, at + 1)
    const source = TIME_SOURCES[(header >> 2) & 7]
    const unitMs = UNIT_MS[header & 3]
    if (source === undefined || unitMs === undefined || header >= RESERVED_BITS) return false
    cursor = at + 2
    const intervalMs = (header & INTERVAL_BIT) === 0 ? 0 : readVarint(content) * unitMs
    const time = readVarint(content) * unitMs
    if (!(time <= MAX_TIME_MS && intervalMs <= MAX_TIME_MS)) return false
    const cells = cursor
    const day = dayOf(time, intervalMs)
    for (let i = 0; i < count; i++) {
      const chunk = last[i] as ChunkWriter
      if (content[cursor++] !== GOOD_CELL) return false
      if (chunk.day !== day || !chunk.canFollow(intervalMs, source, readSigned(content))) return false
    }
    if (cursor !== content.length) return false
    cursor = cells
    for (let i = 0; i < count; i++) {
      cursor++
      ;(last[i] as ChunkWriter).follow(time, intervalMs, source, readSigned(content))
    }
    return true
  }

  /** The block's own bytes. */
  #fileSpan(content: Uint8Array, table: TablePlan): void {
    const { rowCount, registers, columns, day, intervalMs, timeSource } = table
    const timesEnd = columns[0] as number
    for (let i = 0; i + 1 < columns.length; i++) {
      const from = columns[i] as number
      const to = columns[i + 1] as number
      const chunk = this.#chunk(registers[2 * i] as number, registers[2 * i + 1] as number, day)
      if (rowCount === 1 && content[from] === GOOD_CELL) {
        const time = table.firstMs
        const value = new Reader(content, 'cell', from + 1, to).signed()
        if (!chunk.follow(time, intervalMs, timeSource, value)) {
          chunk.rows(1, content.subarray(table.timesFrom, timesEnd), content.subarray(from, to))
          chunk.followable(time, intervalMs, timeSource, value)
        }
      } else {
        chunk.rows(rowCount, content.subarray(table.timesFrom, timesEnd), content.subarray(from, to))
      }
    }
  }

  /** A table that goes from one span to the next is encoded anew, span by span. */
  #fileSpans(content: Uint8Array, table: TablePlan): void {
    const { rowCount, registers, columns, times, intervalMs, timeSource } = table
    if (times === undefined) return
    for (let i = 0; i + 1 < columns.length; i++) {
      const { values, qualities } = decodeColumn(new Reader(content, 'column', columns[i]), rowCount)
      for (let first = 0; first < rowCount; ) {
        const day = dayOf(times[first] as number, intervalMs)
        let end = first + 1
        while (end < rowCount && dayOf(times[end] as number, intervalMs) === day) end++
        const encoded = encodeRows(times, values, qualities, first, end, intervalMs, timeSource)
        const chunk = this.#chunk(registers[2 * i] as number, registers[2 * i + 1] as number, day)
        chunk.rows(end - first, encoded.times, encoded.column)
        first = end
      }
    }
  }

  #chunk(high: number, low: number, day: number): ChunkWriter {
    const place = this.#pieces++
    const hint = (this.#order ?? this.chunks)[place]
    if (hint !== undefined && hint.day === day && hint.high === high && hint.low === low) return hint
    const found = this.#find(high, low, day) ?? this.#newChunk(high, low, day)
    if (found !== this.chunks[place]) this.#order ??= this.chunks.slice()
    if (this.#order !== undefined) this.#order[place] = found
    return found
  }

  #find(high: number, low: number, day: number): ChunkWriter | undefined {
    const { chunks } = this
    if (chunks.length <= SEARCHED) {
      for (const chunk of chunks) if (chunk.day === day && chunk.high === high && chunk.low === low) return chunk
      return undefined
    }
    this.#index ??= new Map(chunks.map((chunk) => [nameOf(chunk.high, chunk.low, chunk.day), chunk]))
    return this.#index.get(nameOf(high, low, day))
  }

  #newChunk(high: number, low: number, day: number): ChunkWriter {
    const chunk = new ChunkWriter(high, low, day, this.#all, this.chunks.length)
    this.chunks.push(chunk)
    this.#index?.set(nameOf(high, low, day), chunk)
    return chunk
  }
}

/** Of a table's header of times (rule R14): an interval follows; what no version uses. */
const INTERVAL_BIT = 0x20
const RESERVED_BITS = 0x40

/** Chunks up to which a search one by one is faster than names in a map. */
const SEARCHED = 8

const nameOf = (high: number, low: number, day: number): string => `${high}/${low}/${day}`

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] as number

/** Where the two functions below read; beyond the end they find NaN. */
let cursor = 0

function readVarint(bytes: Uint8Array): number {
  let value = 0
  for (;;) {
    const byte = bytes[cursor++]
    if (byte === undefined) return Number.NaN
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return value
  }
}

/** Rule E3. */
function readSigned(bytes: Uint8Array): number {
  let high = 0
  for (;;) {
    const byte = bytes[cursor++]
    if (byte === undefined) return Number.NaN
    if (byte < 0x80) {
      const magnitude = high * 64 + (byte >> 1)
      return (byte & 1) === 0 ? magnitude : -magnitude - 1
    }
    high = high * 128 + (byte & 0x7f)
  }
}

function isTooMuch(tables: readonly TablePlan[], contentBytes: number): boolean {
  let pieces = 0
  let bytes = 0
  for (const { registers, timesFrom, columns, spans } of tables) {
    const columnsFrom = columns[0] as number
    const count = (registers.length / 2) * spans
    pieces += count
    bytes += (registers.length / 2) * (columnsFrom - timesFrom) + (columns.at(-1) as number) - columnsFrom + count * PIECE_BYTES
  }
  return pieces > BLOCK_PIECES || bytes > BLOCK_GROWTH * contentBytes + BLOCK_EXTRA_BYTES
}

function wholeBlock(height: number, content: Uint8Array, tables: readonly TablePlan[]): WholeBlock {
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = 0
  for (const { times, timesFrom, rowCount } of tables) {
    for (const time of times ?? timesAt(content, timesFrom, rowCount)) {
      if (time < firstMs) firstMs = time
      if (time > lastMs) lastMs = time
    }
  }
  return { height, firstMs, lastMs }
}

// Reused: encoding never calls out, so no second encoding can start in the middle of one.
const scratchTimes = new Float64Array(MAX_TABLE_ROWS)
const scratchCells = new Float64Array(MAX_TABLE_ROWS)
const scratchQualities = new Uint8Array(MAX_TABLE_ROWS)

function encodeRows(
  times: readonly number[],
  values: readonly number[],
  qualities: readonly number[],
  first: number,
  end: number,
  intervalMs: number,
  timeSource: TimeSource,
): { times: Uint8Array; column: Uint8Array } {
  let present = 0
  for (let row = first; row < end; row++) {
    scratchTimes[row - first] = times[row] as number
    const quality = qualities[row] as number
    scratchQualities[row - first] = quality
    if (quality !== MISSING) scratchCells[present++] = values[row] as number
  }
  const writer = new Writer(512)
  encodeRowTimes(writer, scratchTimes, end - first, intervalMs, timeSource)
  const timesEnd = writer.length
  encodeColumn(writer, scratchCells, present, scratchQualities, end - first)
  const bytes = writer.finish()
  return { times: bytes.subarray(0, timesEnd), column: bytes.subarray(timesEnd) }
}
