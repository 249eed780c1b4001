import { expect } from 'chai'
import fc from 'fast-check'
import { smlItems } from '../../collect/sml.ts'
import { MAX_DEPTH } from '../../collect/sml-cursor.ts'
import { MAX_MESSAGES, MAX_RESUMES, parseMessages } from '../../collect/sml-message.ts'
import { EARLIEST_TIMESTAMP } from '../../collect/sml-reading.ts'
import type { SourceItem } from '../../collect/source.ts'
import { all, codesOf, faultsOf, itemsOf, linesOf, pieces, readingsOf, shown, stream, withFiles } from './inputs.ts'
import * as sml from './sml-encoder.ts'

const NOW = Date.UTC(2025, 5, 1, 12)
const TIME = Date.UTC(2025, 0, 15, 11) / 1_000
const ENERGY = [1, 0, 1, 8, 0, 255]
const POWER = [1, 0, 16, 7, 0, 255]

async function read(input: Uint8Array, live = true): Promise<SourceItem[]> {
  return all(smlItems(stream([input]), { live, now: () => NOW }))
}

function readList(entries: readonly sml.Element[], init: sml.ListInit = {}): Promise<SourceItem[]> {
  return read(sml.file(sml.message(sml.getList(entries, init))))
}

const energy = (value: sml.Element, scaler = -1): sml.Element => sml.entry({ name: ENERGY, unit: 30, scaler, value })
const power = (value: sml.Element): sml.Element => sml.entry({ name: POWER, unit: 27, scaler: -2, value })

