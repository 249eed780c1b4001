import { expect } from 'chai'
import fc from 'fast-check'
import { jsonItems, MAX_JSON_LINE_CHARS } from '../../collect/jsonl.ts'
import type { SourceItem } from '../../collect/source.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, linesOf, pieces, readingsOf, shown, stream, withFiles } from './inputs.ts'

async function read(text: string, size = 1_000): Promise<SourceItem[]> {
  return all(jsonItems(stream(pieces(bytes(text), size))))
}

const GOOD = '{"time":"2025-01-01T12:00:00Z","values":{"1-0:1.8.0":"1234.567 kWh","1-0:32.7.0":"230.1 V"}}'

describe('JSON lines', () => {
  it('one reading a line, by ISO time or milliseconds', async () => {
    const items = await read(`${GOOD}\n\n{"time":1735732800250,"intervalMs":900000,"values":{"1-0:1.29.0":"0.25 kWh"}}\n`)
    expect(shown(items)).to.deep.equal([
      '2025-01-01T12:00:00Z 1-0:1.8.0 1234.567 kWh',
      '2025-01-01T12:00:00Z 1-0:32.7.0 230.1 V',
      '2025-01-01T12:00:00.250Z 1-0:1.29.0 0.25 kWh',
    ])
    expect(readingsOf(items).map(({ reading }) => [reading.intervalMs, reading.timeSource])).to.deep.equal([
      [0, 'meter-clock'],
      [900_000, 'interval-end'],
    ])
  })

  it('a value as number or object, with its quality; a missing one as null', async () => {
    const values =
      '{"1-0:1.8.0":{"value":1.25,"unit":"kWh","quality":"estimated"},"1-0:2.8.0":{"value":null,"unit":"kWh"},"1-0:32.32.0":"4"}'
    expect(shown(await read(`{"time":0,"timeSource":"node-clock","values":${values}}`))).to.deep.equal([
      '1970-01-01T00:00:00Z 1-0:1.8.0 1.25 kWh estimated',
      '1970-01-01T00:00:00Z 1-0:2.8.0 - kWh missing',
      '1970-01-01T00:00:00Z 1-0:32.32.0 4',
    ])
  })

  it('fewer decimals later on do not make another register', async () => {
    const items = await read(`${GOOD}\n${GOOD.replace('12:00', '12:15').replace('1234.567', '1234.5')}`)
    const registers = readingsOf(items).map(({ reading }) => reading.values[0])
    expect(registers.map((value) => [value?.register.scaler, value?.value])).to.deep.equal([
      [0, 1_234_567],
      [0, 1_234_500],
    ])
  })

  it('what wattness read prints is read back as it was', async () => {
    const first = await read(
      [
        GOOD,
        '{"time":"2025-01-01T12:15:00Z","intervalMs":900000,"values":{"1-0:1.29.0":{"value":null,"unit":"kWh"}}}',
        GOOD.replace('12:00', '12:30'),
      ].join('\n'),
    )
    const printed = linesOf(first)
      .map((line) => JSON.stringify(line))
      .join('\n')
    const again = await read(printed)
    expect(readingsOf(again)).to.deep.equal(readingsOf(first))
  })

  it('lines of one register are one reading while their time is the same and no register comes again', async () => {
    const line = (time: number, register: string): string => JSON.stringify({ time, register, value: '1', unit: 'kWh' })
    const items = await read(
      [line(1, '1-0:1.8.0'), line(1, '1-0:2.8.0'), line(1, '1-0:1.8.0'), line(2, '1-0:2.8.0'), GOOD].join('\n'),
    )
    expect(readingsOf(items).map(({ reading }) => reading.values.length)).to.deep.equal([2, 1, 1, 2])
  })

  const wrong: readonly (readonly [string, string])[] = [
    ['no JSON', '{"time":'],
    ['no object', '[1]'],
    ['no values', '{"time":0}'],
    ['no register', '{"time":0,"values":{}}'],
    [
      'too many registers',
      JSON.stringify({ time: 0, values: Object.fromEntries(Array.from({ length: 65 }, (_, e) => [`1-0:1.8.${e}`, '1 kWh'])) }),
    ],
    ['a time without zone', GOOD.replace('00Z', '00')],
    ['a time before 1970', GOOD.replace('"2025-01-01T12:00:00Z"', '-1')],
    ['a broken time', GOOD.replace('"2025-01-01T12:00:00Z"', '1.5')],
    ['an interval below zero', GOOD.replace('"values"', '"intervalMs":-1,"values"')],
    ['an unknown time source', GOOD.replace('"values"', '"timeSource":"sun","values"')],
    ['an unknown quality', GOOD.replace('"1234.567 kWh"', '{"value":"1","unit":"kWh","quality":"fine"}')],
    ['a value that is missing and there', GOOD.replace('"1234.567 kWh"', '{"value":"1","unit":"kWh","quality":"missing"}')],
    ['a code that is none', GOOD.replace('1-0:1.8.0', '1.8.0')],
    ['a unit that is none', GOOD.replace('kWh', 'parsec')],
    ['a unit that is no text', GOOD.replace('"1234.567 kWh"', '{"value":"1","unit":7}')],
    ['a number that is none', GOOD.replace('1234.567', '1e3')],
    ['a value that is none', GOOD.replace('"1234.567 kWh"', '{"value":true,"unit":"kWh"}')],
    ['a number without unit where the text has none', GOOD.replace('"1234.567 kWh"', '7')],
    ['a register that is no text', '{"time":0,"register":7,"value":"1","unit":"kWh"}'],
    ['a register twice', GOOD.replace('1-0:32.7.0":"230.1 V', '1-0:1.8.0*255":"1.000 kWh')],
  ]
  for (const [what, line] of wrong) {
    it(`JSONL_LINE_MALFORMED: ${what}; the lines around it are read`, async () => {
      const items = await read(`${GOOD}\n${line}\n${GOOD.replace('12:00', '12:15')}\n`)
      expect(faultsOf(items).map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['JSONL_LINE_MALFORMED line 2'])
      expect(readingsOf(items)).to.have.length(2)
    })
  }

  it('JSONL_LINE_TOO_LONG: a line without end costs itself only, and is not kept', async () => {
    const items = await read(`${GOOD}\n${' '.repeat(MAX_JSON_LINE_CHARS + 5)}\n${GOOD}\n`)
    expect(codesOf(items)).to.deep.equal(['JSONL_LINE_TOO_LONG'])
    expect(readingsOf(items)).to.have.length(2)
    expect(codesOf(await read('x'.repeat(300_000)))).to.deep.equal(['JSONL_LINE_TOO_LONG'])
  })

  it('any values, any line end, cut anywhere: what went in comes out', async () => {
    const value = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        async (values, size, end) => {
          const text = values.map((value, index) => `{"time":${index},"values":{"1-0:1.8.0":"${value} Wh"}}`).join(end)
          expect(readingsOf(await read(text, size)).map(({ reading }) => reading.values[0]?.value)).to.deep.equal(
            values.map((one) => one + 0),
          )
        },
      ),
      { numRuns: 50 },
    )
  })

  it('is recognised and read as a file', async () => {
    await withFiles({ 'a.jsonl': `${GOOD}\n` }, async (dir) => {
      expect(shown(await itemsOf(`jsonl:${dir}/a.jsonl`))).to.have.length(2)
    })
  })
})
