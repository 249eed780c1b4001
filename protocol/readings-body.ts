import { Reader, Writer } from './bytes.ts'
import type { Column } from './columns.ts'
import { decodeColumn, encodeColumn, MISSING, qualityAt, qualityIndex } from './columns.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_BODY_BYTES, MAX_BODY_CELLS, MAX_TABLE_REGISTERS, MAX_TABLE_ROWS, MAX_TABLES, SALT_BYTES } from './limits.ts'
import { OBIS_F_UNUSED } from './obis.ts'
import type { Reading, Register, RegisterValue, TimeSource } from './reading.ts'
import { assertRegister, equalRegisters, registerKey } from './register.ts'
import { assertTimeMs, decodeRowTimes, encodeRowTimes } from './row-times.ts'

/**
 * The content of a body of kind "readings": tables of rows that share registers, interval and time source, stored by column.
 * Rules R9 to R27. Content means the body without its salt.
 *
 * Measured on Node 24, hot, 96 rows of 4 registers and 1 of 1: `npm run bench -- encode` prints the microseconds.
 */

/** Rows of one shape, by column. */
export interface Table {
  readonly registers: readonly Register[]
  /** 0 for readings of an instant. */
  readonly intervalMs: number
  readonly timeSource: TimeSource
  /** UTC milliseconds, one per row. */
  readonly times: readonly number[]
  /** One per register, in the order of `registers`. */
  readonly columns: readonly Column[]
}

export interface ReadingTables {
  readonly tables: readonly Table[]
  /** Root over the raw frames that the readings came from, where there were any: 32 bytes. */
  readonly framesRoot?: Uint8Array
}

export interface DecodedReadings extends ReadingTables {
  /** All rows, table by table: order across tables is not kept. */
  readonly readings: readonly Reading[]
}

export const MAX_CONTENT_BYTES = MAX_BODY_BYTES - SALT_BYTES

const FRAMES_ROOT_FLAG = 0x80
const TABLE_COUNT_MASK = 0x7f
const LONG_REGISTER = 0
const SHORT_REGISTER = 1

interface Group {
  readonly registers: readonly Register[]
  readonly intervalMs: number
  readonly timeSource: TimeSource
  readonly rows: Reading[]
}

/**
 * Encodes readings, in one table per shape (rule R10), tables in order of first appearance, rows in the order given.
 *
 * Throws VALUE_OUT_OF_RANGE for a value that is no safe integer or a time outside the range of rule R14, MISSING_MISMATCH
 * where `value` is null and quality not "missing" or the other way round, OUT_OF_RANGE for a register, quality or time source
 * that does not exist or for no reading at all, DUPLICATE_REGISTER for a row that names one twice, and LIMIT_EXCEEDED.
 */
export function encodeReadings(readings: readonly Reading[], framesRoot?: Uint8Array): Uint8Array {
  const groups = groupReadings(readings)
  const writer = new Writer(readings.length === 1 ? 64 : 1_024)
  writer.u8(groups.length | (framesRoot === undefined ? 0 : FRAMES_ROOT_FLAG))
  if (framesRoot !== undefined) {
    if (framesRoot.length !== HASH_BYTES) {
      const found = framesRoot.length
      throw new WattnessError('OUT_OF_RANGE', `frames root: expected ${HASH_BYTES} bytes, found ${found}`, { found })
    }
    writer.bytes(framesRoot)
  }
  for (const group of groups) encodeTable(writer, group)
  if (writer.length > MAX_CONTENT_BYTES) refuseLimit('bytes', MAX_CONTENT_BYTES, writer.length)
  return writer.finish()
}

function groupReadings(readings: readonly Reading[]): Group[] {
  const groups: Group[] = []
  let last: Group | undefined
  let cells = 0
  for (const reading of readings) {
    if (last === undefined || !fits(last, reading)) {
      last = groups.find((group) => fits(group, reading))
      if (last === undefined) {
        last = newGroup(reading)
        groups.push(last)
        if (groups.length > MAX_TABLES) refuseLimit('tables', MAX_TABLES, groups.length)
      }
    }
    last.rows.push(reading)
    if (last.rows.length > MAX_TABLE_ROWS) refuseLimit('rows', MAX_TABLE_ROWS, last.rows.length)
    cells += last.registers.length
    if (cells > MAX_BODY_CELLS) refuseLimit('cells', MAX_BODY_CELLS, cells)
  }
  if (groups.length === 0) throw new WattnessError('OUT_OF_RANGE', 'a body of readings holds at least one', { found: 0 })
  return groups
}

