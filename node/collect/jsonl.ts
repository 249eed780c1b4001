import { parseDecimal } from '../../protocol/decimal.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import { parseObis } from '../../protocol/obis.ts'
import {
  QUALITIES,
  type Quality,
  type Reading,
  type RegisterValue,
  TIME_SOURCES,
  type TimeSource,
} from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { parseUnit } from '../../protocol/units.ts'
import { fileBytes, pathOf, standardInputBytes } from './byte-input.ts'
import { ScalerMemory } from './scaler-memory.ts'
import {
  fault,
  type MeterSource,
  type ReadingItem,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown, parseInstant } from './source-spec.ts'
import { textLines } from './text-lines.ts'

/** JSON lines: whatever can print a line of JSON is a meter. Also reads back what `wattness read` prints. */
export const jsonlFormat: SourceFormat = {
  name: 'jsonl',
  describe: 'one JSON object a line: {"time":"…Z","values":{"1-0:1.8.0":"1234.567 kWh"}}',
  usage: ['jsonl:-', 'jsonl:FILE'],
  quirks: ['one register a line, as wattness read prints: lines of one time become one reading'],
  recognise: (_fileName, firstBytes) => /^\s*\{[^\n]*"time"\s*:/.test(new TextDecoder().decode(firstBytes)),
  open,
}

/** A reading of 64 registers with qualities is below 8 KiB. */
export const MAX_JSON_LINE_CHARS = 65_536

const MAX_INTERVAL_MS = 366 * 86_400_000
const MAX_TIME_MS = 2 ** 52 - 1

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, [])
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    intervalData: true,
    items: (signal) =>
      jsonItems(spec.target === '-' ? standardInputBytes(deps, signal) : fileBytes(pathOf(spec.target, deps), signal)),
  }
}

/** One line, read. `single`: the form of one register a line, of which several make one reading. */
interface Line {
  readonly reading: Omit<Reading, 'values'>
  readonly values: readonly { readonly value: RegisterValue; readonly exponent: number }[]
  readonly single: boolean
}

