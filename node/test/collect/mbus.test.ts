import { expect } from 'chai'
import fc from 'fast-check'
import { mbusItems } from '../../collect/mbus.ts'
import { parseMbusTime } from '../../collect/mbus-reading.ts'
import { MbusScanner } from '../../collect/mbus-scanner.ts'
import type { SourceItem } from '../../collect/source.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { join } from './dlms-encoder.ts'
import { CENTRAL_EUROPE, NOW } from './dlms-stand.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, linesOf, pieces, readingsOf, shown, stream, withFiles } from './inputs.ts'
import { type Answering, mbusLongFrame, meterAnswer } from './mbus-encoder.ts'

async function read(input: Uint8Array, size = input.length, live = true): Promise<SourceItem[]> {
  return all(mbusItems(stream(pieces(input, Math.max(1, size))), { zone: CENTRAL_EUROPE, live, now: () => NOW }))
}

const T = '2025-06-01T12:00:00Z'

/** What the records of an answer are read as, without the time. */
async function records(content: readonly number[], answering: Answering = {}): Promise<string[]> {
  return shown(await read(meterAnswer(content, answering))).map((line) => line.replace(`${T} `, ''))
}

const ENERGY = [0x04, 0x06, 0x15, 0xcd, 0x5b, 0x07]
const ANSWER = meterAnswer([...ENERGY, 0x02, 0x5b, 0xe4, 0x00])
const SHOWN = [`${T} 6-0:1.0.0 123456789000 Wh`, `${T} 6-0:10.0.0 228 °C`]

