import { expect } from 'chai'
import fc from 'fast-check'
import { crc16, formatCrc16 } from '../../collect/crc16.ts'
import { type FramerItem, MAX_TELEGRAM_BYTES, P1Framer } from '../../collect/p1-framer.ts'
import { bytes, pieces } from './inputs.ts'

function telegram(body: string, header = '/TST5\\253'): string {
  const signed = `${header}\r\n\r\n${body}!`
  return `${signed}${formatCrc16(crc16(bytes(signed)))}\r\n`
}

function framed(input: Uint8Array, size = input.length): FramerItem[] {
  const framer = new P1Framer()
  const items: FramerItem[] = []
  for (const piece of pieces(input, Math.max(1, size))) items.push(...framer.push(piece))
  return [...items, ...framer.end()]
}

function told(items: readonly FramerItem[]): string[] {
  return items.map((item) => (item.type === 'frame' ? `frame@${item.position}:${item.crc}` : `${item.code}@${item.where}`))
}

const ONE = telegram('1-0:1.8.1(000001.001*kWh)\r\n')
const TWO = telegram('1-0:1.8.1(000001.002*kWh)\r\n1-0:2.7.0(00.5*kW)\r\n')

describe('P1 framer', () => {
  it('CRC16/ARC: the check value of "123456789" is BB3D', () => {
    expect(formatCrc16(crc16(bytes('123456789')))).to.equal('BB3D')
  })

  it('a frame is the bytes as sent, from the slash to the end of the CRC line', () => {
    const [item] = framed(bytes(`\r\n${ONE}`))
    expect(item).to.deep.equal({ type: 'frame', bytes: bytes(ONE), position: 2, crc: 'ok' })
  })

  it('the same items come out wherever the stream is cut', () => {
    const noise = 'garbage)\r\n!1234\r\n'
    const input = bytes(
      `${noise}${ONE}${TWO.slice(0, 40)}${TWO}/TST3\r\n\r\n1-0:1.7.0(1*W)\r\n!\r\n${ONE.replace('1.001', '1.003')}`,
    )
    const once = framed(input)
    const cut = noise.length + ONE.length
    const none = cut + 40 + TWO.length
    expect(told(once)).to.deep.equal([
      'P1_STREAM_MIDWAY@byte 0',
      `frame@${noise.length}:ok`,
      `P1_TELEGRAM_TRUNCATED@byte ${cut}`,
      `frame@${cut + 40}:ok`,
      `frame@${none}:none`,
      `P1_CRC_MISMATCH@byte ${none + 28}`,
    ])
    for (let size = 1; size < input.length; size++) expect(framed(input, size), `pieces of ${size}`).to.deep.equal(once)
  })

  it('P1_STREAM_MIDWAY: a stream that starts in the middle of a telegram, or of its last line', () => {
    for (const from of [30, TWO.indexOf('!'), TWO.indexOf('!') + 1, TWO.length - 3]) {
      const frame = `frame@${TWO.length - from}:ok`
      expect(told(framed(bytes(TWO.slice(from) + ONE))), String(from)).to.deep.equal(['P1_STREAM_MIDWAY@byte 0', frame])
    }
  })

  it('P1_BYTES_SKIPPED: noise, which has not the end of a telegram, comes later, or is all there is', () => {
    expect(told(framed(bytes(`noise noise\r\n${ONE}`)))).to.deep.equal(['P1_BYTES_SKIPPED@byte 0', 'frame@13:ok'])
    const [, second] = told(framed(bytes(`${ONE}noise!1234\r\n${TWO}`)))
    expect(second).to.equal(`P1_BYTES_SKIPPED@byte ${ONE.length}`)
    expect(told(framed(bytes(TWO.slice(30))))).to.deep.equal(['P1_BYTES_SKIPPED@byte 0'])
  })

  it('P1_BYTES_SKIPPED: endless noise is told while it goes on', () => {
    expect(told(new P1Framer().push(new Uint8Array(40_000).fill(0x55)))).to.have.length(2)
  })

  it('P1_CRC_MISMATCH: says where, what was found and what was computed', () => {
    const wrong = ONE.replace('1.001', '1.002')
    const [item] = framed(bytes(wrong))
    const computed = formatCrc16(crc16(bytes(wrong.slice(0, wrong.indexOf('!') + 1))))
    expect(item).to.include({ code: 'P1_CRC_MISMATCH', where: 'byte 0' })
    expect(item)
      .to.have.property('message')
      .that.includes(`found ${ONE.slice(-6, -2)}, computed ${computed}`)
  })

  it('P1_CRC_MALFORMED: something else behind the exclamation mark', () => {
    expect(told(framed(bytes(ONE.replace(/!.*/, '!what?'))))).to.deep.equal(['P1_CRC_MALFORMED@byte 0'])
    expect(told(framed(bytes(ONE.replace(/!.*/, '!123456789012345'))))).to.include('P1_CRC_MALFORMED@byte 0')
  })

  it('a CRC without its leading zeros, in lower case or without line end is read', () => {
    // Found by search: this body's CRC begins with a zero.
    for (let n = 0; ; n++) {
      const text = telegram(`1-0:1.8.1(${n}*kWh)\r\n`)
      if (!/!0[0-9A-F]{3}/.test(text)) continue
      for (const variant of [text.replace('!0', '!'), text.replace(/!(.*)/, (all) => all.toLowerCase()), text.trimEnd()]) {
        expect(told(framed(bytes(variant)))).to.deep.equal(['frame@0:ok'])
      }
      break
    }
  })

  it('versions without CRC end with the exclamation mark alone, and are marked so', () => {
    expect(told(framed(bytes('/ISk5\\2MT382-1003\r\n\r\n1-0:1.8.1(1*kWh)\r\n!\r\n')))).to.deep.equal(['frame@0:none'])
  })

  it('P1_TELEGRAM_TOO_LONG: a telegram longer than 16 KiB is given up, and the next one read', () => {
    const long = `/TST5\r\n${'x'.repeat(MAX_TELEGRAM_BYTES)}`
    const items = told(framed(bytes(`${long}\r\n${ONE}`)))
    expect(items).to.deep.equal([
      'P1_TELEGRAM_TOO_LONG@byte 0',
      `P1_BYTES_SKIPPED@byte ${MAX_TELEGRAM_BYTES}`,
      `frame@${long.length + 2}:ok`,
    ])
  })

  it('P1_TELEGRAM_TOO_LONG: a telegram that begins within a too long one is not lost', () => {
    const start = 'x'.repeat(MAX_TELEGRAM_BYTES - 60)
    const items = told(framed(bytes(`/${start}${TWO}`)))
    expect(items).to.deep.equal(['P1_TELEGRAM_TOO_LONG@byte 0', `frame@${start.length + 1}:ok`])
  })

  it('a slash inside a unit is no new telegram where the CRC is right', () => {
    expect(told(framed(bytes(telegram('0-1:24.2.1(00001.5*m3/h)\r\n1-0:1.8.1(1*kWh)\r\n'))))).to.deep.equal(['frame@0:ok'])
    expect(told(framed(bytes('/TST3\r\n\r\n0-1:24.2.1(00001.5*l/min)\r\n!\r\n')))).to.deep.equal(['frame@0:none'])
  })

  it('beginnings are bounded: thousands of slashes end in faults, not in memory', () => {
    const items = told(framed(bytes(`${'/'.repeat(5_000)}${ONE}`)))
    expect(items.filter((text) => text.startsWith('frame'))).to.have.length(1)
  })

  it('a telegram right behind the CRC of the one before, without a line end, is read', () => {
    expect(told(framed(bytes(ONE.trimEnd() + TWO)))).to.deep.equal(['frame@0:ok', `frame@${ONE.length - 2}:ok`])
  })

  it('any bytes at all, cut anywhere: nothing throws, and the cuts change nothing', () => {
    const parts = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(bytes(ONE), bytes(TWO), bytes('/'), bytes('!'), bytes(TWO.slice(0, 33))),
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (chunks, size) => {
        const input = Uint8Array.from(chunks.flatMap((chunk) => Array.from(chunk)))
        expect(framed(input, size)).to.deep.equal(framed(input))
      }),
      { numRuns: 200 },
    )
  })
})
