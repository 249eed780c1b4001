import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { EdifactReader, MAX_SEGMENT_CHARS } from '../../collect/edifact.ts'
import { parseZone } from '../../collect/local-time.ts'
import { MAX_MESSAGE_VALUES, msconsFormat, msconsItems } from '../../collect/mscons.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemEnvironment } from '../../platform.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, linesOf, pieces, shown, stream } from './inputs.ts'

interface MessageInit {
  readonly point?: string
  readonly register?: string
  readonly quantities?: readonly string[]
  readonly reference?: string
  readonly count?: number
  readonly type?: string
}

const HOUR = (hour: number): string => `20240301${String(hour).padStart(2, '0')}00?+01`

/** One quantity with its times. */
function quantity(value: string, from = 0, qualifier = '220', unit = ''): string {
  return `QTY+${qualifier}:${value}${unit}'DTM+163:${HOUR(from)}:303'DTM+164:${HOUR(from + 1)}:303'`
}

function message(init: MessageInit = {}): string {
  const { point = 'DE00056266802AO6G56M11SN51G21M24S', register = '1-1?:1.29.0', quantities = [quantity('1.250')] } = init
  const { reference = 'slevu14572840D', type = 'MSCONS' } = init
  const body = [
    `UNH+${reference}+${type}:D:04B:UN:2.4c'`,
    "BGM+7+doc+9'DTM+137:202403020000?+00:303'NAD+MS+9900000000001::293'UNS+D'NAD+DP'",
    `LOC+172+${point}'DTM+163:202403010000?+01:303'DTM+164:202403020000?+01:303'LIN+1'PIA+5+${register}:SRW'`,
    ...quantities,
  ].join('')
  const count = init.count ?? body.split("'").length
  return `${body}UNT+${count}+${reference}'`
}

function interchange(...messages: readonly string[]): string {
  const head = "UNA:+.? 'UNB+UNOC:3+9900000000001:500+9900000000002:500+240302:0430+eslevu14572840++TL'"
  return `${head}${messages.join('')}UNZ+${messages.length}+eslevu14572840'`
}

function read(
  text: string,
  { home, size = 65_536, zone }: { home?: string; size?: number; zone?: string } = {},
): Promise<SourceItem[]> {
  const spec = { text: 'mscons:x', ...(home === undefined ? {} : { home }) }
  return all(msconsItems(stream(pieces(bytes(text), size)), spec, zone === undefined ? undefined : parseZone(zone)))
}

const of = (init: MessageInit): Promise<SourceItem[]> => read(interchange(message(init)))

