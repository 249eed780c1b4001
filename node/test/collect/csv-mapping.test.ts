import { expect } from 'chai'
import { BUILT_IN_MAPPINGS, builtInFor } from '../../collect/csv-builtin.ts'
import { readMapping, validateMapping } from '../../collect/csv-mapping.ts'
import { itemsOf, thrownCode, withFiles } from './inputs.ts'

const GOOD = {
  layout: 'long',
  time: { column: 'time', format: 'YYYY-MM-DD HH:mm', zone: 'UTC', names: 'start' },
  interval: '15m',
  values: [{ column: 'kWh', register: '1-0:1.29.0', unit: 'kWh' }],
}
const VALUE = GOOD.values[0]

describe('CSV mapping', () => {
  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['no object', 7, /the mapping must be object/],
    ['an unknown property', { ...GOOD, colour: 1 }, /additional properties \(colour\)/],
    ['an unknown layout', { ...GOOD, layout: 'tall' }, /\/layout/],
    ['no values', { ...GOOD, values: [] }, /\/values/],
    ['a delimiter of two characters', { ...GOOD, delimiter: ';;' }, /\/delimiter/],
    ['a time format without a day', { ...GOOD, time: { ...GOOD.time, format: 'HH:mm' } }, /at least year, month and day/],
    ['a local time without zone', { ...GOOD, time: { column: 't', format: 'YYYYMMDD', names: 'end' } }, /needs "zone"/],
    ['an unknown zone', { ...GOOD, time: { ...GOOD.time, zone: 'Europe/Atlantis' } }, /time zone: expected/],
    ['an index without start', { ...GOOD, time: { column: 't', format: 'index', names: 'end' } }, /needs "start"/],
    [
      'an index without interval',
      { ...GOOD, interval: undefined, time: { column: 't', format: 'index', start: '2025-01-01', names: 'end' } },
      /index/,
    ],
    ['an interval that is none', { ...GOOD, interval: '0m' }, /\/interval is no duration/],
    ['a wide layout without interval and slots', { ...GOOD, layout: 'wide', interval: undefined }, /\/interval is needed/],
    ['slots in a long layout', { ...GOOD, slots: 'HHmm' }, /\/slots/],
    [
      'two values in a wide layout',
      {
        ...GOOD,
        layout: 'wide',
        slots: 'HHmm',
        values: [
          { ...VALUE, column: undefined },
          { ...VALUE, column: undefined },
        ],
      },
      /one/,
    ],
    [
      'homes in a layout whose columns are homes',
      { ...GOOD, layout: 'columns', home: 'x', values: [{ ...VALUE, column: undefined }] },
      /\/home/,
    ],
    ['a value without column', { ...GOOD, values: [{ ...VALUE, column: undefined }] }, /\/values\/0\/column/],
    ['a code that is none', { ...GOOD, values: [{ ...VALUE, register: '1.8.0' }] }, /\/values\/0\/register/],
    ['a unit that is none', { ...GOOD, values: [{ ...VALUE, unit: 'parsec' }] }, /\/values\/0\/unit/],
    [
      'a total of read-outs',
      { ...GOOD, interval: undefined, values: [{ ...VALUE, cumulative: true, decimals: 0 }] },
      /cumulative needs an interval/,
    ],
    ['a total without decimals', { ...GOOD, values: [{ ...VALUE, cumulative: true }] }, /decimals is needed/],
    ['a total whose code is none', { ...GOOD, values: [{ ...VALUE, decimals: 1, cumulative: 'x' }] }, /\/values\/0\/cumulative/],
    ['floats without decimals', { ...GOOD, floats: true }, /decimals is needed/],
  ]
  for (const [what, mapping, message] of wrong) {
    it(`CSV_MAPPING_INVALID: ${what}`, () => {
      const plain: unknown = JSON.parse(JSON.stringify(mapping))
      expect(() => validateMapping(plain, 'm.json'))
        .to.throw(message)
        .with.property('code', 'CSV_MAPPING_INVALID')
    })
  }

  it('CSV_MAPPING_INVALID: no file, no JSON, far too large', async () => {
    await withFiles({ 'bad.json': '{', 'large.json': `"${'x'.repeat(70_000)}"` }, async (dir) => {
      for (const name of ['nothing.json', 'bad.json', 'large.json']) {
        expect(await thrownCode(() => readMapping(`${dir}/${name}`)), name).to.equal('CSV_MAPPING_INVALID')
      }
    })
  })

  it('a good one is taken as it is', () => {
    expect(validateMapping(GOOD, 'm.json')).to.deep.equal(GOOD)
  })

  it('every built-in mapping passes the schema, and no header has two', () => {
    for (const { name, mapping } of BUILT_IN_MAPPINGS) expect(validateMapping(mapping, name)).to.equal(mapping)
    const headers = BUILT_IN_MAPPINGS.map(({ header }) => header.map((cell) => (typeof cell === 'string' ? cell : sample(cell))))
    expect(headers.map((cells) => builtInFor(cells)?.name)).to.deep.equal(BUILT_IN_MAPPINGS.map(({ name }) => name))
    expect(builtInFor(['household', 'date'])).to.equal(undefined)
    expect(builtInFor(['utc', 'e1de', 'other'])).to.equal(undefined)
  })

  it('CSV_MAPPING_NEEDED: a header that no built-in mapping knows', async () => {
    await withFiles({ 'a.csv': 'when,how much\n1,2\n', 'empty.csv': '' }, async (dir) => {
      expect(await thrownCode(() => itemsOf(`csv:${dir}/a.csv`))).to.equal('CSV_MAPPING_NEEDED')
      expect(await thrownCode(() => itemsOf(`csv:${dir}/empty.csv`))).to.equal('CSV_MAPPING_NEEDED')
    })
  })
})

/** A cell that the pattern of a built-in header accepts. */
function sample(pattern: RegExp): string {
  return ['0030', 'e1de', 'p7', '00:00-00:15'].find((cell) => pattern.test(cell)) as string
}
