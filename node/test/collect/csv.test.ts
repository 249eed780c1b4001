import { expect } from 'chai'
import fc from 'fast-check'
import type { CsvMapping } from '../../collect/csv-mapping.ts'
import { csvRecords } from '../../collect/csv-records.ts'
import { roundDecimal } from '../../collect/csv-value.ts'
import type { SourceItem } from '../../collect/source.ts'
import { all, bytes, codesOf, faultsOf, pieces, readCsv, readingsOf, shown, stream, thrownCode } from './inputs.ts'

const LONG: CsvMapping = {
  layout: 'long',
  time: { column: 'time', format: 'YYYY-MM-DD HH:mm', zone: 'Europe/Berlin', names: 'start' },
  interval: '15m',
  values: [{ column: 'kWh', register: '1-0:1.29.0', unit: 'kWh', decimals: 3 }],
}

/** Rows of a long file: `2025-01-01 00:00;0,25` and so on. */
function rows(...lines: string[]): string {
  return `time,kWh\n${lines.join('\n')}\n`
}

/** Time, value and quality of each interval reading. */
function intervals(items: readonly SourceItem[]): string[] {
  return shown(items).map((line) => line.replace(' 1-0:1.29.0', '').replace(' kWh', ''))
}

describe('interval CSV', () => {
  it('a row is the reading of the interval that ends at its time', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,0.250', '2025-01-01 00:15,0.5'), LONG)
    expect(readingsOf(items)[0]?.reading).to.include({ intervalMs: 900_000, timeSource: 'interval-end' })
    expect(intervals(items)).to.deep.equal(['2024-12-31T23:15:00Z 0.250', '2024-12-31T23:30:00Z 0.500'])
    const named = await readCsv(rows('2025-01-01 00:00,0.250'), { ...LONG, time: { ...LONG.time, names: 'end' } })
    expect(intervals(named)).to.deep.equal(['2024-12-31T23:00:00Z 0.250'])
  })

  it('decimal commas, semicolons, quotes, a byte order mark, CR LF and no last line end', async () => {
    const mapping: CsvMapping = { ...LONG, delimiter: ';', decimal: ',' }
    const text = '\uFEFF"time";"note";"kWh"\r\n"2025-01-01 00:00";"one; two";"0,25"\r\n2025-01-01 00:15;="007";1,5'
    expect(intervals(await readCsv(text, mapping))).to.deep.equal(['2024-12-31T23:15:00Z 0.250', '2024-12-31T23:30:00Z 1.500'])
  })

  it('a quoted field may run over lines; positions stay those of the file', async () => {
    const text = 'time,note,kWh\n2025-01-01 00:00,"two\nlines",0.25\n2025-01-01 00:15,x,oops\n'
    const items = await readCsv(text, LONG)
    expect(intervals(items)).to.deep.equal(['2024-12-31T23:15:00Z 0.250', '2024-12-31T23:30:00Z - missing'])
    expect(faultsOf(items).map(({ where }) => where)).to.deep.equal(['line 4'])
  })

  it('lines before the header are skipped, and Windows text is read', async () => {
    const text = Buffer.from('Zähler 1\nVerbrauch\ntime,Verbräuche\n2025-01-01 00:00,0.1\n', 'latin1')
    const values = [{ ...(LONG.values[0] as CsvMapping['values'][number]), column: 'Verbräuche' }]
    expect(intervals(await readCsv(text, { ...LONG, encoding: 'windows-1252', skipLines: 2, values }))).to.have.length(1)
  })

  it('a gap: each missing interval is a reading whose value is missing', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,0.1', '2025-01-01 00:45,0.4'), LONG)
    expect(intervals(items)).to.deep.equal([
      '2024-12-31T23:15:00Z 0.100',
      '2024-12-31T23:30:00Z - missing',
      '2024-12-31T23:45:00Z - missing',
      '2025-01-01T00:00:00Z 0.400',
    ])
  })

  it('an empty cell, and one that the mapping calls so, is a missing value', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,', '2025-01-01 00:15,NA', '2025-01-01 00:30,0'), {
      ...LONG,
      missing: ['NA'],
    })
    expect(intervals(items).map((line) => line.slice(21))).to.deep.equal(['- missing', '- missing', '0.000'])
    expect(codesOf(items)).to.deep.equal([])
  })

  it('CSV_GAP_TOO_LONG: a wrong year does not write a century of missing values', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,0.1', '2125-01-01 00:00,0.2'), LONG)
    expect(codesOf(items)).to.deep.equal(['CSV_GAP_TOO_LONG'])
    expect(readingsOf(items)).to.have.length(2)
  })

  it('CSV_DUPLICATE: the first counts', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,0.1', '2025-01-01 00:00,0.2', '2025-01-01 00:15,0.3'), LONG)
    expect(faultsOf(items).map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['CSV_DUPLICATE line 3'])
    expect(intervals(items).map((line) => line.slice(21))).to.deep.equal(['0.100', '0.300'])
  })

  it('CSV_TIME_BACKWARDS and CSV_OVERLAP: rows that do not fit are left out', async () => {
    const items = await readCsv(
      rows('2025-01-01 01:00,0.1', '2025-01-01 00:00,0.2', '2025-01-01 01:05,0.3', '2025-01-01 01:15,0.4'),
      LONG,
    )
    expect(codesOf(items)).to.deep.equal(['CSV_TIME_BACKWARDS', 'CSV_OVERLAP'])
    expect(intervals(items).map((line) => line.slice(21))).to.deep.equal(['0.100', '0.400'])
  })

  it('the doubled autumn hour is told apart by the order of the rows', async () => {
    const hour = ['02:00', '02:15', '02:30', '02:45']
    const times = ['01:45', ...hour, ...hour, '03:00'].map((time) => `2024-10-27 ${time},0.1`)
    const items = await readCsv(rows(...times), LONG)
    expect(codesOf(items)).to.deep.equal([])
    expect(readingsOf(items).map(({ reading }) => reading.time)).to.deep.equal(
      Array.from({ length: 10 }, (_, index) => Date.UTC(2024, 9, 27, 0, 0) + index * 900_000),
    )
  })

  it('a file that shows the doubled hour once leaves its second pass missing', async () => {
    const items = await readCsv(rows('2024-10-27 02:45,0.1', '2024-10-27 03:00,0.2'), LONG)
    expect(intervals(items)).to.deep.equal([
      '2024-10-27T01:00:00Z 0.100',
      ...['01:15', '01:30', '01:45', '02:00'].map((time) => `2024-10-27T${time}:00Z - missing`),
      '2024-10-27T02:15:00Z 0.200',
    ])
  })

  it('a third pass through the doubled hour is a duplicate', async () => {
    const times = ['02:45', '02:45', '02:45'].map((time) => `2024-10-27 ${time},0.1`)
    expect(codesOf(await readCsv(rows(...times), LONG))).to.deep.equal(['CSV_DUPLICATE'])
  })

  it('the missing spring hour leaves no gap', async () => {
    const items = await readCsv(rows('2025-03-30 01:45,0.1', '2025-03-30 03:00,0.2'), LONG)
    expect(intervals(items)).to.deep.equal(['2025-03-30T01:00:00Z 0.100', '2025-03-30T01:15:00Z 0.200'])
  })

  it('CSV_TIME_NONEXISTENT: a value at a time that no clock showed; padding with nothing or zero is no fault', async () => {
    const times = ['01:45,0.1', '02:00,', '02:15,0.0', '02:30,0.7', '03:00,0.2'].map((row) => `2025-03-30 ${row}`)
    const items = await readCsv(rows(...times), LONG)
    expect(faultsOf(items).map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['CSV_TIME_NONEXISTENT line 5'])
    expect(readingsOf(items)).to.have.length(2)
  })

  it('CSV_TIME_MALFORMED: a date that does not exist, or of another form', async () => {
    const items = await readCsv(
      rows('2025-02-30 00:00,0.1', '01.02.2025 00:00,0.1', '2025-01-01 25:00,0.1', '2025-01-01 24:00,0.1'),
      LONG,
    )
    expect(codesOf(items)).to.deep.equal(['CSV_TIME_MALFORMED', 'CSV_TIME_MALFORMED', 'CSV_TIME_MALFORMED'])
    expect(intervals(items)).to.deep.equal(['2025-01-01T23:15:00Z 0.100'])
  })

  it('CSV_VALUE_MALFORMED: the interval was there, its value is missing', async () => {
    for (const cell of ['x', '1,5', '1.2345', '1e3', '99999999999999999']) {
      const items = await readCsv(rows(`2025-01-01 00:00,${cell}`.replace('1,5', '"1,5"')), LONG)
      expect(codesOf(items), cell).to.deep.equal(['CSV_VALUE_MALFORMED'])
      expect(intervals(items), cell).to.deep.equal(['2024-12-31T23:15:00Z - missing'])
    }
  })

  it('CSV_RECORD_MALFORMED: a line that cannot be taken apart costs itself only', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,0.1', '2025-01-01 00:15,"1"2', '2025-01-01 00:30,0.3'), LONG)
    expect(faultsOf(items).map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['CSV_RECORD_MALFORMED line 3'])
    expect(readingsOf(items)).to.have.length(3)
  })

  it('a decimal comma file refuses points: they would be thousands', async () => {
    const items = await readCsv('time;kWh\n2025-01-01 00:00;1.234,5\n', { ...LONG, delimiter: ';', decimal: ',' })
    expect(codesOf(items)).to.deep.equal(['CSV_VALUE_MALFORMED'])
  })

  it('CSV_RECORD_SHORT: a row that breaks off', async () => {
    expect(codesOf(await readCsv(rows('2025-01-01 00:00,0.1', '2025-01-01 00:15'), LONG))).to.deep.equal(['CSV_RECORD_SHORT'])
  })

  it('CSV_COLUMN_MISSING: names the column and what the header has', async () => {
    expect(await thrownCode(() => readCsv('time,Wh\n', LONG))).to.equal('CSV_COLUMN_MISSING')
  })

  it('CSV_QUOTE_UNCLOSED: costs its line, not the rest of the file', async () => {
    const many = Array.from(
      { length: 40 },
      (_, index) => `2025-01-01 ${String(index >> 2).padStart(2, '0')}:${String((index % 4) * 15).padStart(2, '0')},0.1`,
    )
    const items = await readCsv(rows(...many.with(5, '"2025-01-01 01:15,0.1')), LONG)
    expect(faultsOf(items).map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['CSV_QUOTE_UNCLOSED line 7'])
    expect(intervals(items).filter((line) => !line.includes('missing'))).to.have.length(39)
    const last = await readCsv(rows('"2025-01-01 00:00,0.1', '2025-01-01 00:15,0.2'), LONG)
    expect(faultsOf(last).map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['CSV_QUOTE_UNCLOSED line 2'])
    expect(readingsOf(last)).to.have.length(1)
  })

  it('CSV_LINE_TOO_LONG: a line without end is left out', async () => {
    const items = await readCsv(rows('2025-01-01 00:00,0.1', 'x'.repeat(300_000), '2025-01-01 00:15,0.2'), LONG)
    expect(codesOf(items)).to.deep.equal(['CSV_LINE_TOO_LONG'])
    expect(readingsOf(items)).to.have.length(2)
  })

  it('a running total stands still while a value is missing, and says so', async () => {
    const mapping: CsvMapping = { ...LONG, values: [{ ...(LONG.values[0] as CsvMapping['values'][number]), cumulative: true }] }
    const items = await readCsv(rows('2025-01-01 00:00,0.1', '2025-01-01 00:30,0.3'), mapping)
    expect(shown(items).map((line) => line.slice(21))).to.deep.equal([
      '1-0:1.29.0 0.100 kWh',
      '1-0:1.8.0 0.100 kWh',
      '1-0:1.29.0 - kWh missing',
      '1-0:1.8.0 0.100 kWh estimated',
      '1-0:1.29.0 0.300 kWh',
      '1-0:1.8.0 0.400 kWh',
    ])
  })

  it('rows of one time for several registers make one reading; what the mapping does not name is told', async () => {
    const mapping: CsvMapping = {
      ...LONG,
      values: [
        { column: 'kWh', where: { what: 'in' }, register: '1-0:1.29.0', unit: 'kWh', decimals: 1 },
        { column: 'kWh', where: { what: 'out' }, register: '1-0:2.29.0', unit: 'kWh', decimals: 1 },
      ],
      quality: { column: 'state', estimated: ['E'], missing: ['X'] },
    }
    const text =
      'time,what,kWh,state\n2025-01-01 00:00,in,0.1,\n2025-01-01 00:00,out,0.2,E\n' +
      '2025-01-01 00:15,in,0.3,X\n2025-01-01 00:15,gas,1,\n'
    const items = await readCsv(text, mapping)
    expect(shown(items).map((line) => line.slice(11))).to.deep.equal([
      '23:15:00Z 1-0:1.29.0 0.1 kWh',
      '23:15:00Z 1-0:2.29.0 0.2 kWh estimated',
      '23:30:00Z 1-0:1.29.0 - kWh missing',
    ])
    expect(codesOf(items)).to.deep.equal(['CSV_ROW_UNMAPPED'])
  })

  it('the doubled hour with several registers a time', async () => {
    const mapping: CsvMapping = {
      ...LONG,
      interval: '1h',
      values: ['in', 'out'].map((what, index) => ({
        column: 'kWh',
        where: { what },
        register: `1-0:${index + 1}.29.0`,
        unit: 'kWh',
        decimals: 0,
      })),
    }
    const hours = ['02:00', '02:00', '03:00'].flatMap((time) => [`2024-10-27 ${time},in,1`, `2024-10-27 ${time},out,2`])
    const items = await readCsv(`time,what,kWh\n${hours.join('\n')}\n`, mapping)
    expect(codesOf(items)).to.deep.equal([])
    expect(
      readingsOf(items).map(({ reading }) => `${new Date(reading.time).toISOString().slice(11, 16)} ${reading.values.length}`),
    ).to.deep.equal(['01:00 2', '02:00 2', '03:00 2'])
  })

  it('without an interval each row is a read-out of registers; empty ones tell nothing', async () => {
    const mapping: CsvMapping = {
      layout: 'long',
      time: { column: ['day', 'hour'], format: 'D/M/YY HH:mm:ss', zone: '+01:00', names: 'end' },
      values: [
        { column: 'T1', register: '1-0:1.8.1', unit: 'kWh' },
        { column: 'T2', register: '1-0:1.8.2', unit: 'kWh' },
      ],
    }
    const items = await readCsv('day,hour,T1,T2\n1/2/25,00:00:00,10.5,\n2/2/25,00:00:00,,\n3/2/25,00:00:00,10.75,3\n', mapping)
    expect(shown(items)).to.deep.equal([
      '2025-01-31T23:00:00Z 1-0:1.8.1 10.5 kWh',
      '2025-02-02T23:00:00Z 1-0:1.8.1 10.75 kWh',
      '2025-02-02T23:00:00Z 1-0:1.8.2 3 kWh',
    ])
    expect(readingsOf(items)[0]?.reading).to.include({ intervalMs: 0, timeSource: 'meter-clock' })
  })

  it('without declared decimals one register keeps the finest scaler met', async () => {
    const values = [{ column: 'kWh', register: '1-0:1.29.0', unit: 'kWh' }]
    const items = await readCsv(rows('2025-01-01 00:00,1.25', '2025-01-01 00:15,1.5', '2025-01-01 00:30,2'), { ...LONG, values })
    expect(readingsOf(items).map(({ reading }) => reading.values[0]?.register.scaler)).to.deep.equal([1, 1, 1])
    expect(readingsOf(items).map(({ reading }) => reading.values[0]?.value)).to.deep.equal([125, 150, 200])
  })

  it('times as ISO, epoch seconds, epoch milliseconds and index', async () => {
    const at = async (cell: string, format: string, start?: string): Promise<string | undefined> => {
      const time = { column: 'time', format, names: 'end' as const, ...(start === undefined ? {} : { start }) }
      return shown(await readCsv(rows(`${cell},1`), { ...LONG, time }))[0]?.slice(0, 20)
    }
    expect(await at('2025-01-01T00:00+01:00', 'iso')).to.equal('2024-12-31T23:00:00Z')
    expect(await at('2025-01-01 00:00:00Z', 'iso')).to.equal('2025-01-01T00:00:00Z')
    expect(await at('1735689600', 'epoch-s')).to.equal('2025-01-01T00:00:00Z')
    expect(await at('1735689600000', 'epoch-ms')).to.equal('2025-01-01T00:00:00Z')
    expect(await at('4', 'index', '2025-01-01T00:00Z')).to.equal('2025-01-01T01:00:00Z')
    expect(
      codesOf(await readCsv(rows('x,1', '-1,1'), { ...LONG, time: { column: 'time', format: 'epoch-s', names: 'end' } })),
    ).to.have.length(2)
  })

  it('floats as programs print them are rounded to the declared decimals, exactly', () => {
    expect(
      ['0.34600000000000003', '0.44799999999999995', '1e-05', '1.5E2', '-0.0005', '12', '2.0005'].map((text) =>
        roundDecimal(text, 3),
      ),
    ).to.deep.equal(['0.346', '0.448', '0.000', '150.000', '-0.001', '12.000', '2.001'])
    expect(roundDecimal('1.5', 0)).to.equal('2')
    expect(roundDecimal('none', 3)).to.equal('none')
  })

  it('any numbers and any cuts of the file: what went in comes out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 9_999_999 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 64 }),
        async (values, size) => {
          const lines = values.map(
            (value, index) => `${index}\t"${Math.floor(value / 1_000)},${String(value % 1_000).padStart(3, '0')}"`,
          )
          const records = await all(csvRecords(stream(pieces(bytes(`a\tb\r\n${lines.join('\r\n')}`), size)), { delimiter: '\t' }))
          expect(
            records.map((record) => (record.type === 'record' ? [record.line, ...record.cells] : record.code)),
          ).to.deep.equal([
            [1, 'a', 'b'],
            ...values.map((value, index) => [
              index + 2,
              String(index),
              `${Math.floor(value / 1_000)},${String(value % 1_000).padStart(3, '0')}`,
            ]),
          ])
        },
      ),
      { numRuns: 50 },
    )
  })
})
