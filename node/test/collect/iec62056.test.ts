import { expect } from 'chai'
import fc from 'fast-check'
import { iecItems } from '../../collect/iec62056.ts'
import { MAX_DATA_SETS, parseDataSets } from '../../collect/iec62056-data.ts'
import { MAX_READOUT_BYTES } from '../../collect/iec62056-framer.ts'
import { parseZone } from '../../collect/local-time.ts'
import type { SourceItem } from '../../collect/source.ts'
import { block, pushed, withBcc } from './iec62056-encoder.ts'
import {
  all,
  bytes,
  codesOf,
  faultsOf,
  itemsOf,
  linesOf,
  pieces,
  readingsOf,
  shown,
  stream,
  thrownCode,
  withFiles,
} from './inputs.ts'

const NOW = Date.UTC(2025, 5, 1, 12)
const zone = { zone: parseZone('Europe/Berlin'), standardOffsetMs: 3_600_000 }
const DATE = '0.9.2(0250115)'
const TIME = '0.9.1(120000)'

interface How {
  readonly live?: boolean
  readonly bare?: boolean
  readonly size?: number
  readonly energyUnit?: string
}

async function read(text: string | Uint8Array, { live = true, bare = false, size, energyUnit }: How = {}): Promise<SourceItem[]> {
  const input = typeof text === 'string' ? bytes(text) : text
  const how = { zone, live, energyUnit, now: () => NOW }
  return all(iecItems(stream(pieces(input, Math.max(1, size ?? input.length))), how, bare))
}

const ENERGY = '1-0:1.8.0(0008048.375*kWh)'
const ONE = block([DATE, TIME, ENERGY])
const TWO = pushed(['1-0:1.8.0(0000001.5*kWh)'])

