import { parse } from 'csv-parse/sync'
import { type FaultItem, fault } from './source.ts'
import { textLines } from './text-lines.ts'

/**
 * A CSV file as records with their line numbers. Lines are put together where a quoted field holds line breaks, and can be
 * left out before they are parsed: a home of a wide file costs its own rows, not everybody's.
 */

export interface CsvRecord {
  readonly type: 'record'
  /** Line of the file on which it begins. */
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvForm {
  readonly encoding?: string
  /** Default `,`. */
  readonly delimiter?: string
  readonly skipLines?: number
  /** Lines for which this is false are left out; the header line is always kept. */
  readonly keep?: (text: string) => boolean
}

/** Longest line: 96 quarter hours with quotes are below 2,000 characters, wide tables of 1,000 sensors below 20,000. */
const MAX_LINE_CHARS = 262_144

/** Lines a quoted field may run over; more is a quote that nobody closed. */
const MAX_JOINED_LINES = 16

/** Records parsed at once: csv-parse costs far less per record in batches. */
const BATCH_RECORDS = 256

interface RawRecord {
  readonly line: number
  readonly text: string
}

/** The header line first. A faulty record is a fault in its place. Throws SOURCE_UNREADABLE as `bytes` does. */
export async function* csvRecords(bytes: AsyncIterable<Uint8Array>, form: CsvForm = {}): AsyncGenerator<CsvRecord | FaultItem> {
  const delimiter = form.delimiter ?? ','
  let batch: RawRecord[] = []
  for await (const raw of rawRecords(bytes, form)) {
    if ('type' in raw) {
      yield* parsed(batch, delimiter)
      batch = []
      yield raw
      continue
    }
    batch.push(raw)
    // The header goes out at once: the reader decides by it what to make of the rest.
    if (batch.length >= BATCH_RECORDS || raw.line === (form.skipLines ?? 0) + 1) {
      yield* parsed(batch, delimiter)
      batch = []
    }
  }
  yield* parsed(batch, delimiter)
}

async function* rawRecords(bytes: AsyncIterable<Uint8Array>, form: CsvForm): AsyncGenerator<RawRecord | FaultItem> {
  const keep = form.keep ?? ((): boolean => true)
  const joiner = new RecordJoiner()
  let header = true
  const kept = (found: RawRecord | FaultItem): boolean => {
    if ('type' in found) return true
    const blank = found.text.trim() === ''
    const wanted = !blank && (header || keep(found.text))
    if (!blank) header = false
    return wanted
  }
  for await (const { number, text } of textLines(bytes, { maxChars: MAX_LINE_CHARS, encoding: form.encoding ?? 'utf-8' })) {
    if (number <= (form.skipLines ?? 0)) continue
    if (text === undefined)
      yield fault('CSV_LINE_TOO_LONG', `line ${number} is longer than ${MAX_LINE_CHARS} characters`, `line ${number}`)
    else yield* joiner.push({ line: number, text }).filter(kept)
  }
  yield* joiner.end().filter(kept)
}

/** Puts lines together until their quotes close. */
class RecordJoiner {
  #open: RawRecord[] = []

  push(line: RawRecord): (RawRecord | FaultItem)[] {
    this.#open.push(line)
    const first = this.#open[0] as RawRecord
    const text = this.#open.length === 1 ? line.text : this.#open.map((one) => one.text).join('\n')
    if (balanced(text)) {
      this.#open = []
      return [{ line: first.line, text }]
    }
    return this.#open.length < MAX_JOINED_LINES ? [] : this.#giveUp()
  }

  end(): (RawRecord | FaultItem)[] {
    const found: (RawRecord | FaultItem)[] = []
    while (this.#open.length > 0) found.push(...this.#giveUp())
    return found
  }

  /** The first line's quote is not closed: a fault, and the lines behind it are looked at again, each as a beginning. */
  #giveUp(): (RawRecord | FaultItem)[] {
    const [first, ...rest] = this.#open
    this.#open = []
    return [unclosed(first as RawRecord), ...rest.flatMap((line) => this.push(line))]
  }
}

function unclosed({ line }: RawRecord): FaultItem {
  return fault('CSV_QUOTE_UNCLOSED', `line ${line}: a quote is not closed within ${MAX_JOINED_LINES} lines`, `line ${line}`)
}

function balanced(text: string): boolean {
  let even = true
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) even = !even
  return even
}

function parsed(batch: readonly RawRecord[], delimiter: string): (CsvRecord | FaultItem)[] {
  if (batch.length === 0) return []
  const text = batch.map((record) => record.text).join('\n')
  try {
    const rows = parseRows(text, delimiter)
    if (rows.length === batch.length)
      return rows.map((cells, index) => ({ type: 'record', line: (batch[index] as RawRecord).line, cells }))
  } catch {
    // One of them is malformed: parsed one by one, the others come through.
  }
  if (batch.length > 1) return batch.flatMap((record) => parsed([record], delimiter))
  const { line } = batch[0] as RawRecord
  return [fault('CSV_RECORD_MALFORMED', `line ${line} cannot be taken apart into fields`, `line ${line}`)]
}

function parseRows(text: string, delimiter: string): string[][] {
  // relax_quotes: portals print ="00123" to keep Excel from rounding.
  return parse(text, {
    delimiter,
    relax_quotes: true,
    relax_column_count: true,
    trim: true,
    skip_empty_lines: true,
    record_delimiter: '\n',
  })
}
