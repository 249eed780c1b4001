import type { Reader, Writer } from './bytes.ts'
import { WattnessError } from './errors.ts'
import type { Quality } from './reading.ts'
import { QUALITIES } from './reading.ts'

/**
 * One column of a table: the values of one register, row by row. Rules R20 to R25.
 *
 * A cell is a safe integer with a quality, or nothing at all with quality "missing". Three predictors: raw leaves the value,
 * delta the difference to the value before, delta-of-delta the change of that difference; the first value stands for itself
 * in all three. Only cells that are not missing take part. An encoder writes the predictor that needs the fewest bytes.
 */

/** One decoded column; `values` is NaN where `qualities` says missing. `qualities` holds indexes into QUALITIES. */
export interface Column {
  readonly values: readonly number[]
  readonly qualities: readonly number[]
}

export const MISSING = QUALITIES.indexOf('missing')

const PREDICTOR_MASK = 0x03
const RAW = 0
const DELTA = 1
const DELTA_OF_DELTA = 2
const UNIFORM_FLAG = 0x04
const QUALITY_SHIFT = 3
const QUALITY_MASK = 0x07
const RESERVED_MASK = 0xc0

/** The quality of a decoded index. */
export function qualityAt(index: number): Quality {
  return QUALITIES[index] as Quality
}

/** Index into QUALITIES; throws OUT_OF_RANGE for a text that is no quality. */
export function qualityIndex(quality: Quality): number {
  if (quality === 'good') return 0
  const index = QUALITIES.indexOf(quality)
  if (index >= 0) return index
  throw new WattnessError('OUT_OF_RANGE', `quality: expected one of ${QUALITIES.join(', ')}, found ${quality}`, {
    quality,
  })
}

/**
 * Writes one column of `rowCount` cells, `present` of which are not missing. `cells` holds the present values only, in row
 * order, each a safe integer; `qualities` one index per row.
 */
export function encodeColumn(
  writer: Writer,
  cells: Float64Array,
  present: number,
  qualities: Uint8Array,
  rowCount: number,
): void {
  const predictor = choosePredictor(cells, present)
  const first = qualities[0] as number
  let same = 1
  while (same < rowCount && qualities[same] === first) same++
  if (same === rowCount) {
    writer.u8(predictor | UNIFORM_FLAG | (first << QUALITY_SHIFT))
  } else {
    writer.u8(predictor)
    encodeQualityRuns(writer, qualities, rowCount)
  }
  if (predictor === RAW) {
    for (let i = 0; i < present; i++) writer.signed(cells[i] as number)
    return
  }
  let last = 0
  let lastDelta = 0
  for (let i = 0; i < present; i++) {
    const value = cells[i] as number
    const delta = value - last
    writer.signed(delta - lastDelta)
    last = value
    // The first residual is a value, not a step: no later step is measured against it.
    if (predictor === DELTA_OF_DELTA && i > 0) lastDelta = delta
  }
}

function encodeQualityRuns(writer: Writer, qualities: Uint8Array, rowCount: number): void {
  for (let start = 0; start < rowCount; ) {
    let end = start + 1
    while (end < rowCount && qualities[end] === qualities[start]) end++
    writer.u8(qualities[start] as number).varint(end - start)
    start = end
  }
}

/** Rule R24: the usable predictor with the fewest residual bytes, the lowest number where two are equal. */
function choosePredictor(cells: Float64Array, present: number): number {
  if (present < 2) return RAW
  let rawBytes = 0
  let deltaBytes = 0
  let secondBytes = 0
  let last = 0
  let lastDelta = 0
  for (let i = 0; i < present; i++) {
    const value = cells[i] as number
    const delta = value - last
    rawBytes += residualBytes(value)
    deltaBytes += residualBytes(delta)
    secondBytes += residualBytes(delta - lastDelta)
    last = value
    if (i > 0) lastDelta = delta
  }
  // Where a difference is unsafe, delta-of-delta would pass through it too, even if its own residual is a small number.
  if (deltaBytes === Number.POSITIVE_INFINITY) return RAW
  if (rawBytes <= deltaBytes && rawBytes <= secondBytes) return RAW
  return deltaBytes <= secondBytes ? DELTA : DELTA_OF_DELTA
}

