import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import type { Quality, Reading, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { P1Lines, type P1Slot } from './p1-line.ts'
import { telegramLines } from './p1-telegram.ts'
import type { P1Time, P1Zone } from './p1-time.ts'

/**
 * What of a telegram is a measurement: every number with a unit, counters and states that are plain numbers, and values with a
 * time of their own (M-Bus meters, peaks), which become readings of that time. Identifiers, texts, and the histories of classes
 * 98 and 99 (monthly peaks, power failure log) are not readings of now and are left out.
 */

export interface P1Context {
  /** The node's clock: for telegrams without a time of their own. */
  readonly nowMs: number
  /** True where the bytes come from a meter now; false for a file, whose node time says little. */
  readonly live: boolean
}

export interface P1Rows {
  readonly rows: readonly P1Row[]
  readonly faults: readonly P1Fault[]
}

export interface P1Row {
  readonly reading: Reading
  readonly exponents: readonly number[]
}

export interface P1Fault {
  readonly code: string
  readonly message: string
}

const CLOCK = '0-0:1.0.0('
const CLOCK_LINE = `\n${CLOCK}`
const CR = 0x0d
const OPEN = 0x28

interface Stamp {
  readonly time: number
  readonly timeSource: TimeSource
  readonly quality: Quality
}

/** Values of one time, while they are gathered. */
interface Row {
  readonly stamp: Stamp
  readonly values: RegisterValue[]
  readonly exponents: number[]
}

/** The telegrams of one stream: what their lines mean is remembered. */
export class P1Reader {
  readonly #lines: P1Lines

  constructor(zone: P1Zone) {
    this.#lines = new P1Lines(zone)
  }

  /** `frame` from `/` on. Throws nothing. */
  read(frame: Uint8Array, context: P1Context): P1Rows {
    this.#lines.forget()
    return this.#readClean(frame, context) ?? this.#readAny(frame, context)
  }

  /** A telegram as nearly all are: undefined where a line of it needs a second look, a fault or the line behind it. */
  #readClean(frame: Uint8Array, context: P1Context): P1Rows | undefined {
    const lines = this.#lines
    const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('latin1')
    const end = text.lastIndexOf('!')
    const clockAt = text.indexOf(CLOCK_LINE)
    const clock = clockAt < 0 ? undefined : lines.line(text.slice(clockAt + 1, text.indexOf('\r', clockAt)))
    if (clock === undefined ? text.includes(CLOCK) : clock.type !== 'clock' || clock.time === undefined) return undefined
    const stamp = telegramStamp(clock?.type === 'clock' ? clock : undefined, context, [])
    const main: Row = { stamp, values: [], exponents: [] }
    const rows: Row[] = []
    let at = text.indexOf('\n') + 1
    while (at > 0 && at < end) {
      const line = text.indexOf('\n', at)
      const to = line < 0 || line > end ? end : line - 1
      if (to > at) {
        // Only ends of CR LF, and no line that belongs to the one before it.
        if (to !== end && text.charCodeAt(to) !== CR) return undefined
        if (text.charCodeAt(at) === OPEN || !this.#take(text, at, to, main, rows)) return undefined
      }
      at = line + 1
    }
    return { rows: rows.flatMap(split), faults: [] }
  }

  /** False where the line is not clean. */
  #take(text: string, from: number, to: number, main: Row, rows: Row[]): boolean {
    const lines = this.#lines
    const shape = lines.plain(text, from, to)
    if (shape !== undefined) {
      if (main.values.length === 0) rows.push(main)
      return add(main, shape.slot, lines.value, shape.exponent, rows)
    }
    const line = lines.line(text.slice(from, to))
    if (line.type === 'none' || line.type === 'clock') return true
    if (line.type !== 'value' && line.type !== 'own') return false
    const row = line.type === 'value' ? main : rowOf(line.time, main, rows)
    if (row.values.length === 0) rows.push(row)
    return add(row, line.slot, line.value, line.exponent, rows)
  }

  #readAny(frame: Uint8Array, context: P1Context): P1Rows {
    const lines = Array.from(telegramLines(frame), (line) => this.#lines.line(line))
    const faults: P1Fault[] = []
    const clock = lines.find((line) => line.type === 'clock')
    const stamp = telegramStamp(clock, context, faults)
    for (const line of lines) if (line.type === 'malformed') faults.push(malformed(line.text))
    const main: Row = { stamp, values: [], exponents: [] }
    const rows: Row[] = []
    for (const line of lines) {
      if (line.type === 'refused') faults.push({ code: 'P1_VALUE_MALFORMED', message: `P1 object ${line.code}: ${line.why}` })
      if (line.type !== 'value' && line.type !== 'own') continue
      const row = line.type === 'value' ? main : rowOf(line.time, main, rows)
      if (row.values.length === 0) rows.push(row)
      if (!add(row, line.slot, line.value, line.exponent, rows))
        faults.push({ code: 'P1_OBJECT_REPEATED', message: `P1 object ${line.code} stands twice; the first counts` })
    }
    return { rows: rows.flatMap(split), faults }
  }
}