function fits(group: Group, reading: Reading): boolean {
  const { registers } = group
  const { values } = reading
  if (reading.intervalMs !== group.intervalMs || reading.timeSource !== group.timeSource) return false
  if (values.length !== registers.length) return false
  for (let i = 0; i < registers.length; i++) {
    if (!equalRegisters((values[i] as RegisterValue).register, registers[i] as Register)) return false
  }
  return true
}

function newGroup(reading: Reading): Group {
  const registers = reading.values.map(({ register }) => register)
  if (registers.length === 0) throw new WattnessError('OUT_OF_RANGE', 'a reading holds at least one value', { found: 0 })
  if (registers.length > MAX_TABLE_REGISTERS) refuseLimit('registers', MAX_TABLE_REGISTERS, registers.length)
  for (const register of registers) assertRegister(register)
  const twice = firstDuplicate(registers)
  if (twice !== undefined) {
    const register = registerKey(twice)
    throw new WattnessError('DUPLICATE_REGISTER', `a reading names register ${register} twice`, { register })
  }
  assertTimeMs(reading.intervalMs, 'interval of a reading')
  return { registers, intervalMs: reading.intervalMs, timeSource: reading.timeSource, rows: [] }
}

function firstDuplicate(registers: readonly Register[]): Register | undefined {
  for (let i = 1; i < registers.length; i++) {
    for (let j = 0; j < i; j++) {
      if (equalRegisters(registers[i] as Register, registers[j] as Register)) return registers[i]
    }
  }
  return undefined
}

// Scratch for one column, reused: encoding never calls out, so no second encoding can start in the middle of one.
const scratchCells = new Float64Array(MAX_TABLE_ROWS)
const scratchQualities = new Uint8Array(MAX_TABLE_ROWS)

function encodeTable(writer: Writer, group: Group): void {
  const { registers, rows } = group
  writer.varint(registers.length)
  for (const register of registers) encodeRegister(writer, register)
  writer.varint(rows.length)
  for (let row = 0; row < rows.length; row++) {
    const { time } = rows[row] as Reading
    assertTimeMs(time, 'time of a reading')
    scratchCells[row] = time
  }
  encodeRowTimes(writer, scratchCells, rows.length, group.intervalMs, group.timeSource)
  for (let column = 0; column < registers.length; column++) {
    let present = 0
    for (let row = 0; row < rows.length; row++) {
      const cell = (rows[row] as Reading).values[column] as RegisterValue
      const { value } = cell
      const quality = qualityIndex(cell.quality)
      scratchQualities[row] = quality
      if ((value === null) !== (quality === MISSING)) refuseMismatch(cell)
      if (value === null) continue
      if (!Number.isSafeInteger(value)) refuseValue(cell)
      scratchCells[present++] = value
    }
    encodeColumn(writer, scratchCells, present, scratchQualities, rows.length)
  }
}

/** Rule R12: the short form wherever it fits. */
function encodeRegister(writer: Writer, register: Register): void {
  const { a, b, c, d, e, f } = register.obis
  if (a === 1 && b === 0 && f === OBIS_F_UNUSED) writer.u8(SHORT_REGISTER).u8(c).u8(d).u8(e)
  else writer.u8(LONG_REGISTER).u8(a).u8(b).u8(c).u8(d).u8(e).u8(f)
  writer.u8(register.unit).u8(register.scaler & 0xff)
}

function refuseLimit(what: string, limit: number, found: number): never {
  throw new WattnessError('LIMIT_EXCEEDED', `readings: at most ${limit} ${what}, found ${found}`, { what, limit, found })
}

function refuseMismatch({ register, value, quality }: RegisterValue): never {
  const key = registerKey(register)
  throw new WattnessError(
    'MISSING_MISMATCH',
    `register ${key}: value ${value} with quality ${quality}; null goes with missing only`,
    {
      register: key,
      value,
      quality,
    },
  )
}

function refuseValue({ register, value }: RegisterValue): never {
  const key = registerKey(register)
  throw new WattnessError('VALUE_OUT_OF_RANGE', `register ${key}: expected a safe integer, found ${value}`, {
    register: key,
    value,
  })
}

/**
 * Decodes content into tables of columns, the cheaper form. Throws TRUNCATED, TRAILING_BYTES, NON_CANONICAL, OUT_OF_RANGE or
 * LIMIT_EXCEEDED. `framesRoot` is a view of `content`.
 */
