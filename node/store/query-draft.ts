import { KIND_READINGS } from '../../protocol/block.ts'
import { Reader, Writer } from '../../protocol/bytes.ts'
import { decodeColumn, encodeColumn, MISSING } from '../../protocol/columns.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { MAX_BODY_CELLS, MAX_TABLE_REGISTERS, MAX_TABLE_ROWS, MAX_TABLES, SALT_BYTES } from '../../protocol/limits.ts'
import type { TimeSource } from '../../protocol/reading.ts'
import { decodeRowTimes, encodeRowTimes, type RowTimes } from '../../protocol/row-times.ts'
import { ChunkWriter, dayOf, GOOD_CELL } from './query-chunk.ts'

/**
 * The query chunks of one stretch of a chain, while it is being filled: blocks are cut into columns of one register and one
 * day. Where a stretch ends is decided by its blocks alone, so that chunks made again from blocks are the same bytes.
 */

/** A day of quarter hours, a row a block, is three or four stretches: little to hold, and little to cut again after a start. */
export const STRETCH_BLOCKS = 32

/** A stretch also ends behind the block with which it comes to as many bytes or chunks. */
const STRETCH_BYTES = 8_192
const STRETCH_CHUNKS = 128

/**
 * What one block may make of chunks: pieces, and bytes for each of its own. A block beyond it (a year of daily values at
 * once, or one made to be a burden) is filed whole: a reader of any register looks into it.
 */
export const BLOCK_PIECES = 128
export const BLOCK_GROWTH = 4
const BLOCK_EXTRA_BYTES = 256

/** Bytes of a piece beside its times and column. */
const PIECE_BYTES = 8

/** version and kind, member: what comes before the height in a header (rule B1). */
const HEIGHT_OFFSET = 2 + 32

/** A block that is not cut, and the times that it has. */
export interface WholeBlock {
  readonly height: number
  readonly firstMs: number
  readonly lastMs: number
}

interface TablePlan extends RowTimes {
  readonly rowCount: number
  /** Two words for each register. */
  readonly registers: readonly number[]
  readonly timesFrom: number
  /** Where each column begins; one more at the end. */
  readonly columns: readonly number[]
  readonly day: number
  /** Stretches of rows of one day. */
  readonly dayRuns: number
}

export class QueryDraft {
  /** Height of the stretch's first block. */
  readonly start: number
  /** Height of the next block. */
  height: number
  /** The same for the blocks that are stored. */
  committedHeight: number
  readonly chunks: ChunkWriter[] = []
  readonly whole: WholeBlock[] = []
  readonly #offset: number
  #index: Map<string, ChunkWriter> | undefined
  /** The last block's chunks in its order: the next one has the same, most often. */
  #last: ChunkWriter[] = []
  #pieces = 0
  #bytes = 0

  /** The first byte of the key shifts the ends, so that not every chain of a network ends a stretch at once. */
  constructor(member: Uint8Array, start: number) {
    this.#offset = member[0] as number
    this.start = start
    this.height = start
    this.committedHeight = start
  }

  get isFull(): boolean {
    const { height, start } = this
    const ends = height > start && (height + this.#offset) % STRETCH_BLOCKS === 0
    return ends || this.#bytes >= STRETCH_BYTES || this.chunks.length >= STRETCH_CHUNKS
  }

  commit(): void {
    this.committedHeight = this.height
    for (const chunk of this.chunks) chunk.committed = chunk.length
  }

  /** Takes the next block: header ‖ body, whatever follows. One that cannot be read has no rows; nothing is thrown. */
  add(block: Uint8Array): void {
    const height = this.height++
    if (block[1] !== KIND_READINGS) return
    try {
      const content = contentOf(block)
      const tables = planTables(content)
      if (isTooMuch(tables, content.length)) this.whole.push(wholeBlock(height, tables))
      else this.#file(content, tables)
    } catch (error) {
      if (!isWattnessError(error)) throw error
    }
  }

  /** A block that is there but damaged: its rows come back with it. */
  skip(): void {
    this.height++
  }

  #file(content: Uint8Array, tables: readonly TablePlan[]): void {
    this.#pieces = 0
    for (const table of tables) {
      if (table.dayRuns === 1) this.#fileDay(content, table)
      else this.#fileDays(content, table)
    }
  }