describe('IEC 62056-21 framing', () => {
  it('a block with a right BCC, and the lines of mode D, which have none', async () => {
    const items = readingsOf(await read(ONE + TWO))
    expect(items.map(({ crc }) => crc)).to.deep.equal(['ok', 'none'])
    expect(items.map(({ frame }) => Buffer.from(frame as Uint8Array).toString('latin1'))).to.deep.equal([ONE, TWO])
  })

  it('IEC_BCC_MISMATCH: says where, what was found and what was computed; the next read-out is taken', async () => {
    const wrong = ONE.replace('8048', '8049')
    const items = await read(wrong + ONE)
    expect(codesOf(items)).to.deep.equal(['IEC_BCC_MISMATCH'])
    expect(faultsOf(items)[0]?.message).to.match(/^read-out at byte 0: BCC found [0-9A-F]{2}, computed [0-9A-F]{2}$/)
    expect(readingsOf(items)).to.have.length(1)
    expect(codesOf(await read(withBcc(`${ENERGY}\r\n!\r\n\u0003`).slice(0, -1) + '\u00ff'))).to.deep.equal(['IEC_BCC_MISMATCH'])
  })

  it('the same items come out wherever the stream is cut', async () => {
    const input = `noise\r\n${ONE.slice(20)}${ONE}${ONE.slice(0, 40)}\r\n${TWO}/?!\r\n\u0006050\r\n${ONE}${TWO.slice(0, 30)}`
    const once = await read(input)
    expect(codesOf(once)).to.deep.equal(['IEC_STREAM_MIDWAY', 'IEC_READOUT_TRUNCATED', 'IEC_READOUT_TRUNCATED'])
    expect(readingsOf(once)).to.have.length(3)
    for (let size = 1; size < 80; size++) expect(await read(input, { size }), `pieces of ${size}`).to.deep.equal(once)
  })

  it('requests and acknowledgements, as heads echo them, are gone over', async () => {
    const items = await read(`/?12345678!\r\n${ONE.replace('\r\n', '\r\n\u0006050\r\n')}`)
    expect(codesOf(items)).to.deep.equal([])
    expect(readingsOf(items)).to.have.length(1)
  })

  it('a block of an adapter that reads the parity as data', async () => {
    const even = bytes(ONE).map((byte) => {
      let parity = 0
      for (let bit = 0; bit < 7; bit++) parity ^= (byte >> bit) & 1
      return byte | (parity << 7)
    })
    // The identification must be readable to be one: only the block is so.
    const at = ONE.indexOf('\u0002')
    const items = await read(Uint8Array.from([...bytes(ONE.slice(0, at)), 0x02, ...even.subarray(at + 1)]))
    expect(shown(items)).to.deep.equal(shown(await read(ONE)))
  })

  it('IEC_READOUT_TRUNCATED: cut by the next one, or by the end', async () => {
    for (const cut of [ONE.slice(0, 60), TWO.slice(0, 40), ONE.slice(0, -1)]) {
      expect(codesOf(await read(`${cut}\r\n${TWO}`)).slice(0, 1), cut).to.not.deep.equal([])
      expect(codesOf(await read(cut)), cut).to.deep.equal(['IEC_READOUT_TRUNCATED'])
      expect(readingsOf(await read(cut)), cut).to.deep.equal([])
    }
    expect(readingsOf(await read(TWO.slice(0, -2)))).to.have.length(1)
  })

  it('IEC_READOUT_TOO_LONG: a read-out longer than 64 KiB is given up, and the next one read', async () => {
    const items = await read(`${pushed(['x'.repeat(MAX_READOUT_BYTES)])}${ONE}`)
    expect(codesOf(items)[0]).to.equal('IEC_READOUT_TOO_LONG')
    expect(shown(items)).to.have.length(1)
  })

  it('IEC_BYTES_SKIPPED: noise, and what begins like an identification', async () => {
    expect(codesOf(await read(`what is this\r\n${ONE}`))).to.deep.equal(['IEC_BYTES_SKIPPED'])
    expect(codesOf(await read(`/no\r\n/${'x'.repeat(100)}\r\n${ONE}`))).to.deep.equal(['IEC_BYTES_SKIPPED'])
    expect(codesOf(await read(`/abc/TST5\r\n${ONE}`)).length).to.be.at.most(1)
    expect(codesOf(await read('U'.repeat(40_000)))).to.have.length(3)
  })

  it('IEC_STREAM_MIDWAY: a stream that begins in the middle, also where a dump might have no identification', async () => {
    for (const bare of [false, true]) {
      const items = await read(`8.0(0008048.375*kWh)\r\n!\r\n${TWO}`, { bare })
      expect(codesOf(items)).to.deep.equal(['IEC_STREAM_MIDWAY'])
      expect(shown(items)).to.deep.equal(['2025-06-01T12:00:00Z 1-0:1.8.0 1.5 kWh'])
    }
  })

  it('a dump of the data lines alone is read where that is all there is, and never from a line', async () => {
    const dump = '1.8.0(0000001.5*kWh)\r\n!\r\n'
    expect(shown(await read(dump, { bare: true }))).to.have.length(1)
    expect(shown(await read(dump))).to.deep.equal([])
    expect(codesOf(await read(dump))).to.deep.equal(['IEC_BYTES_SKIPPED'])
  })

  it('10 MB of noise, then a good read-out: it is read', async () => {
    const noise = new Uint8Array(10_000_000)
    let seed = 1
    for (let at = 0; at < noise.length; at++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      noise[at] = (seed >> 16) & 0xff
    }
    const items = await all(
      iecItems(stream([...pieces(noise, 65_536), bytes(`\r\n${ONE}`)]), { zone, live: true, now: () => NOW }, false),
    )
    expect(shown(items).filter((line) => line.endsWith('1-0:1.8.0 8048.375 kWh'))).to.have.length(1)
  })

  it('any bytes at all, cut anywhere: nothing throws, and the cuts change nothing', async () => {
    const parts = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(
        bytes(ONE),
        bytes(TWO),
        bytes('/TST5X\r\n'),
        bytes('\u0002'),
        bytes('!\r\n\u0003'),
        bytes(ONE.slice(0, 50)),
      ),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), async (chunks, size) => {
        const input = Uint8Array.from(chunks.flatMap((chunk) => Array.from(chunk)))
        expect(await read(input, { size, bare: true })).to.deep.equal(await read(input, { bare: true }))
      }),
      { numRuns: 150 },
    )
  })

  it('bytes flipped in a block: no value but the right ones is ever read', async () => {
    const input = bytes(ONE)
    const right = shown(await read(ONE))
    const from = ONE.indexOf('\u0002') + 1
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: from, max: input.length - 1 }), fc.integer({ min: 1, max: 127 }), async (at, mask) => {
        const items = await read(input.map((byte, index) => (index === at ? byte ^ mask : byte)))
        for (const line of shown(items)) expect(right).to.include(line)
      }),
      { numRuns: 100 },
    )
  })
})

