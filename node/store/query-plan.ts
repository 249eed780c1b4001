import { Reader } from '../../protocol/bytes.ts'
import { MISSING } from '../../protocol/columns.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { MAX_BODY_CELLS, MAX_TABLE_REGISTERS, MAX_TABLE_ROWS, MAX_TABLES, SALT_BYTES } from '../../protocol/limits.ts'
import { TIME_SOURCES, type TimeSource } from '../../protocol/reading.ts'
import { decodeRowTimes, MAX_TIME_MS } from '../../protocol/row-times.ts'
import { DAY_MS, dayOf, SPAN_DAYS } from './query-chunk.ts'

/** Where a block's columns lie, found without decoding what is in them. */

/** version and kind, member: what comes before the height in a header (rule B1). */
const HEIGHT_OFFSET = 2 + 32

export const UNIT_MS = [1, 1_000, 60_000]

export interface TablePlan {
  readonly intervalMs: number
  readonly timeSource: TimeSource
  readonly firstMs: number
  /** Decoded only where the first row's does not say enough: most arrays would be for the collector. */
  readonly times: readonly number[] | undefined
  readonly rowCount: number
  /** Two words for each register. */
  readonly registers: readonly number[]
  readonly timesFrom: number
  /** Where each column begins; one more at the end. */
  readonly columns: readonly number[]
  readonly day: number
  /** Stretches of rows of one span of days. */
  readonly spans: number
}

/** The content of a block's body, whatever follows the block. Throws what a Reader throws. */
export function contentOf(block: Uint8Array): Uint8Array {
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
export function planTables(content: Uint8Array): TablePlan[] {
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
    walkTimes(reader, rowCount)
    const { intervalMs, timeSource, firstMs, isOneSpan } = walked
    const times = isOneSpan ? undefined : timesAt(content, timesFrom, rowCount)
    const columns = [reader.offset]
    for (let j = 0; j < registerCount; j++) {
      skipColumn(reader, rowCount)
      columns.push(reader.offset)
    }
    const day = dayOf(firstMs, intervalMs)
    const spans = times === undefined ? 1 : countSpans(times, intervalMs)
    tables.push({ rowCount, registers, timesFrom, columns, times, intervalMs, timeSource, firstMs, day, spans })
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

/** What the last walk over a table's times found. */
const walked = { intervalMs: 0, timeSource: TIME_SOURCES[0] as TimeSource, firstMs: 0, isOneSpan: true }

/** Rules R14 to R19, without making an array. */
function walkTimes(reader: Reader, rowCount: number): void {
  const header = reader.u8()
  const unitMs = UNIT_MS[header & 3]
  const timeSource = TIME_SOURCES[(header >> 2) & 7]
  if (unitMs === undefined || timeSource === undefined || header >= 0x40) reader.fail('OUT_OF_RANGE', 'a header of times')
  const intervalMs = (header & 0x20) === 0 ? 0 : reader.varint() * unitMs
  let time = reader.varint() * unitMs
  const spanFrom = dayOf(time, intervalMs) * DAY_MS + (intervalMs > 0 ? 1 : 0)
  const spanTo = spanFrom + SPAN_DAYS * DAY_MS
  walked.firstMs = time
  let isOneSpan = time >= spanFrom
  let step = 0
  for (let row = 1; row < rowCount; ) {
    const change = reader.signed() * unitMs
    const end = row + reader.varint()
    if (end === row || end > rowCount) reader.fail('OUT_OF_RANGE', 'a run of times')
    for (; row < end; row++) {
      step += change
      time += step
      if (time < spanFrom || time >= spanTo) isOneSpan = false
    }
  }
  if (!(intervalMs <= MAX_TIME_MS && time <= MAX_TIME_MS)) reader.fail('OUT_OF_RANGE', 'a time')
  walked.intervalMs = intervalMs
  walked.timeSource = timeSource
  // The first millisecond of all is its own span's, with an interval or without.
  walked.isOneSpan = isOneSpan || rowCount === 1
}

export const timesAt = (content: Uint8Array, offset: number, rowCount: number): readonly number[] =>
  decodeRowTimes(new Reader(content, 'times', offset), rowCount).times

function skipColumn(reader: Reader, rowCount: number): void {
  const header = reader.u8()
  if (header >= 0x40 || (header & 0x03) === 0x03) reader.fail('OUT_OF_RANGE', `column header ${header}`)
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

function countSpans(times: readonly number[], intervalMs: number): number {
  let runs = 1
  let last = dayOf(times[0] as number, intervalMs)
  for (let row = 1; row < times.length; row++) {
    const day = dayOf(times[row] as number, intervalMs)
    if (day !== last) runs++
    last = day
  }
  return runs
}