describe('SML readings', () => {
  it('numbers are exact integers with the unit and scaler that were sent; the frame comes along once', async () => {
    const items = await read(sml.meterFile(54_301_577, -299))
    expect(shown(items)).to.deep.equal(['2025-06-01T12:00:00Z 1-0:1.8.0 5430157.7 Wh', '2025-06-01T12:00:00Z 1-0:16.7.0 -299 W'])
    expect(readingsOf(items).map(({ crc, frame }) => [crc, frame?.length])).to.deep.equal([
      ['ok', sml.meterFile(54_301_577, -299).length],
    ])
  })

  it('numbers of every width, signed and unsigned, come out as they went in', async () => {
    for (let width = 1; width <= 8; width++) {
      const bits = Math.min(8 * width, 53)
      for (const signed of [true, false]) {
        const most = signed && bits < 53 ? 2 ** (bits - 1) - 1 : 2 ** bits - 1
        const least = signed ? -most - (bits < 53 ? 1 : 0) : 0
        for (const value of [most, least, 0, 1, Math.floor(most / 3), signed ? -1 : 1]) {
          const [line] = linesOf(await readList([energy(sml.number(value, width, signed), 0)]))
          expect(line?.value, `${value} in ${width}`).to.equal(String(value))
        }
      }
    }
  })

  it('SML_VALUE_MALFORMED: a number beyond 2^53, of no byte, or of nine; a unit or scaler that is none', async () => {
    const beyond = [sml.number(2n ** 53n, 8), sml.number(-(2n ** 53n), 8, true), sml.number(0, 9)]
    for (const value of [...beyond, Uint8Array.of(0x61)]) {
      const items = await readList([energy(value), power(sml.number(1, 2))])
      expect(codesOf(items)).to.deep.equal(['SML_VALUE_MALFORMED'])
      expect(shown(items)).to.have.length(1)
    }
    const strange = sml.list(
      sml.octets(ENERGY),
      sml.ABSENT,
      sml.ABSENT,
      sml.number(300, 2),
      sml.ABSENT,
      sml.number(1, 1),
      sml.ABSENT,
    )
    expect(codesOf(await readList([strange, power(sml.number(1, 2))]))).to.deep.equal(['SML_VALUE_MALFORMED'])
  })

  it('a value without unit or scaler is a plain number', async () => {
    const items = await readList([sml.entry({ name: [1, 0, 96, 50, 2, 4], value: sml.number(637, 2) })])
    expect(shown(items)).to.deep.equal(['2025-06-01T12:00:00Z 1-0:96.50.2*4 637'])
  })

  it('a seconds index is no time: the node’s clock is taken, which says little where a file is read', async () => {
    for (const time of [sml.index(TIME), sml.number(TIME, 4), sml.ABSENT]) {
      const input = sml.file(sml.message(sml.getList([energy(sml.number(1, 1))], { time })))
      expect(linesOf(await read(input))[0]).to.include({
        time: '2025-06-01T12:00:00Z',
        timeSource: 'node-clock',
        quality: 'good',
      })
      expect(linesOf(await read(input, false))[0]).to.include({ timeSource: 'node-clock', quality: 'clock-doubtful' })
    }
  })

  it('timestamps and local timestamps are UTC, whatever the offset', async () => {
    for (const time of [sml.timestamp(TIME), sml.localTime(TIME, 60, 0), sml.localTime(TIME, 60, 60)]) {
      const [line] = linesOf(await readList([energy(sml.number(1, 1))], { time }))
      expect(line).to.include({ time: '2025-01-15T11:00:00Z', timeSource: 'meter-clock', quality: 'good' })
    }
  })

  it('a value with a time of its own is a reading of its own time; with an index it is none', async () => {
    const at = (time: sml.Element): sml.Element => sml.entry({ name: ENERGY, unit: 30, value: sml.number(5, 1), time })
    const own = await readList([at(sml.timestamp(TIME - 60)), power(sml.number(1, 1))], { time: sml.timestamp(TIME) })
    expect(readingsOf(own).map(({ reading }) => reading.time / 1_000)).to.deep.equal([TIME - 60, TIME])
    expect(readingsOf(own).map(({ frame }) => frame !== undefined)).to.deep.equal([true, false])
    expect(readingsOf(await readList([at(sml.index(5)), power(sml.number(1, 1))]))).to.have.length(1)
  })

  it('SML_CLOCK_INVALID: a timestamp from before the year 2000 is of a clock that is not set', async () => {
    const items = await readList([energy(sml.number(1, 1))], { time: sml.timestamp(EARLIEST_TIMESTAMP - 1) })
    expect(codesOf(items)).to.deep.equal(['SML_CLOCK_INVALID'])
    expect(linesOf(items)[0]).to.include({ timeSource: 'node-clock', value: '0.1' })
  })

  it('without PIN: whole kilowatt-hours are marked coarse, by their scaler or by the digits that are hidden', async () => {
    const marks = async (...entries: sml.Element[]): Promise<unknown> => readingsOf(await readList(entries))[0]?.marks
    expect(await marks(energy(sml.number(16_786, 2), 3))).to.deep.equal(['coarse'])
    expect(await marks(energy(sml.number(16_786_0000, 4)))).to.deep.equal(['coarse'])
    expect(await marks(energy(sml.number(16_786_0000, 4)), power(sml.number(1, 1)))).to.equal(undefined)
    expect(await marks(energy(sml.number(16_786_0001, 4)))).to.equal(undefined)
    expect(await marks(energy(sml.number(0, 4)))).to.equal(undefined)
    expect(shown(await readList([energy(sml.number(16_786, 2), 3)]))[0]).to.include(' 16786000 Wh')
  })

  it('DZG DVS-74: a power without its sign byte is read as positive, estimated and marked; else as it stands', async () => {
    const of = async (serial: number, value: sml.Element): Promise<unknown> => {
      const id = sml.octets(
        [0x0a, 1, 0x44, 0x5a, 0x47, ...[24, 16, 8, 0].map((shift) => (serial >> shift) & 0xff)].toSpliced(5, 0, 0),
      )
      const items = await readList([sml.entry({ name: [1, 0, 96, 1, 0, 255], value: id }), power(value)])
      return [shown(items)[0]?.slice(21), readingsOf(items)[0]?.marks?.[0]]
    }
    const faulty = sml.number(0x8b28, 2)
    faulty[0] = 0x53
    expect(await of(42_082_910, faulty)).to.deep.equal(['1-0:16.7.0 356.24 W estimated', 'sign-assumed'])
    expect(await of(55_000_000, faulty)).to.deep.equal(['1-0:16.7.0 356.24 W estimated', 'sign-assumed'])
    expect(await of(40_051_478, faulty)).to.deep.equal(['1-0:16.7.0 -299.12 W', undefined])
    expect(await of(60_694_612, faulty)).to.deep.equal(['1-0:16.7.0 -299.12 W', undefined])
    expect(await of(42_082_910, sml.number(-126_061, 4, true))).to.deep.equal(['1-0:16.7.0 -1260.61 W', undefined])
    expect(await of(42_082_910, sml.number(3_000, 2, true))).to.deep.equal(['1-0:16.7.0 30.00 W', undefined])
    const other = await readList([power(faulty)], { serverId: [0x0a, 1, 0x45, 0x4d, 0x48, 0, 2, 0x82, 0x22, 0x5e] })
    expect(shown(other)[0]).to.include(' -299.12 W')
  })

  it('ids, public keys and signatures are kept as octets', async () => {
    const key = Array.from({ length: 48 }, (_, at) => at)
    const items = await readList(
      [
        sml.entry({ name: [129, 129, 199, 130, 5, 255], value: sml.octets(key) }),
        sml.entry({ name: ENERGY, unit: 30, value: sml.number(1, 1), signature: sml.octets([7, 7]) }),
      ],
      { signature: sml.octets([8]) },
    )
    expect(readingsOf(items)[0]?.octets?.map(({ obis, octets }) => [obis.a, Array.from(octets)])).to.deep.equal([
      [129, key],
      [1, [7, 7]],
      [1, [8]],
    ])
  })

  it('says which meter it is by its server id', async () => {
    const items = await readList([energy(sml.number(1, 1))], { serverId: [0x0a, 1, 0x54] })
    expect(readingsOf(items)[0]?.meter).to.equal('0a0154')
    expect(readingsOf(await readList([energy(sml.number(1, 1))], { serverId: [] }))[0]).to.not.have.property('meter')
  })

  it('values of other kinds are gone over, and the others read', async () => {
    const others = [sml.boolean(true), sml.ABSENT, sml.list(sml.number(1, 1), sml.list())]
    const entries = others.map((value, e) => sml.entry({ name: [1, 0, 0, 0, e, 255], value }))
    expect(shown(await readList([...entries, energy(sml.number(1, 1))]))).to.have.length(1)
  })

  it('SML_VALUE_REPEATED: the first counts', async () => {
    const items = await readList([energy(sml.number(1, 1)), energy(sml.number(2, 1))])
    expect(codesOf(items)).to.deep.equal(['SML_VALUE_REPEATED'])
    expect(linesOf(items).map(({ value }) => value)).to.deep.equal(['0.1'])
  })

  it('SML_FILE_EMPTY: a whole file without any measurement', async () => {
    expect(codesOf(await read(sml.file(sml.message(sml.openResponse), sml.message(sml.closeResponse))))).to.deep.equal([
      'SML_FILE_EMPTY',
    ])
  })

  it('more registers than a table of a block holds become several rows of one time', async () => {
    const entries = Array.from({ length: 70 }, (_, e) =>
      sml.entry({ name: [1, 0, 1, 8, e, 255], unit: 30, value: sml.number(e, 1) }),
    )
    const items = await readList([...entries, entries[0] as sml.Element, entries[69] as sml.Element])
    expect(readingsOf(items).map(({ reading }) => reading.values.length)).to.deep.equal([64, 6])
    expect(codesOf(items)).to.deep.equal(['SML_VALUE_REPEATED', 'SML_VALUE_REPEATED'])
  })

  it('a time of its own for each value: as many rows', async () => {
    const of = (e: number): sml.Element =>
      sml.entry({ name: [1, 0, 1, 8, e, 255], unit: 30, value: sml.number(e, 1), time: sml.timestamp(TIME + (e % 40)) })
    const items = readingsOf(await readList(Array.from({ length: 80 }, (_, e) => of(e))))
    expect(items.map(({ reading }) => reading.values.length)).to.deep.equal(Array.from({ length: 40 }, () => 2))
  })
})