describe('IEC 62056-21 readings', () => {
  const only = async (...lines: string[]): Promise<string[]> => shown(await read(block([DATE, TIME, ...lines])))

  it('values with a unit are exact; codes are completed; date and time are the meter’s', async () => {
    expect(await only(ENERGY, '1.7.0(0.908*kW)', '32.7.0(230,1*V)', '1-0:2.8.0*255(+0000001.000*kWh)')).to.deep.equal([
      '2025-01-15T11:00:00Z 1-0:1.8.0 8048.375 kWh',
      '2025-01-15T11:00:00Z 1-0:1.7.0 0.908 kW',
      '2025-01-15T11:00:00Z 1-0:32.7.0 230.1 V',
      '2025-01-15T11:00:00Z 1-0:2.8.0 1.000 kWh',
    ])
  })

  it('seasons: standard time, summer time and UTC; without one the wall clock, doubtful in the doubled hour', async () => {
    const at = async (date: string, time: string): Promise<string | undefined> =>
      shown(await read(block([`0.9.2(${date})`, `0.9.1(${time})`, ENERGY])))[0]
    expect(await at('0250715', '120000')).to.include('2025-07-15T11:00:00Z')
    expect(await at('1250715', '120000')).to.include('2025-07-15T10:00:00Z')
    expect(await at('2250715', '120000')).to.include('2025-07-15T12:00:00Z')
    expect(await at('250715', '12:00')).to.include('2025-07-15T10:00:00Z')
    expect(await at('2025-07-15', '1120000')).to.include('2025-07-15T10:00:00Z')
    expect(await at('25-10-26', '02:30:00')).to.match(/^2025-10-26T01:30:00Z .* clock-doubtful$/)
    expect(shown(await read(block(['0.9.4(250715120000)', ENERGY])))[0]).to.include('2025-07-15T10:00:00Z')
    expect(shown(await read(block(['0-0:1.0.0(25-07-15 12:00:00)', ENERGY])))[0]).to.include('2025-07-15T10:00:00Z')
  })

  it('IEC_CLOCK_INVALID: a clock that is not set is told; without one the node’s is taken', async () => {
    const items = await read(block(['0.9.2(0000000)', '0.9.1(000000)', ENERGY]))
    expect(codesOf(items)).to.deep.equal(['IEC_CLOCK_INVALID'])
    expect(linesOf(items)[0]).to.include({ timeSource: 'node-clock', quality: 'good' })
    expect(linesOf(await read(block([ENERGY]), { live: false }))[0]).to.include({ quality: 'clock-doubtful' })
    expect(shown(await read(block(['0.9.2(250330)', '0.9.1(023000)', ENERGY])))[0]).to.include('2025-06-01')
  })

  it('maxima have their own time; values of earlier months that of their month’s end', async () => {
    expect(
      await only('1.6.0(02.468*kW)(2501100930)', '0.1.2*01(2501010000)', '1.8.0*01(7904.135*kWh)', '1.8.0*02(7660.326*kWh)'),
    ).to.deep.equal([
      '2025-01-10T08:30:00Z 1-0:1.6.0 2.468 kW',
      '2024-12-31T23:00:00Z 1-0:1.8.0*1 7904.135 kWh',
      '2025-01-15T11:00:00Z 1-0:1.8.0*2 7660.326 kWh',
    ])
    expect(await only('1.6.0(02.468*kW)(9999999999)', '1.6.1(1*kW)(x)', '1.6.2(1*kW)(2501100930)(3)')).to.deep.equal([])
  })

  it('says which meter it is by its own number', async () => {
    const meter = async (...lines: string[]): Promise<string | undefined> =>
      readingsOf(await read(block([...lines, ENERGY])))[0]?.meter
    expect(await meter('0.0.0(12345678)', 'C.1.0(9)')).to.equal('12345678')
    expect(await meter('0.0.0()', '0-0:C.1.0*255(63355730)')).to.equal('63355730')
    expect(await meter()).to.equal(undefined)
  })

  it('several data sets on a line, line ends within a set, letters in codes', async () => {
    expect(await only('1.8.1(1*kWh)1.8.2(2*kWh) 2.8.0\r\n', '1.6.0(3*kW)\r\n(2501100930)')).to.have.length(3)
    expect(
      await only('C.1.0(63355730)', 'F.F(0000000)', '0.0.0(12345678)', '0.2.0(1.03)', 'P.01(1)', '0-0:96.14.0(2)'),
    ).to.deep.equal(['2025-01-15T11:00:00Z 0-0:96.14.0 2'])
  })

  it('heat meters: codes of two parts are heat’s, C and m are theirs, several values are numbered', async () => {
    const lines = [
      '6.8(0029.055*MWh)6.26(01589.28*m3)9.21(00010213)6.6(0017.2*kW)6.33(001.476*m3ph)9.4(088*C&082*C)6.35(60*m)6.8.1()',
      '6.8*01(0028.086*MWh)9.36(2025-01-15&12:00:00)81.7.6(  80*Deg)F(0)9.6(000&00010213&0)6.8.2(1*kWh&2*kWh)',
    ]
    expect(shown(await read(block(lines))).map((line) => line.replace('2025-01-15T11:00:00Z ', ''))).to.deep.equal([
      '6-0:6.8.0 29.055 MWh',
      '6-0:6.26.0 1589.28 m3',
      '6-0:6.6.0 17.2 kW',
      '6-0:6.33.0 1.476 m3/h',
      '6-0:9.4.0 88 °C',
      '6-0:9.4.1 82 °C',
      '6-0:6.35.0 60 min',
      '6-0:6.8.0*1 28.086 MWh',
      '1-0:81.7.6 80 °',
    ])
  })

  it('an energy without unit is marked so, and is what unit= says; counts and factors need none', async () => {
    const lines = ['1.8.1(032942.0231)', '13.7.0(0.998)', '32.32.0(00001)']
    const plain = await read(pushed(lines))
    expect(linesOf(plain).map(({ value, unit, mark }) => [value, unit, mark])).to.deep.equal([
      ['32942.0231', '', 'unit-missing'],
      ['0.998', '', undefined],
      ['1', '', undefined],
    ])
    const said = linesOf(await read(pushed(lines), { energyUnit: 'kWh' }))
    expect(said[0]).to.include({ value: '32942.0231', unit: 'kWh', mark: 'unit-missing' })
  })

  it('IEC_VALUE_MALFORMED: an unknown unit, more digits than fit; the others are read', async () => {
    const items = await read(block(['1.8.1(1*parsec)', '1.8.2(99999999999999999999*kWh)', ENERGY]))
    expect(codesOf(items)).to.deep.equal(['IEC_VALUE_MALFORMED', 'IEC_VALUE_MALFORMED'])
    expect(shown(items)).to.have.length(1)
  })

  it('IEC_VALUE_REPEATED, IEC_LINE_MALFORMED and IEC_READOUT_EMPTY', async () => {
    expect(codesOf(await read(block([ENERGY, ENERGY])))).to.deep.equal(['IEC_VALUE_REPEATED'])
    expect(codesOf(await read(block(['what is this', ENERGY, '1.8.0(1'])))).to.deep.equal([
      'IEC_LINE_MALFORMED',
      'IEC_LINE_MALFORMED',
    ])
    expect(codesOf(await read(block(['F.F(0)'])))).to.deep.equal(['IEC_READOUT_EMPTY'])
  })

  it('data sets of a read-out are bounded', () => {
    expect(parseDataSets('1.8.0(1)'.repeat(MAX_DATA_SETS + 5)).sets).to.have.length(MAX_DATA_SETS)
    expect(parseDataSets('1.8.999(1)').sets).to.have.length(1)
  })
})

