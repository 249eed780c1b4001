import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Reading } from '../../../protocol/reading.ts'
import { EspiCatalog, espiCatalog, MAX_ENTRIES } from '../../collect/espi-catalog.ts'
import { espiItems } from '../../collect/espi-xml.ts'
import { greenButtonFormat, greenButtonItems } from '../../collect/green-button.ts'
import { greenButtonFeed, MAX_EXPORTED_REGISTERS } from '../../collect/green-button-writer.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemPlatform } from '../../platform.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, linesOf, pieces, readingsOf, shown, stream } from './inputs.ts'

interface Point {
  readonly name: string
  readonly customer?: number
  readonly kind?: string
  readonly type?: string
  readonly blocks: readonly string[]
}

const WH = '<uom>72</uom><powerOfTenMultiplier>0</powerOfTenMultiplier><flowDirection>1</flowDirection>'

function reading(
  start: number | string,
  value: number | string | undefined,
  extra = '',
  duration: number | string = 900,
): string {
  const period = `<timePeriod><duration>${duration}</duration><start>${start}</start></timePeriod>`
  return `<IntervalReading>${extra}${period}${value === undefined ? '' : `<value>${value}</value>`}</IntervalReading>\n`
}

function block(...readings: readonly string[]): string {
  return readings.join('')
}

function pointEntries({ name, customer = 9, kind = '0', type = WH, blocks }: Point): string[] {
  const up = `/espi/1_1/resource/RetailCustomer/${customer}/UsagePoint/${name}`
  const link = (rel: string, href: string): string => `<link rel="${rel}" href="${href}"/>`
  const wrap = (links: string, content: string): string => `<entry>${links}<content>${content}</content></entry>\n`
  return [
    wrap(
      link('self', up) + link('related', `${up}/MeterReading`),
      `<UsagePoint><ServiceCategory><kind>${kind}</kind></ServiceCategory></UsagePoint>`,
    ),
    wrap(
      link('self', `${up}/MeterReading/1`) +
        link('up', `${up}/MeterReading`) +
        link('related', `/espi/1_1/resource/ReadingType/${name}`),
      '<MeterReading/>',
    ),
    wrap(link('self', `https://example.org/espi/1_1/resource/ReadingType/${name}`), `<ReadingType>${type}</ReadingType>`),
    ...blocks.map((inner, index) =>
      wrap(
        link('self', `${up}/MeterReading/1/IntervalBlock/${index}`) + link('up', `${up}/MeterReading/1/IntervalBlock`),
        `<IntervalBlock>${inner}</IntervalBlock>`,
      ),
    ),
  ]
}

function feed(points: readonly Point[], order: (entries: string[]) => string[] = (entries) => entries): string {
  const entries = order(points.flatMap(pointEntries)).join('')
  return `<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">\n${entries}</feed>\n`
}

async function read(text: string, { home, size = 65_536 }: { home?: string; size?: number } = {}): Promise<SourceItem[]> {
  const input = new Uint8Array(Buffer.from(text))
  const catalog = await espiCatalog(stream(pieces(input, size)))
  return all(greenButtonItems(stream(pieces(input, size)), catalog, home))
}

const T0 = 1_704_067_200
const TWO = block(reading(T0, 250), reading(T0 + 900, 300))
const SHOWN = ['2024-01-01T00:15:00Z 1-0:1.29.0 250 Wh', '2024-01-01T00:30:00Z 1-0:1.29.0 300 Wh']

