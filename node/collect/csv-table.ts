import { WattnessError } from '../../protocol/errors.ts'
import type { CsvRow } from './csv-assembler.ts'
import type { CsvMapping } from './csv-mapping.ts'
import type { CsvRecord } from './csv-records.ts'
import { compileSlotFormat, compileTimeFormat, type TimeReader } from './csv-time.ts'
import { type FaultItem, fault } from './source.ts'
import { parseDuration } from './source-spec.ts'

/** What the header line makes of a mapping: where each column is, and how a record becomes rows. */
export interface CsvTable {
  /** The home of a record; undefined where the file holds one home, or where columns are the homes. */
  homeOf(record: CsvRecord): string | undefined
  rows(record: CsvRecord): (CsvRow | FaultItem)[]
}

/** Throws CSV_COLUMN_MISSING where the header lacks what the mapping names. `home`: the column to read in layout "columns". */
export function csvTable(mapping: CsvMapping, header: CsvRecord, home: string | undefined): CsvTable {
  const columns = new Columns(header)
  const homeColumn = mapping.home === undefined ? undefined : columns.place(mapping.home)
  const timeColumns = [mapping.time.column].flat().map((name) => columns.place(name))
  const time = compileTimeFormat(mapping.time, intervalOf(mapping))
  const timeText = (record: CsvRecord): string => timeColumns.map((place) => record.cells[place] ?? '').join(' ')
  const row = mapping.layout === 'wide' ? wideRows(mapping, columns, time) : longRows(mapping, columns, time, home)
  return {
    homeOf: (record) => (homeColumn === undefined ? undefined : record.cells[homeColumn]),
    rows: (record) => row(record, timeText(record)),
  }
}

export function intervalOf(mapping: CsvMapping): number {
  return mapping.interval === undefined ? 0 : (parseDuration(mapping.interval) ?? 0)
}

/** The homes of layout "columns": every column but the time's. */
export function homeColumns(mapping: CsvMapping, header: CsvRecord): string[] {
  const time = new Set([mapping.time.column].flat())
  return header.cells.filter((name) => !time.has(name))
}

type Rows = (record: CsvRecord, timeText: string) => (CsvRow | FaultItem)[]

function longRows(mapping: CsvMapping, columns: Columns, time: TimeReader, home: string | undefined): Rows {
  const values = mapping.values.map(({ column, where = {} }) => ({
    place: columns.place(column ?? home ?? ''),
    conditions: Object.entries(where).map(([name, wanted]) => ({ place: columns.place(name), wanted })),
  }))
  const qualityOf = rowQuality(mapping, columns)
  return (record, timeText) => {
    const where = `line ${record.line}`
    const cells = values.map(({ place, conditions }) => {
      return conditions.every((condition) => isMeant(record.cells[condition.place] ?? '', condition.wanted))
        ? record.cells[place]
        : undefined
    })
    if (cells.every((cell) => cell === undefined)) {
      const short = record.cells.length < columns.count
      const message = short
        ? `${record.cells.length} fields, the header has ${columns.count}`
        : 'no value of the mapping is meant by this row'
      return [fault(short ? 'CSV_RECORD_SHORT' : 'CSV_ROW_UNMAPPED', `${where}: ${message}`, where)]
    }
    const instants = time(timeText)
    if (instants === undefined) return [timeFault(timeText, mapping, where)]
    const quality = qualityOf(record)
    return [{ line: record.line, instants, cells, ...(quality === undefined ? {} : { quality }) }]
  }
}

function isMeant(cell: string, wanted: string): boolean {
  return wanted.endsWith('*') ? cell.startsWith(wanted.slice(0, -1)) : cell === wanted
}

function wideRows(mapping: CsvMapping, columns: Columns, time: TimeReader): Rows {
  const slotOf = compileSlotFormat(mapping.slots ?? '')
  const slots = columns.names.flatMap((name, place) => {
    const slotMs = slotOf(name)
    return slotMs === undefined ? [] : [{ place, slotMs }]
  })
  if (slots.length === 0) {
    throw new WattnessError('CSV_COLUMN_MISSING', `no column is headed as the mapping's slots say: ${mapping.slots}`, {
      slots: mapping.slots,
    })
  }
  const qualityOf = rowQuality(mapping, columns)
  return (record, timeText) => {
    const where = `line ${record.line}`
    if (time(timeText) === undefined) return [timeFault(timeText, mapping, where)]
    const quality = qualityOf(record)
    const rows: (CsvRow | FaultItem)[] = slots.map(({ place, slotMs }) => {
      const instants = time(timeText, slotMs) ?? []
      return { line: record.line, instants, cells: [record.cells[place] ?? ''], ...(quality === undefined ? {} : { quality }) }
    })
    if (record.cells.length < columns.count) {
      rows.push(fault('CSV_RECORD_SHORT', `${where}: ${record.cells.length} fields, the header has ${columns.count}`, where))
    }
    return rows
  }
}

function timeFault(text: string, mapping: CsvMapping, where: string): FaultItem {
  const found = JSON.stringify(text.slice(0, 60))
  return fault('CSV_TIME_MALFORMED', `${where}: expected a time as ${mapping.time.format}, found ${found}`, where)
}

function rowQuality({ quality }: CsvMapping, columns: Columns): (record: CsvRecord) => 'estimated' | 'missing' | undefined {
  if (quality?.column === undefined) return () => undefined
  const place = columns.place(quality.column)
  const estimated = new Set(quality.estimated)
  const missing = new Set(quality.missing)
  return (record) => {
    const cell = record.cells[place] ?? ''
    if (missing.has(cell)) return 'missing'
    return estimated.has(cell) ? 'estimated' : undefined
  }
}

class Columns {
  readonly names: readonly string[]

  constructor(header: CsvRecord) {
    this.names = header.cells
  }

  get count(): number {
    return this.names.length
  }

  place(name: string): number {
    const place = this.names.indexOf(name)
    if (place >= 0) return place
    const known = this.names
      .slice(0, 12)
      .map((column) => JSON.stringify(column))
      .join(', ')
    throw new WattnessError('CSV_COLUMN_MISSING', `no column is headed ${JSON.stringify(name)}; the header has ${known}`, {
      name,
    })
  }
}
