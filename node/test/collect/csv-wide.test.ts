import { expect } from 'chai'
import type { CsvMapping } from '../../collect/csv-mapping.ts'
import { codesOf, readCsv, readingsOf, shown, thrownCode } from './inputs.ts'

describe('wide CSV', () => {
  const WIDE: CsvMapping = {
    layout: 'wide',
    home: 'home',
    time: { column: 'day', format: 'YYYY-MM-DD', zone: 'UTC', names: 'start' },
    interval: '12h',
    slots: 'HHmm',
    values: [{ register: '1-0:1.29.0', unit: 'Wh', decimals: 0, cumulative: true }],
  }
  const TEXT = 'home,day,0000,1200\nA,2025-01-01,1,2\nB,2025-01-01,10,20\nA,2025-01-02,,4\nB,2025-01-03,30,40\n'

  it('one home’s days become its intervals; the others are not touched', async () => {
    expect(shown(await readCsv(TEXT, WIDE, 'A')).map((line) => line.slice(5, 16) + line.slice(20))).to.deep.equal([
      '01-01T12:00 1-0:1.29.0 1 Wh',
      '01-01T12:00 1-0:1.8.0 1 Wh',
      '01-02T00:00 1-0:1.29.0 2 Wh',
      '01-02T00:00 1-0:1.8.0 3 Wh',
      '01-02T12:00 1-0:1.29.0 - Wh missing',
      '01-02T12:00 1-0:1.8.0 3 Wh estimated',
      '01-03T00:00 1-0:1.29.0 4 Wh',
      '01-03T00:00 1-0:1.8.0 7 Wh',
    ])
  })

  it('a missing day is a gap', async () => {
    const items = await readCsv(TEXT, WIDE, 'B')
    expect(readingsOf(items).map(({ reading }) => reading.values[0]?.value)).to.deep.equal([10, 20, null, null, 30, 40])
  })

  it('CSV_HOME_NEEDED: a file of several homes asks for one', async () => {
    expect(await thrownCode(() => readCsv(TEXT, WIDE))).to.equal('CSV_HOME_NEEDED')
  })

  it('SOURCE_UNREADABLE: a home that is not in the file', async () => {
    expect(await thrownCode(() => readCsv(TEXT, WIDE, 'C'))).to.equal('SOURCE_UNREADABLE')
  })

  it('a home whose name is part of another’s gets its own rows only', async () => {
    const text = 'home,day,0000,1200\nA1,2025-01-01,1,2\nA,2025-01-01,5,6\n'
    expect(readingsOf(await readCsv(text, WIDE, 'A')).map(({ reading }) => reading.values[0]?.value)).to.deep.equal([5, 6])
  })

  it('slots of a local day: the missing hour is left out, extra columns hold the doubled one', async () => {
    const mapping: CsvMapping = {
      layout: 'wide',
      time: { column: 'day', format: 'DD/MM/YYYY', zone: 'Europe/Rome', names: 'start' },
      interval: '1h',
      slots: 'HH:mm-HH:mm',
      values: [{ register: '1-0:1.29.0', unit: 'kWh', decimals: 0 }],
    }
    const slot = (hour: number): string => `${String(hour).padStart(2, '0')}:00-${String((hour + 1) % 24).padStart(2, '0')}:00`
    const hours = Array.from({ length: 24 }, (_, hour) => hour)
    const header = ['day', ...hours.flatMap((hour) => (hour === 2 ? [slot(2), slot(2)] : [slot(hour)]))].join(',')
    const spring = ['30/03/2025', ...hours.flatMap((hour) => (hour === 2 ? ['', ''] : ['1']))].join(',')
    const plain = ['31/03/2025', ...hours.flatMap((hour) => (hour === 2 ? ['1', ''] : ['1']))].join(',')
    const autumn = ['26/10/2025', ...hours.flatMap((hour) => (hour === 2 ? ['1', '2'] : ['1']))].join(',')
    const first = await readCsv(`${header}\n${spring}\n${plain}\n`, mapping)
    expect(readingsOf(first)).to.have.length(23 + 24)
    const last = await readCsv(`${header}\n${autumn}\n`, mapping)
    expect(readingsOf(last)).to.have.length(25)
    expect(readingsOf(last)[3]?.reading).to.deep.include({ time: Date.UTC(2025, 9, 26, 2) })
    expect(readingsOf(last)[3]?.reading.values[0]?.value).to.equal(2)
    expect([...codesOf(first), ...codesOf(last)]).to.deep.equal([])
  })

  it('columns as homes', async () => {
    const mapping: CsvMapping = {
      layout: 'columns',
      time: { column: 't', format: 'iso', names: 'start' },
      interval: '1h',
      values: [{ register: '1-0:1.27.0', unit: 'W', decimals: 1 }],
    }
    const text = 't,x,y\n2025-01-01T00:00Z,1.5,2.5\n2025-01-01T01:00Z,,3\n'
    expect(shown(await readCsv(text, mapping, 'y')).map((line) => line.slice(11))).to.deep.equal([
      '01:00:00Z 1-0:1.27.0 2.5 W',
      '02:00:00Z 1-0:1.27.0 3.0 W',
    ])
    expect(await thrownCode(() => readCsv(text, mapping))).to.equal('CSV_HOME_NEEDED')
    expect(await thrownCode(() => readCsv(text, mapping, 'z'))).to.equal('CSV_COLUMN_MISSING')
  })

  it('CSV_COLUMN_MISSING: no column is a slot', async () => {
    expect(await thrownCode(() => readCsv('home,day,a\nA,2025-01-01,1\n', WIDE, 'A'))).to.equal('CSV_COLUMN_MISSING')
  })

  it('a bad date, a short row', async () => {
    const items = await readCsv('home,day,0000,1200\nA,yesterday,1,2\nA,2025-01-01,1\n', WIDE, 'A')
    expect(codesOf(items)).to.deep.equal(['CSV_TIME_MALFORMED', 'CSV_RECORD_SHORT'])
    expect(readingsOf(items).map(({ reading }) => reading.values[0]?.value)).to.deep.equal([1, null])
  })
})