describe('SML messages', () => {
  const good = sml.message(sml.getList([energy(sml.number(1, 1))]))

  it('SML_MESSAGE_CRC_MISMATCH: the message is refused, and the others of its file read', async () => {
    const wrong = sml.message(sml.getList([power(sml.number(1, 1))]), () => 0x1234)
    const items = await read(sml.file(wrong, good, wrong))
    expect(codesOf(items)).to.deep.equal(['SML_MESSAGE_CRC_MISMATCH', 'SML_MESSAGE_CRC_MISMATCH'])
    expect(faultsOf(items)[0]?.message).to.match(
      /byte 0: SML message at byte 0 of its file: CRC found 1234, computed [0-9A-F]{4}/,
    )
    expect(shown(items)).to.have.length(1)
  })

  it('a CRC by CRC-16/KERMIT is taken, and one whose upper byte is left out because it is zero', async () => {
    expect(shown(await read(sml.file(sml.message(sml.getList([energy(sml.number(1, 1))]), sml.kermit))))).to.have.length(1)
    for (let value = 0; ; value++) {
      const bytes = sml.message(sml.getList([energy(sml.number(value, 2))]))
      if (bytes.at(-3) !== 0) continue
      const short = sml.join(bytes.subarray(0, -4), [0x62, bytes.at(-2) as number, 0])
      expect(shown(await read(sml.file(short)))).to.have.length(1)
      break
    }
  })

  it('SML_MESSAGE_CRC_MISMATCH: a message without a CRC', () => {
    const none = sml.join(good.subarray(0, -4), [0x01, 0x00])
    expect(parseMessages(none).faults.map(({ code }) => code)).to.deep.equal(['SML_MESSAGE_CRC_MISMATCH'])
  })

  it('SML_MESSAGE_MALFORMED: what is no message is refused with what stands there, and the next message read', () => {
    const broken = [
      [0x75, 0x00],
      [0x76, 0x62, 0x01],
      [0x76, 0x02, 0x09, 0x62, 0x00, 0x62, 0x00, 0x72, 0x63, 0x07],
      [0x76, 0x85],
      [0x76, 0x81, 0x81, 0x81, 0x81, 0x81],
      Array.from(sml.message(sml.list(sml.number(0x0701, 2), sml.list(sml.ABSENT)))),
      Array.from(sml.message(sml.getList([sml.list()]))),
      Array.from(sml.message(sml.getList([sml.entry({ name: [1, 2], value: sml.ABSENT })]))),
      Array.from(sml.message(sml.getList([sml.entry({ name: ENERGY, value: sml.ABSENT, time: sml.octets([1]) })]))),
      Array.from(sml.message(sml.getList([], { serverId: [] }))).with(12, 0x62),
    ]
    for (const bytes of broken) {
      const { lists, faults } = parseMessages(sml.join(bytes, [0], good))
      expect(lists, String(bytes)).to.have.length(1)
      expect(faults[0], String(bytes)).to.include({ code: 'SML_MESSAGE_MALFORMED' })
      expect(faults[0]?.message).to.match(/^SML message at byte 0 of its file: expected .*, found [0-9a-f]+$|, found the end$/)
    }
  })

  it('bounds: lists in lists, messages of a file, and places tried behind broken ones', () => {
    const nested = (depth: number): sml.Element => (depth === 0 ? sml.number(1, 1) : sml.list(nested(depth - 1)))
    const deep = sml.message(sml.getList([sml.entry({ name: ENERGY, value: nested(MAX_DEPTH + 1) })]))
    expect(parseMessages(deep).faults[0]?.message).to.include(`at most ${MAX_DEPTH} lists`)
    const close = sml.message(sml.closeResponse)
    const many = parseMessages(sml.join(...Array.from({ length: MAX_MESSAGES + 1 }, () => close)))
    expect(many.faults.map(({ message }) => message).join()).to.include(`at most ${MAX_MESSAGES} messages`)
    const broken = parseMessages(sml.join(...Array.from({ length: 2 * MAX_RESUMES }, () => [0x76, 0x00])))
    expect(broken.faults).to.have.length(MAX_RESUMES + 1)
  })

  it('a file cut anywhere, with a right CRC of its own: nothing throws, nothing wrong is read', async () => {
    const whole = sml.join(sml.message(sml.openResponse), good, sml.message(sml.closeResponse))
    for (let to = 0; to < whole.length; to++) {
      for (const line of linesOf(await read(sml.file(whole.subarray(0, to))))) expect(line.value).to.equal('0.1')
    }
  })

  it('bytes flipped in a file whose CRCs are wrong then: no value but the right ones is ever read', async () => {
    const input = sml.meterFile(12_345, -77)
    const right = shown(await read(input))
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: input.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const items = await read(input.map((byte, index) => (index === at ? byte ^ mask : byte)))
        expect(shown(items)).to.deep.equal([])
        const spliced = await read(sml.join(input.subarray(0, at), input))
        expect(shown(spliced)).to.deep.equal(right)
      }),
      { numRuns: 100 },
    )
  })
})

