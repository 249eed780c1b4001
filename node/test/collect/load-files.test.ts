import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { openDataDir } from '../../collect/data-dir.ts'
import { codesOf, itemsOf, readingsOf, realData } from './inputs.ts'

/** Load curves and portal exports of real homes, read where they lie. */

const load = realData('load')
const csv = realData('csv')

/** Epoch seconds and cumulative kWh, as an importer of Home Assistant printed them. */
function expectedTotals(name: string): Map<number, string> {
  const lines = readFileSync(join(csv as string, 'expected', name), 'utf8')
    .trim()
    .split('\n')
  return new Map(lines.map((line) => line.split(',') as [string, string]).map(([time, value]) => [Number(time) * 1_000, value]))
}

describe('CSV files of real homes', () => {
  it('40 London homes come first, then further real ones; modelled days come last, and what is skipped is named', async () => {
    if (load === undefined) return
    const { sources, skipped } = await openDataDir(load)
    expect(sources.slice(0, 240).every(({ spec }) => /lcl_open_\d\.csv\.gz#MAC\d+$/.test(spec))).to.equal(true)
    expect(new Set(sources.map(({ spec }) => spec)).size).to.equal(323)
    expect(sources.at(-1)).to.include({ quality: 'estimated' })
    expect(skipped.map(({ path }) => basename(path))).to.deep.equal([
      'SOURCES.md',
      'bdew_g25.csv',
      'bdew_h25.csv',
      'bdew_s25.csv',
      'lcl_index.csv',
    ])
  })

  it('a London home: a year of half hours, its missing cells, and the year’s total of the index', async () => {
    if (load === undefined) return
    const index = readFileSync(join(load, 'lcl_index.csv'), 'utf8')
    for (const home of ['MAC000185', 'MAC005488']) {
      const [, , days, missing, total] = (index.split('\n').find((line) => line.startsWith(home)) as string).trim().split(',')
      const items = await itemsOf(`csv:${load}/lcl_open_1.csv.gz#${home}`)
      const values = readingsOf(items).map(({ reading }) => reading.values)
      expect(codesOf(items)).to.deep.equal([])
      expect(values).to.have.length(Number(days) * 48)
      expect(values.filter(([interval]) => interval?.quality === 'missing')).to.have.length(Number(missing))
      expect((values.at(-1)?.[1]?.value as number) / 1_000).to.equal(Number(total))
    }
  })

  it('a home with summer time: the zeros of the spring hour are no intervals, the second pass in autumn is missing', async () => {
    if (load === undefined) return
    const items = await itemsOf(`csv:${load}/ausgrid_customer12_2011-2012.csv.gz`)
    const readings = readingsOf(items).map(({ reading }) => reading)
    expect(codesOf(items)).to.deep.equal([])
    expect(readings).to.have.length(366 * 48)
    const missing = readings
      .filter(({ values }) => values[0]?.quality === 'missing')
      .map(({ time }) => new Date(time).toISOString())
    expect(missing).to.deep.equal(['2012-03-31T16:30:00.000Z', '2012-03-31T17:00:00.000Z'])
  })

  it('every other recognised load file is read without a fault', async () => {
    if (load === undefined) return
    for (const [name, rows] of [
      ['citylearn_home_01.csv.gz', 8_760],
      ['opengrid_belgium_2016_hour.csv.gz#e1de', 8_785],
      ['ieee_lv_1min_day.csv.gz#p60', 1_440],
    ] as const) {
      const items = await itemsOf(`csv:${load}/${name}`)
      expect(codesOf(items), name).to.deep.equal([])
      expect(readingsOf(items), name).to.have.length(rows)
    }
  })

  it('registers of a portal: every hour equals expected/', async () => {
    if (csv === undefined) return
    const items = await itemsOf(`csv:${csv}/homewizard_15min_registers.csv`)
    const found = new Map(readingsOf(items).map(({ reading }) => [reading.time, reading.values]))
    for (const [name, place] of [
      ['homewizard_elec_feed_in_tariff_1_high_resolution.csv', 0],
      ['homewizard_elec_feed_out_tariff_1_high_resolution.csv', 2],
    ] as const) {
      for (const [time, value] of expectedTotals(name)) {
        expect((found.get(time)?.[place]?.value as number) / 1_000, `${name} ${time}`).to.equal(Number(value))
      }
    }
    expect(codesOf(items)).to.deep.equal([])
  })

  it('quarter hours of an Italian portal: decimal commas, running total as expected/', async () => {
    if (csv === undefined) return
    const items = await itemsOf(`csv:${csv}/enel_15min_wide.csv`)
    const totals = readingsOf(items).map(({ reading }) => (reading.values[1]?.value as number) / 1_000)
    // expected/ begins with a zero and takes local time for UTC; the totals are what can be compared.
    const expected = Array.from(expectedTotals('enel_elec_feed_in_tariff_1_high_resolution.csv').values(), Number).slice(1)
    expect(totals.slice(0, expected.length)).to.deep.equal(expected)
  })

  it('a Belgian portal through the end of summer time: 1,924 quarter hours, none doubled, none lost', async () => {
    if (csv === undefined) return
    const items = await itemsOf(`csv:${csv}/fluvius_15min.csv`)
    const times = readingsOf(items).map(({ reading }) => reading.time)
    expect(codesOf(items)).to.deep.equal([])
    expect(times).to.have.length(1_924)
    expect(times.every((time, index) => index === 0 || time === (times[index - 1] as number) + 900_000)).to.equal(true)
  })
})