describe('Green Button: reading', () => {
  it('reads intervals with their unit, multiplier, direction, behaviour and tariff', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      [WH, '', '2024-01-01T00:15:00Z 1-0:1.29.0 250 Wh'],
      [WH.replace('>1<', '>19<'), '', '2024-01-01T00:15:00Z 1-0:2.29.0 250 Wh'],
      [WH.replace('>0<', '>3<'), '', '2024-01-01T00:15:00Z 1-0:1.29.0 250 kWh'],
      [WH.replace('>0<', '>-3<'), '', '2024-01-01T00:15:00Z 1-0:1.29.0 250 mWh'],
      [WH.replace('>0<', '>-2<'), '', '2024-01-01T00:15:00Z 1-0:1.29.0 0.00250 kWh'],
      [WH, '<tou>2</tou>', '2024-01-01T00:15:00Z 1-0:1.29.2 250 Wh'],
      [`${WH}<tou>1</tou>`, '', '2024-01-01T00:15:00Z 1-0:1.29.1 250 Wh'],
      ['<uom>73</uom>', '', '2024-01-01T00:15:00Z 1-0:3.29.0 250 varh'],
      ['<uom>71</uom>', '', '2024-01-01T00:15:00Z 1-0:9.29.0 250 VAh'],
      ['<uom>38</uom><accumulationBehaviour>4</accumulationBehaviour>', '', '2024-01-01T00:15:00Z 1-0:1.27.0 250 W'],
      ['<uom>38</uom><dataQualifier>8</dataQualifier>', '', '2024-01-01T00:15:00Z 1-0:1.53.0 250 W'],
      ['<uom>38</uom><accumulationBehaviour>12</accumulationBehaviour>', '', '2024-01-01T00:00:00Z 1-0:1.7.0 250 W'],
      ['<uom>72</uom><accumulationBehaviour>3</accumulationBehaviour>', '', '2024-01-01T00:00:00Z 1-0:1.8.0 250 Wh'],
      [WH, '<ReadingQuality><quality>17</quality></ReadingQuality>', '2024-01-01T00:15:00Z 1-0:1.29.0 250 Wh'],
      [WH, '<ReadingQuality><quality>8</quality></ReadingQuality>', '2024-01-01T00:15:00Z 1-0:1.29.0 250 Wh estimated'],
    ]
    for (const [type, extra, expected] of cases) {
      expect(shown(await read(feed([{ name: 'a', type, blocks: [reading(T0, 250, extra)] }]))), type + extra).to.deep.equal([
        expected,
      ])
    }
  })

  it('volumes belong to their service, and cubic feet become cubic metres exactly', async () => {
    const blocks = [reading(T0, 3)]
    const gas = feed([{ name: 'a', kind: '1', type: '<uom>119</uom>', blocks }])
    expect(shown(await read(gas))).to.deep.equal(['2024-01-01T00:15:00Z 7-0:3.29.0 0.084950539776 m3'])
    const therms = feed([{ name: 'a', kind: '1', type: '<uom>169</uom><powerOfTenMultiplier>-3</powerOfTenMultiplier>', blocks }])
    expect(shown(await read(therms))).to.deep.equal(['2024-01-01T00:15:00Z 7-0:3.29.0 316441.2 J'])
    const water = feed([{ name: 'a', kind: '2', type: '<uom>134</uom>', blocks }])
    expect(shown(await read(water))).to.deep.equal(['2024-01-01T00:15:00Z 8-0:3.29.0 3 mm3'])
  })

  it('missing is not zero: an interval without a value is missing', async () => {
    const items = await read(feed([{ name: 'a', blocks: [block(reading(T0, 0), reading(T0 + 900, undefined))] }]))
    expect(shown(items)).to.deep.equal(['2024-01-01T00:15:00Z 1-0:1.29.0 0 Wh', '2024-01-01T00:30:00Z 1-0:1.29.0 - Wh missing'])
  })

  it('entries in any order, newest first, with prefixes, links behind the content: the same readings', async () => {
    const plain = feed([{ name: 'a', blocks: [TWO] }])
    expect(shown(await read(plain))).to.deep.equal(SHOWN)
    expect(shown(await read(feed([{ name: 'a', blocks: [TWO] }], (entries) => entries.toReversed())))).to.deep.equal(SHOWN)
    const newest = feed([{ name: 'a', blocks: [block(reading(T0 + 900, 300), reading(T0, 250))] }])
    expect(shown(await read(newest))).to.deep.equal(SHOWN.toReversed())
    const prefixed = plain.replace(/<(\/?)(UsagePoint|MeterReading|ReadingType|Interval\w*|uom|start|value)/g, '<$1e:$2')
    expect(shown(await read(prefixed))).to.deep.equal(SHOWN)
    const behind = plain.replace(/<entry>((?:<link[^>]*>)+)(.*?)<\/entry>/gs, '<entry>$2$1</entry>')
    expect(shown(await read(behind))).to.deep.equal(SHOWN)
  })

  it('a bare entry, a type inside the MeterReading, and a block without any Atom around it', async () => {
    const held = `<MeterReading><ReadingType>${WH}</ReadingType></MeterReading><IntervalBlock>${TWO}</IntervalBlock>`
    const bare = `<entry><content>${held}</content></entry>`
    expect(shown(await read(bare))).to.deep.equal(SHOWN)
    const [fault] = faultsOf(await read(`<IntervalBlock>${TWO}</IntervalBlock>`))
    expect(fault).to.include({ code: 'GREEN_BUTTON_TYPE_UNKNOWN', where: 'line 1' })
  })

  it('several usage points are homes, each read by its name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'green-button-'))
    try {
      const path = join(folder, 'export.xml')
      const other = block(reading(T0, 999))
      await writeFile(
        path,
        feed([
          { name: 'a', blocks: [TWO] },
          { name: 'b', blocks: [other] },
          { name: 'b', customer: 8, blocks: [TWO] },
        ]),
      )
      const offered = await greenButtonFormat.offer?.(path)
      expect(offered?.map(({ spec }) => spec.slice(path.length + 13))).to.deep.equal(['#a', '#b', '#b~2'])
      expect(shown(await itemsOf(`green-button:${path}#a`))).to.deep.equal(SHOWN)
      expect(shown(await itemsOf(`green-button:${path}#b`))).to.deep.equal(['2024-01-01T00:15:00Z 1-0:1.29.0 999 Wh'])
      expect(shown(await itemsOf(`green-button:${path}#b~2`))).to.deep.equal(SHOWN)
      const refused = async (spec: string): Promise<string> =>
        itemsOf(spec).then(
          () => '',
          (error: { code: string }) => error.code,
        )
      expect(await refused(`green-button:${path}`)).to.equal('GREEN_BUTTON_HOME_NEEDED')
      expect(await refused(`green-button:${path}#c`)).to.equal('SOURCE_UNREADABLE')
      expect(await refused('green-button:-')).to.equal('SOURCE_OPTION_INVALID')
      await writeFile(path, feed([{ name: 'a', blocks: [TWO] }]))
      expect((await greenButtonFormat.offer?.(path))?.map(({ spec }) => spec)).to.deep.equal([`green-button:${path}`])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('GREEN_BUTTON_TYPE_UNKNOWN: once for each kind of readings that nobody explains; the others are read', async () => {
    for (const type of ['', '<uom>132</uom>', '<uom>42</uom>', '<uom>72</uom><powerOfTenMultiplier>x</powerOfTenMultiplier>']) {
      const items = await read(feed([{ name: 'a', type, blocks: [TWO] }]))
      expect(codesOf(items), type).to.deep.equal(['GREEN_BUTTON_TYPE_UNKNOWN'])
      expect(readingsOf(items)).to.deep.equal([])
    }
  })

  it('GREEN_BUTTON_VALUE_MALFORMED names the line, and the reading behind it is read', async () => {
    const wrong = [
      reading(T0, '1e3'),
      reading('x', 1),
      reading(T0, 1, '', 'x'),
      reading(T0, 1, '', 40_000_000),
      reading('999999999999', 1),
    ]
    const items = await read(feed([{ name: 'a', blocks: [block(...wrong, reading(T0, 250))] }]))
    expect(codesOf(items)).to.deep.equal(wrong.map(() => 'GREEN_BUTTON_VALUE_MALFORMED'))
    expect(faultsOf(items)[0]?.where).to.equal('line 6')
    expect(shown(items)).to.deep.equal(SHOWN.slice(0, 1))
    const huge = feed([{ name: 'a', kind: '1', type: '<uom>119</uom>', blocks: [reading(T0, 1_000_000_000)] }])
    expect(codesOf(await read(huge))).to.deep.equal(['GREEN_BUTTON_VALUE_MALFORMED'])
  })

  it('GREEN_BUTTON_EMPTY: no reading at all is said', async () => {
    expect(codesOf(await read('<entry><content><Authorization/></content></entry>'))).to.deep.equal(['GREEN_BUTTON_EMPTY'])
  })

  it('GREEN_BUTTON_XML_MALFORMED: cut at every byte, it gives what is whole and says where it ends', async () => {
    const whole = bytes(feed([{ name: 'a', blocks: [TWO] }]))
    for (let length = 1; length < whole.length - 1; length += 3) {
      const items = await read(Buffer.from(whole.subarray(0, length)).toString())
      const found = shown(items)
      if (codesOf(items).includes('GREEN_BUTTON_TYPE_UNKNOWN')) continue
      expect(found).to.deep.equal(SHOWN.slice(0, found.length))
      expect(codesOf(items)).to.include('GREEN_BUTTON_XML_MALFORMED')
    }
  })

  it('bytes flipped: nothing but readings and its own faults, and it ends', async () => {
    const whole = bytes(feed([{ name: 'a', blocks: [TWO] }]))
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(flips, async (places) => {
        const flipped = Uint8Array.from(whole)
        for (const [at, byte] of places) flipped[at] = byte
        for (const code of codesOf(await read(Buffer.from(flipped).toString('latin1')))) expect(code).to.match(/^GREEN_BUTTON_/)
      }),
      { numRuns: 200 },
    )
  })

  it('any cut into chunks reads the same; documents run together and noise before them too', async () => {
    const text = feed([{ name: 'a', blocks: [TWO] }])
    for (const size of [1, 2, 5, 7, 100]) expect(shown(await read(text, { size }))).to.deep.equal(SHOWN)
    const noise = 'x<y&z '.repeat(50_000)
    for (const size of [1_000, 65_536]) {
      const items = await read(`${noise}${text}${text}`, { size })
      expect(codesOf(items)).to.deep.equal(['GREEN_BUTTON_XML_MALFORMED'])
      expect(shown(items)).to.deep.equal([...SHOWN, ...SHOWN])
    }
  })

  it('GREEN_BUTTON_TOO_LONG: what never ends is given up, however deep or long', async () => {
    const long = `<?xml version="1.0"?><feed><!--${'x'.repeat(800_000)}`
    expect(codesOf(await read(long))).to.include('GREEN_BUTTON_TOO_LONG')
    expect(codesOf(await read(`<feed>${'<a>'.repeat(100)}`))).to.include('GREEN_BUTTON_TOO_LONG')
  })

  it('LIMIT_EXCEEDED: a file of more blocks or series than any meter has', () => {
    const entry = (number: number, up: string, holds: string) =>
      ({ type: 'entry', number, self: up, up, related: [], title: '', holds: new Set([holds]), fields: new Map() }) as const
    const blocks = new EspiCatalog()
    for (let number = 0; number < MAX_ENTRIES; number++) blocks.add(entry(number, 'a', 'IntervalBlock'))
    expect(() => blocks.add(entry(MAX_ENTRIES, 'a', 'IntervalBlock'))).to.throw('100000 blocks')
    const types = new EspiCatalog()
    for (let number = 0; number < 10_000; number++) types.add(entry(number, `${number}`, 'ReadingType'))
    expect(() => types.add(entry(10_000, 'x', 'ReadingType'))).to.throw('10000 series')
  })

  it('is recognised by its bytes, behind a long preface too', () => {
    const recognised = (text: string): boolean => greenButtonFormat.recognise('x', bytes(text))
    expect(recognised(feed([]))).to.equal(true)
    expect(recognised('<?xml version="1.0"?><!-- Green Button sample, with a licence -->')).to.equal(true)
    expect(recognised('<?xml version="1.0"?><feed><title>News</title></feed>')).to.equal(false)
    expect(recognised('<?xml version="1.0"?><values></values>')).to.equal(false)
  })
})