/**
 * Length of a signed varint (rule E3): 6 bits in the last group, 7 in each other. Beyond the safe integers: infinite, which rules
 * the predictor out. A difference of safe integers that is unsafe may be rounded, but never down to a safe one.
 */
function residualBytes(residual: number): number {
  const magnitude = residual >= 0 ? residual : -1 - residual
  if (magnitude < 64) return 1
  if (magnitude < 8_192) return 2
  if (magnitude < 1_048_576) return 3
  if (magnitude < 134_217_728) return 4
  if (magnitude < 17_179_869_184) return 5
  if (magnitude < 2_199_023_255_552) return 6
  if (magnitude < 281_474_976_710_656) return 7
  return Number.isSafeInteger(residual) ? 8 : Number.POSITIVE_INFINITY
}

/** Reads one column of `rowCount` cells. Throws TRUNCATED, NON_CANONICAL or OUT_OF_RANGE. */
export function decodeColumn(reader: Reader, rowCount: number): Column {
  const header = reader.u8()
  const predictor = header & PREDICTOR_MASK
  const quality = (header >> QUALITY_SHIFT) & QUALITY_MASK
  if ((header & RESERVED_MASK) !== 0) reader.fail('NON_CANONICAL', 'column header with a reserved bit set')
  if (predictor > DELTA_OF_DELTA) reader.fail('OUT_OF_RANGE', `predictor ${predictor} of a column`)
  // Plain arrays: typed ones live outside the heap and hasten full collections (measured, 96 × 4 cells: 2.3 µs, typed 5 to 19).
  const values = new Array<number>(rowCount)
  const qualities = new Array<number>(rowCount)
  if ((header & UNIFORM_FLAG) === 0) {
    if (quality !== 0) reader.fail('NON_CANONICAL', 'column header names a quality without the uniform flag')
    decodeQualityRuns(reader, qualities)
    decodeMixedValues(reader, predictor, values, qualities)
    return { values, qualities }
  }
  if (quality >= QUALITIES.length) reader.fail('OUT_OF_RANGE', `quality ${quality}`)
  qualities.fill(quality)
  if (quality === MISSING) values.fill(Number.NaN)
  else decodeValues(reader, predictor, values, rowCount)
  return { values, qualities }
}

/** Rule R22: maximal runs that cover the rows exactly; one run alone would have been written as uniform. */
function decodeQualityRuns(reader: Reader, qualities: number[]): void {
  const rowCount = qualities.length
  let last = -1
  for (let row = 0; row < rowCount; ) {
    const quality = reader.u8()
    if (quality >= QUALITIES.length) reader.fail('OUT_OF_RANGE', `quality ${quality}`)
    if (quality === last) reader.fail('NON_CANONICAL', 'two quality runs that are one')
    const run = reader.varint()
    if (run === 0 || run > rowCount - row) reader.fail('OUT_OF_RANGE', `quality run of ${run} rows, ${rowCount - row} left`)
    if (run === rowCount) reader.fail('NON_CANONICAL', 'one quality for all rows in the form for several')
    qualities.fill(quality, row, row + run)
    row += run
    last = quality
  }
}

/** Fills the first `count` places of `values` from their residuals. */
function decodeValues(reader: Reader, predictor: number, values: number[], count: number): void {
  if (predictor === RAW) {
    for (let i = 0; i < count; i++) values[i] = reader.signed()
    return
  }
  let value = 0
  let delta = 0
  for (let i = 0; i < count; i++) {
    const residual = reader.signed()
    if (predictor === DELTA || i === 0) {
      value += residual
    } else {
      delta += residual
      value += delta
      if (!Number.isSafeInteger(delta)) reader.fail('OUT_OF_RANGE', 'difference of two values outside the safe integers')
    }
    if (!Number.isSafeInteger(value)) reader.fail('OUT_OF_RANGE', 'value outside the safe integers')
    values[i] = value
  }
}

function decodeMixedValues(reader: Reader, predictor: number, values: number[], qualities: readonly number[]): void {
  let present = 0
  for (const quality of qualities) if (quality !== MISSING) present++
  decodeValues(reader, predictor, values, present)
  // Spread from the back: a value's place is never before the one it was decoded into.
  for (let row = qualities.length - 1; row >= 0; row--) {
    values[row] = qualities[row] === MISSING ? Number.NaN : (values[--present] as number)
  }
}