describe('SML source', () => {
  it('reads a file, recognised by its beginning, and standard input', async () => {
    const input = sml.join(sml.meterFile(1, 2).subarray(40), sml.meterFile(3, 4))
    const { recogniseFormat } = await import('../../collect/formats.ts')
    expect(recogniseFormat('a.bin', input)?.name).to.equal('sml')
    await withFiles({ 'a.bin': input }, async (dir) => {
      expect(shown(await itemsOf(`sml:${dir}/a.bin`)).map((line) => line.replace(/^\S+ /, ''))).to.deep.equal([
        '1-0:1.8.0 0.3 Wh clock-doubtful',
        '1-0:16.7.0 4 W clock-doubtful',
      ])
    })
    const { systemPlatform } = await import('../../platform.ts')
    const standardInput = (): AsyncIterable<Uint8Array> => stream(pieces(input, 7))
    expect(shown(await itemsOf('sml:-', { ...systemPlatform, standardInput }))).to.have.length(2)
  })

  it('reads from a network adapter, live', async () => {
    const { createServer } = await import('node:net')
    const server = createServer((socket) => socket.end(sml.meterFile(5, 6)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as { port: number }
      const items = await itemsOf(`sml:tcp://127.0.0.1:${port}`)
      expect(linesOf(items)[0]).to.include({ value: '0.5', timeSource: 'node-clock', quality: 'good' })
    } finally {
      server.close()
    }
  })
})