describe('M-Bus records', () => {
  it('integers of every width, signed; BCD with its minus; floats as the decimals they stand for', async () => {
    expect(await records([0x01, 0x5b, 0xff, 0x02, 0x5f, 0xfe, 0xff, 0x03, 0x63, 0xfd, 0xff, 0xff])).to.deep.equal([
      '6-0:10.0.0 -1 °C',
      '6-0:11.0.0 -2 °C',
      '6-0:12.0.0 -3 K',
    ])
    expect(await records([0x06, 0x03, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])).to.deep.equal(['6-0:1.0.0 -1 Wh'])
    expect(await records([0x0c, 0x06, 0x78, 0x56, 0x34, 0x12, 0x0a, 0x5a, 0x55, 0xf0])).to.deep.equal([
      '6-0:1.0.0 12345678000 Wh',
      '6-0:10.0.0 -5.5 °C',
    ])
    expect(await records([0x09, 0x13, 0x42, 0x0b, 0x3b, 1, 2, 3, 0x0e, 0x03, 1, 2, 3, 4, 5, 6])).to.deep.equal([
      '6-0:2.0.0 0.042 m3',
      '6-0:9.0.0 30.201 m3/h',
      '6-0:1.0.0 60504030201 Wh',
    ])
    expect(await records([0x05, 0x5b, 0x33, 0x33, 0x25, 0x42])).to.deep.equal(['6-0:10.0.0 41.3 °C'])
  })

  it('data of variable length: text, digits of either sign, integers, and what is no number', async () => {
    expect(await records([0x0d, 0x03, 0x02, 0x41, 0x42, 0x0d, 0x03, 0xc2, 0x34, 0x12])).to.deep.equal(['6-0:1.0.0 1234 Wh'])
    expect(await records([0x0d, 0x03, 0xd1, 0x12, 0x0d, 0x13, 0xe2, 0xff, 0xff])).to.deep.equal([
      '6-0:1.0.0 -12 Wh',
      '6-0:2.0.0 -0.001 m3',
    ])
    const binary = [0x0d, 0x03, 0xf0, ...Array.from({ length: 16 }, () => 0)]
    expect(codesOf(await read(meterAnswer(binary)))).to.deep.equal(['MBUS_TELEGRAM_EMPTY'])
    expect(codesOf(await read(meterAnswer([0x0d, 0x03, 0xf9])))).to.deep.equal(['MBUS_RECORD_MALFORMED'])
  })

  it('units and powers of ten of the tables, exact also for minutes and seconds as hours', async () => {
    const values = [
      ...[0x01, 0x0f, 1, 0x01, 0x1f, 2, 0x01, 0x2b, 3, 0x01, 0x33, 4],
      ...[0x01, 0x47, 5, 0x01, 0x4f, 6, 0x01, 0x67, 7, 0x01, 0x68, 8, 0x01, 0x6e, 9],
      ...[0x01, 0x20, 1, 0x01, 0x27, 2],
    ]
    expect(await records(values)).to.deep.equal([
      '6-0:1.0.0 10000000 J',
      '6-0:3.0.0 20000 kg',
      '6-0:8.0.0 3 W',
      '6-0:8.129.0 4000 J/h',
      '6-0:9.0.0 300 m3/h',
      '6-0:9.129.0 216 m3/h',
      '0-0:96.9.0 7 °C',
      '6-0:13.0.0 0.008 bar',
      '6-0:1.129.0 9',
      '0-0:96.8.0 1 s',
      '0-0:96.8.1 2 day',
    ])
    const extended = [0x01, 0xfb, 0x01, 1, 0x01, 0xfb, 0x09, 2, 0x01, 0xfb, 0x11, 3, 0x01, 0xfb, 0x29, 4, 0x01, 0xfb, 0x1a, 5]
    expect(await records(extended)).to.deep.equal([
      '6-0:1.0.0 1000000 Wh',
      '6-0:1.129.0 2000000000 J',
      '6-0:2.0.0 3000 m3',
      '6-0:8.0.0 4000000 W',
      '0-0:96.9.0 0.5 %',
    ])
  })

  it('extensions that multiply; those that add are no value; plain text as a unit', async () => {
    expect(await records([0x01, 0x83, 0x74, 5, 0x01, 0x93, 0x7d, 6])).to.deep.equal(['6-0:1.0.0 0.05 Wh', '6-0:2.0.0 6 m3'])
    expect(codesOf(await read(meterAnswer([0x01, 0x83, 0x7b, 5])))).to.deep.equal(['MBUS_TELEGRAM_EMPTY'])
    expect(await records([0x02, 0xfc, 0x03, 0x48, 0x52, 0x25, 0x74, 0xd4, 0x11])).to.deep.equal(['0-0:96.9.0 45.64 %'])
    expect(await records([0x01, 0x7c, 0x01, 0x43, 7])).to.deep.equal(['0-0:96.50.0 7'])
  })

  it('electricity: registers, returned energy, instants; phases that only the maker can tell apart', async () => {
    const content = [
      ...[0x04, 0x83, 0x3b, 0x88, 0x13, 0, 0, 0x04, 0x83, 0x3c, 1, 0, 0, 0],
      ...[0x8c, 0x10, 0x04, 0x54, 2, 0, 0, 0x84, 0x40, 0x2a, 1, 0, 0, 0],
      ...[0x02, 0xfd, 0xc8, 0xff, 0x01, 0xd1, 0x08, 0x02, 0xfd, 0xc8, 0xff, 0x02, 0xd2, 0x08, 0x02, 0xfd, 0x48, 0xd3, 0x08],
      ...[0x03, 0xfd, 0x59, 0xbe, 0xff, 0xff],
    ]
    expect(await records(content, { medium: 0x02 })).to.deep.equal([
      '1-0:1.8.0 5000 Wh',
      '1-0:2.8.0 1 Wh',
      '1-0:1.8.1 2540 Wh',
      '1-1:16.7.0 0.1 W',
      '1-0:12.129.0 225.7 V',
      '1-0:12.130.0 225.8 V',
      '1-0:12.7.0 225.9 V',
      '1-0:11.7.0 -0.066 A',
    ])
  })

  it('media by their group A; stored values, maxima, minima and values of errors by D and F', async () => {
    const volume = [0x01, 0x13, 7]
    const group = async (medium: number): Promise<string> => (await records(volume, { medium }))[0]?.split(' ')[0] ?? ''
    expect(await Promise.all([0x03, 0x06, 0x07, 0x16, 0x0a, 0x08, 0x99].map(group))).to.deep.equal([
      ...['7-0:3.0.0', '9-0:1.0.0', '8-0:1.0.0', '8-0:1.0.0', '5-0:2.0.0', '4-0:2.0.0', '15-0:2.0.0'],
    ])
    expect(await records([0x41, 0x13, 1, 0x11, 0x3b, 2, 0x21, 0x3b, 3, 0x31, 0x3b, 4, 0x81, 0x01, 0x13, 5])).to.deep.equal([
      '6-0:2.0.0*1 0.001 m3',
      '6-0:9.6.0 0.002 m3/h',
      '6-0:9.3.0 0.003 m3/h',
      '6-0:9.128.0 0.004 m3/h',
      '6-0:2.0.0*2 0.005 m3',
    ])
    expect(await records([0x81, 0x8f, 0x0f, 0x13, 1])).to.deep.equal(['6-0:2.129.0*99 0.001 m3'])
  })

  it('identifiers, dates, flags, settings and the records of the maker are left out; fillers are passed over', async () => {
    const content = [0x0c, 0x78, 1, 2, 3, 4, 0x42, 0x6c, 0xff, 0x0c, 0x02, 0xfd, 0x17, 0, 0, 0x01, 0x72, 9, 0x01, 0xff, 0x21, 1]
    expect(await records([0x2f, 0x2f, ...content, 0x01, 0x13, 7, 0x0f, 0x13, 0x13])).to.deep.equal(['6-0:2.0.0 0.007 m3'])
    expect(await records([0x01, 0x13, 7, 0x1f, 0xff])).to.have.length(1)
  })

  it('digits that are none, and no number, are missing values', async () => {
    const items = await read(meterAnswer([0x3c, 0x2b, 0xbd, 0xeb, 0xdd, 0xdd, 0x05, 0x5b, 0, 0, 0xc0, 0x7f]))
    expect(linesOf(items).map(({ value, quality }) => [value, quality])).to.deep.equal([
      [null, 'missing'],
      [null, 'missing'],
    ])
  })

  it('MBUS_VALUE_INVALID: what is not exact; the others are read', async () => {
    const content = [0x07, 0x03, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x01, 0x13, 7, 0x05, 0x3b, 0xca, 0xf2, 0x49, 0x71]
    const items = await read(meterAnswer(content))
    expect(codesOf(items)).to.deep.equal(['MBUS_VALUE_INVALID', 'MBUS_VALUE_INVALID'])
    expect(shown(items)).to.have.length(1)
  })

  it('the time of the answer: the record with date and time that belongs to no stored value', async () => {
    const content = [0x44, 0x6d, 1, 1, 0x21, 0x11, ...ENERGY, 0x04, 0x6d, 0x0d, 0x0c, 0xcf, 0x36]
    const [item] = readingsOf(await read(meterAnswer(content)))
    expect(item?.reading).to.include({ timeSource: 'meter-clock', time: Date.UTC(2030, 5, 15, 10, 13) })
    const none = readingsOf(await read(meterAnswer(ENERGY), undefined, false))[0]?.reading
    expect(none).to.include({ timeSource: 'node-clock', time: NOW })
    expect(none?.values[0]?.quality).to.equal('clock-doubtful')
  })

  it('types F and I; the summer bit, the bit for invalid, and what names no time', () => {
    const at = (...fields: number[]): string => {
      const found = parseMbusTime(Uint8Array.from(fields), CENTRAL_EUROPE)
      return found === undefined ? 'none' : new Date(found.time).toISOString() + (found.isDoubtful ? ' doubtful' : '')
    }
    expect(at(0x0d, 0x0c, 0x0f, 0x31)).to.equal('2024-01-15T11:13:00.000Z')
    expect(at(0x8d, 0x0c, 0x0f, 0x31)).to.equal('2024-01-15T11:13:00.000Z doubtful')
    expect(at(0x1e, 0x82, 0x1b, 0x3a)).to.equal('2024-10-27T00:30:00.000Z')
    expect(at(0x1e, 0x02, 0x1b, 0x3a)).to.equal('2024-10-27T01:30:00.000Z doubtful')
    expect(at(0x2a, 0x0d, 0x0c, 0x0f, 0x31, 0x00)).to.equal('2024-01-15T11:13:42.000Z')
    expect(at(0x0d, 0x0c, 0x00, 0x31)).to.equal('none')
    expect(at(0x1e, 0x02, 0x1f, 0x33)).to.equal('none')
    expect(at(1, 2)).to.equal('none')
  })

  it('MBUS_RECORD_MALFORMED: a record that is none, or ends within; the bounds of extensions', async () => {
    const many = (count: number): number[] => [0x81, ...Array.from({ length: count - 1 }, () => 0x80), 0x00, 0x13, 7]
    expect(codesOf(await read(meterAnswer(many(10))))).to.deep.equal([])
    for (const content of [
      many(11),
      [0x3f, 0x13],
      [0x04, 0x13, 1],
      [0x01],
      [0x81],
      [0x01, 0x93],
      [0x01, 0x7c],
      [0x01, 0x7c, 9, 1],
    ]) {
      expect(codesOf(await read(meterAnswer(content))), String(content)).to.deep.equal(['MBUS_RECORD_MALFORMED'])
    }
    expect(codesOf(await read(mbusLongFrame(0x08, 0x72, [1, 2, 3])))).to.deep.equal(['MBUS_RECORD_MALFORMED'])
  })

  it('the fixed structure of old meters: two counters, decimal or binary, of now or of the set day', async () => {
    const fixed = (status: number, units: readonly number[], counters: readonly number[]): Uint8Array =>
      mbusLongFrame(0x08, 0x73, [0x78, 0x56, 0x34, 0x12, 0x0a, status, ...units, ...counters])
    const lines = async (frame: Uint8Array): Promise<string[]> => shown(await read(frame)).map((line) => line.slice(T.length + 1))
    expect(await lines(fixed(0x00, [0xe9, 0x7e], [0x01, 0, 0, 0, 0x35, 0x01, 0, 0]))).to.deep.equal([
      '8-0:1.0.0 0.001 m3',
      '8-0:1.0.0*1 0.135 m3',
    ])
    expect(await lines(fixed(0x01, [0x05, 0x57], [0x10, 0x27, 0, 0, 0xff, 0xff, 0xff, 0xff]))).to.deep.equal([
      '6-0:1.0.0 10000000 Wh',
      '6-0:8.0.0 -1000 W',
    ])
    expect(await lines(fixed(0x02, [0x05, 0x40], [1, 0, 0, 0, 2, 0, 0, 0]))).to.deep.equal(['6-0:1.0.0*1 1000 Wh'])
    expect(codesOf(await read(mbusLongFrame(0x08, 0x73, [1, 2, 3])))).to.deep.equal(['MBUS_RECORD_MALFORMED'])
  })

  it('a meter is known by its maker, number, version and medium', async () => {
    expect(readingsOf(await read(ANSWER))[0]?.meter).to.equal('PAD-12345678-0104')
    expect(readingsOf(await read(mbusLongFrame(0x08, 0x7a, [1, 0, 0, 0, 0x01, 0x13, 7])))[0]?.meter).to.equal(undefined)
  })

  it('MBUS_APPLICATION_ERROR, MBUS_TELEGRAM_UNKNOWN, MBUS_ENCRYPTED; a short header', async () => {
    const [fault] = faultsOf(await read(mbusLongFrame(0x08, 0x70, [0x08])))
    expect(fault).to.include({ code: 'MBUS_APPLICATION_ERROR', where: 'byte 0' })
    expect(fault?.message).to.contain('error 8: too busy')
    expect(faultsOf(await read(mbusLongFrame(0x08, 0x70, [])))[0]?.message).to.contain('error 0')
    expect(codesOf(await read(mbusLongFrame(0x08, 0x76, [1])))).to.deep.equal(['MBUS_TELEGRAM_UNKNOWN'])
    expect(codesOf(await read(meterAnswer([1, 2, 3, 4], { mode: 5 })))).to.deep.equal(['MBUS_ENCRYPTED'])
    expect(shown(await read(meterAnswer([0x2f, 0x2f, 0x01, 0x13, 7], { mode: 5 })))).to.have.length(1)
    expect(shown(await read(mbusLongFrame(0x08, 0x7a, [1, 0, 0, 0, 0x01, 0x13, 7])))).to.deep.equal([`${T} 15-0:2.0.0 0.007 m3`])
  })
})