describe('IEC 62056-21 source', () => {
  it('recognises what is no P1: reduced codes, blocks, energies without unit', async () => {
    const { recogniseFormat } = await import('../../collect/formats.ts')
    const name = (text: string): string | undefined => recogniseFormat('a.txt', bytes(text))?.name
    expect(name(ONE)).to.equal('iec62056')
    expect(name(pushed(['1.8.0(1*kWh)']))).to.equal('iec62056')
    expect(name('6.8(0029.055*MWh)6.26(01589.28*m3)\r\n!\r\n')).to.equal('iec62056')
    expect(name(pushed(['1-0:0.0.0*255(1)', '1-0:1.8.1*255(032942.0231)']))).to.equal('iec62056')
    expect(name(pushed(['1-0:1.8.0*255(0000001.5*kWh)']))).to.equal('p1')
  })

  it('reads a file; SOURCE_OPTION_INVALID: a unit, an address, and asking a file', async () => {
    await withFiles({ a: ONE }, async (dir) => {
      expect(shown(await itemsOf(`iec62056:${dir}/a?zone=UTC`))).to.deep.equal(['2025-01-15T12:00:00Z 1-0:1.8.0 8048.375 kWh'])
      for (const option of ['unit=parsec', 'address=!', 'ask=1m', 'zone=Mars', 'speed=3']) {
        expect(await thrownCode(() => itemsOf(`iec62056:${dir}/a?${option}`)), option).to.equal('SOURCE_OPTION_INVALID')
      }
      expect(await itemsOf(`iec62056:${dir}/a?unit=kWh`)).to.have.length(1)
    })
  })
})
