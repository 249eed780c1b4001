import { expect } from 'chai'
import fc from 'fast-check'
import { Writer } from '../../../protocol/bytes.ts'
import { QUALITIES, TIME_SOURCES } from '../../../protocol/reading.ts'
import { type Kv, LedgerStore, openMemoryKv, put, type SpoolItem } from '../../store/index.ts'
import { metaKey, spoolKey } from '../../store/keys.ts'
import { sealRecord } from '../../store/record.ts'
import { decodeEntry, encodeContent, encodeEntry } from '../../store/spool-entry.ts'
import { ChainMaker, NETWORK_ID } from './chain-maker.ts'
import { START_MS, sampleEvent, sampleItem } from './sample-readings.ts'
import { refusalCode } from './temporary-directories.ts'

const QUARTER_HOUR_MS = 900_000

describe('spool', () => {
  let kv: Kv
  let store: LedgerStore

  const reopen = async (): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID })

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await reopen()
  })

  it('gives back readings and events in the order they were taken', async () => {
    const items: SpoolItem[] = [sampleItem(1), sampleEvent(2), sampleItem(3, -5)]
    expect(await store.spool.append(items)).to.deep.equal({ taken: 3, duplicates: 0 })
    const { rows, damaged } = await (await reopen()).spool.peek(10)
    expect(rows.map((row) => row.item)).to.deep.equal(items)
    expect(damaged).to.deep.equal([])
    expect((await store.spool.peek(2)).rows.length).to.equal(2)
  })

  it('keeps every reading and event as it is', () => {
    const byte = fc.integer({ min: 0, max: 255 })
    const time = fc.integer({ min: 0, max: 2 ** 47 })
    const register = fc.record({
      obis: fc.record({ a: byte, b: byte, c: byte, d: byte, e: byte, f: byte }),
      unit: byte,
      scaler: fc.integer({ min: -128, max: 127 }),
    })
    const value = fc
      .record({ register, value: fc.maxSafeInteger(), quality: fc.constantFrom(...QUALITIES) })
      .map((each) => (each.quality === 'missing' ? { ...each, value: null } : each))
    const reading = fc.record({
      time,
      intervalMs: fc.nat(),
      timeSource: fc.constantFrom(...TIME_SOURCES),
      values: fc.array(value, { minLength: 1, maxLength: 64 }),
    })
    const source = fc.string({ maxLength: 60, unit: 'grapheme-ascii' })
    const event = fc.record({ time, code: byte, detail: fc.string({ maxLength: 40, unit: 'grapheme-ascii' }) })
    const item = fc.oneof(fc.record({ source, reading }), fc.record({ source, event }))
    fc.assert(
      fc.property(item, (each) => {
        expect(decodeEntry(encodeEntry(each.source, encodeContent(each))).item).to.deep.equal(each)
      }),
    )
  })

  it('stores the same reading once: in one append, in two at once, later, and after a restart', async () => {
    const twice = await store.spool.append([sampleItem(5), sampleItem(5)])
    expect(twice).to.deep.equal({ taken: 1, duplicates: 1 })
    const both = await Promise.all([store.spool.append([sampleItem(6)]), store.spool.append([sampleItem(6)])])
    expect(both.map((each) => each.taken)).to.deep.equal([1, 0])
    expect((await store.spool.append([sampleItem(5), sampleItem(4), sampleItem(6)])).taken).to.equal(1)
    const again = await reopen()
    expect((await again.spool.append([sampleItem(4), sampleItem(5), sampleItem(6), sampleItem(7)])).taken).to.equal(1)
    expect(again.spool.size).to.equal(4)
  })

  it('keeps another content at the same time as a second reading', async () => {
    expect((await store.spool.append([sampleItem(5, 1), sampleItem(5, 2)])).taken).to.equal(2)
    expect((await store.spool.append([sampleItem(5, 3), sampleItem(5, 1)])).taken).to.equal(1)
    expect((await (await reopen()).spool.append([sampleItem(5, 2), sampleItem(5, 4)])).taken).to.equal(1)
  })

  it('takes the same reading of two sources as two', async () => {
    expect((await store.spool.append([sampleItem(5), sampleItem(5, undefined, 'csv')])).taken).to.equal(2)
  })

  it('remembers more contents of one time than it keeps in memory', async () => {
    const items = Array.from({ length: 200 }, (_, i) => sampleItem(5, i))
    expect((await store.spool.append(items)).taken).to.equal(200)
    expect((await store.spool.append(items)).duplicates).to.equal(200)
    expect((await (await reopen()).spool.append([...items, sampleItem(5, 999)])).taken).to.equal(1)
  })

  it('takes each of any list of readings exactly once, whatever the order and the restarts', async () => {
    const numbers = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2 })), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.array(numbers, { minLength: 1, maxLength: 5 }), async (appends) => {
        kv = await openMemoryKv()
        const expected = new Set<string>()
        let taken = 0
        for (const append of appends) {
          const opened = await reopen()
          const items = append.map(([time, value]) => sampleItem(time, value))
          taken += (await opened.spool.append(items)).taken
          for (const each of append) expected.add(each.join())
          expect(opened.spool.size).to.equal(expected.size)
        }
        expect(taken).to.equal(expected.size)
      }),
      { numRuns: 40 },
    )
  })

  it('removes sealed entries in the write that stores their block, and never reuses a sequence', async () => {
    const maker = new ChainMaker(1)
    await store.spool.append([sampleItem(1), sampleItem(2), sampleItem(3)])
    const { rows } = await store.spool.peek(10)
    await store.accept([maker.next(1)], { spoolTaken: rows.map((row) => row.id) })
    expect(store.spool.size).to.equal(0)
    expect((await store.spool.peek(10)).rows).to.deep.equal([])
    const again = await reopen()
    await again.spool.append([sampleItem(4)])
    expect((await again.spool.peek(1)).rows[0]?.id).to.equal(3)
    expect((await again.spool.append([sampleItem(2)])).duplicates).to.equal(1)
  })

  it('leaves entries in place that were not sealed, also out of order', async () => {
    await store.spool.append([0, 1, 2, 3, 4].map((number) => sampleItem(number)))
    await store.accept([new ChainMaker(1).next(1)], { spoolTaken: [1, 3] })
    expect((await store.spool.peek(10)).rows.map((row) => row.id)).to.deep.equal([0, 2, 4])
    expect((await (await reopen()).spool.peek(10)).rows.map((row) => row.id)).to.deep.equal([0, 2, 4])
  })

  it('keeps spool entries when their block is refused', async () => {
    await store.spool.append([sampleItem(1)])
    const maker = new ChainMaker(1)
    maker.next(1)
    expect(await refusalCode(store.accept([maker.next(1)], { spoolTaken: [0] }))).to.equal('STORE_CONFLICT')
    expect((await store.spool.peek(10)).rows.length).to.equal(1)
  })

  it('sets any damaged entry aside, reports it, and never hands it out', async () => {
    await store.spool.append([sampleItem(1)])
    const whole = (await kv.get(spoolKey(0))) as Uint8Array
    for (let at = 0; at < whole.length; at++) {
      kv = await openMemoryKv()
      store = await reopen()
      await store.spool.append([sampleItem(1), sampleItem(2)])
      const flipped = whole.slice()
      flipped[at] = (flipped[at] as number) ^ 1
      await kv.batch([put(spoolKey(0), flipped)])
      const { rows, damaged } = await store.spool.peek(10)
      expect(damaged).to.deep.equal([0])
      expect(rows.map((row) => row.id)).to.deep.equal([1])
      expect(store.spool.size).to.equal(1)
      expect(store.damage.length).to.equal(1)
      expect((await store.spool.peek(10)).damaged).to.deep.equal([])
      const again = await reopen()
      expect([again.spool.size, again.spool.setAside]).to.deep.equal([1, 1])
    }
  })

  it('SPOOL_FULL: refuses a whole append that does not fit, those on their way counted', async () => {
    store = await LedgerStore.open({ kv, networkId: NETWORK_ID, spool: { maxRows: 3 } })
    const first = store.spool.append([sampleItem(1), sampleItem(2)])
    expect(await refusalCode(store.spool.append([sampleItem(3), sampleItem(4)]))).to.equal('SPOOL_FULL')
    await first
    await store.spool.append([sampleItem(3)])
    expect(await refusalCode(store.spool.append([sampleItem(4)]))).to.equal('SPOOL_FULL')
    await store.accept([new ChainMaker(1).next(1)], { spoolTaken: [0] })
    expect((await store.spool.append([sampleItem(4)])).taken).to.equal(1)
  })

  it('LIMIT_EXCEEDED: an append above what shares one write, a frame or a source name that is too long', async () => {
    store = await LedgerStore.open({ kv, networkId: NETWORK_ID, spool: { maxGroupRows: 2 } })
    expect(await refusalCode(store.spool.append([1, 2, 3].map((number) => sampleItem(number))))).to.equal('LIMIT_EXCEEDED')
    const frame = new Uint8Array(65_536)
    expect(await refusalCode(store.spool.append([{ ...sampleItem(1), frame }]))).to.equal('LIMIT_EXCEEDED')
    expect(await refusalCode(store.spool.append([sampleItem(1, 1, 'x'.repeat(256))]))).to.equal('LIMIT_EXCEEDED')
    expect(
      await refusalCode(store.spool.append([{ source: 'p1', event: { time: 1, code: 1, detail: 'x'.repeat(201) } }])),
    ).to.equal('LIMIT_EXCEEDED')
    const empty = { source: 'p1', reading: { ...sampleItem(1).reading, values: [] } }
    expect(await refusalCode(store.spool.append([empty]))).to.equal('LIMIT_EXCEEDED')
    expect(store.spool.size).to.equal(0)
  })

  it('splits what waits into writes of a bounded size', async () => {
    store = await LedgerStore.open({ kv, networkId: NETWORK_ID, spool: { maxGroupRows: 4 } })
    const appended = await Promise.all(
      Array.from({ length: 10 }, (_, i) => store.spool.append([sampleItem(i), sampleItem(100 + i)])),
    )
    expect(appended.reduce((sum, each) => sum + each.taken, 0)).to.equal(20)
  })

  it('STORE_CLOSED: refuses readings after close', async () => {
    await store.close()
    expect(await refusalCode(store.spool.append([sampleItem(1)]))).to.equal('STORE_CLOSED')
  })

  it('a signed record is one of its own, whatever its readings say, and with whatever key it was checked', async () => {
    const signed = (byte: number, publicKey?: string): SpoolItem => ({
      ...sampleItem(5),
      frame: Uint8Array.of(byte),
      signed: publicKey === undefined ? {} : { publicKey },
    })
    const taken = await store.spool.append([signed(1, 'ab'), signed(2, 'ab'), signed(1, 'ab'), signed(1)])
    expect(taken).to.deep.equal({ taken: 2, duplicates: 2 })
    const again = await reopen()
    expect((await again.spool.append([signed(2), signed(3)])).taken).to.equal(1)
    expect((await again.spool.peek(10)).rows.map(({ item }) => item)).to.deep.equal([signed(1, 'ab'), signed(2, 'ab'), signed(3)])
    expect(await refusalCode(store.spool.append([signed(4, 'a'.repeat(1_025))]))).to.equal('LIMIT_EXCEEDED')
  })

  it('forgets old readings when told to, and then counts older ones as taken before', async () => {
    await store.spool.append([0, 1, 2, 3].map((number) => sampleItem(number)))
    await store.spool.append([sampleItem(0, 1, 'other')])
    expect(await store.spool.pruneSeen(START_MS + 2 * QUARTER_HOUR_MS)).to.equal(2)
    expect(await store.spool.pruneSeen(START_MS)).to.equal(0)
    for (const each of [store, await reopen()]) {
      expect((await each.spool.append([sampleItem(0), sampleItem(1, 77)])).taken).to.equal(0)
      expect((await each.spool.append([sampleItem(0, 1, 'other')])).taken).to.equal(0)
    }
    expect((await store.spool.append([sampleItem(1, 1, 'other'), sampleItem(2, 99)])).taken).to.equal(2)
  })

  it('leaves nothing of an old recording out where nothing was forgotten: a value with an older time of its own', async () => {
    expect(await store.spool.pruneSeen(START_MS + 400 * QUARTER_HOUR_MS)).to.equal(0)
    // A telegram's row, then its gas value, whose time is up to an hour older.
    expect((await store.spool.append([sampleItem(4), sampleItem(1)])).taken).to.equal(2)
    expect((await store.spool.append([sampleItem(4), sampleItem(1)])).taken).to.equal(0)
  })

  it('a recording that is added later is taken in any order, whatever was forgotten of others', async () => {
    await store.spool.append([0, 1, 2, 3].map((number) => sampleItem(number)))
    expect(await store.spool.pruneSeen(START_MS + 400 * QUARTER_HOUR_MS)).to.equal(3)
    const recording = [3, 1, 2, 0].map((number) => sampleItem(number, 1, 'recording'))
    for (const count of [4, 0]) {
      const each = await reopen()
      // One by one, so that each is judged against what was taken before.
      let taken = 0
      for (const item of recording) taken += (await each.spool.append([item])).taken
      expect(taken).to.equal(count)
      expect((await each.spool.append([sampleItem(1, 55)])).taken).to.equal(0)
    }
  })

  it('what a store of before wrote for all sources holds for those that it had, and for no later one', async () => {
    await store.spool.append([sampleItem(3), sampleItem(3, 1, 'other')])
    const key = metaKey('seen-from')
    await kv.batch([put(key, sealRecord(key, new Writer(8).varint(START_MS + 2 * QUARTER_HOUR_MS).finish()))])
    const later = await reopen()
    expect((await later.spool.append([sampleItem(1), sampleItem(1, 1, 'other'), sampleItem(2, 1, 'other')])).taken).to.equal(1)
    for (const number of [3, 0]) expect((await later.spool.append([sampleItem(number, 1, 'new')])).taken).to.equal(1)
    expect(await later.spool.pruneSeen(START_MS)).to.equal(0)
    expect(await kv.get(key)).to.equal(undefined)
    const again = await reopen()
    expect((await again.spool.append([sampleItem(1), sampleItem(1, 1, 'other')])).taken).to.equal(0)
    expect((await again.spool.append([sampleItem(1, 1, 'new')])).taken).to.equal(1)
  })

  it('remembers each of more sources than it keeps in memory', async () => {
    const items = Array.from({ length: 4_200 }, (_, i) => sampleItem(1, 1, `source ${i}`))
    expect((await store.spool.append(items)).taken).to.equal(4_200)
    expect((await store.spool.append(items)).taken).to.equal(0)
    expect((await (await reopen()).spool.append(items)).taken).to.equal(0)
  }).timeout(20_000)
})
