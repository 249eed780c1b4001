import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { nem12Format, nem12Items } from '../../collect/nem12.ts'
import type { SourceItem } from '../../collect/source.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, pieces, shown, stream } from './inputs.ts'

const HEADER = '100,NEM12,202401021200,MDP1,Ret1'

/** A 200 record. */
function of(suffix: string, uom = 'kWh', length = '30', nmi = 'VABD000163'): string {
  return `200,${nmi},E1B1,1,${suffix},N1,METER1,${uom},${length},`
}

/** A 300 record whose n-th value is n / 1000 unless given otherwise. */
function day(
  flag: string,
  { date = '20240101', count = 48, value = (n: number): string => (n / 1_000).toFixed(3) } = {},
): string {
  return `300,${date},${Array.from({ length: count }, (_, index) => value(index + 1)).join(',')},${flag},,,20240102010203,`
}

function read(lines: readonly string[], home?: string, size = 65_536): Promise<SourceItem[]> {
  const text = `${lines.join('\r\n')}\r\n`
  return all(nem12Items(stream(pieces(bytes(text), size)), { text: 'nem12:x', ...(home === undefined ? {} : { home }) }))
}

describe('NEM12', () => {
  it('reads days of 5, 15 and 30 minutes in market time, UTC+10', async () => {
    for (const [length, count] of [
      ['05', 288],
      ['15', 96],
      ['30', 48],
    ] as const) {
      const items = await read([HEADER, of('E1', 'kWh', length), day('A', { count }), '900'])
      expect(codesOf(items)).to.deep.equal([])
      expect(items).to.have.length(count)
      expect(shown(items)[0]).to.equal(`2023-12-31T14:${length}:00Z 1-0:1.29.0 0.001 kWh`)
      expect(shown(items).at(-1)).to.equal(`2024-01-01T14:00:00Z 1-0:1.29.0 0.${String(count).padStart(3, '0')} kWh`)
    }
  })

  it('suffixes are registers, their numbers channels, units come in any case', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['E1', 'KWH', '1-0:1.29.0 0.001 kWh'],
      ['B1', 'wh', '1-0:2.29.0 0.001 Wh'],
      ['Q1', 'kvarh', '1-0:3.29.0 0.001 kvarh'],
      ['K1', 'KVARH', '1-0:4.29.0 0.001 kvarh'],
      ['E2', 'MWH', '1-1:1.29.0 0.001 MWh'],
      ['BA', 'kWh', '1-9:2.29.0 0.001 kWh'],
      ['E1', 'kW', '1-0:1.27.0 0.001 kW'],
    ]
    for (const [suffix, uom, expected] of cases) {
      expect(shown(await read([HEADER, of(suffix, uom), day('A'), '900']))[0]).to.equal(`2023-12-31T14:30:00Z ${expected}`)
    }
  })

  it('quality flags: A good; E, F, S estimated; N missing whatever stands there; V by ranges of records 400', async () => {
    const first = async (...lines: string[]): Promise<string[]> => {
      return shown(await read([HEADER, of('E1'), ...lines, '900'])).map((line) => line.split(' ').slice(2).join(' '))
    }
    expect((await first(day('A')))[0]).to.equal('0.001 kWh')
    for (const flag of ['E52', 'F14', 'S14', 'E']) expect((await first(day(flag)))[0]).to.equal('0.001 kWh estimated')
    expect((await first(day('N')))[0]).to.equal('- kWh missing')
    expect((await first('300,20240101,N,,,')).filter((text) => text.endsWith('missing'))).to.have.length(48)
    const ranges = await first(day('V'), '400,1,20,F14,76,', '400,21,24,A,,', '400,25,47,S14,1,', '400,48,48,N,,')
    expect([ranges[0], ranges[19], ranges[20], ranges[24], ranges[47]]).to.deep.equal([
      '0.001 kWh estimated',
      '0.020 kWh estimated',
      '0.021 kWh',
      '0.025 kWh estimated',
      '- kWh missing',
    ])
  })

  it('missing is not zero; .005 and fourteen zeros are numbers', async () => {
    const value = (n: number): string => ['0', '.005', '1.25000000000000', '0.00000000000000'][n - 1] ?? '100.12000000000000'
    const items = await read([HEADER, of('E1'), day('A', { value }), '900'])
    expect(codesOf(items)).to.deep.equal([])
    expect(
      shown(items)
        .slice(0, 5)
        .map((text) => text.split(' ').slice(2).join(' ')),
    ).to.deep.equal(['0 kWh', '0.005 kWh', '1.250 kWh', '0.000 kWh', '100.120 kWh'])
  })

  it('NEM13: both reads of the register and the settled quantity', async () => {
    const record =
      '250,VABC005890,1141,1,41,41,METER1,E,06342.8,20231005093055,A,,,07654.9,20240107100333,E62,,,1312.1,KWH,20240407, ,'
    const items = await read(['100,NEM13,202401101030,MDA1,Ret1', record, '900'])
    expect(shown(items)).to.deep.equal([
      '2023-10-04T23:30:55Z 1-0:1.8.41 6342.8 kWh',
      '2024-01-07T00:03:33Z 1-0:1.8.41 7654.9 kWh estimated',
      '2024-01-07T00:03:33Z 1-0:1.29.41 1312.1 kWh estimated',
    ])
    const fed = record.replace(',E,06342.8', ',I,06342.8').replace(',E62,', ',N,')
    expect(shown(await read(['100,NEM13,x', fed, '900']))).to.deep.equal(['2023-10-04T23:30:55Z 1-0:2.8.41 6342.8 kWh'])
    const wrong = [record.replace(',E,', ',X,'), record.replace('VABC005890', ''), record.replace('20231005', '20231305')]
    const codes = codesOf(await read(['100,NEM13,x', ...wrong, '900']))
    expect(codes.slice(0, 3)).to.deep.equal(['NEM12_STREAM_UNKNOWN', 'NEM12_RECORD_MALFORMED', 'NEM12_RECORD_MALFORMED'])
  })

  it('NEM12_RECORD_MALFORMED: what does not agree is refused with what and where, and the next day is read', async () => {
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [[day('A', { count: 96 })], 'expected 48 values and a quality flag, found 96 values'],
      [[day('A', { count: 47 })], 'found 47 values'],
      [['300,20240101,V,,,20240202120025,'], 'found 0 values'],
      [['300,20240101,1,2'], 'found 2 values'],
      [[day('A', { date: '20240230' })], 'expected YYYYMMDD, found "20240230"'],
      [[day('X')], 'quality flag'],
      [[day('A14x')], 'quality flag'],
      [[day('V'), '400,1,49,A,,', '400,1,48,A,,'], 'expected a range within 1 to 48'],
      [[day('V'), '400,1,48,V,,', '400,1,48,A,,'], 'expected A, E, F, N or S'],
      [['600,1'], 'expected a record 100 to 900'],
    ]
    for (const [lines, message] of wrong) {
      const items = await read([HEADER, of('E1'), ...lines, day('A', { date: '20240105' }), '900'])
      const [found, ...more] = faultsOf(items)
      expect(more, message).to.deep.equal([])
      expect(found?.code).to.equal('NEM12_RECORD_MALFORMED')
      expect(found?.message).to.contain(message)
      expect(found?.where).to.match(/^line [34]$/)
      expect(shown(items)).to.include('2024-01-05T14:00:00Z 1-0:1.29.0 0.048 kWh')
    }
    for (const line of [of('E1', 'kWh', '7'), of('E1', 'kWh', ''), of('E1', 'kWh', '30', '')]) {
      expect(codesOf(await read([HEADER, line, day('A'), '900']))).to.deep.equal(['NEM12_RECORD_MALFORMED'])
    }
    expect(codesOf(await read(['100,NEM14,x', of('E1'), day('A'), '900']))).to.deep.equal(['NEM12_RECORD_MALFORMED'])
    expect(codesOf(await read([HEADER, 'x'.repeat(70_000), of('E1'), day('A'), '900']))).to.deep.equal(['NEM12_RECORD_MALFORMED'])
  })

  it('NEM12_STREAM_UNKNOWN: a stream without a register or unit is refused once, the next one read', async () => {
    for (const line of [of('V1', ''), of('N1'), of('E'), of('E1', 'parsec')]) {
      const items = await read([HEADER, line, day('A'), day('A'), of('B1'), day('A'), '900'])
      expect(codesOf(items), line).to.deep.equal(['NEM12_STREAM_UNKNOWN'])
      expect(shown(items)).to.have.length(48)
    }
  })

  it('NEM12_VALUE_MALFORMED: a value that is no number is missing, the others are read', async () => {
    const items = await read([HEADER, of('E1'), day('A', { value: (n) => (n === 3 ? '1e3' : n === 4 ? '' : '1') }), '900'])
    expect(faultsOf(items).map(({ code, where }) => `${code} ${where}`)).to.deep.equal([
      'NEM12_VALUE_MALFORMED line 3, value 3',
      'NEM12_VALUE_MALFORMED line 3, value 4',
    ])
    expect(shown(items).filter((text) => text.endsWith('missing'))).to.have.length(2)
  })

  it('NEM12_QUALITY_MISSING: quality V that no record 400 says', async () => {
    const items = await read([HEADER, of('E1'), day('V'), '400,1,47,A,,', '900'])
    expect(codesOf(items)).to.deep.equal(['NEM12_QUALITY_MISSING'])
    expect(shown(items).at(-1)).to.equal('2024-01-01T14:00:00Z 1-0:1.29.0 0.048 kWh estimated')
  })

  it('NEM12_HEADER_MISSING and NEM12_END_MISSING are said, and what is there is read', async () => {
    const headless = await read([of('E1'), day('A')])
    expect(codesOf(headless)).to.deep.equal(['NEM12_HEADER_MISSING'])
    expect(shown(headless)).to.have.length(48)
    expect(codesOf(await read([HEADER, of('E1'), day('A')]))).to.deep.equal(['NEM12_END_MISSING'])
    const twice = await read([HEADER, of('E1'), day('A'), HEADER, of('E1'), day('A'), '900', HEADER, of('B1'), day('A'), '900'])
    expect(codesOf(twice)).to.deep.equal(['NEM12_END_MISSING'])
    expect(shown(twice)).to.have.length(144)
  })

  it('NEM12_EMPTY: a file without data says so', async () => {
    expect(codesOf(await read([HEADER, '900']))).to.deep.equal(['NEM12_EMPTY'])
  })

  it('several connection points are homes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nem12-'))
    try {
      const path = join(folder, 'nem12.csv')
      await writeFile(path, [HEADER, of('E1'), day('A'), of('E1', 'kWh', '30', 'B/2'), day('E'), '900'].join('\n'))
      expect((await nem12Format.offer?.(path))?.map(({ spec }) => spec.slice(path.length + 6))).to.deep.equal([
        '#VABD000163',
        '#B_2',
      ])
      expect(shown(await itemsOf(`nem12:${path}#B_2`))[0]).to.equal('2023-12-31T14:30:00Z 1-0:1.29.0 0.001 kWh estimated')
      const refused = async (spec: string): Promise<string> => {
        return itemsOf(spec).then(
          () => '',
          (error: { code: string }) => error.code,
        )
      }
      expect(await refused(`nem12:${path}`)).to.equal('NEM12_HOME_NEEDED')
      expect(await refused(`nem12:${path}#C`)).to.equal('SOURCE_UNREADABLE')
      await writeFile(path, [HEADER, of('E1'), day('A'), '900'].join('\n'))
      expect((await nem12Format.offer?.(path))?.map(({ spec }) => spec)).to.deep.equal([`nem12:${path}`])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('cut at every byte: whole days and its own faults', async () => {
    const text = [HEADER, of('E1'), day('A'), of('B1'), day('V'), '400,1,48,A,,', '900'].join('\n')
    for (let length = 1; length < text.length; length += 5) {
      const items = await read([text.slice(0, length)])
      for (const code of codesOf(items)) expect(code).to.match(/^NEM12_/)
      expect(codesOf(items)).to.have.length.above(0)
    }
  })

  it('bytes flipped, in any cut: nothing but readings and its own faults', async () => {
    const text = [HEADER, of('E1'), day('A'), of('B1'), day('V'), '400,1,48,A,,', '900'].join('\n')
    const flips = fc.array(fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 10, max: 126 })), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(flips, fc.integer({ min: 1, max: 500 }), async (places, size) => {
        const flipped = bytes(text)
        for (const [at, byte] of places) flipped[at] = byte
        const found = await read([Buffer.from(flipped).toString('latin1')], undefined, size).catch(
          (error: { code: string }) => error,
        )
        if (Array.isArray(found)) for (const code of codesOf(found)) expect(code).to.match(/^NEM12_/)
        else expect(found.code).to.equal('NEM12_HOME_NEEDED')
      }),
      { numRuns: 100 },
    )
  })

  it('is recognised by its bytes, without a header too', () => {
    const recognised = (text: string): boolean => nem12Format.recognise('x', bytes(text))
    expect(recognised(`${HEADER}\n`)).to.equal(true)
    expect(recognised(`\r\n${of('E1')}\r\n${day('A')}`)).to.equal(true)
    expect(recognised('200,a,b\n300,c,d')).to.equal(false)
    expect(recognised('time,value\n100,NEM12')).to.equal(false)
  })
})