const wh = (c: number, d: number, scaler: number, e = 0) => ({ obis: { a: 1, b: 0, c, d, e, f: 255 }, unit: 30, scaler })

async function written(readings: readonly Reading[], onLeftOut?: () => void): Promise<string> {
  const init = { title: 'Elm <Street> & 12\u0007', usagePoint: 'member 1', updatedMs: T0 * 1_000 }
  return (await all(greenButtonFeed(readings, { ...init, ...(onLeftOut === undefined ? {} : { onLeftOut }) }))).join('')
}

describe('Green Button: writing', () => {
  it('what is written is read back: registers, integers, times, qualities', async () => {
    const value = fc.record({
      register: fc.constantFrom(wh(1, 29, 0), wh(2, 29, -3), wh(1, 29, 3, 2)),
      value: fc.integer({ min: -1_000_000, max: 9_000_000_000_000 }),
      quality: fc.constantFrom('good' as const, 'estimated' as const),
    })
    const row = fc.record({
      step: fc.integer({ min: 1, max: 5 }),
      values: fc.uniqueArray(value, { selector: (v) => v.register, minLength: 1 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), async (rows) => {
        let time = T0 * 1_000
        const readings = rows.map(({ step, values }): Reading => {
          time += step * 900_000
          return { time, intervalMs: 900_000, timeSource: 'interval-end', values }
        })
        const flat = (list: readonly Reading[]): string[] =>
          list.flatMap((one) => one.values.map((v) => JSON.stringify([one.time, one.intervalMs, one.timeSource, v]))).sort()
        const back = readingsOf(await read(await written(readings))).map((item) => item.reading)
        expect(flat(back)).to.deep.equal(flat(readings))
      }),
      { numRuns: 50 },
    )
  })

  it('totals, means, maxima and momentary values keep their meaning; missing stays missing', async () => {
    const at = { time: T0 * 1_000 + 900_000, values: [] }
    const instant: Reading = {
      ...at,
      intervalMs: 0,
      timeSource: 'meter-clock',
      values: [
        { register: wh(1, 8, 0), value: 12_345, quality: 'good' },
        { register: { ...wh(1, 7, 0), unit: 27 }, value: 400, quality: 'clock-doubtful' },
      ],
    }
    const interval: Reading = {
      ...at,
      intervalMs: 900_000,
      timeSource: 'interval-end',
      values: [
        { register: { ...wh(1, 27, 0), unit: 27 }, value: 500, quality: 'good' },
        { register: { ...wh(1, 53, 0), unit: 27 }, value: 900, quality: 'overflow' },
        { register: wh(2, 29, 0), value: null, quality: 'missing' },
      ],
    }
    expect(shown(await read(await written([instant, interval]))).sort()).to.deep.equal([
      '2024-01-01T00:15:00Z 1-0:1.27.0 500 W',
      '2024-01-01T00:15:00Z 1-0:1.53.0 900 W estimated',
      '2024-01-01T00:15:00Z 1-0:1.7.0 400 W estimated',
      '2024-01-01T00:15:00Z 1-0:1.8.0 12345 Wh',
      '2024-01-01T00:15:00Z 1-0:2.29.0 - Wh missing',
    ])
  })

  it('registers that ESPI has no words for are told and left out', async () => {
    let told = 0
    const values = [{ register: { ...wh(96, 7, 0), unit: 255 }, value: 1, quality: 'good' as const }]
    const one: Reading = { time: T0 * 1_000, intervalMs: 0, timeSource: 'meter-clock', values }
    expect(linesOf(await read(await written([one, one], () => told++)))).to.deep.equal([])
    expect(told).to.equal(1)
  })

  it('is well-formed, streams blocks, and bounds its registers', async () => {
    const many = Array.from({ length: 2_500 }, (_, index): Reading => {
      const values = [{ register: wh(1, 29, 0), value: index, quality: 'good' as const }]
      return { time: T0 * 1_000 + index * 900_000, intervalMs: 900_000, timeSource: 'interval-end', values }
    })
    const text = await written(many)
    const items = await all(espiItems(stream([bytes(text)])))
    expect(items.filter((item) => item.type === 'entry' && item.holds.has('IntervalBlock'))).to.have.length(3)
    let told = 0
    const wide = Array.from({ length: MAX_EXPORTED_REGISTERS + 1 }, (_, index): Reading => {
      return {
        ...(many[0] as Reading),
        values: [{ register: wh(1, 29, -(index % 10), Math.floor(index / 10)), value: 1, quality: 'good' }],
      }
    })
    await written(wide, () => told++)
    expect(told).to.equal(1)
  })

  it('feeds of the system itself open by their path', async () => {
    expect(
      greenButtonFormat.open({ text: 'green-button:x', kind: 'green-button', target: 'x', options: new Map() }, systemPlatform),
    ).to.include({
      live: false,
      intervalData: true,
    })
  })
})
