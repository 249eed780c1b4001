import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import type { ReadLine } from '../../collect/read.ts'
import { exact, type Outcome, sameTexts } from './outcome.ts'
import { readCapture, refusalOf } from './read-capture.ts'

/** Formats whose values stand for intervals: Green Button, NEM12, CSV of portals. */

const LINE =
  /^\s+(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\+00:00, (?:(\d+) days?, )?(\d+):(\d\d):(\d\d): ([\d.]+) (\S+?)(?:\(.*)?(?: \[.*)?$/

/** greenbutton_objects: `start, duration: value unit(cost) [quality]`, all values of the file. */
export async function compareGreenButton(path: string, expected: string): Promise<Outcome> {
  const bytes = await readFile(expected)
  const text = (expected.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  const values = text.split('\n').flatMap((line) => {
    const match = LINE.exec(line)
    if (match === null) return []
    const [, day, clock, days = '0', hours, minutes, seconds, value, unit] = match
    const duration = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
    const end = Date.parse(`${day}T${clock}Z`) + duration * 1_000
    return [`${new Date(end).toISOString()} ${duration} ${exact(value as string, unit as string)}`]
  })
  const capture = await readCapture(path)
  const found = capture.lines.flatMap(({ time, intervalMs = 0, value, unit }) =>
    value === null ? [] : [`${new Date(time).toISOString()} ${intervalMs / 1_000} ${exact(value, unit)}`],
  )
  if (found.length === 0) return { state: 'refused', reason: refusalOf(capture) }
  return sameTexts(values, found)
}

interface Nem12Json {
  readonly data: readonly {
    readonly nmiSuffix: string
    readonly uom: string
    readonly intervalLength: number
    readonly intervalData: readonly { readonly intervalDate: string; readonly intervalValues: readonly number[] }[]
  }[]
}

const SUFFIXES: Readonly<Record<string, string>> = { E1: '1-0:1.29.0', B1: '1-0:2.29.0' }

/** nem12reader: some days of the year's file, value by value. */
export async function compareNem12(path: string, expected: string): Promise<Outcome> {
  const { data } = JSON.parse(await readFile(expected, 'utf8')) as Nem12Json
  const values = data.flatMap(({ nmiSuffix, uom, intervalLength, intervalData }) =>
    intervalData.flatMap(({ intervalDate, intervalValues }) =>
      intervalValues.map((value, index) => {
        const end = Date.parse(intervalDate) + (index + 1) * intervalLength * 60_000
        return `${new Date(end).toISOString()} ${SUFFIXES[nmiSuffix] ?? nmiSuffix} ${exact(String(value), uom)}`
      }),
    ),
  )
  const days = new Set(values.map((text) => text.slice(0, 35)))
  const capture = await readCapture(path)
  const found = capture.lines.flatMap(({ time, register, value, unit }) => {
    const at = `${new Date(time).toISOString()} ${register}`
    return value !== null && days.has(at.slice(0, 35)) ? [`${at} ${exact(value, unit)}`] : []
  })
  if (found.length === 0) return { state: 'refused', reason: refusalOf(capture) }
  return sameTexts(values, found)
}

/** Home Assistant imports: epoch seconds and a running total in kWh, from whatever it began at. */
export async function compareTotals(path: string, expected: string, register: string | readonly string[]): Promise<Outcome> {
  const points = (await readFile(expected, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.trim().split(',') as [string, string])
  const capture = await readCapture(path)
  const totals = totalsAt(capture.lines, [register].flat())
  if (totals.size === 0) return { state: 'refused', reason: refusalOf(capture) }
  const first = points.find(([seconds]) => totals.has(Number(seconds) * 1_000))
  if (first === undefined) return { state: 'differs', reason: 'none of its times is ours' }
  const offset = wattHours(first[1]) - (totals.get(Number(first[0]) * 1_000) as bigint)
  const found = points.flatMap(([seconds]) => {
    const total = totals.get(Number(seconds) * 1_000)
    return total === undefined ? [] : [`${seconds} ${total + offset} mWh`]
  })
  // The first row may be the beginning of the first interval, which no reading of ours ends at.
  const begun = totals.has(Number(points[0]?.[0]) * 1_000) ? points : points.slice(1)
  return sameTexts(
    begun.map(([seconds, kwh]) => `${seconds} ${wattHours(kwh)} mWh`),
    found,
  )
}

/** A register's read-outs, or the sum of its intervals, by the end of each; milliwatt-hours. */
function totalsAt(lines: readonly ReadLine[], registers: readonly string[]): Map<number, bigint> {
  const totals = new Map<number, bigint>()
  let sum = 0n
  for (const line of lines) {
    if (!registers.includes(line.register)) continue
    const value = line.value === null ? 0n : wattHours(line.value)
    sum = line.intervalMs === undefined ? value : sum + value
    totals.set(Date.parse(line.time), sum)
  }
  return totals
}

/** kWh as text to mWh, exactly; the floats that Home Assistant prints are rounded to it. */
function wattHours(kwh: string): bigint {
  const [whole = '0', decimals = ''] = Number(kwh).toFixed(6).split('.')
  return BigInt(whole + decimals)
}
