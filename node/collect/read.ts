import type { Writable } from 'node:stream'
import { formatDecimal, formatQuantity } from '../../protocol/decimal.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { formatObis } from '../../protocol/obis.ts'
import type { Quality, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { formatUnit } from '../../protocol/units.ts'
import { openDataDir, recogniseFile } from './data-dir.ts'
import { FORMATS, formatNamed, openSpec, parseSpec } from './formats.ts'
import type { FaultItem, MeterSource, ReadingItem, ReadingMark, SourceDeps, SourceItem, SourceSpec } from './source.ts'

/** What `wattness read FILE` prints: each value of each reading as one JSON line. */
export interface ReadLine {
  /** `2025-01-01T12:00:00Z`; milliseconds only where there are any. */
  readonly time: string
  readonly register: string
  /** Decimal text with the decimals the source gave, in the unit the source wrote; null where quality is 'missing'. */
  readonly value: string | null
  readonly unit: string
  readonly quality: Quality
  readonly timeSource: TimeSource
  /** Length of the interval that ends at `time`; absent for a read-out of one instant. */
  readonly intervalMs?: number
  /** 'none' for a P1 telegram of a version without checksum. */
  readonly crc?: 'ok' | 'none'
  /** Of signed readings: 'no-key' where nothing was there to check the signature with. */
  readonly signature?: 'valid' | 'no-key'
  /** What is to be known of this value, such as that the meter shows no more digits of it. */
  readonly mark?: ReadingMark
  /** The bytes it was read from, base64; with the first value of a reading, where they were asked for. */
  readonly frame?: string
  /** The home, where a file holds several. */
  readonly home?: string
}

export interface ReadOptions {
  /** A format's name; recognised by the first bytes unless given. Needed for `-`, standard input. */
  readonly format?: string
  /** Column mapping file, for CSV. */
  readonly map?: string
  /** Hexadecimal keys of an encrypted meter, or a file that holds them. They become part of no text. */
  readonly key?: string
  readonly authKey?: string
  readonly keyFile?: string
  /** With the first value of each reading the bytes it was read from. */
  readonly frames?: boolean
  readonly signal?: AbortSignal
}

export interface ReadCounts {
  readonly readings: number
  readonly values: number
  readonly faults: number
  readonly faultsByCode: Readonly<Record<string, number>>
}

/** Throws SOURCE_FORMAT_UNKNOWN where nothing recognises the file, and what opening and reading it throws. */
export async function* readFile(path: string, deps: SourceDeps, options: ReadOptions = {}): AsyncGenerator<ReadLine | FaultItem> {
  for await (const { item, home } of readItems(path, deps, options)) {
    if (item.type === 'fault') yield item
    else if (item.type === 'reading') yield* readLines(item, home)
  }
}

/** Writes the lines of readFile to `out` and each fault as a line of text to `faults`; waits where a stream is full. */
export async function writeReadings(
  path: string,
  deps: SourceDeps,
  options: ReadOptions,
  out: Writable,
  faults: Writable,
): Promise<ReadCounts> {
  const byCode: Record<string, number> = {}
  // A reader that goes away (`| head`) is the error of a write, and no unhandled event.
  const heard = (): void => undefined
  out.on('error', heard)
  let readings = 0
  let values = 0
  for await (const { item, home } of readItems(path, deps, options)) {
    if (item.type === 'fault') {
      byCode[item.code] = (byCode[item.code] ?? 0) + 1
      await write(faults, `${item.code}: ${item.message}\n`)
    } else if (item.type === 'reading') {
      const lines = Array.from(readLines(item, home))
      if (options.frames === true) addFrame(lines, item)
      readings++
      values += lines.length
      await write(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    }
  }
  out.off('error', heard)
  const total = Object.values(byCode).reduce((sum, count) => sum + count, 0)
  return { readings, values, faults: total, faultsByCode: byCode }
}

function addFrame(lines: ReadLine[], { frame }: ReadingItem): void {
  const [first] = lines
  if (first !== undefined && frame !== undefined) lines[0] = { ...first, frame: Buffer.from(frame).toString('base64') }
}

async function* readItems(
  path: string,
  deps: SourceDeps,
  options: ReadOptions,
): AsyncGenerator<{ item: SourceItem; home?: string }> {
  const signal = options.signal ?? new AbortController().signal
  for (const text of await specsOf(path, options)) {
    const spec = withKeys(parseSpec(text), options)
    const { home } = spec
    for await (const item of openSpec(spec, deps).items(signal)) {
      // What is printed is all that is kept of it.
      if (item.type === 'mark') await item.durable()
      else yield { item, ...(home === undefined ? {} : { home }) }
    }
  }
}

function withKeys(spec: SourceSpec, { key, authKey, keyFile }: ReadOptions): SourceSpec {
  const options = new Map(spec.options)
  if (key !== undefined) options.set('key', key)
  if (authKey !== undefined) options.set('auth', authKey)
  if (keyFile !== undefined) options.set('key-file', keyFile)
  return { ...spec, options }
}

/** The path as sources, not opened yet: one, or one per home. Throws what naming and recognising it throws. */
export async function sourcesOf(path: string, deps: SourceDeps, options: ReadOptions): Promise<readonly MeterSource[]> {
  return (await specsOf(path, options)).map((text) => openSpec(withKeys(parseSpec(text), options), deps))
}

/** The path as sources: one, or one per home. A text that is a source already is taken as it is. */
async function specsOf(path: string, options: ReadOptions): Promise<readonly string[]> {
  const map = options.map === undefined ? '' : `?map=${options.map}`
  if (options.format !== undefined) {
    const format = formatNamed(options.format)
    if (path !== '-' && map === '' && format.offer !== undefined) return (await format.offer(path)).map(({ spec }) => spec)
    return [`${format.name}:${path}${map}`]
  }
  if (FORMATS.some(({ name }) => path.startsWith(`${name}:`))) return [path]
  if (path === '-') return refuse('standard input')
  if (map !== '') return [`csv:${path}${map}`]
  if ((await recogniseFile(path)) === undefined) return refuse(path)
  return (await openDataDir(path)).sources.map(({ spec }) => spec)
}

function refuse(path: string): never {
  const known = FORMATS.map(({ name }) => name).join(', ')
  throw new WattnessError('SOURCE_FORMAT_UNKNOWN', `${path}: no format recognises it; name one of ${known}`, { path })
}

/** A reading's values, in order. */
export function* readLines(item: ReadingItem, home?: string): Generator<ReadLine> {
  const { time, intervalMs, timeSource, values } = item.reading
  for (const [index, value] of values.entries()) {
    const mark = item.marks?.[index]
    yield {
      time: formatTime(time),
      register: formatObis(value.register.obis),
      ...quantity(value, item.exponents?.[index]),
      quality: value.quality,
      timeSource,
      ...(intervalMs === 0 ? {} : { intervalMs }),
      ...(item.crc === undefined ? {} : { crc: item.crc }),
      ...(item.signature === undefined ? {} : { signature: item.signature }),
      ...(mark === undefined ? {} : { mark }),
      ...(home === undefined ? {} : { home }),
    }
  }
}

const PREFIXES: ReadonlyMap<number, string> = new Map([
  [-3, 'm'],
  [0, ''],
  [3, 'k'],
  [6, 'M'],
  [9, 'G'],
])

/** In the unit the source wrote, so that it can be compared with the meter's display; else as all of Wattness shows it. */
function quantity({ register, value }: RegisterValue, exponent: number | undefined): { value: string | null; unit: string } {
  const prefix = exponent === undefined ? undefined : PREFIXES.get(exponent)
  if (exponent === undefined || prefix === undefined) {
    const shown = formatQuantity(register, value ?? 0)
    return { value: value === null ? null : shown.value, unit: shown.unit }
  }
  const text = value === null ? null : formatDecimal(value, register.scaler - exponent)
  return { value: text, unit: prefix + formatUnit(register.unit) }
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

function write(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