  /** The block's own bytes. */
  #fileDay(content: Uint8Array, table: TablePlan): void {
    const { rowCount, registers, columns, day, intervalMs, timeSource } = table
    const timesEnd = columns[0] as number
    for (let i = 0; i + 1 < columns.length; i++) {
      const from = columns[i] as number
      const to = columns[i + 1] as number
      const chunk = this.#chunk(registers[2 * i] as number, registers[2 * i + 1] as number, day, to - from)
      const before = chunk.length
      if (rowCount === 1 && content[from] === GOOD_CELL) {
        const time = table.times[0] as number
        const value = new Reader(content, 'cell', from + 1, to).signed()
        if (!chunk.follow(time, intervalMs, timeSource, value)) {
          chunk.rows(1, content.subarray(table.timesFrom, timesEnd), content.subarray(from, to))
          chunk.followable(time, intervalMs, timeSource, value)
        }
      } else {
        chunk.rows(rowCount, content.subarray(table.timesFrom, timesEnd), content.subarray(from, to))
      }
      this.#bytes += chunk.length - before
    }
  }

  /** A table that goes over midnight is encoded anew, day by day. */
  #fileDays(content: Uint8Array, table: TablePlan): void {
    const { rowCount, registers, columns, times, intervalMs, timeSource } = table
    for (let i = 0; i + 1 < columns.length; i++) {
      const { values, qualities } = decodeColumn(new Reader(content, 'column', columns[i] as number), rowCount)
      for (let first = 0; first < rowCount; ) {
        const day = dayOf(times[first] as number, intervalMs)
        let end = first + 1
        while (end < rowCount && dayOf(times[end] as number, intervalMs) === day) end++
        const encoded = encodeRows(times, values, qualities, first, end, intervalMs, timeSource)
        const chunk = this.#chunk(registers[2 * i] as number, registers[2 * i + 1] as number, day, encoded.column.length)
        const before = chunk.length
        chunk.rows(end - first, encoded.times, encoded.column)
        this.#bytes += chunk.length - before
        first = end
      }
    }
  }

  #chunk(high: number, low: number, day: number, bytes: number): ChunkWriter {
    const place = this.#pieces++
    const hint = this.#last[place]
    if (hint !== undefined && hint.day === day && hint.high === high && hint.low === low) return hint
    const found = this.#find(high, low, day) ?? this.#newChunk(high, low, day, bytes)
    this.#last[place] = found
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

  #newChunk(high: number, low: number, day: number, bytes: number): ChunkWriter {
    const chunk = new ChunkWriter(high, low, day, bytes < 32 ? 64 : bytes + 32)
    this.chunks.push(chunk)
    this.#index?.set(nameOf(high, low, day), chunk)
    return chunk
  }
}

/** Chunks up to which a search one by one is faster than names in a map. */
const SEARCHED = 8

const nameOf = (high: number, low: number, day: number): string => `${high}/${low}/${day}`

function contentOf(block: Uint8Array): Uint8Array {
  const reader = new Reader(block, 'block', HEIGHT_OFFSET)
  reader.varint()
  reader.offset += HASH_BYTES
  reader.varint()
  reader.varint()
  const bodyLength = reader.varint()
  reader.offset += HASH_BYTES
  return reader.bytes(bodyLength).subarray(SALT_BYTES)
}