function telegramStamp(
  clock: { readonly text: string; readonly time: P1Time | undefined } | undefined,
  context: P1Context,
  faults: P1Fault[],
): Stamp {
  if (clock?.time !== undefined) return stampOf(clock.time)
  if (clock !== undefined) {
    faults.push({
      code: 'P1_CLOCK_INVALID',
      message: `P1 time ${JSON.stringify(clock.text)} names no time; the node's clock is taken`,
    })
  }
  return { time: context.nowMs, timeSource: 'node-clock', quality: context.live ? 'good' : 'clock-doubtful' }
}

function stampOf({ time, doubtful }: P1Time): Stamp {
  return { time, timeSource: 'meter-clock', quality: doubtful ? 'clock-doubtful' : 'good' }
}

function malformed(line: string): P1Fault {
  return {
    code: 'P1_LINE_MALFORMED',
    message: `P1 line ${JSON.stringify(line.slice(0, 80))} is no object such as 1-0:1.8.1(…)`,
  }
}

/** The row of a value's own time: the telegram's own, where both name one instant. */
function rowOf(time: P1Time, main: Row, rows: readonly Row[]): Row {
  const stamp = stampOf(time)
  if (isOne(main.stamp, stamp)) return main
  return rows.find((row) => isOne(row.stamp, stamp)) ?? { stamp, values: [], exponents: [] }
}

function isOne(x: Stamp, y: Stamp): boolean {
  return x.time === y.time && x.timeSource === y.timeSource && x.quality === y.quality
}

/** False where the row has this register already: the first counts. */
function add(row: Row, slot: P1Slot, value: number, exponent: number, rows: readonly unknown[]): boolean {
  // A slot knows the last of its rows: it may have stood in this one before another.
  const wasElsewhere = slot.row !== row && rows.length > 1 && rows.includes(slot.row)
  if (slot.row === row || (wasElsewhere && row.values.some(({ register }) => register === slot.register))) return false
  slot.row = row
  row.values.push({ register: slot.register, value, quality: row.stamp.quality })
  row.exponents.push(exponent)
  return true
}

/** A table of a block holds so many registers: a longer row becomes several of the same time. */
function split({ stamp, values, exponents }: Row): P1Row[] {
  const { time, timeSource } = stamp
  if (values.length <= MAX_TABLE_REGISTERS) return [{ reading: { time, intervalMs: 0, timeSource, values }, exponents }]
  const rows: P1Row[] = []
  for (let from = 0; from < values.length; from += MAX_TABLE_REGISTERS) {
    const part = values.slice(from, from + MAX_TABLE_REGISTERS)
    const reading: Reading = { time, intervalMs: 0, timeSource, values: part }
    rows.push({ reading, exponents: exponents.slice(from, from + MAX_TABLE_REGISTERS) })
  }
  return rows
}
