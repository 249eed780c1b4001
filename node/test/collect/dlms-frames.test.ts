import { expect } from 'chai'
import fc from 'fast-check'
import { MAX_APDU_BYTES } from '../../collect/dlms-apdu.ts'
import { DlmsScanner } from '../../collect/dlms-scanner.ts'
import { hdlcCrc } from '../../collect/hdlc-crc.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import {
  AIDON_SHOWN,
  aidonList,
  type Bytes,
  blocks,
  code,
  dateTime,
  hdlc,
  hdlcFrame,
  join,
  mbus,
  mbusFrame,
  notification,
  octets,
  structure,
  u32,
  withLlc,
} from './dlms-encoder.ts'
import { readDlms } from './dlms-stand.ts'
import { codesOf, readingsOf, shown } from './inputs.ts'

const APDU = notification(aidonList())
const RAW = withLlc(APDU)
/** The same message in every way it may come. */
const WAYS: Readonly<Record<string, Bytes>> = {
  hdlc: hdlc(APDU),
  'hdlc segments': hdlc(APDU, 60),
  mbus: mbus(APDU),
  'mbus segments': mbus(APDU, 50),
  blocks: join(...blocks(APDU, 64)),
  'link control': RAW,
  bare: APDU,
}

function noise(length: number, seed: number): Bytes {
  return seededRandom(seed).bytes(length)
}

