import { expect } from 'chai'
import fc from 'fast-check'
import { parseZone } from '../../collect/local-time.ts'
import { MAX_LINES, MAX_SLOTS, P1Lines } from '../../collect/p1-line.ts'
import { P1Reader, type P1Rows } from '../../collect/p1-reading.ts'
import { bytes } from './inputs.ts'

const zone = { zone: parseZone('Europe/Amsterdam'), standardOffsetMs: 3_600_000 }

function telegram(lines: readonly string[]): Uint8Array {
  return bytes(`/TST5\\2\r\n\r\n0-0:1.0.0(250115120000W)\r\n${lines.join('\r\n')}\r\n!\r\n`)
}

function read(reader: P1Reader, lines: readonly string[]): P1Rows {
  return reader.read(telegram(lines), { nowMs: 0, live: true })
}

describe('P1 lines, remembered', () => {
  it('a reader that has seen much reads as a fresh one does', () => {
    const number = fc.constantFrom(
      '1',
      '001.5',
      '001.50',
      '-3.25',
      '.5',
      '5.',
      '1.2.3',
      '123456789012345',
      '99999999999999999999',
      '',
    )
    const unit = fc.constantFrom('*kWh', '*Wh', '*kwh', '*parsec', '*m3', '', '*', '*kWh)(1')
    const code = fc.constantFrom('1-0:1.8.1', '1-0:1.8.1*255', '1-0:1.8.1.255', '0-1:24.2.1', '0-0:96.1.1', '1-0:1.8.999', 'junk')
    const time = fc.constantFrom('', '', '(250115115500W)', '(250115120000W)', '(632525252525W)')
    const line = fc.tuple(code, time, number, unit).map(([a, b, c, d]) => `${a}${b}(${c}${d})`)
    const lines = fc.array(line, { maxLength: 6 })
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 5 }), (telegrams) => {
        const old = new P1Reader(zone)
        for (const each of telegrams) {
          const found = read(old, each)
          expect(found).to.deep.equal(read(new P1Reader(zone), each))
          // A line that is none makes it go the long way, and changes nothing else.
          expect(read(old, [...each, 'junk']).rows).to.deep.equal(found.rows)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('a number without digits is none, also behind one that was whole', () => {
    const reader = new P1Reader(zone)
    expect(read(reader, ['1-0:1.8.1(1*kWh)']).rows).to.have.length(1)
    expect(read(reader, ['1-0:1.8.1(*kWh)'])).to.deep.equal({ rows: [], faults: [] })
  })

  it('P1_OBJECT_REPEATED: also where the code is written otherwise, and where the register stood at another time between', () => {
    const reader = new P1Reader(zone)
    expect(read(reader, ['1-0:1.8.1(1*kWh)', '1-0:1.8.1*255(2*kWh)']).faults.map(({ code }) => code)).to.deep.equal([
      'P1_OBJECT_REPEATED',
    ])
    const { rows, faults } = read(reader, ['1-0:1.8.1(1*kWh)', '1-0:1.8.1(250115115500W)(2*kWh)', '1-0:1.8.1(3*kWh)'])
    expect(faults).to.have.length(1)
    expect(rows.map(({ reading }) => reading.values.map(({ value }) => value))).to.deep.equal([[1], [2]])
  })

  it('is bounded: lines and registers are forgotten between telegrams, and read anew', () => {
    const lines = new P1Lines(zone)
    for (let n = 0; n <= MAX_LINES; n++) lines.line(`1-0:1.8.1(${n}*kWh)`)
    const before = lines.line('1-0:1.8.1(7*kWh)')
    expect(lines.line('1-0:1.8.1(7*kWh)')).to.equal(before)
    lines.forget()
    expect(lines.line('1-0:1.8.1(7*kWh)')).to.not.equal(before)
    expect(lines.line('1-0:1.8.1(7*kWh)')).to.deep.equal(before)
    for (let n = 0; n <= MAX_SLOTS; n++) lines.line(`1-${n % 64}:${1 + Math.floor(n / 64)}.8.0(1*kWh)`)
    const slot = lines.line('1-0:1.8.0(5*kWh)')
    lines.forget()
    const anew = lines.line('1-0:1.8.0(5*kWh)')
    expect(slot.type === 'value' && anew.type === 'value' && slot.slot !== anew.slot).to.equal(true)
  })

  it('lines that end with a bare CR or LF, and 10 MB of noise before a telegram', async () => {
    const [row] = new P1Reader(zone).read(bytes('/T\r1-0:1.8.1(1*kWh)\r\n\n1-0:1.8.2(2*kWh)\n!\r\n'), {
      nowMs: 0,
      live: true,
    }).rows
    expect(row?.reading.values).to.have.length(2)
    const { P1Framer } = await import('../../collect/p1-framer.ts')
    const framer = new P1Framer()
    const noise = new Uint8Array(1_000_000)
    let seed = 1
    for (let at = 0; at < noise.length; at++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      noise[at] = (seed >> 16) & 0xff
    }
    for (let n = 0; n < 10; n++) framer.push(noise)
    const items = [...framer.push(bytes('\r\n/TST3\r\n\r\n1-0:1.8.1(1*kWh)\r\n!\r\n')), ...framer.end()]
    expect(items.filter(({ type }) => type === 'frame')).to.have.length(1)
  })
})
