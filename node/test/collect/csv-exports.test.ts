import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { csvFormat, MAX_TURNED_RECORDS } from '../../collect/csv.ts'
import type { CsvMapping } from '../../collect/csv-mapping.ts'
import { codesOf, itemsOf, readCsv, shown } from './inputs.ts'

/** What portals do with their exports that a table does not. */

const LONG: CsvMapping = {
  layout: 'long',
  time: { column: 'time', format: 'YYYY-MM-DD HH:mm', zone: 'Europe/Berlin', names: 'start' },
  interval: '1h',
  values: [{ column: 'kWh', register: '1-0:1.29.0', unit: 'kWh', decimals: 3 }],
}
const ROWS = ['2024-10-27 01:00,1', '2024-10-27 02:00,2', '2024-10-27 02:00,3', '2024-10-27 03:00,4', '2024-10-27 05:00,6']
const table = (rows: readonly string[]): string => `time,kWh\n${rows.join('\n')}\n`

describe('CSV as portals export it', () => {
  it('newest first is turned round: gaps, totals and the doubled autumn hour are as in the other order', async () => {
    const cumulative: CsvMapping = {
      ...LONG,
      values: [{ ...(LONG.values[0] as CsvMapping['values'][number]), cumulative: true }],
    }
    const forward = shown(await readCsv(table(ROWS), cumulative))
    const backward = await readCsv(table(ROWS.toReversed()), { ...cumulative, order: 'newest-first' })
    expect(codesOf(backward)).to.deep.equal([])
    expect(shown(backward)).to.deep.equal(forward)
    expect(forward)
      .to.include('2024-10-27T01:00:00Z 1-0:1.29.0 2.000 kWh')
      .and.include('2024-10-27T02:00:00Z 1-0:1.29.0 3.000 kWh')
    expect(codesOf(await readCsv(table(ROWS.toReversed()), LONG))).to.include('CSV_TIME_BACKWARDS')
  })

  it('LIMIT_EXCEEDED: more rows than can be turned round', async () => {
    const text = `time,kWh\n${'2024-01-01 00:00,1\n'.repeat(MAX_TURNED_RECORDS + 1)}`
    const code = await readCsv(text, { ...LONG, order: 'newest-first' }).then(
      () => '',
      (error: { code: string }) => error.code,
    )
    expect(code).to.equal('LIMIT_EXCEEDED')
  })

  it('wide days newest first: slots keep their order within the day', async () => {
    const wide: CsvMapping = {
      layout: 'wide',
      time: { column: 'day', format: 'YYYY-MM-DD', zone: 'UTC', names: 'start' },
      interval: '12h',
      slots: 'HHmm',
      order: 'newest-first',
      values: [{ register: '1-0:1.29.0', unit: 'Wh', decimals: 0 }],
    }
    const items = await readCsv('day,0000,1200\n2024-01-02,3,4\n2024-01-01,1,2\n', wide)
    expect(shown(items).map((text) => text.split(' ')[2])).to.deep.equal(['1', '2', '3', '4'])
  })

  it('a pattern ends where the rest of the cell says nothing new; a point may begin a number', async () => {
    const mapping: CsvMapping = { ...LONG, time: { ...LONG.time, format: 'YYYY-MM-DD HH:mm*' } }
    const items = await readCsv('time,kWh\n2024-01-01 00:00 to 2024-01-01 01:00,.25\n2024-01-01 01:00 CET,-.5\n', mapping)
    expect(shown(items)).to.deep.equal([
      '2024-01-01T00:00:00Z 1-0:1.29.0 0.250 kWh',
      '2024-01-01T01:00:00Z 1-0:1.29.0 -0.500 kWh',
    ])
  })

  it('a value counts for rows whose cell begins so', async () => {
    const values = [
      { column: 'kWh', where: { meter: 'E*' }, register: '1-0:1.29.0', unit: 'kWh', decimals: 1 },
      { column: 'kWh', where: { meter: 'G' }, register: '7-0:3.29.0', unit: 'm3', decimals: 1 },
    ]
    const items = await readCsv('time,meter,kWh\n2024-01-01 00:00,E17,1\n2024-01-01 00:00,G,2\n', { ...LONG, values })
    expect(shown(items)).to.deep.equal(['2024-01-01T00:00:00Z 1-0:1.29.0 1.0 kWh', '2024-01-01T00:00:00Z 7-0:3.29.0 2.0 m3'])
  })

  it('the header of a built-in mapping is found behind a preface; registers of two meters are two homes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'csv-exports-'))
    try {
      const header = 'eancodeasn,meternummer,meterreadingdate,reading1,usage1,reading2,usage2,reading3,usage3,reading4,usage4   '
      const rows = [
        '1,E1,05-06-2023,100.5,,200.25,,0,,.5,',
        '1,E1,06-06-2023,101,0.5,201,0.75,0,0,0.5,0',
        '2,G1,05-06-2023,7.1,,,,,,,',
      ]
      const path = join(folder, 'export.csv')
      await writeFile(path, `My meters\n\n${header}\n${rows.join('\n')}\n`)
      expect((await csvFormat.offer?.(path))?.map(({ spec }) => spec)).to.deep.equal([`csv:${path}#E1`, `csv:${path}#G1`])
      expect(shown(await itemsOf(`csv:${path}#E1`)).slice(0, 4)).to.deep.equal([
        '2023-06-04T22:00:00Z 1-0:1.8.1 100.5 kWh',
        '2023-06-04T22:00:00Z 1-0:1.8.2 200.25 kWh',
        '2023-06-04T22:00:00Z 1-0:2.8.1 0 kWh',
        '2023-06-04T22:00:00Z 1-0:2.8.2 0.5 kWh',
      ])
      expect(shown(await itemsOf(`csv:${path}#G1`))).to.deep.equal(['2023-06-04T22:00:00Z 7-0:3.0.0 7.1 m3'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
