import { expect } from 'chai'
import fc from 'fast-check'
import { crc16, formatCrc16 } from '../../collect/crc16.ts'
import { parseZone } from '../../collect/local-time.ts'
import { p1Items } from '../../collect/p1-items.ts'
import type { SourceItem } from '../../collect/source.ts'
import { all, bytes, codesOf, itemsOf, linesOf, pieces, readingsOf, shown, stream, thrownCode, withFiles } from './inputs.ts'

const NOW = Date.UTC(2025, 5, 1, 12)
const zone = { zone: parseZone('Europe/Amsterdam'), standardOffsetMs: 3_600_000 }

/** A telegram of version 5 with its CRC, from object lines. */
function telegram(...lines: string[]): Uint8Array {
  const signed = `/TST5\\253\r\n\r\n${lines.join('\r\n')}\r\n!`
  return bytes(`${signed}${formatCrc16(crc16(bytes(signed)))}\r\n`)
}

async function read(input: Uint8Array, live = true, size = input.length): Promise<SourceItem[]> {
  return all(p1Items(stream(pieces(input, size)), { zone, live, now: () => NOW }))
}

const CLOCK = '0-0:1.0.0(250115120000W)'

describe('P1 readings', () => {
  it('values with a unit are exact integers; the decimals are kept', async () => {
    const items = await read(telegram(CLOCK, '1-0:1.8.1(001234.567*kWh)', '1-0:32.7.0(230.1*V)', '1-0:16.24.0(-03.618*kW)'))
    expect(
      readingsOf(items)[0]?.reading.values.map(({ register, value }) => [register.unit, register.scaler, value]),
    ).to.deep.equal([
      [30, 0, 1_234_567],
      [35, -1, 2_301],
      [27, 0, -3_618],
    ])
    expect(shown(items)).to.deep.equal([
      '2025-01-15T11:00:00Z 1-0:1.8.1 1234.567 kWh',
      '2025-01-15T11:00:00Z 1-0:32.7.0 230.1 V',
      '2025-01-15T11:00:00Z 1-0:16.24.0 -3.618 kW',
    ])
  })

  it('the unit is shown as the meter wrote it, whatever its case', async () => {
    const items = await read(
      telegram(CLOCK, '1-0:1.8.0(006545766*Wh)', '1-0:3.8.0(00518.309*kVArh)', '1-0:1.7.0(01.193*kw)', '0-1:24.2.1(240.860*GJ)'),
    )
    expect(linesOf(items).map(({ value, unit }) => `${value} ${unit}`)).to.deep.equal([
      '6545766 Wh',
      '518.309 kvarh',
      '1.193 kW',
      '240.860 GJ',
    ])
  })

  it('summer and winter stamps are UTC, also in the doubled hour', async () => {
    const at = async (stamp: string): Promise<string | undefined> =>
      linesOf(await read(telegram(`0-0:1.0.0(${stamp})`, '1-0:1.8.1(1*kWh)')))[0]?.time
    expect(await at('241027015959S')).to.equal('2024-10-26T23:59:59Z')
    expect(await at('241027023000S')).to.equal('2024-10-27T00:30:00Z')
    expect(await at('241027023000W')).to.equal('2024-10-27T01:30:00Z')
    expect(await at('240331030000S')).to.equal('2024-03-31T01:00:00Z')
  })

  it('a stamp without S or W is the wall clock; in the doubled hour it is doubtful', async () => {
    const items = await read(telegram('0-0:1.0.0(240701120000)', '1-0:1.8.1(1*kWh)'))
    expect(shown(items)).to.deep.equal(['2024-07-01T10:00:00Z 1-0:1.8.1 1 kWh'])
    const doubled = await read(telegram('0-0:1.0.0(241027023000)', '1-0:1.8.1(1*kWh)'))
    expect(shown(doubled)).to.deep.equal(['2024-10-27T01:30:00Z 1-0:1.8.1 1 kWh clock-doubtful'])
  })

  it('a telegram without a time takes the clock of the node, which says little where a file is read', async () => {
    const [live] = linesOf(await read(telegram('1-0:1.8.1(1*kWh)')))
    expect(live).to.include({ time: '2025-06-01T12:00:00Z', timeSource: 'node-clock', quality: 'good' })
    const [file] = linesOf(await read(telegram('1-0:1.8.1(1*kWh)'), false))
    expect(file).to.include({ timeSource: 'node-clock', quality: 'clock-doubtful' })
  })

  it('P1_CLOCK_INVALID: a clock that is not set is told, and the values are kept', async () => {
    for (const stamp of ['000000000000W', '251301000000W', '250230120000S', '250101250000W', '250101246000W', '250101126100W']) {
      const items = await read(telegram(`0-0:1.0.0(${stamp})`, '1-0:1.8.1(1*kWh)'))
      expect(codesOf(items), stamp).to.deep.equal(['P1_CLOCK_INVALID'])
      expect(linesOf(items)[0], stamp).to.include({ timeSource: 'node-clock', value: '1' })
    }
  })

  it('a value with a time of its own is a reading of its own time', async () => {
    const items = await read(
      telegram(CLOCK, '1-0:1.8.1(1*kWh)', '1-0:1.6.0(250109134558W)(02.589*kW)', '0-1:24.2.1(250115115500W)(00112.384*m3)'),
    )
    expect(shown(items)).to.deep.equal([
      '2025-01-15T11:00:00Z 1-0:1.8.1 1 kWh',
      '2025-01-09T12:45:58Z 1-0:1.6.0 2.589 kW',
      '2025-01-15T10:55:00Z 0-1:24.2.1 112.384 m3',
    ])
    expect(readingsOf(items).map(({ frame }) => frame !== undefined)).to.deep.equal([true, false, false])
  })

  it('the same time as the telegram is the telegram’s own row', async () => {
    const items = await read(telegram(CLOCK, '1-0:1.8.1(1*kWh)', '0-1:24.2.1(250115120000W)(1*m3)'))
    expect(readingsOf(items)).to.have.length(1)
  })

  it('version 3: the gas value on the next line, at its own time', async () => {
    const gas = '0-1:24.3.0(250115110000)(00)(60)(1)(0-1:24.2.1)(m3)'
    for (const text of [`${gas}\r\n(00012.345)`, `${gas}(00012.345)`]) {
      const items = await read(bytes(`/ISk5\\2MT382-1003\r\n\r\n1-0:1.8.1(1*kWh)\r\n${text}\r\n!\r\n`))
      expect(shown(items)).to.include('2025-01-15T10:00:00Z 0-1:24.2.1 12.345 m3')
      expect(readingsOf(items).map(({ crc }) => crc)).to.deep.equal(['none', 'none'])
    }
  })

  it('an M-Bus slot without a meter gives nothing, and no fault every second', async () => {
    const items = await read(
      telegram(CLOCK, '1-0:1.8.1(1*kWh)', '0-1:24.1.0()', '0-1:24.2.1(632525252525W)(00000000.0000)', '0-1:24.2.1()'),
    )
    expect(shown(items)).to.deep.equal(['2025-01-15T11:00:00Z 1-0:1.8.1 1 kWh'])
    expect(codesOf(items)).to.deep.equal([])
  })

  it('counters and states are values without unit; identifiers, texts and histories are none', async () => {
    const items = await read(
      telegram(
        CLOCK,
        '1-3:0.2.8(50)',
        '0-0:96.1.1(4530)',
        '0-0:96.1.4(50217)',
        '0-0:96.14.0(0002)',
        '0-0:96.7.21(00004)',
        '1-0:32.32.0(00001)',
        '1-0:13.7.0(0.998)',
        '0-0:96.3.10(1)',
        '0-1:24.4.0(1)',
        '0-1:24.1.0(003)',
        '0-0:96.13.0(3031)',
        '1-0:0.0.0*255(0272031312565)',
        '1-0:99.97.0(1)(0-0:96.7.19)(180417201458S)(0000000236*s)',
        '0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(200501000000S)(200423192538S)(03.695*kW)',
      ),
    )
    expect(linesOf(items).map(({ register, value, unit }) => `${register}=${value}${unit}`)).to.deep.equal([
      '0-0:96.14.0=2',
      '0-0:96.7.21=4',
      '1-0:32.32.0=1',
      '1-0:13.7.0=0.998',
      '0-0:96.3.10=1',
      '0-1:24.4.0=1',
    ])
  })

  it('an unknown version is read like any other', async () => {
    expect(shown(await read(telegram('1-3:0.2.8(99)', CLOCK, '1-0:1.8.1(1*kWh)')))).to.have.length(1)
  })

  it('codes with *255, with .255 and with another F are read', async () => {
    const items = await read(telegram(CLOCK, '1-0:1.8.0*255(1*kWh)', '1-0:31.7.0.255(001*A)', '1-0:1.8.0*3(2*kWh)'))
    expect(linesOf(items).map(({ register }) => register)).to.deep.equal(['1-0:1.8.0', '1-0:31.7.0', '1-0:1.8.0*3'])
  })

  it('P1_LINE_MALFORMED: the line is told and the others are read', async () => {
    const items = await read(telegram(CLOCK, '1-0:72:32.0(00000)', 'what is this', '1-0:1.8.1(1*kWh)'))
    expect(codesOf(items)).to.deep.equal(['P1_LINE_MALFORMED', 'P1_LINE_MALFORMED'])
    expect(shown(items)).to.have.length(1)
  })

  it('P1_VALUE_MALFORMED: an unknown unit, a broken number, a code above 255, more digits than fit', async () => {
    for (const object of [
      '1-0:1.8.1(1*parsec)',
      '1-0:1.8.1(1.2.3*kWh)',
      '1-0:1.8.999(1*kWh)',
      '1-0:1.8.1(99999999999999999999*kWh)',
    ]) {
      const items = await read(telegram(CLOCK, object, '1-0:1.8.2(1*kWh)'))
      expect(codesOf(items), object).to.deep.equal(['P1_VALUE_MALFORMED'])
      expect(shown(items), object).to.have.length(1)
    }
  })

  it('P1_OBJECT_REPEATED: the first counts', async () => {
    const items = await read(telegram(CLOCK, '1-0:1.8.1(1*kWh)', '1-0:1.8.1(2*kWh)'))
    expect(codesOf(items)).to.deep.equal(['P1_OBJECT_REPEATED'])
    expect(linesOf(items).map(({ value }) => value)).to.deep.equal(['1'])
  })

  it('P1_TELEGRAM_EMPTY: a telegram without any measurement', async () => {
    expect(codesOf(await read(telegram('0-0:96.1.1(4530)')))).to.deep.equal(['P1_TELEGRAM_EMPTY'])
  })

  it('more registers than a table of a block holds become several rows of one time', async () => {
    const lines = Array.from({ length: 70 }, (_, index) => `1-0:1.8.${index}(${index}*kWh)`)
    const items = readingsOf(await read(telegram(CLOCK, ...lines)))
    expect(items.map(({ reading }) => reading.values.length)).to.deep.equal([64, 6])
    expect(new Set(items.map(({ reading }) => reading.time)).size).to.equal(1)
  })

  it('any telegram text: every value comes out as it went in', async () => {
    const object = fc.record({
      c: fc.integer({ min: 1, max: 95 }),
      e: fc.integer({ min: 0, max: 63 }),
      whole: fc.nat({ max: 999_999 }),
      part: fc.nat({ max: 999 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(object, { maxLength: 30, minLength: 1, selector: ({ c, e }) => `${c}.${e}` }),
        async (objects) => {
          const text = ({ whole, part }: { whole: number; part: number }): string => `${whole}.${String(part).padStart(3, '0')}`
          const lines = objects.map((one) => `1-0:${one.c}.8.${one.e}(${text(one).padStart(10, '0')}*kWh)`)
          const found = linesOf(await read(telegram(CLOCK, ...lines)))
          expect(found.map(({ register, value }) => `${register} ${value}`)).to.deep.equal(
            objects.map((one) => `1-0:${one.c}.8.${one.e} ${text(one)}`),
          )
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('P1 source', () => {
  it('reads a file, gzipped or not, and standard input', async () => {
    const { gzipSync } = await import('node:zlib')
    const input = telegram(CLOCK, '1-0:1.8.1(1*kWh)')
    await withFiles({ 'a.txt': input, 'b.gz': gzipSync(input) }, async (dir) => {
      expect(shown(await itemsOf(`p1:${dir}/a.txt`))).to.deep.equal(shown(await itemsOf(`p1:${dir}/b.gz`)))
    })
    const { systemPlatform } = await import('../../platform.ts')
    const standardInput = (): AsyncIterable<Uint8Array> => stream(pieces(input, 7))
    expect(shown(await itemsOf('p1:-', { ...systemPlatform, standardInput }))).to.have.length(1)
  })

  it('zone= is for meters outside Central European Time', async () => {
    await withFiles({ a: telegram(CLOCK, '1-0:1.8.1(1*kWh)') }, async (dir) => {
      expect(shown(await itemsOf(`p1:${dir}/a?zone=Europe/Vilnius`))).to.deep.equal(['2025-01-15T10:00:00Z 1-0:1.8.1 1 kWh'])
      expect(await thrownCode(() => itemsOf(`p1:${dir}/a?zone=Mars/Olympus`))).to.equal('SOURCE_OPTION_INVALID')
      expect(await thrownCode(() => itemsOf(`p1:${dir}/a?speed=3`))).to.equal('SOURCE_OPTION_INVALID')
    })
  })

  it('SOURCE_UNREADABLE: a file that is not there, and gzip that breaks off', async () => {
    const { gzipSync } = await import('node:zlib')
    const packed = gzipSync(telegram(CLOCK, '1-0:1.8.1(1*kWh)'))
    await withFiles({ 'cut.gz': packed.subarray(0, packed.length - 12) }, async (dir) => {
      expect(await thrownCode(() => itemsOf(`p1:${dir}/nothing`))).to.equal('SOURCE_UNREADABLE')
      expect(await thrownCode(() => itemsOf(`p1:${dir}/cut.gz`))).to.equal('SOURCE_UNREADABLE')
    })
  })
})
