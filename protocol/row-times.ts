import type { Reader, Writer } from './bytes.ts'
import { WattnessError } from './errors.ts'
import type { TimeSource } from './reading.ts'
import { TIME_SOURCES } from './reading.ts'

/**
 * The times of a table's rows, with what all its rows share: the interval and where the times came from. Rules R14 to R19.
 * Meters tick regularly: a day of quarter hours is two (delta-of-delta, run) pairs.
 */

/**
 * Latest time, in UTC milliseconds, and longest interval: 2^52 − 1, the year 144683. One bit below the safe integers, so
 * that a difference of two differences is still a safe integer. Rule R14.
 */
export const MAX_TIME_MS = 2 ** 52 - 1

export interface RowTimes {
  /** UTC milliseconds, one per row. */
  readonly times: readonly number[]
  /** 0 for readings of an instant. */
  readonly intervalMs: number
  readonly timeSource: TimeSource
}

/** Milliseconds of time units 0, 1 and 2. */
const TIME_UNITS_MS = [1, 1_000, 60_000] as const
/** How many of a unit make the next coarser one; a minute has none. */
const COARSER = [1_000, 60, 0] as const

const UNIT_MASK = 0x03
const SOURCE_SHIFT = 2
const SOURCE_MASK = 0x07
const INTERVAL_FLAG = 0x20
const RESERVED_MASK = 0xc0

/** Throws VALUE_OUT_OF_RANGE unless 0 ≤ ms ≤ MAX_TIME_MS, an integer. */
export function assertTimeMs(ms: number, what: string): void {
  if (Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_TIME_MS) return
  throw new WattnessError('VALUE_OUT_OF_RANGE', `${what}: expected whole milliseconds, 0 to 2^52-1, found ${ms}`, {
    what,
    found: ms,
  })
}

/** Writes the first `rowCount` of `times`, which must have passed assertTimeMs, as must the interval. */
export function encodeRowTimes(
  writer: Writer,
  times: Float64Array,
  rowCount: number,
  intervalMs: number,
  timeSource: TimeSource,
): void {
  const source = TIME_SOURCES.indexOf(timeSource)
  if (source < 0) {
    const expected = TIME_SOURCES.join(', ')
    throw new WattnessError('OUT_OF_RANGE', `time source: expected one of ${expected}, found ${timeSource}`, {
      timeSource,
    })
  }
  const unit = coarsestUnit(times, rowCount, intervalMs)
  const unitMs = TIME_UNITS_MS[unit] as number
  writer.u8(unit | (source << SOURCE_SHIFT) | (intervalMs > 0 ? INTERVAL_FLAG : 0))
  if (intervalMs > 0) writer.varint(intervalMs / unitMs)
  let last = times[0] as number
  writer.varint(last / unitMs)
  let lastDelta = 0
  let change = 0
  let run = 0
  for (let row = 1; row < rowCount; row++) {
    const time = times[row] as number
    const delta = time - last
    const changed = delta - lastDelta
    if (run > 0 && changed !== change) {
      writer.signed(change / unitMs).varint(run)
      run = 0
    }
    change = changed
    run++
    last = time
    lastDelta = delta
  }
  if (run > 0) writer.signed(change / unitMs).varint(run)
}

/** Rule R15. */
function coarsestUnit(times: Float64Array, rowCount: number, intervalMs: number): number {
  for (let unit = TIME_UNITS_MS.length - 1; unit > 0; unit--) {
    const unitMs = TIME_UNITS_MS[unit] as number
    let divides = intervalMs % unitMs === 0
    for (let row = 0; divides && row < rowCount; row++) divides = (times[row] as number) % unitMs === 0
    if (divides) return unit
  }
  return 0
}

/** Throws TRUNCATED, NON_CANONICAL or OUT_OF_RANGE. */
export function decodeRowTimes(reader: Reader, rowCount: number): RowTimes {
  const header = reader.u8()
  const unit = header & UNIT_MASK
  const source = (header >> SOURCE_SHIFT) & SOURCE_MASK
  if ((header & RESERVED_MASK) !== 0) reader.fail('NON_CANONICAL', 'time header with a reserved bit set')
  if (unit >= TIME_UNITS_MS.length) reader.fail('OUT_OF_RANGE', `time unit ${unit}`)
  if (source >= TIME_SOURCES.length) reader.fail('OUT_OF_RANGE', `time source ${source}`)
  const unitMs = TIME_UNITS_MS[unit] as number
  const coarser = COARSER[unit] as number
  const max = Math.floor(MAX_TIME_MS / unitMs)

  let interval = 0
  if ((header & INTERVAL_FLAG) !== 0) {
    interval = reader.varint(max)
    if (interval === 0) reader.fail('NON_CANONICAL', 'an interval of 0 is written as none')
  }
  const times = new Array<number>(rowCount)
  let time = reader.varint(max)
  times[0] = time * unitMs
  let tooFine = coarser !== 0 && interval % coarser === 0 && time % coarser === 0
  let delta = 0
  let lastChange: number | undefined
  for (let row = 1; row < rowCount; ) {
    const change = reader.signed()
    if (change === lastChange) reader.fail('NON_CANONICAL', 'two runs of times that are one')
    const run = reader.varint()
    if (run === 0 || run > rowCount - row) reader.fail('OUT_OF_RANGE', `run of ${run} times, ${rowCount - row} left`)
    for (const end = row + run; row < end; row++) {
      delta += change
      time += delta
      if (!(time >= 0 && time <= max)) reader.fail('OUT_OF_RANGE', `time of row ${row}`)
      if (tooFine && delta % coarser !== 0) tooFine = false
      times[row] = time * unitMs
    }
    lastChange = change
  }
  if (tooFine) reader.fail('NON_CANONICAL', 'times in a finer unit than they need')
  return { times, intervalMs: interval * unitMs, timeSource: TIME_SOURCES[source] as TimeSource }
}
