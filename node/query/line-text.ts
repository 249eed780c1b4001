import { isWattnessError } from '../../protocol/index.ts'
import type { BalanceAnswer, BalanceLine } from './balance.ts'
import type { GroupLine, RawLine, ReadingsAnswer, ReadingsEnd, ReadingsLine } from './readings.ts'

/** Answers as text, in pieces of some hundred kilobytes at most; whoever reads slowly holds up the reading of the store. */

export type LineFormat = 'csv' | 'ndjson'
export type TextFormat = LineFormat | 'json'

export const TEXT_TYPES: Readonly<Record<TextFormat, string>> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
}

const RAW_COLUMNS = ['time', 'register', 'value', 'unit', 'quality', 'timeSource', 'intervalMs'] as const
const GROUP_COLUMNS = [
  'from',
  'to',
  'register',
  'value',
  'unit',
  'quality',
  'values',
  'missing',
  'estimated',
  'coveredMs',
] as const
const BALANCE_COLUMNS = ['from', 'to', 'import', 'export', 'selfConsumption', 'net', 'feeder', 'loss', 'unit'] as const

/** The columns of both formats' lines, in the order of CSV. */
export function csvHead(resolution: string): string {
  return `${(resolution === 'raw' ? RAW_COLUMNS : GROUP_COLUMNS).join(',')}\n`
}

/** Lines of one register, without a head. The generator returns what is known at the end. */
export async function* readingLines(answer: ReadingsAnswer, format: LineFormat): AsyncGenerator<string, ReadingsEnd> {
  const { register, unit } = answer.head
  const lines = answer.lines()
  for (;;) {
    const next = await lines.next()
    if (next.done === true) return next.value
    yield next.value.map((line) => (format === 'csv' ? csvLine(line, register, unit) : jsonLine(line, register, unit))).join('')
  }
}

const isRaw = (line: ReadingsLine): line is RawLine => 'time' in line

/** Without a member: who writes those of several sets a cell before it. */
export function csvLine(line: ReadingsLine, register: string, unit: string): string {
  if (isRaw(line)) {
    const { time, value, quality, timeSource, intervalMs } = line
    return `${time},${register},${value ?? ''},${quoted(unit)},${quality},${timeSource},${intervalMs ?? ''}\n`
  }
  const { from, to, value, quality, values, missing, estimated, coveredMs } = line
  const counts = `${values},${missing},${estimated},${coveredMs}`
  return `${from},${to},${register},${value ?? ''},${quoted(unit)},${quality},${counts}\n`
}

function jsonLine(line: ReadingsLine, register: string, unit: string): string {
  const { value, ...rest } = line
  const [first, second] = isRaw(line) ? [{ time: line.time }, {}] : [{ from: line.from, to: line.to }, {}]
  return `${JSON.stringify({ ...first, register, value, unit, ...second, ...(rest as Partial<GroupLine>) })}\n`
}

/** Units that are no word of letters: `1/(Wh)` stands as it is, what holds a comma or quote does not exist. */
const quoted = (unit: string): string => (/[",\n]/.test(unit) ? `"${unit.replaceAll('"', '""')}"` : unit)

/** An answer of one register. `before`: what stands before the rest of an object of JSON. */
export async function* readingsText(answer: ReadingsAnswer, format: TextFormat, before: object): AsyncGenerator<string> {
  if (format !== 'json') {
    if (format === 'csv') yield csvHead(answer.head.resolution)
    const lines = readingLines(answer, format)
    try {
      for (;;) {
        const next = await lines.next()
        if (next.done !== true) yield next.value
        else {
          if (format === 'ndjson') yield `${JSON.stringify({ end: next.value })}\n`
          return
        }
      }
    } catch (error) {
      // What was sent is right; that there is no more of it must not look like the end.
      if (format !== 'ndjson' || !isWattnessError(error)) throw error
      yield `${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`
      return
    }
  }
  const head = JSON.stringify({ ...before, ...answer.head })
  yield `${head.slice(0, -1)},"values":[`
  const lines = answer.lines()
  let isFirst = true
  for (;;) {
    const next = await lines.next()
    if (next.done === true) {
      yield `],${JSON.stringify(next.value).slice(1)}\n`
      return
    }
    yield (isFirst ? '' : ',') + next.value.map((line) => JSON.stringify(line)).join(',')
    isFirst = false
  }
}

const PIECE_LINES = 512

export function* balanceText(answer: BalanceAnswer, format: TextFormat, before: object): Generator<string> {
  const { unit, from, to, total } = answer
  if (format === 'csv') yield `${BALANCE_COLUMNS.join(',')},missing,estimated\n`
  if (format === 'json') yield `${JSON.stringify({ ...before, unit, from, to }).slice(0, -1)},"intervals":[`
  let piece: string[] = []
  let isFirst = true
  for (const line of answer.lines()) {
    piece.push(format === 'csv' ? balanceCsv(line, unit) : JSON.stringify(line))
    if (piece.length < PIECE_LINES) continue
    yield joined(piece, format, isFirst)
    isFirst = false
    piece = []
  }
  if (piece.length > 0) yield joined(piece, format, isFirst)
  if (format === 'ndjson') yield `${JSON.stringify({ end: { unit, total } })}\n`
  if (format === 'json') yield `],"total":${JSON.stringify(total)}}\n`
}

function joined(piece: readonly string[], format: TextFormat, isFirst: boolean): string {
  if (format === 'json') return (isFirst ? '' : ',') + piece.join(',')
  return `${piece.join('\n')}\n`
}

function balanceCsv(line: BalanceLine, unit: string): string {
  const cells = BALANCE_COLUMNS.map((name) => (name === 'unit' ? unit : (line[name] ?? '')))
  return [...cells, line.missing.join(' '), line.estimated.join(' ')].join(',')
}