/** Readings in the order of the lines; lines of one register each are put together while their time stays the same. */
export async function* jsonItems(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<SourceItem> {
  const memory = new ScalerMemory()
  let group: Line | undefined
  for await (const { number, text } of textLines(bytes, { maxChars: MAX_JSON_LINE_CHARS })) {
    const where = `line ${number}`
    if (text === undefined) {
      yield fault('JSONL_LINE_TOO_LONG', `${where} is longer than ${MAX_JSON_LINE_CHARS} characters`, where)
      continue
    }
    if (text.trim() === '') continue
    try {
      const line = parseLine(text, memory)
      const joined = group === undefined ? undefined : join(group, line)
      if (joined === undefined && group !== undefined) yield item(group)
      group = joined ?? (line.single ? line : undefined)
      if (!line.single) yield item(line)
    } catch (error) {
      if (!isWattnessError(error)) throw error
      yield fault('JSONL_LINE_MALFORMED', `${where}: ${error.message}`, where)
    }
  }
  if (group !== undefined) yield item(group)
}

function item({ reading, values }: Line): ReadingItem {
  return {
    type: 'reading',
    reading: { ...reading, values: values.map(({ value }) => value) },
    exponents: values.map(({ exponent }) => exponent),
  }
}

function join(group: Line, line: Line): Line | undefined {
  const next = line.values[0]
  const { time, intervalMs, timeSource } = group.reading
  const same = time === line.reading.time && intervalMs === line.reading.intervalMs && timeSource === line.reading.timeSource
  if (!line.single || !same || next === undefined || group.values.length >= MAX_TABLE_REGISTERS) return undefined
  const key = registerKey(next.value.register)
  if (group.values.some(({ value }) => registerKey(value.register) === key)) return undefined
  return { ...group, values: [...group.values, next] }
}

function parseLine(text: string, memory: ScalerMemory): Line {
  const line = parseObject(text)
  const reading = { time: time(line['time']), intervalMs: interval(line['intervalMs']), timeSource: timeSource(line) }
  const single = line['register'] !== undefined
  const entries = single ? [[line['register'], line] as const] : Object.entries(object(line['values'], '"values"'))
  if (entries.length === 0 || entries.length > MAX_TABLE_REGISTERS) {
    return refuse(`"values" holds ${entries.length} registers, expected 1 to ${MAX_TABLE_REGISTERS}`)
  }
  const values = entries.map(([code, said]) => parseValue(code, said, memory))
  const keys = new Set(values.map(({ value }) => registerKey(value.register)))
  if (keys.size < values.length) return refuse('a register stands twice')
  return { reading, values, single }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return object(JSON.parse(text), 'the line')
  } catch (error) {
    if (error instanceof WattnessError) throw error
    return refuse(`no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return refuse(`${what} is no JSON object`)
}

function time(found: unknown): number {
  const ms = typeof found === 'string' ? parseInstant(found) : found
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_TIME_MS) return ms
  return refuse(`"time": expected 2025-01-01T12:00:00Z or UTC milliseconds, found ${short(found)}`)
}

function interval(found: unknown): number {
  if (found === undefined) return 0
  if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 && found <= MAX_INTERVAL_MS) return found
  return refuse(`"intervalMs": expected whole milliseconds, found ${short(found)}`)
}

function timeSource(line: Record<string, unknown>): TimeSource {
  const found =
    line['timeSource'] ?? (line['intervalMs'] === undefined || line['intervalMs'] === 0 ? 'meter-clock' : 'interval-end')
  return (
    TIME_SOURCES.find((name) => name === found) ??
    refuse(`"timeSource": expected one of ${TIME_SOURCES.join(', ')}, found ${short(found)}`)
  )
}

/** `"1234.567 kWh"`, or an object with value, unit and quality. */
function parseValue(code: unknown, said: unknown, memory: ScalerMemory): { value: RegisterValue; exponent: number } {
  if (typeof code !== 'string') return refuse(`"register": expected an OBIS code, found ${short(code)}`)
  const obis = parseObis(code)
  const { value: found, unit: unitText, quality: named } = typeof said === 'string' ? quantityText(said) : object(said, code)
  if (unitText !== undefined && typeof unitText !== 'string')
    return refuse(`${code}: "unit": expected text, found ${short(unitText)}`)
  const { unit, exponent } = parseUnit(unitText ?? '')
  const quality = qualityOf(named, found, code)
  if (quality === 'missing') return { value: { register: memory.register(obis, unit, exponent), value: null, quality }, exponent }
  // A JSON number's shortest form is its decimal text; exponents are refused with all other text.
  const text = typeof found === 'number' ? String(found) : found
  if (typeof text !== 'string') return refuse(`${code}: "value": expected a decimal such as "1234.567", found ${short(found)}`)
  const { value, scaler } = parseDecimal(text)
  return { value: { ...memory.settle(obis, unit, value, scaler + exponent), quality }, exponent }
}

function quantityText(text: string): Record<string, unknown> {
  const blank = text.indexOf(' ')
  return blank < 0 ? { value: text } : { value: text.slice(0, blank), unit: text.slice(blank + 1) }
}

function qualityOf(named: unknown, value: unknown, code: string): Quality {
  const name = named ?? (value === null ? 'missing' : 'good')
  const quality = QUALITIES.find((known) => known === name)
  if (quality === undefined) return refuse(`${code}: "quality": expected one of ${QUALITIES.join(', ')}, found ${short(named)}`)
  if ((quality === 'missing') !== (value === null || value === undefined))
    return refuse(`${code}: quality ${quality} does not go with value ${short(value)}`)
  return quality
}

function short(found: unknown): string {
  return (JSON.stringify(found) ?? 'nothing').slice(0, 60)
}

function refuse(reason: string): never {
  throw new WattnessError('JSONL_LINE_MALFORMED', reason)
}