describe('M-Bus frames', () => {
  it('read in whatever pieces they come, with the frame as sent; what the master sends is passed over', async () => {
    const asked = join([0x10, 0x5b, 0x01, 0x5c, 0x16], 0xe5, mbusLongFrame(0x53, 0x51, [1, 2]), ANSWER)
    for (const size of [1, 5, asked.length]) {
      const items = await read(asked, size)
      expect(shown(items)).to.deep.equal(SHOWN)
      expect(codesOf(items)).to.deep.equal([])
      expect(readingsOf(items)[0]?.frame).to.deep.equal(ANSWER)
      expect(readingsOf(items)[0]?.crc).to.equal('ok')
    }
  })

  it('truncated at every byte: nothing is read, and it is told', async () => {
    for (let cut = 1; cut < ANSWER.length; cut++) {
      const items = await read(ANSWER.subarray(0, cut))
      expect(readingsOf(items)).to.deep.equal([])
      expect(codesOf(items), `cut at ${cut}`).to.deep.equal(['MBUS_FRAME_TRUNCATED'])
    }
  })

  it('begun in the middle, and a bit flipped anywhere: the next one is read, and nothing of this', async () => {
    for (let from = 1; from < ANSWER.length; from++) {
      expect(shown(await read(join(ANSWER.subarray(from), ANSWER))), `from ${from}`).to.deep.equal(SHOWN)
    }
    for (let at = 0; at < ANSWER.length; at++) {
      const items = await read(join(ANSWER.with(at, (ANSWER[at] as number) ^ (1 << (at % 8))), ANSWER))
      expect(shown(items), `byte ${at}`).to.deep.equal(SHOWN)
      expect(codesOf(items), `byte ${at}`).to.not.deep.equal([])
    }
  })

  it('MBUS_CHECKSUM_MISMATCH says what and where; two run together are two', async () => {
    const [fault] = faultsOf(await read(join(ANSWER, ANSWER.with(30, 0), ANSWER)))
    expect(fault).to.include({ code: 'MBUS_CHECKSUM_MISMATCH', where: `byte ${ANSWER.length}` })
    expect(shown(await read(join(ANSWER, ANSWER)))).to.deep.equal([...SHOWN, ...SHOWN])
  })

  it('10 MB of noise, then a good frame: it is read, and noise is told as it comes', () => {
    const piece = seededRandom(11).bytes(1_000_003)
    const scanner = new MbusScanner()
    const codes = new Set<string>()
    for (let round = 0; round < 10; round++) {
      for (const item of scanner.push(piece)) if (item.type === 'fault') codes.add(item.code)
    }
    expect([...codes]).to.include('MBUS_BYTES_SKIPPED')
    const found = [...scanner.push(ANSWER), ...scanner.end()].filter((item) => item.type === 'frame')
    expect(found.at(-1)?.bytes).to.deep.equal(ANSWER)
  })

  it('whatever comes: nothing is thrown, and the same is found in whatever pieces', async () => {
    const content = fc.uint8Array({ maxLength: 60 }).map((records) => meterAnswer(records))
    const part = fc.oneof(
      content,
      fc.uint8Array({ maxLength: 100 }),
      fc.constant(ANSWER),
      fc.constant(join(0x68, 0xff, 0xff, 0x68)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.integer({ min: 1, max: 200 }), async (parts, size) => {
        const input = join(...parts)
        expect(shown(await read(input, size))).to.deep.equal(shown(await read(input)))
      }),
      { numRuns: 200 },
    )
  })

  it('a dump in a file, and standard input', async () => {
    const dump = Buffer.from(ANSWER).toString('hex').replaceAll(/../g, '$& ')
    await withFiles({ a: dump }, async (dir) => {
      expect(linesOf(await itemsOf(`mbus:${dir}/a`)).map(({ value }) => value)).to.deep.equal(['123456789000', '228'])
    })
    expect(bytes(dump)).to.have.length(3 * ANSWER.length)
  })
})