/** Where everything lies, within the limits of rules R9 to R13; values are passed over, not decoded. */
function planTables(content: Uint8Array): TablePlan[] {
  const reader = new Reader(content, 'readings')
  const head = reader.u8()
  if (head >= 0x80) reader.bytes(HASH_BYTES)
  const tableCount = head & 0x7f
  if (tableCount > MAX_TABLES) reader.fail('OUT_OF_RANGE', `${tableCount} tables`)
  const tables: TablePlan[] = []
  let cells = 0
  for (let i = 0; i < tableCount; i++) {
    const registerCount = reader.varint(MAX_TABLE_REGISTERS)
    const registers: number[] = []
    for (let j = 0; j < registerCount; j++) readRegister(reader, registers)
    const rowCount = reader.varint(MAX_TABLE_ROWS)
    cells += rowCount * registerCount
    if (rowCount === 0 || cells > MAX_BODY_CELLS) reader.fail('OUT_OF_RANGE', `${rowCount} rows`)
    const timesFrom = reader.offset
    const { times, intervalMs, timeSource } = decodeRowTimes(reader, rowCount)
    const columns = [reader.offset]
    for (let j = 0; j < registerCount; j++) {
      skipColumn(reader, rowCount)
      columns.push(reader.offset)
    }
    const day = dayOf(times[0] as number, intervalMs)
    const dayRuns = rowCount === 1 ? 1 : countDayRuns(times, intervalMs)
    tables.push({ rowCount, registers, timesFrom, columns, times, intervalMs, timeSource, day, dayRuns })
  }
  reader.done()
  return tables
}

function readRegister(reader: Reader, words: number[]): void {
  if (reader.u8() === 1) {
    const { buffer, offset } = reader
    reader.bytes(5)
    const at = (i: number): number => buffer[offset + i] as number
    words.push((1 << 24) | (at(0) << 8) | at(1), (at(2) << 24) | (0xff << 16) | (at(3) << 8) | at(4))
    return
  }
  const { buffer, offset } = reader
  reader.bytes(8)
  const word = (i: number): number =>
    ((buffer[offset + i] as number) << 24) |
    ((buffer[offset + i + 1] as number) << 16) |
    ((buffer[offset + i + 2] as number) << 8) |
    (buffer[offset + i + 3] as number)
  words.push(word(0), word(4))
}

function skipColumn(reader: Reader, rowCount: number): void {
  const header = reader.u8()
  let present = rowCount
  if ((header & 0x04) !== 0) {
    if (((header >> 3) & 0x07) === MISSING) present = 0
  } else {
    for (let row = 0; row < rowCount; ) {
      const quality = reader.u8()
      const run = reader.varint()
      if (run === 0) reader.fail('OUT_OF_RANGE', 'an empty run of qualities')
      if (quality === MISSING) present -= run
      row += run
    }
  }
  const { buffer, end } = reader
  let at = reader.offset
  for (; present > 0 && at < end; present--) while ((buffer[at++] as number) >= 0x80);
  if (present > 0 || at > end) reader.fail('TRUNCATED', 'a column breaks off')
  reader.offset = at
}

function countDayRuns(times: readonly number[], intervalMs: number): number {
  let runs = 1
  let last = dayOf(times[0] as number, intervalMs)
  for (let row = 1; row < times.length; row++) {
    const day = dayOf(times[row] as number, intervalMs)
    if (day !== last) runs++
    last = day
  }
  return runs
}

function isTooMuch(tables: readonly TablePlan[], contentBytes: number): boolean {
  let pieces = 0
  let bytes = 0
  for (const { registers, timesFrom, columns, dayRuns } of tables) {
    const columnsFrom = columns[0] as number
    const count = (registers.length / 2) * dayRuns
    pieces += count
    bytes += (registers.length / 2) * (columnsFrom - timesFrom) + (columns.at(-1) as number) - columnsFrom + count * PIECE_BYTES
  }
  return pieces > BLOCK_PIECES || bytes > BLOCK_GROWTH * contentBytes + BLOCK_EXTRA_BYTES
}

function wholeBlock(height: number, tables: readonly TablePlan[]): WholeBlock {
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = 0
  for (const { times } of tables) {
    for (const time of times) {
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