export function decodeTables(content: Uint8Array): ReadingTables {
  if (content.length > MAX_CONTENT_BYTES) refuseLimit('bytes', MAX_CONTENT_BYTES, content.length)
  const reader = new Reader(content, 'readings')
  const head = reader.u8()
  const tableCount = head & TABLE_COUNT_MASK
  if (tableCount === 0) reader.fail('OUT_OF_RANGE', 'no table')
  if (tableCount > MAX_TABLES) refuseLimit('tables', MAX_TABLES, tableCount)
  const framesRoot = (head & FRAMES_ROOT_FLAG) === 0 ? undefined : reader.bytes(HASH_BYTES)
  const tables: Table[] = []
  let cells = 0
  for (let i = 0; i < tableCount; i++) {
    const table = decodeTable(reader, cells)
    if (tables.some((other) => sameShape(other, table))) reader.fail('NON_CANONICAL', 'two tables of one shape')
    cells += table.times.length * table.registers.length
    tables.push(table)
  }
  reader.done()
  return framesRoot === undefined ? { tables } : { tables, framesRoot }
}

/** Rule R13. */
function decodeTable(reader: Reader, cellsBefore: number): Table {
  const registerCount = reader.varint()
  if (registerCount === 0) reader.fail('OUT_OF_RANGE', 'a table without registers')
  if (registerCount > MAX_TABLE_REGISTERS) refuseLimit('registers', MAX_TABLE_REGISTERS, registerCount)
  const registers: Register[] = []
  for (let i = 0; i < registerCount; i++) registers.push(decodeRegister(reader))
  if (firstDuplicate(registers) !== undefined) reader.fail('NON_CANONICAL', 'a table that names a register twice')
  const rowCount = reader.varint()
  if (rowCount === 0) reader.fail('OUT_OF_RANGE', 'a table without rows')
  if (rowCount > MAX_TABLE_ROWS) refuseLimit('rows', MAX_TABLE_ROWS, rowCount)
  const cells = cellsBefore + rowCount * registerCount
  if (cells > MAX_BODY_CELLS) refuseLimit('cells', MAX_BODY_CELLS, cells)
  const { times, intervalMs, timeSource } = decodeRowTimes(reader, rowCount)
  const columns: Column[] = []
  for (let i = 0; i < registerCount; i++) columns.push(decodeColumn(reader, rowCount))
  return { registers, intervalMs, timeSource, times, columns }
}

function decodeRegister(reader: Reader): Register {
  const form = reader.u8()
  if (form > SHORT_REGISTER) reader.fail('OUT_OF_RANGE', `register form ${form}`)
  const short = form === SHORT_REGISTER
  const a = short ? 1 : reader.u8()
  const b = short ? 0 : reader.u8()
  const c = reader.u8()
  const d = reader.u8()
  const e = reader.u8()
  const f = short ? OBIS_F_UNUSED : reader.u8()
  if (!short && a === 1 && b === 0 && f === OBIS_F_UNUSED)
    reader.fail('NON_CANONICAL', 'a register that has a short form, in the long one')
  return { obis: { a, b, c, d, e, f }, unit: reader.u8(), scaler: (reader.u8() << 24) >> 24 }
}

function sameShape(x: Table, y: Table): boolean {
  return (
    x.intervalMs === y.intervalMs &&
    x.timeSource === y.timeSource &&
    x.registers.length === y.registers.length &&
    x.registers.every((register, i) => equalRegisters(register, y.registers[i] as Register))
  )
}

/** Decodes content into rows as well; throws as decodeTables does. */
export function decodeReadings(content: Uint8Array): DecodedReadings {
  const decoded = decodeTables(content)
  const readings: Reading[] = []
  for (const table of decoded.tables) appendRows(readings, table)
  return { ...decoded, readings }
}

function appendRows(readings: Reading[], table: Table): void {
  const { registers, columns, intervalMs, timeSource, times } = table
  for (let row = 0; row < times.length; row++) {
    const values: RegisterValue[] = []
    for (let i = 0; i < registers.length; i++) {
      const { values: cells, qualities } = columns[i] as Column
      const quality = qualities[row] as number
      const value = quality === MISSING ? null : (cells[row] as number)
      values.push({ register: registers[i] as Register, value, quality: qualityAt(quality) })
    }
    readings.push({ time: times[row] as number, intervalMs, timeSource, values })
  }
}