describe('DLMS frames', () => {
  it('the check is CRC-16/X-25, by its published check value', () => {
    expect(hdlcCrc(Buffer.from('123456789'), 0, 9)).to.equal(0x906e)
  })

  for (const [way, bytes] of Object.entries(WAYS)) {
    it(`${way}: read, in whatever pieces it comes, with the bytes as sent`, async () => {
      for (const size of [1, 7, 64, bytes.length]) {
        const items = await readDlms(bytes, { size })
        expect(shown(items)).to.deep.equal(AIDON_SHOWN)
        expect(codesOf(items)).to.deep.equal([])
      }
      const [item] = readingsOf(await readDlms(bytes))
      expect(item?.crc).to.equal(way === 'bare' || way === 'link control' ? 'none' : 'ok')
      const flags =
        way === 'hdlc' ? 1 : way === 'hdlc segments' ? Math.ceil(RAW.length / 60) : way === 'blocks' ? blocks(APDU, 64).length : 0
      expect(item?.frame).to.have.length(bytes.length - flags)
    })

    it(`${way}: truncated at every byte, nothing is read and nothing is lost without a word`, async () => {
      for (let cut = 1; cut < bytes.length; cut++) {
        const items = await readDlms(bytes.subarray(0, cut))
        const isWhole = cut === bytes.length - 1 && bytes.at(-1) === 0x7e
        expect(readingsOf(items), `cut at ${cut}`).to.have.length(isWhole ? 1 : 0)
        if (cut > 3 && !isWhole) expect(codesOf(items), `cut at ${cut}`).to.not.deep.equal([])
      }
    })

    it(`${way}: two run together are two`, async () => {
      expect(shown(await readDlms(join(bytes, bytes)))).to.deep.equal([...AIDON_SHOWN, ...AIDON_SHOWN])
    })
  }

  for (const way of ['hdlc', 'hdlc segments', 'mbus', 'mbus segments', 'blocks']) {
    const bytes = WAYS[way] as Bytes

    it(`${way}: begun in the middle, at every byte, the next one is read, and nothing of the first`, async () => {
      for (let from = 1; from < bytes.length - 1; from++) {
        const rest = bytes.subarray(from)
        const items = await readDlms(join(rest, bytes))
        // What is whole from its link control on cannot be told from a message that was sent so.
        const isWhole = [RAW, APDU].some((message) => Buffer.from(rest).subarray(0, message.length).equals(message))
        const times = shown(items).length / AIDON_SHOWN.length
        expect(times, `from ${from}`).to.equal(isWhole ? 2 : 1)
      }
    })

    it(`${way}: a bit flipped anywhere refuses the message, and not the next`, async () => {
      for (let at = 0; at < bytes.length; at += 2) {
        const flipped = bytes.slice()
        flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
        const items = await readDlms(join(flipped, bytes))
        const isFlag = bytes[at] === 0x7e && (at === bytes.length - 1 || bytes[at + 1] === 0x7e)
        expect(shown(items), `byte ${at}`).to.deep.equal(isFlag ? [...AIDON_SHOWN, ...AIDON_SHOWN] : AIDON_SHOWN)
        if (!isFlag) expect(codesOf(items), `byte ${at}`).to.not.deep.equal([])
      }
    })
  }

  it('DLMS_FCS_MISMATCH, DLMS_HCS_MISMATCH, DLMS_CHECKSUM_MISMATCH: what was found and computed, and where', async () => {
    const wrong = (bytes: Bytes, at: number): Bytes => bytes.with(at, (bytes[at] as number) ^ 1)
    const bytes = hdlc(APDU)
    expect(codesOf(await readDlms(wrong(bytes, 40)))).to.deep.equal(['DLMS_FCS_MISMATCH'])
    expect(codesOf(await readDlms(wrong(bytes, 7)))).to.deep.equal(['DLMS_HCS_MISMATCH'])
    const [fault] = await readDlms(join(bytes, wrong(mbus(APDU), 40))).then((items) =>
      items.filter((item) => item.type === 'fault'),
    )
    expect(fault).to.include({ code: 'DLMS_CHECKSUM_MISMATCH', where: `byte ${bytes.length}` })
    expect(fault?.message).to.match(/check found 00[0-9A-F]{2}, computed 00[0-9A-F]{2}$/)
  })

  it('a frame that lost bytes does not take the next one with it', async () => {
    const bytes = hdlc(APDU)
    for (const lost of [1, 20, 100]) {
      const items = await readDlms(join(bytes.subarray(0, 50), bytes.subarray(50 + lost), bytes, bytes))
      expect(shown(items)).to.deep.equal([...AIDON_SHOWN, ...AIDON_SHOWN])
      expect(codesOf(items)[0]).to.equal('DLMS_FCS_MISMATCH')
    }
  })

  it('frames that share a flag, and flags between frames', async () => {
    const bytes = hdlc(APDU)
    const items = await readDlms(join(bytes.subarray(0, -1), bytes, [0x7e, 0x7e, 0x0d, 0x0a], bytes))
    expect(shown(items)).to.have.length(3 * AIDON_SHOWN.length)
    expect(codesOf(items)).to.deep.equal([])
  })

  it('addresses of one to four bytes; a frame without information is passed over', async () => {
    for (const addresses of [
      [0x03, 0x05],
      [0xce, 0xff, 0x03],
      [0xcf, 0x00, 0x02, 0x00, 0x23],
      [0x02, 0x02, 0x02, 0x03, 0x21],
    ]) {
      expect(shown(await readDlms(hdlcFrame(RAW, false, addresses)))).to.deep.equal(AIDON_SHOWN)
    }
    expect(codesOf(await readDlms(hdlcFrame(RAW, false, [2, 2, 2, 2, 3, 5])))).to.include('DLMS_BYTES_SKIPPED')
    const [bare] = [join(0x7e, 0xa0, 0x07, 0x41, 0x03, 0x13, 0x12, 0x34, 0x7e)]
    expect(shown(await readDlms(join(bare, hdlc(APDU))))).to.deep.equal(AIDON_SHOWN)
  })

  it('DLMS_MESSAGE_INCOMPLETE, DLMS_SEGMENT_STRAY: a message with a segment missing is refused as a whole', async () => {
    const frames = [0, 1, 2].map((number) => mbusFrame(APDU.subarray(number * 40, number * 40 + 40), number))
    const last = mbusFrame(APDU.subarray(120), 0x13)
    const [a, b, c] = frames as [Bytes, Bytes, Bytes]
    expect(shown(await readDlms(join(a, b, c, last)))).to.deep.equal(AIDON_SHOWN)
    expect(codesOf(await readDlms(join(a, c, last)))).to.deep.equal([
      'DLMS_MESSAGE_INCOMPLETE',
      'DLMS_SEGMENT_STRAY',
      'DLMS_SEGMENT_STRAY',
    ])
    expect(codesOf(await readDlms(join(a, a, b, c, last)))).to.deep.equal(['DLMS_MESSAGE_INCOMPLETE'])
    expect(codesOf(await readDlms(join(a, b)))).to.deep.equal(['DLMS_MESSAGE_INCOMPLETE'])
    expect(codesOf(await readDlms(last))).to.deep.equal(['DLMS_SEGMENT_STRAY'])
    const parts = blocks(APDU, 40)
    expect(codesOf(await readDlms(join(...parts.toSpliced(1, 1))))).to.include.members([
      'DLMS_MESSAGE_INCOMPLETE',
      'DLMS_SEGMENT_STRAY',
    ])
    expect(codesOf(await readDlms(join(parts[0] as Bytes, hdlc(APDU))))).to.deep.equal(['DLMS_MESSAGE_INCOMPLETE'])
    expect(codesOf(await readDlms(hdlcFrame(join(1, 2, 3, 4))))).to.deep.equal(['DLMS_SEGMENT_STRAY'])
    expect(codesOf(await readDlms(hdlcFrame(withLlc(join(0xe0, 0x40, 0, 1, 0, 0, 9, 1)))))).to.deep.equal([
      'DLMS_MESSAGE_MALFORMED',
    ])
    expect(codesOf(await readDlms(hdlcFrame(withLlc(join(0xe0, 0x40)))))).to.deep.equal(['DLMS_MESSAGE_MALFORMED'])
  })

  it('DLMS_MESSAGE_TOO_LONG: segments without end are not kept for ever', async () => {
    const first = hdlcFrame(withLlc(new Uint8Array(1_000)), true)
    const next = hdlcFrame(new Uint8Array(1_000), true)
    const count = Math.ceil(MAX_APDU_BYTES / 1_000)
    const items = await readDlms(join(first, ...Array.from({ length: count }, () => next), hdlc(APDU)))
    expect(codesOf(items)).to.include('DLMS_MESSAGE_TOO_LONG')
    expect(shown(items)).to.deep.equal(AIDON_SHOWN)
    const block = (number: number): Bytes =>
      hdlcFrame(withLlc(join(0xe0, 0x40, 0, number, 0, 0, 0x82, 0x03, 0xe8, new Uint8Array(1_000))))
    const many = Array.from({ length: count + 1 }, (_, index) => block(index + 1))
    expect(codesOf(await readDlms(join(...many)))).to.deep.equal(['DLMS_MESSAGE_TOO_LONG', 'DLMS_SEGMENT_STRAY'])
  })

  it('DLMS_MESSAGE_UNKNOWN, DLMS_MESSAGE_MALFORMED: a whole frame with something else in it', async () => {
    expect(codesOf(await readDlms(hdlcFrame(withLlc(join(0xc4, 1, 2, 3)))))).to.deep.equal(['DLMS_MESSAGE_UNKNOWN'])
    for (const apdu of [join(0x0f), join(0x0f, 1, 2, 3, 4, 7), join(0x0f, 1, 2, 3, 4, 9, 5), join(0x0f, 1, 2, 3, 4, 0, 99)]) {
      expect(codesOf(await readDlms(hdlcFrame(withLlc(apdu))))).to.deep.equal(['DLMS_MESSAGE_MALFORMED'])
    }
  })

  it('DLMS_STREAM_MIDWAY once, DLMS_BYTES_SKIPPED later', async () => {
    const bytes = hdlc(APDU)
    expect(codesOf(await readDlms(join(bytes.subarray(80), bytes, bytes)))).to.deep.equal(['DLMS_STREAM_MIDWAY'])
    expect(codesOf(await readDlms(join(bytes, [1, 2, 3], bytes)))).to.deep.equal(['DLMS_BYTES_SKIPPED'])
    expect(codesOf(await readDlms(join([1, 2, 3])))).to.deep.equal(['DLMS_BYTES_SKIPPED'])
  })

  it('a message without a frame: behind noise only where another follows or the input ends, never behind a frame', async () => {
    expect(shown(await readDlms(join([1, 2, 3], RAW)))).to.deep.equal(AIDON_SHOWN)
    expect(shown(await readDlms(join([1, 2, 3], RAW, RAW), { size: 50 }))).to.have.length(2 * AIDON_SHOWN.length)
    expect(shown(await readDlms(join([1, 2, 3], RAW, [1, 2, 3])))).to.deep.equal([])
    expect(shown(await readDlms(join(hdlc(APDU), RAW)))).to.deep.equal(AIDON_SHOWN)
    // Whatever is behind it has come with it or not: what a meter sends alone waits for nothing.
    for (const behind of [[], [0, 0], [0, 0, 0x7e], hdlc(APDU)]) {
      for (const size of [1, RAW.length, RAW.length + 3, 1_000]) {
        const items = await readDlms(join(RAW, behind), { size })
        expect(shown(items), `${behind.length} behind, pieces of ${size}`).to.deep.equal(
          behind.length > 3 ? [...AIDON_SHOWN, ...AIDON_SHOWN] : AIDON_SHOWN,
        )
      }
    }
  })

  it('10 MB of noise, then a good frame: the good frame is read, and noise is told as it comes', async () => {
    const piece = noise(1_000_003, 7)
    for (const [way, rounds] of [['hdlc', 10] as const, ['mbus', 2] as const, ['bare', 2] as const]) {
      const scanner = new DlmsScanner()
      const codes = new Set<string>()
      let frames = 0
      const take = (items: ReturnType<DlmsScanner['push']>): void => {
        for (const item of items) {
          if (item.type === 'frame') frames++
          else codes.add(item.code)
        }
      }
      for (let round = 0; round < rounds; round++) take(scanner.push(piece))
      const before = frames
      expect([...codes]).to.include('DLMS_BYTES_SKIPPED')
      take(scanner.push(WAYS[way] as Bytes))
      take(scanner.end())
      expect(frames - before, way).to.equal(1)
    }
  })

  it('whatever comes, in whatever pieces: nothing is thrown, and the same is found', async () => {
    const part = fc.oneof(
      fc.constantFrom(...Object.values(WAYS)),
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.constantFrom(...Object.values(WAYS)), fc.nat(600), fc.nat(255))
        .map(([bytes, at, byte]) => bytes.with(at % bytes.length, byte)),
      fc.constant(join(0x7e, 0xa7, 0xff)),
      fc.constant(join(0x0f, 1, 2, 3, 4, 0, 2, 0x82, 7, 0xff)),
      fc.constant(join(0xdb, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0x3f, 0xff, 0x30)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.integer({ min: 1, max: 300 }), async (parts, size) => {
        const bytes = join(...parts)
        const [whole, pieces] = [await readDlms(bytes), await readDlms(bytes, { size })]
        expect(shown(pieces)).to.deep.equal(shown(whole))
      }),
      { numRuns: 200 },
    )
  })

  it('any list of numbers comes out as it went in', async () => {
    const value = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 0xffffffff }))
    const lists = fc.uniqueArray(value, { minLength: 1, maxLength: 40, selector: ([e]) => e })
    await fc.assert(
      fc.asyncProperty(lists, fc.integer({ min: 30, max: 245 }), fc.boolean(), async (values, size, isMbus) => {
        const data = structure(
          octets(dateTime('2024-01-15T12:00:00')),
          ...values.flatMap(([e, n]) => [code(`1-0:1.8.${e}`), u32(n)]),
        )
        const bytes = isMbus ? mbus(notification(data), Math.max(size, 60)) : hdlc(notification(data), size)
        const found = readingsOf(await readDlms(bytes)).flatMap(({ reading }) => reading.values)
        expect(found.map(({ register, value: n }) => [register.obis.e, n])).to.deep.equal(values)
      }),
      { numRuns: 60 },
    )
  })
})
