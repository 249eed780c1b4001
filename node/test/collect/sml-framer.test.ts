import { expect } from 'chai'
import fc from 'fast-check'
import { MAX_FILE_BYTES, SmlFramer, type SmlFramerItem } from '../../collect/sml-framer.ts'
import { pieces } from './inputs.ts'
import { file, join, meterFile } from './sml-encoder.ts'

function framed(input: Uint8Array, size = input.length): SmlFramerItem[] {
  const framer = new SmlFramer()
  const items: SmlFramerItem[] = []
  for (const piece of pieces(input, Math.max(1, size))) items.push(...framer.push(piece))
  return [...items, ...framer.end()]
}

function told(items: readonly SmlFramerItem[]): string[] {
  return items.map((item) => (item.type === 'frame' ? `frame@${item.position}` : `${item.code}@${item.where}`))
}

function contents(items: readonly SmlFramerItem[]): number[][] {
  return items.flatMap((item) => (item.type === 'frame' ? [Array.from(item.content)] : []))
}

const ONE = meterFile(12_345, 100)
const TWO = meterFile(12_346, -20)
const NOISE = Uint8Array.of(9, 0x1b, 0x1b, 0x1b, 7, 0x1b)

describe('SML framer', () => {
  it('a frame is the bytes as sent; its content is without begin, padding and end', () => {
    const [item] = framed(file(Uint8Array.of(1, 2, 3, 4, 5)))
    expect(item).to.include({ type: 'frame', position: 0 })
    expect(item)
      .to.have.property('bytes')
      .that.deep.equals(file(Uint8Array.of(1, 2, 3, 4, 5)))
    expect(contents(framed(file(Uint8Array.of(1, 2, 3, 4, 5))))).to.deep.equal([[1, 2, 3, 4, 5]])
  })

  it('the same items come out wherever the stream is cut', () => {
    const wrong = ONE.map((byte, at) => (at === 50 ? byte ^ 1 : byte))
    const input = join(NOISE, ONE, TWO.subarray(0, 70), TWO, wrong, ONE, NOISE, TWO.subarray(0, 33))
    const once = framed(input)
    const at = NOISE.length + ONE.length
    expect(told(once)).to.deep.equal([
      'SML_STREAM_MIDWAY@byte 0',
      `frame@${NOISE.length}`,
      `SML_FILE_TRUNCATED@byte ${at}`,
      `frame@${at + 70}`,
      `SML_FILE_CRC_MISMATCH@byte ${at + 70 + TWO.length}`,
      `frame@${at + 70 + TWO.length + wrong.length}`,
      `SML_BYTES_SKIPPED@byte ${at + 70 + TWO.length + wrong.length + ONE.length}`,
      `SML_FILE_TRUNCATED@byte ${input.length - 33}`,
    ])
    for (let size = 1; size < 150; size++) expect(framed(input, size), `pieces of ${size}`).to.deep.equal(once)
  })

  it('bytes 1b of its own are escaped, also where they touch an escape', () => {
    const ones = fc.array(fc.constantFrom(0x1b, 0x1b, 0x1b, 0x01, 0x1a, 0x00), { maxLength: 40 })
    fc.assert(
      fc.property(ones, fc.integer({ min: 1, max: 9 }), (content, size) => {
        expect(contents(framed(join(file(Uint8Array.from(content)), ONE), size))[0]).to.deep.equal(content)
      }),
    )
  })

  it('SML_STREAM_MIDWAY: a stream that begins in the middle of a file', () => {
    for (const from of [1, 60, ONE.length - 12, ONE.length - 5]) {
      expect(told(framed(join(ONE.subarray(from), TWO))), String(from)).to.deep.equal([
        'SML_STREAM_MIDWAY@byte 0',
        `frame@${ONE.length - from}`,
      ])
    }
  })

  it('SML_BYTES_SKIPPED: noise, which has not the end of a file, comes later, or is all there is', () => {
    const noise = new Uint8Array(50).fill(0x55)
    expect(told(framed(join(noise, ONE)))).to.deep.equal(['SML_BYTES_SKIPPED@byte 0', 'frame@50'])
    expect(told(framed(join(ONE, noise, TWO)))[1]).to.equal(`SML_BYTES_SKIPPED@byte ${ONE.length}`)
    expect(told(framed(noise))).to.deep.equal(['SML_BYTES_SKIPPED@byte 0'])
    expect(told(new SmlFramer().push(new Uint8Array(40_000).fill(0x55)))).to.have.length(2)
  })

  it('SML_FILE_CRC_MISMATCH: says where, what was found and what was computed; the next file is read', () => {
    const wrong = ONE.map((byte, at) => (at === ONE.length - 1 ? byte ^ 0xff : byte))
    const items = framed(join(wrong, TWO))
    expect(told(items)).to.deep.equal(['SML_FILE_CRC_MISMATCH@byte 0', `frame@${wrong.length}`])
    const [low, high] = wrong.slice(-2) as unknown as [number, number]
    const found = ((high << 8) | low).toString(16).toUpperCase().padStart(4, '0')
    expect(items[0]).to.have.property('message').that.includes(`found ${found}, computed `)
  })

  it('a file whose end lost its CRC does not swallow the next one', () => {
    for (const lost of [1, 2, 3, 4]) {
      const items = told(framed(join(ONE.subarray(0, ONE.length - lost), TWO)))
      expect(items.at(-1), String(lost)).to.equal(`frame@${ONE.length - lost}`)
      expect(items[0], String(lost)).to.match(/^SML_FILE_(CRC_MISMATCH|TRUNCATED)@byte 0$/)
    }
  })

  it('SML_FILE_TRUNCATED: a file cut by the next one, by an unknown escape, or by the end', () => {
    expect(told(framed(join(ONE.subarray(0, 30), TWO)))).to.deep.equal(['SML_FILE_TRUNCATED@byte 0', 'frame@30'])
    expect(told(framed(join(ONE.subarray(0, 30), [0x1b, 0x1b, 0x1b, 0x1b, 2, 2, 2, 2], TWO)))).to.deep.equal([
      'SML_FILE_TRUNCATED@byte 0',
      'SML_BYTES_SKIPPED@byte 30',
      'frame@38',
    ])
    expect(told(framed(ONE.subarray(0, 30)))).to.deep.equal(['SML_FILE_TRUNCATED@byte 0'])
  })

  it('SML_FILE_TOO_LONG: a file longer than 32 KiB is given up, and the next one read', () => {
    const long = file(new Uint8Array(MAX_FILE_BYTES + 1).fill(7))
    const items = told(framed(join(long, ONE)))
    expect(items[0]).to.equal('SML_FILE_TOO_LONG@byte 0')
    expect(items.at(-1)).to.equal(`frame@${long.length}`)
    expect(told(framed(join(long.subarray(0, 8), new Uint8Array(MAX_FILE_BYTES).fill(0x1b), ONE)))[0]).to.equal(
      'SML_FILE_TOO_LONG@byte 0',
    )
  })

  it('SML_FILE_MALFORMED: more padding than there are bytes', () => {
    const whole = Array.from(file(new Uint8Array(0)))
    // The CRC of a begin and an end that says one byte of padding, computed once.
    const items = told(framed(Uint8Array.from([...whole.slice(0, 13), 1, ...crcOf([...whole.slice(0, 13), 1])])))
    expect(items).to.deep.equal(['SML_FILE_MALFORMED@byte 0'])
  })

  it('10 MB of noise, then a good file: the good file is read, and the noise told in a bounded number of faults', () => {
    const noise = new Uint8Array(10_000_000)
    // Full of what looks like a beginning, an end, an escape: the worst noise there is.
    let seed = 1
    for (let at = 0; at < noise.length; at++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      noise[at] = [0x1b, 0x01, 0x1a, 0x76][(seed >> 16) & 3] as number
    }
    const items = framed(join8(noise, ONE), 65_536)
    expect(items.at(-1)).to.include({ type: 'frame', position: noise.length })
    expect(items.filter(({ type }) => type === 'frame')).to.have.length(1)
  })

  it('any bytes at all, cut anywhere: nothing throws, and the cuts change nothing', () => {
    const parts = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(ONE, TWO, ONE.subarray(0, 8), ONE.subarray(-8), ONE.subarray(0, 33), Uint8Array.of(0x1b, 0x1b)),
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (chunks, size) => {
        const input = join(...chunks)
        expect(framed(input, size)).to.deep.equal(framed(input))
      }),
      { numRuns: 200 },
    )
  })
})

function crcOf(bytes: readonly number[]): number[] {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1
  }
  crc ^= 0xffff
  return [crc & 0xff, crc >> 8]
}

function join8(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
