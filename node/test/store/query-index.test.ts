import { expect } from 'chai'
import fc from 'fast-check'
import { QUALITIES, type Reading, type Register, TIME_SOURCES } from '../../../protocol/reading.ts'
import { encodeReadings } from '../../../protocol/readings-body.ts'
import { equalRegisters } from '../../../protocol/register.ts'
import { del, type Kv, type KvOperation, LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { allOf, allOfChain, QUERY, queryChunksOf, queryStateKey, queryWholesOf } from '../../store/keys.ts'
import { SPAN_DAYS } from '../../store/query-chunk.ts'
import { BLOCK_GROWTH, BLOCK_PIECES, QueryDraft, STRETCH_BLOCKS } from '../../store/query-draft.ts'
import { MAX_DRAFTS } from '../../store/query-index.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import { refusalCode } from './temporary-directories.ts'

const MINUTE_MS = 60_000
const DAY_MS = 1_440 * MINUTE_MS
const START_MS = Date.UTC(2024, 2, 30)

const registerNumber = (n: number): Register => ({
  obis: { a: n % 3 === 2 ? 0 : 1, b: 0, c: n & 0xff, d: n >> 8, e: 0, f: 255 },
  unit: 30,
  scaler: -n % 5,
})

const IMPORT = registerNumber(1)

const row = (time: number, value: number, registers: readonly Register[] = [IMPORT]): Reading => ({
  time,
  intervalMs: 0,
  timeSource: 'meter-clock',
  values: registers.map((register) => ({ register, value, quality: 'good' })),
})

/** What a chain of live quarter hours says. */
const quarterHours = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => encodeReadings([row(START_MS + (from + i) * 15 * MINUTE_MS, 1_000 + (from + i) * 7)]))