describe('MSCONS', () => {
  it('reads intervals with their offset, exactly, of long references', async () => {
    const items = await of({ quantities: [quantity('1.250'), quantity('0', 1), quantity('000017.3', 2)] })
    expect(codesOf(items)).to.deep.equal([])
    expect(shown(items)).to.deep.equal([
      '2024-03-01T00:00:00Z 1-1:1.29.0 1.250 kWh',
      '2024-03-01T01:00:00Z 1-1:1.29.0 0.000 kWh',
      '2024-03-01T02:00:00Z 1-1:1.29.0 17.300 kWh',
    ])
    expect(linesOf(items)[0]).to.include({ intervalMs: 3_600_000, timeSource: 'interval-end' })
  })

  it('units: those of the market guide where none stands there, else by their code', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['1-1?:5.29.0*255', '', '1-1:5.29.0 7 kvarh'],
      ['1-1?:1.4.0', '', '1-1:1.4.0 7 kW'],
      ['1-1?:3.7.0', '', '1-1:3.7.0 7 kvar'],
      ['7-20?:3.0.0', '', '7-20:3.0.0 7 m3'],
      ['1-1?:1.29.0', ':MWH', '1-1:1.29.0 7 MWh'],
      ['1-1?:1.29.0', ':WHR', '1-1:1.29.0 7 Wh'],
      ['1-1?:5.29.0', ':K3', '1-1:5.29.0 7 kvarh'],
      ['7-1?:99.41.17', ':CEL', '7-1:99.41.17 7 °C'],
    ]
    for (const [register, unit, expected] of cases) {
      const items = await of({ register, quantities: [quantity('7', 0, '220', unit)] })
      expect(shown(items), register + unit).to.deep.equal([`2024-03-01T00:00:00Z ${expected}`])
    }
  })

  it('qualifiers are qualities: substitutes are estimated, what must not be used is missing, and is not zero', async () => {
    for (const [qualifier, expected] of [
      ['220', '7 kWh'],
      ['79', '7 kWh'],
      ['67', '7 kWh estimated'],
      ['187', '7 kWh estimated'],
      ['201', '7 kWh estimated'],
      ['20', '- kWh missing'],
      ['Z30', '- kWh missing'],
    ] as const) {
      expect(shown(await of({ quantities: [quantity('7', 0, qualifier)] }))).to.deep.equal([
        `2024-03-01T00:00:00Z 1-1:1.29.0 ${expected}`,
      ])
    }
    expect(shown(await of({ quantities: [quantity('')] }))).to.deep.equal(['2024-03-01T00:00:00Z 1-1:1.29.0 - kWh missing'])
    expect(codesOf(await of({ quantities: [quantity('7', 0, '999')] }))).to.deep.equal(['MSCONS_VALUE_MALFORMED'])
  })

  it('register read-outs belong to an instant; status segments between change nothing', async () => {
    const readOut = "QTY+220:12345.678'STS+Z32++Z92'DTM+9:202403010000?+01:303'"
    expect(shown(await of({ register: '1-1?:1.8.1', quantities: [readOut] }))).to.deep.equal([
      '2024-02-29T23:00:00Z 1-1:1.8.1 12345.678 kWh',
    ])
    expect(linesOf(await of({ register: '1-1?:1.8.1', quantities: [readOut] }))[0]?.intervalMs).to.equal(undefined)
  })

  it('times without an offset are wall clock of the market, doubtful in the doubled hour', async () => {
    const at = (text: string, format = '203'): string => `QTY+220:1'DTM+9:${text}:${format}'`
    const read203 = async (text: string, format?: string): Promise<string[]> =>
      shown(await of({ quantities: [at(text, format)] }))
    expect(await read203('202407011200')).to.deep.equal(['2024-07-01T10:00:00Z 1-1:1.29.0 1 kWh'])
    expect(await read203('20240701', '102')).to.deep.equal(['2024-06-30T22:00:00Z 1-1:1.29.0 1 kWh'])
    expect(await read203('20240701120030', '204')).to.deep.equal(['2024-07-01T10:00:30Z 1-1:1.29.0 1 kWh'])
    expect(await read203('202410270230')).to.deep.equal(['2024-10-27T00:30:00Z 1-1:1.29.0 1 kWh clock-doubtful'])
    expect(await read203('202407011200UTC', '303')).to.deep.equal(['2024-07-01T12:00:00Z 1-1:1.29.0 1 kWh'])
    for (const [text, format] of [
      ['202403310230', '203'],
      ['202413011200', '203'],
      ['202407011200', '303'],
      ['202407011200?+01', '203'],
      ['202407011200', '719'],
    ] as const) {
      expect(codesOf(await of({ quantities: [at(text, format)] })), text).to.deep.equal(['MSCONS_VALUE_MALFORMED'])
    }
    const utc = await read(interchange(message({ quantities: [at('202407011200')] })), { zone: 'UTC' })
    expect(shown(utc)).to.deep.equal(['2024-07-01T12:00:00Z 1-1:1.29.0 1 kWh'])
  })

  it('service characters are what UNA says, either decimal mark is taken, and line breaks stand between segments', async () => {
    const text = interchange(message({ quantities: [quantity('1,250')] }))
    expect(shown(await read(text))).to.deep.equal(['2024-03-01T00:00:00Z 1-1:1.29.0 1.250 kWh'])
    const other = text.replace("UNA:+.? '", 'UNA!#.\\ ~').replace(/^(.{9})(.*)$/s, (_, una: string, rest: string) => {
      return (
        una +
        rest
          .replaceAll('?:', '\u0001')
          .replaceAll('?+', '\u0002')
          .replaceAll(':', '!')
          .replaceAll('+', '#')
          .replaceAll("'", '~\r\n')
          .replaceAll('\u0001', ':')
          .replaceAll('\u0002', '+')
      )
    })
    expect(shown(await read(other))).to.deep.equal(['2024-03-01T00:00:00Z 1-1:1.29.0 1.250 kWh'])
    expect(shown(await read(text.slice(9)))).to.have.length(1)
  })

  it('MSCONS_COUNT_MISMATCH: a message whose count or reference is wrong is refused as a whole, the next one read', async () => {
    const good = message()
    const last = /UNT\+(\d+)/.exec(good)?.[1] as string
    for (const wrong of [
      message({ count: Number(last) + 1 }),
      message({ count: 3 }),
      good.replace(/UNT\+(\d+)\+\w+/, 'UNT+$1+other'),
    ]) {
      const items = await read(interchange(wrong, good))
      expect(codesOf(items)).to.deep.equal(['MSCONS_COUNT_MISMATCH'])
      expect(shown(items)).to.have.length(1)
    }
    const cut = message({ quantities: [quantity('1'), quantity('2', 1)] }).replace("QTY+220:2'", '')
    expect(codesOf(await read(interchange(cut)))).to.deep.equal(['MSCONS_COUNT_MISMATCH'])
    for (const wrong of [interchange(good).replace('UNZ+1', 'UNZ+2'), interchange(good).replace(/UNZ\+1\+\w+/, 'UNZ+1+other')]) {
      expect(codesOf(await read(wrong))).to.deep.equal(['MSCONS_COUNT_MISMATCH'])
    }
  })

  it("a Swiss sender's count, of quantities with their times, is taken", async () => {
    const good = message({ quantities: [quantity('1'), quantity('2', 1)] })
    const count = Number(/UNT\+(\d+)/.exec(good)?.[1])
    expect(
      codesOf(await read(interchange(message({ quantities: [quantity('1'), quantity('2', 1)], count: count - 4 - 1 })))),
    ).to.deep.equal([])
  })

  it('MSCONS_VALUE_MALFORMED: one value is left out, the others are read', async () => {
    const wrong = ['1e3', '1.2.3', 'x'].map((value) => quantity(value))
    const backwards = quantity('7').replace('DTM+164:2024', 'DTM+164:2023')
    const timeless = "QTY+220:7'"
    const noUnit = quantity('7', 0, '220', ':PARSEC')
    const items = await of({ quantities: [...wrong, backwards, timeless, noUnit, quantity('5')] })
    expect(codesOf(items)).to.deep.equal(new Array(6).fill('MSCONS_VALUE_MALFORMED'))
    expect(shown(items)).to.deep.equal(['2024-03-01T00:00:00Z 1-1:1.29.0 5 kWh'])
    expect(codesOf(await of({ register: 'ABC' }))).to.deep.equal(['MSCONS_VALUE_MALFORMED'])
    expect(codesOf(await of({ register: '8-1?:1.0.0' }))).to.deep.equal(['MSCONS_VALUE_MALFORMED'])
    expect(faultsOf(await of({ quantities: [timeless] }))[0]?.where).to.match(/^byte \d+$/)
  })

  it('MSCONS_MESSAGE_OTHER, MSCONS_EMPTY and MSCONS_MESSAGE_TOO_LONG', async () => {
    expect(codesOf(await read(interchange(message({ type: 'UTILMD' }), message())))).to.deep.equal(['MSCONS_MESSAGE_OTHER'])
    expect(codesOf(await of({ quantities: [] }))).to.deep.equal(['MSCONS_EMPTY'])
    const many = new Array<string>(MAX_MESSAGE_VALUES + 1).fill(quantity('1'))
    const items = await of({ quantities: many })
    expect(codesOf(items)).to.deep.equal(['MSCONS_MESSAGE_TOO_LONG'])
    expect(items).to.have.length(1)
  })

  it('MSCONS_TRUNCATED: cut at every byte, no message without its end is given on', async () => {
    const text = interchange(message(), message({ quantities: [quantity('9', 3)] }))
    const first = text.indexOf('UNT+') + message().slice(message().indexOf('UNT+')).length
    for (let length = 70; length < text.length; length++) {
      const items = await read(text.slice(0, length))
      expect(shown(items).length, `${length}`).to.equal(length >= first ? (length >= text.lastIndexOf('UNZ') ? 2 : 1) : 0)
      expect(codesOf(items), `${length}`).to.include.oneOf(['MSCONS_TRUNCATED'])
    }
    const begun = interchange(message()).replace(/UNT.*$/s, '')
    expect(codesOf(await read(begun + interchange(message())))).to.deep.equal(['MSCONS_TRUNCATED'])
    const twice = interchange(message().replace(/UNT.*$/s, ''), message())
    expect(codesOf(await read(twice))).to.deep.equal(['MSCONS_TRUNCATED'])
    const open = interchange(message().replace(/UNT.*$/s, ''))
    expect(codesOf(await read(open))).to.deep.equal(['MSCONS_TRUNCATED', 'MSCONS_EMPTY'])
  })

  it('any cut into chunks reads the same; noise before and interchanges run together too', async () => {
    const text = interchange(message(), message({ quantities: [quantity('9', 3)] }))
    const whole = shown(await read(text))
    for (const size of [1, 2, 7, 50]) expect(shown(await read(text, { size }))).to.deep.equal(whole)
    const noise = 'no EDIFACT at all, '.repeat(20_000)
    for (const size of [1_000, 65_536])
      expect(shown(await read(noise + text + text, { size }))).to.deep.equal([...whole, ...whole])
  })

  it('bytes flipped: nothing but readings and its own faults', async () => {
    const text = interchange(message(), message({ quantities: [quantity('9', 3)] }))
    const flips = fc.array(fc.tuple(fc.nat(text.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(flips, async (places) => {
        const flipped = bytes(text)
        for (const [at, byte] of places) flipped[at] = byte
        const found = await read(Buffer.from(flipped).toString('latin1')).catch((error: { code: string }) => error)
        if (Array.isArray(found)) for (const code of codesOf(found)) expect(code).to.match(/^MSCONS_/)
        else expect(found.code).to.equal('MSCONS_HOME_NEEDED')
      }),
      { numRuns: 150 },
    )
  })

  it('MSCONS_SEGMENT_TOO_LONG: a segment without end is given up, and little is held', async () => {
    const reader = new EdifactReader()
    const found = reader.push(bytes(`UNB+UNOC:3+${'x'.repeat(2 * MAX_SEGMENT_CHARS)}`))
    expect(found.map((item) => (item.type === 'fault' ? item.code : item.tag))).to.deep.equal(['MSCONS_SEGMENT_TOO_LONG'])
    expect(reader.held).to.be.below(20)
    expect(codesOf(await read(`UNB+${'x'.repeat(2 * MAX_SEGMENT_CHARS)}${interchange(message())}`))).to.deep.equal([
      'MSCONS_SEGMENT_TOO_LONG',
    ])
  })

  it('several metering points are homes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mscons-'))
    try {
      const path = join(folder, 'm.txt')
      await writeFile(path, interchange(message({ point: 'A' }), message({ point: 'B/2', quantities: [quantity('9')] })))
      expect((await msconsFormat.offer?.(path))?.map(({ spec }) => spec.slice(path.length + 7))).to.deep.equal(['#A', '#B_2'])
      expect(shown(await itemsOf(`mscons:${path}#B_2`))).to.deep.equal(['2024-03-01T00:00:00Z 1-1:1.29.0 9 kWh'])
      const refused = (spec: string): Promise<string> =>
        itemsOf(spec).then(
          () => '',
          (error: { code: string }) => error.code,
        )
      expect(await refused(`mscons:${path}`)).to.equal('MSCONS_HOME_NEEDED')
      expect(await refused(`mscons:${path}#C`)).to.equal('SOURCE_UNREADABLE')
      expect(await refused(`mscons:${path}?zone=Nowhere#A`)).to.equal('SOURCE_OPTION_INVALID')
      await writeFile(path, interchange(message()))
      expect((await msconsFormat.offer?.(path))?.map(({ spec }) => spec)).to.deep.equal([`mscons:${path}`])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is recognised by its bytes', () => {
    const recognised = (text: string): boolean => msconsFormat.recognise('x', bytes(text))
    expect(recognised(interchange(message()))).to.equal(true)
    expect(recognised(interchange(message()).slice(9))).to.equal(true)
    expect(recognised(interchange(message({ type: 'UTILMD' })))).to.equal(false)
  })

  /** Nobody else's reading of these lies beside them: a second one by other means, and what can be known of a day. */
  it('captures of markets: every quantity, the sum of them, intervals without a gap', async () => {
    const folder = resolve(systemEnvironment()['WATTNESS_DATA'] ?? '../shared/data', 'mscons')
    if (!existsSync(folder)) return console.log(`      ${folder} is not there: only made-up messages were read`)
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
      const text = readFileSync(join(folder, name), 'latin1')
      const items = await itemsOf(`mscons:${join(folder, name)}`)
      const lines = linesOf(items)
      const quantities = Array.from(text.matchAll(/QTY\+220:([\d.,]+)/g), ([, value]) =>
        Number((value as string).replace(',', '.')),
      )
      // A quantity whose interval ends before it begins is refused, by its byte.
      const left = faultsOf(items).map(({ where }) =>
        Number(/QTY\+220:([\d.,]+)/.exec(text.slice(Number(where.slice(5))))?.[1]?.replace(',', '.')),
      )
      expect(lines.length + left.length, name).to.equal(quantities.length)
      const sum = (list: readonly number[]): number => Math.round(list.reduce((total, value) => total + value, 0) * 1_000)
      expect(sum(lines.map(({ value }) => Number(value))), name).to.equal(sum(quantities) - sum(left))
      const ends = new Set(lines.map(({ time }) => time))
      if (left.length === 0) expect(ends.size, name).to.equal(lines.length)
      expect(lines.length % 96 === 0 || left.length > 0, name).to.equal(true)
    }
  })
})