async function dump(kv: Kv): Promise<string[]> {
  const lines: string[] = []
  for await (const entries of kv.iterate(allOf(QUERY))) {
    for (const [key, value] of entries) lines.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`)
  }
  return lines
}

async function countIn(kv: Kv, range: Parameters<Kv['iterate']>[0]): Promise<number> {
  let count = 0
  for await (const entries of kv.iterate(range)) count += entries.length
  return count
}

type Row = readonly [time: number, interval: number, source: string, value: number | null, quality: string]

async function valuesOf(
  store: LedgerStore,
  member: Uint8Array,
  register: Register,
  fromMs = 0,
  toMs = Number.MAX_SAFE_INTEGER,
): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { intervalMs, timeSource, times, values, qualities } of store.values(member, register, fromMs, toMs)) {
    for (const [i, time] of times.entries()) {
      const value = values[i] as number
      rows.push([time, intervalMs, timeSource, Number.isNaN(value) ? null : value, qualities[i] as string])
    }
  }
  return rows
}

const rowsIn = (blocks: readonly (readonly Reading[])[], register: Register, fromMs: number, toMs: number): Row[] =>
  blocks
    .flat()
    .filter(({ time }) => time >= fromMs && time < toMs)
    .flatMap(({ time, intervalMs, timeSource, values }) =>
      values
        .filter((each) => equalRegisters(each.register, register))
        .map(({ value, quality }): Row => [time, intervalMs, timeSource, value, quality]),
    )

const inOrder = (rows: readonly Row[]): string[] => rows.map((each) => JSON.stringify(each)).toSorted()

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** Everything is made from blocks alone. */
async function remade(kv: Kv, id = 0): Promise<string[]> {
  await kv.batch([del(queryStateKey(id))])
  await open(kv)
  return dump(kv)
}

const readings = fc.array(
  fc.record({
    shape: fc.nat(3),
    minutes: fc.oneof(fc.nat(60), fc.nat(40 * 1_440)),
    ms: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60_000) }),
    value: fc.oneof(fc.nat(1_000), fc.maxSafeInteger()),
    quality: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(QUALITIES.length - 1) }),
  }),
  { minLength: 1, maxLength: 12 },
)

const SHAPES: readonly (readonly number[])[] = [[1], [1, 2], [3, 1, 300], [2]]

function readingOf({
  shape,
  minutes,
  ms,
  value,
  quality,
}: Record<'shape' | 'minutes' | 'ms' | 'value' | 'quality', number>): Reading {
  const name = QUALITIES[quality] as Reading['values'][number]['quality']
  return {
    time: START_MS + minutes * MINUTE_MS + ms,
    intervalMs: shape === 2 ? 15 * MINUTE_MS : 0,
    timeSource: TIME_SOURCES[shape % 3] as Reading['timeSource'],
    values: (SHAPES[shape] ?? []).map((n) => ({
      register: registerNumber(n),
      value: name === 'missing' ? null : value,
      quality: name,
    })),
  }
}

describe('query chunks', () => {
  let kv: Kv
  let store: LedgerStore

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await open(kv)
  })

  it('hold every row of every block, and are the same bytes whatever the batches, and when made again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(readings, { minLength: 1, maxLength: 80 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
        fc.nat(30 * 1_440),
        fc.boolean(),
        async (made, sizes, fromMinute, restarts) => {
          const blocks = made.map((each) => each.map(readingOf))
          const contents = blocks.map((each) => encodeReadings(each))
          const one = await openMemoryKv()
          await (await open(one)).accept([new ChainMaker(1).holding(contents)])
          const split = await openMemoryKv()
          let ledger = await open(split)
          const maker = new ChainMaker(1)
          for (let at = 0, turn = 0; at < contents.length; turn++) {
            const size = sizes[turn % sizes.length] as number
            await ledger.accept([maker.holding(contents.slice(at, at + size))])
            at += size
            if (restarts) ledger = await open(split)
          }
          const expected = await dump(one)
          expect(await dump(split)).to.deep.equal(expected)
          const from = START_MS + fromMinute * MINUTE_MS
          for (const n of [1, 2, 3, 300]) {
            const register = registerNumber(n)
            const found = await valuesOf(ledger, maker.member, register, from, from + 6 * DAY_MS)
            expect(inOrder(found)).to.deep.equal(inOrder(rowsIn(blocks, register, from, from + 6 * DAY_MS)))
            expect((await valuesOf(ledger, maker.member, register)).length).to.equal(
              rowsIn(blocks, register, 0, Number.POSITIVE_INFINITY).length,
            )
          }
          expect(await remade(split)).to.deep.equal(expected)
        },
      ),
      { numRuns: 40 },
    )
  }).timeout(60_000)

  it('a row a block takes few bytes, in stretches of at most STRETCH_BLOCKS', async () => {
    const maker = new ChainMaker(1)
    for (let at = 0; at < 960; at += 10) await store.accept([maker.holding(quarterHours(at, 10))])
    const lines = await dump(kv)
    expect(lines.length).to.be.within(960 / STRETCH_BLOCKS, 960 / STRETCH_BLOCKS + 3 + Math.ceil(10 / SPAN_DAYS))
    expect(lines.join('').length / 2 / 960).to.be.below(6)
    const rows = await valuesOf(store, maker.member, IMPORT, START_MS + DAY_MS, START_MS + 2 * DAY_MS)
    expect(rows.length).to.equal(96)
    expect(rows[0]).to.deep.equal([START_MS + DAY_MS, 0, 'meter-clock', 1_000 + 96 * 7, 'good'])
  })

  it('an interval that ends at midnight is found by its time', async () => {
    const maker = new ChainMaker(1)
    const midnight = SPAN_DAYS * DAY_MS * 2_400
    const reading = { ...row(midnight, 5), intervalMs: 15 * MINUTE_MS, timeSource: 'interval-end' as const }
    await store.accept([maker.holding([encodeReadings([reading]), ...quarterHours(0, 40)])])
    expect((await valuesOf(store, maker.member, IMPORT, midnight, midnight + 1)).length).to.equal(1)
    expect((await valuesOf(store, maker.member, IMPORT, midnight - DAY_MS, midnight)).length).to.equal(0)
  })

  it('lists the registers of a chain, at most as many as asked for', async () => {
    const maker = new ChainMaker(1)
    const registers = Array.from({ length: 10 }, (_, n) => registerNumber(n + 1))
    const contents = registers.map((register, i) => encodeReadings([row(START_MS + i, i, [register])]))
    await store.accept([maker.holding([...contents, ...quarterHours(0, 60), ...contents])])
    const found = await store.registersOf(maker.member)
    expect(found.length).to.equal(10)
    for (const register of registers) expect(found.some((each) => equalRegisters(each, register))).to.equal(true)
    expect((await store.registersOf(maker.member, 4)).length).to.equal(4)
    expect(await store.registersOf(memberKey(9))).to.deep.equal([])
    expect(await valuesOf(store, memberKey(9), IMPORT)).to.deep.equal([])
  })

  it('a body that cannot be read has no rows and hinders nothing', async () => {
    const maker = new ChainMaker(1)
    const [whole] = quarterHours(0, 1)
    if (whole === undefined) throw new Error('no block')
    const broken = Array.from({ length: whole.length }, (_, i) => whole.slice(0, i))
    const flipped = Array.from({ length: whole.length * 8 }, (_, bit) => {
      const copy = whole.slice()
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
      return copy
    })
    await store.accept([maker.holding([whole, ...broken, ...flipped, ...quarterHours(1, 40)])])
    const rows = await valuesOf(store, maker.member, IMPORT, START_MS, START_MS + DAY_MS)
    expect(rows.length).to.be.least(41)
    const expected = await dump(kv)
    expect(await remade(kv)).to.deep.equal(expected)
  })

  describe('bounds', () => {
    it('a block of more than BLOCK_PIECES registers and spans is filed whole, and is found', async () => {
      const maker = new ChainMaker(1)
      const rows = Array.from({ length: BLOCK_PIECES + 1 }, (_, i) => row(START_MS + i * SPAN_DAYS * DAY_MS, i))
      const fits = encodeReadings(rows.slice(0, 60))
      await store.accept([maker.holding([encodeReadings(rows), ...quarterHours(0, STRETCH_BLOCKS)])])
      expect(await countIn(kv, queryWholesOf(0))).to.equal(1)
      expect((await valuesOf(store, maker.member, IMPORT, START_MS, START_MS + 10 * DAY_MS * SPAN_DAYS)).length).to.equal(
        10 + STRETCH_BLOCKS,
      )
      await store.accept([maker.holding([fits, ...quarterHours(60, STRETCH_BLOCKS)])])
      expect(await countIn(kv, queryWholesOf(0))).to.equal(1)
      expect(await countIn(kv, queryChunksOf(0))).to.be.least(60)
    })

    it('what one block adds is at most BLOCK_GROWTH times its content and a little', () => {
      const maker = new ChainMaker(1)
      const registers = Array.from({ length: 60 }, (_, n) => registerNumber(3 * n + 1))
      let time = START_MS
      const rows = Array.from({ length: 500 }, (_, i) => {
        time += 1 + ((i * i * 7_919) % 60_000)
        const [first, ...others] = row(time, 1, registers).values
        return { ...row(time, 1), values: [first, ...others] as Reading['values'] }
      })
      const content = encodeReadings(rows)
      const draft = new QueryDraft(maker.member, 0)
      draft.add(maker.holding([content]).blocks[0] as Uint8Array)
      expect(draft.whole.length + draft.chunks.length).to.be.least(1)
      expect(draft.writer.length).to.be.at.most(BLOCK_GROWTH * content.length + 256)
    })

    it('at most MAX_DRAFTS open stretches are in memory, and the others are read again', async () => {
      const makers = Array.from({ length: MAX_DRAFTS + 10 }, (_, i) => new ChainMaker(i))
      for (const start of [0, 3]) await store.accept(makers.map((maker) => maker.holding(quarterHours(start, 3))))
      for (const maker of [makers[0], makers.at(-1)] as ChainMaker[])
        expect((await valuesOf(store, maker.member, IMPORT)).length).to.equal(6)
    }).timeout(10_000)
  })

  describe('what may happen to a store', () => {
    it('a write that failed, stored or not, leaves chunks and blocks in step', async () => {
      for (const failure of ['lost', 'stored'] as const) {
        for (let failAt = 4; failAt < 14; failAt++) {
          const inner = await openMemoryKv()
          const failing = new FailingKv(inner, failAt, failure)
          const ledger = await open(failing)
          const maker = new ChainMaker(1)
          const runs = Array.from({ length: 12 }, (_, i) => maker.holding(quarterHours(i * 9, 9)))
          for (const run of runs) {
            if ((ledger.head(maker.member)?.size ?? 0) === run.from) await ledger.accept([run]).catch(() => undefined)
            await ledger.spool.append([]).catch(() => undefined)
          }
          for (const run of runs) {
            const size = ledger.head(maker.member)?.size ?? 0
            if (size === run.from) await ledger.accept([run]).catch(() => undefined)
          }
          const size = ledger.head(maker.member)?.size ?? 0
          expect(inOrder(await valuesOf(ledger, maker.member, IMPORT)).length).to.equal(size)
          const expected = await dump(inner)
          expect(await remade(inner)).to.deep.equal(expected)
        }
      }
    }).timeout(20_000)

    it('a refused batch leaves nothing behind', async () => {
      const [one, other] = [new ChainMaker(1), new ChainMaker(2)]
      await store.accept([one.holding(quarterHours(0, 5)), other.holding(quarterHours(0, 5))])
      const next = one.holding(quarterHours(5, 60))
      other.holding(quarterHours(5, 5))
      expect(await refusalCode(store.accept([next, other.holding(quarterHours(10, 5))]))).to.equal('STORE_CONFLICT')
      expect((await valuesOf(store, one.member, IMPORT)).length).to.equal(5)
      await store.accept([next])
      expect((await valuesOf(store, one.member, IMPORT)).length).to.equal(65)
      const expected = await dump(kv)
      expect(await remade(kv)).to.deep.equal(expected)
    })

    it('a chain that was cut back has the chunks of what is left, and goes on', async () => {
      const maker = new ChainMaker(1)
      const runs = Array.from({ length: 20 }, (_, i) => maker.holding(quarterHours(i * 10, 10)))
      for (const run of runs) await store.accept([run])
      await store.cutBack(maker.member, 100, 'for a test')
      expect((await valuesOf(store, maker.member, IMPORT)).length).to.equal(100)
      for (const run of runs.slice(10)) await store.accept([run])
      expect((await valuesOf(store, maker.member, IMPORT)).length).to.equal(200)
      const expected = await dump(kv)
      expect(await remade(kv)).to.deep.equal(expected)
    })

    it('blocks that an earlier write took with it, while a later one stayed, take their chunks along', async () => {
      const maker = new ChainMaker(1)
      const runs = Array.from({ length: 12 }, (_, i) => maker.holding(quarterHours(i * 10, 10)))
      for (let lost = 1; lost < runs.length - 1; lost++) {
        const written: KvOperation[][] = []
        const recording = await openMemoryKv()
        const ledger = await open({
          get: (key) => recording.get(key),
          getMany: (keys) => recording.getMany(keys),
          iterate: (range) => recording.iterate(range),
          recover: () => recording.recover(),
          close: () => recording.close(),
          batch: async (operations, options) => {
            written.push([...operations])
            await recording.batch(operations, options)
          },
        })
        const before = written.length
        for (const run of runs) await ledger.accept([run])
        const torn = await openMemoryKv()
        for (const [i, operations] of written.entries()) if (i !== before + lost) await torn.batch(operations)
        const after = await open(torn)
        expect(after.head(maker.member)?.size).to.equal(lost * 10)
        expect((await valuesOf(after, maker.member, IMPORT)).length).to.equal(lost * 10)
        for (const run of runs.slice(lost)) await after.accept([run])
        expect(await dump(torn)).to.deep.equal(await dump(recording))
      }
    }).timeout(20_000)

    it('a store without chunks gets them when it is opened, and loses those of no chain', async () => {
      const maker = new ChainMaker(1)
      await store.accept([maker.holding(quarterHours(0, 100))])
      const expected = await dump(kv)
      const removals: KvOperation[] = []
      for await (const entries of kv.iterate(allOfChain(QUERY, 0))) removals.push(...entries.map(([key]) => del(key)))
      await kv.batch([
        ...removals,
        put(Uint8Array.of(QUERY, 0, 0, 1), Uint8Array.of(2)),
        put(Uint8Array.of(QUERY, 0, 7, 1), Uint8Array.of(2)),
      ])
      await open(kv)
      expect(await dump(kv)).to.deep.equal(expected)
    })

    it('a damaged chunk is read from the blocks instead, and noted', async () => {
      const maker = new ChainMaker(1)
      await store.accept([maker.holding(quarterHours(0, 100))])
      const before = await valuesOf(store, maker.member, IMPORT)
      for await (const entries of kv.iterate(queryChunksOf(0))) {
        for (const [key, record] of entries)
          await kv.batch([
            put(
              key,
              record.map((byte, i) => (i === 3 ? byte ^ 4 : byte)),
            ),
          ])
      }
      expect(await valuesOf(store, maker.member, IMPORT)).to.deep.equal(before)
      expect(store.damage.some(({ what }) => what.includes('query chunk'))).to.equal(true)
    })
  })
})
