import { expect } from 'chai'
import fc from 'fast-check'
import type { Reading, Register } from '../../../protocol/reading.ts'
import { encodeReadings } from '../../../protocol/readings-body.ts'
import { type Acceptance, auditStore, type Kv, type KvEntry, LedgerStore, openMemoryKv } from '../../store/index.ts'
import { allOf, META, QUERY, tileKey } from '../../store/keys.ts'
import { REMOVED_AT_ONCE } from '../../store/replacement.ts'
import { TroubledKv } from '../harness/troubled-kv.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import { sampleReading } from './sample-readings.ts'
import { refusalCode } from './temporary-directories.ts'

const open = (kv: Kv, ownKey?: Uint8Array): Promise<LedgerStore> =>
  LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake, ...(ownKey === undefined ? {} : { ownKey }) })

/** Every record but the named ones, as text. */
async function dump(kv: Kv): Promise<string[]> {
  const records: string[] = []
  for await (const entries of kv.iterate({ gte: allOf(META).lt, lt: Uint8Array.of(0xff) })) {
    for (const [key, value] of entries) records.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`)
  }
  return records
}

/** Contents of blocks; `branch` makes others of the same heights, with a register of its own. */
const contents = (from: number, count: number, branch = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => encodeReadings(readingsAt(from + i, branch)))

/** A row most often; every hundredth block has so many registers and days that no query chunk takes it. */
function readingsAt(height: number, branch: number): Reading[] {
  const reading = sampleReading(height, height * 3 + branch)
  if (height % 100 !== 7) return [branch === 0 ? reading : { ...reading, intervalMs: 60_000 }]
  const values = Array.from({ length: 60 }, (_, c) => ({
    register: { obis: { a: 1, b: 0, c, d: 8, e: branch, f: 255 }, unit: 30, scaler: 0 },
    value: height + c,
    quality: 'good' as const,
  }))
  return [0, 100, 200].map((days) => ({ ...reading, time: reading.time + days * 86_400_000, values }))
}

interface Fork {
  readonly common: number
  readonly old: number
  readonly other: number
}

/** A store that took `common + old` blocks, and the run that puts `other` blocks in the place of the last `old`. */
async function forked(kv: Kv, { common, old, other }: Fork) {
  const store = await open(kv)
  const kept = new ChainMaker(1)
  const left = new ChainMaker(1)
  const first = kept.holding(contents(0, common))
  left.holding(contents(0, common))
  if (common > 0) await store.accept([first])
  await store.accept([left.holding(contents(common, old))])
  return { store, kept, left, run: kept.holding(contents(common, other, 1)) }
}

describe('replaceTail', () => {
  it('leaves the very records that a store has which never held the old branch', async () => {
    const count = fc.integer({ min: 1, max: 600 })
    await fc.assert(
      fc.asyncProperty(fc.record({ common: fc.integer({ min: 0, max: 600 }), old: count, other: count }), async (fork) => {
        const kv = await openMemoryKv()
        const { store, kept, run } = await forked(kv, fork)
        await store.replaceTail(kept.member, fork.common, run)
        const straight = await openMemoryKv()
        const clean = await open(straight)
        const again = new ChainMaker(1)
        if (fork.common > 0) await clean.accept([again.holding(contents(0, fork.common))])
        await clean.accept([again.holding(contents(fork.common, fork.other, 1))])
        // Both go on, and are opened again: what is in memory is the same too.
        const more = kept.holding(contents(kept.state.size, 300, 1))
        for (const each of [store, clean]) await each.accept([more])
        expect(await dump(kv)).to.deep.equal(await dump(straight))
        const opened = await open(kv)
        expect(opened.damage).to.deep.equal([])
        expect(opened.head(kept.member)?.root).to.deep.equal(kept.state.root)
        const { chains, damage } = await auditStore({ kv, verifySigned: verifyFake })
        expect([chains[0]?.fault, damage]).to.deep.equal([undefined, []])
      }),
      { numRuns: 12, seed: 3 },
    )
  }).timeout(60_000)

  it('answers with roots, blocks, proofs and values of the new branch', async () => {
    const { store, kept, left, run } = await forked(await openMemoryKv(), { common: 250, old: 300, other: 40 })
    for (const size of [200, 256, 260, 512, 550]) await store.rootAt(kept.member, size)
    await store.replaceTail(kept.member, 250, run)
    expect(store.head(kept.member)).to.equal(kept.state)
    expect(await store.rootAt(kept.member, 256)).to.deep.equal(kept.roots[255])
    expect(await store.rootAt(kept.member, 200)).to.deep.equal(left.roots[199])
    expect(await store.rootAt(kept.member, 512)).to.equal(undefined)
    expect((await store.readBlocks(kept.member, 240, 100)).map(({ bytes }) => bytes)).to.deep.equal(
      kept.blocks.slice(240).map(({ bytes }) => bytes),
    )
    expect(await store.readBlock(kept.member, 290)).to.equal(undefined)
    expect((await store.known(kept.member, 251))?.root).to.deep.equal(kept.roots[250])
  })

  /** A store whose tile 0/1 is given only once the tail has been replaced: as it was before, or as it is then. */
  const readAcross = async (isOldTile: boolean): Promise<{ found: number; later: number }> => {
    const memory = await openMemoryKv()
    const key = Buffer.from(tileKey(0, 0, 1)).toString('hex')
    const gate = Promise.withResolvers<void>()
    const slow: Kv = {
      get: async (asked) => {
        if (Buffer.from(asked).toString('hex') !== key) return memory.get(asked)
        const before = isOldTile ? await memory.get(asked) : undefined
        await gate.promise
        return isOldTile ? before : memory.get(asked)
      },
      getMany: (keys) => memory.getMany(keys),
      batch: (operations, options) => memory.batch(operations, options),
      iterate: (range) => memory.iterate(range),
      recover: () => memory.recover(),
      close: () => memory.close(),
    }
    const { store, kept, left, run } = await forked(slow, { common: 200, old: 400, other: 500 })
    const reading = store.rootAt(kept.member, 400)
    const node = Promise.resolve(store.nodeReader(kept.member)(0, 310))
    const refused = refusalCode(node)
    await store.replaceTail(kept.member, 200, run)
    expect(store.rootInMemory(kept.member, 400)).to.equal(undefined)
    gate.resolve()
    expect(await refused).to.equal('STORE_CONFLICT')
    const of = (root: Uint8Array | undefined): number =>
      [left, kept].findIndex(({ roots }) => Buffer.compare(root as Uint8Array, roots[399] as Uint8Array) === 0)
    return { found: of(await reading), later: of(await store.rootAt(kept.member, 400)) }
  }

  it('a read that is under way is of the new branch, and nothing of the old one is remembered', async () => {
    for (const isOldTile of [true, false]) expect(await readAcross(isOldTile)).to.deep.equal({ found: 1, later: 1 })
  })

  /** Ways for a chain of another branch to give way to `run` from height 10 on. */
  const leaving = {
    replaceTail: (store: LedgerStore, run: Acceptance) => store.replaceTail(run.member, 10, run),
    cutBack: async (store: LedgerStore, run: Acceptance) => {
      await store.cutBack(run.member, 10, 'lost')
      await store.accept([run])
    },
  }

  for (const [way, leave] of Object.entries(leaving)) {
    it(`nodes asked of the branch that is gone stand in no root of the new one: ${way}`, async () => {
      const { store, kept, run } = await forked(await openMemoryKv(), { common: 10, old: 20, other: 12 })
      const { member } = kept
      const readOld = store.nodeReader(member)
      await leave(store, run)
      await store.accept([kept.holding(contents(22, 20, 1))])
      // Of blocks 16 to 23: both branches have that many.
      expect(await refusalCode(Promise.resolve(readOld(3, 2)))).to.equal('STORE_CONFLICT')
      for (const size of [24, 27, 30]) expect(await store.rootAt(member, size)).to.deep.equal(kept.roots[size - 1])
    })
  }

  it('a run whose blocks come once their branch is gone leaves no root of theirs behind', async () => {
    const kv = new TroubledKv(await openMemoryKv(), new VirtualTime().timers)
    const { store, kept, left, run } = await forked(kv, { common: 10, old: 10, other: 12 })
    const { member } = kept
    await store.accept([left.holding(contents(20, 10))])
    const found = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const iterate = kv.iterate.bind(kv)
    kv.iterate = async function* (range) {
      kv.iterate = iterate
      const before: KvEntry[][] = []
      for await (const entries of iterate(range)) before.push(entries)
      found.resolve()
      await gate.promise
      yield* before
    }
    // The last of them is signed, and below the head.
    const reading = store.readRun(member, 5, 15)
    await found.promise
    await store.replaceTail(member, 10, run)
    await store.accept([kept.holding(contents(22, 20, 1))])
    gate.resolve()
    expect((await reading).blocks.map(({ bytes }) => bytes)).to.deep.equal(kept.blocks.slice(5, 20).map(({ bytes }) => bytes))
    expect(await store.rootAt(member, 20)).to.deep.equal(kept.roots[19])
  })

  it('values that are being read: STORE_CONFLICT where the branch they are of is gone', async () => {
    const { store, kept, run } = await forked(await openMemoryKv(), { common: 200, old: 400, other: 500 })
    const [register] = await store.registersOf(kept.member)
    const values = store.values(kept.member, register as Register, 0, Number.MAX_SAFE_INTEGER)
    await values.next()
    await store.replaceTail(kept.member, 200, run)
    expect(await refusalCode(values.next())).to.equal('STORE_CONFLICT')
  })

  it('STORE_CONFLICT: what does not fit, or does not make its root', async () => {
    const { store, kept, left, run } = await forked(await openMemoryKv(), { common: 10, old: 5, other: 5 })
    const refused = [
      store.replaceTail(memberKey(2), 10, run),
      store.replaceTail(kept.member, 9, run),
      store.replaceTail(kept.member, 16, run),
      store.replaceTail(kept.member, -1, run),
      store.replaceTail(kept.member, 10, { ...run, blocks: [], hashes: [] }),
      store.replaceTail(kept.member, 10, { ...run, member: memberKey(2) }),
      store.replaceTail(kept.member, 10, { ...run, state: { ...run.state, root: memberKey(3) } }),
    ]
    for (const each of refused) expect(await refusalCode(each)).to.equal('STORE_CONFLICT')
    expect(store.head(kept.member)?.root).to.deep.equal(left.state.root)
    await store.replaceTail(kept.member, 10, run)
  })

  it('FINAL_CONFLICT: never at or below what is final', async () => {
    // The other branch ends below what is final: nothing but its beginning contradicts that.
    const { store, kept, left, run } = await forked(await openMemoryKv(), { common: 10, old: 5, other: 2 })
    const { member } = kept
    await store.witness.setFinal([{ member, size: 14, root: left.roots[13] as Uint8Array, epoch: 0 }])
    expect(await refusalCode(store.replaceTail(member, 10, run))).to.equal('FINAL_CONFLICT')
    expect(store.head(member)?.root).to.deep.equal(left.state.root)
  })

  it('FINAL_CONFLICT: nor, after a loss, away from what is final above it', async () => {
    const { store, kept, left, run } = await forked(await openMemoryKv(), { common: 10, old: 5, other: 5 })
    const { member } = kept
    await store.witness.setFinal([{ member, size: 14, root: left.roots[13] as Uint8Array, epoch: 0 }])
    await store.cutBack(member, 12, 'lost')
    expect(await refusalCode(store.replaceTail(member, 10, run))).to.equal('FINAL_CONFLICT')
    // Blocks of the wrong branch may have come in below it: those can go.
    const right = new ChainMaker(1)
    right.holding(contents(0, 10))
    await store.replaceTail(member, 10, right.holding(contents(10, 5)))
    expect(store.head(member)?.root).to.deep.equal(left.state.root)
  })

  it('OWN_CHAIN_CONFLICT: never what this node signed of its own chain', async () => {
    const own = memberKey(1)
    const store = await open(await openMemoryKv(), own)
    const mine = new ChainMaker(1)
    await store.accept([mine.next(10)])
    const other = new ChainMaker(1)
    other.next(8)
    expect(await refusalCode(store.replaceTail(own, 8, other.next(2, 41)))).to.equal('OWN_CHAIN_CONFLICT')
    expect(store.head(own)?.root).to.deep.equal(mine.state.root)
  })

  it('lowers the mark of what start-up need not check: a hole in what came afterwards is found', async () => {
    const kv = await openMemoryKv()
    const { store, kept, run } = await forked(kv, { common: 100, old: 900, other: 10 })
    // A restart makes all 1,000 count as safe.
    const again = await open(kv)
    await again.replaceTail(kept.member, 100, run)
    await again.accept([kept.holding(contents(110, 900, 1))])
    for await (const entries of kv.iterate(allOf(4))) {
      const lost = entries.filter(([key]) => key[8] === 150 && key[7] === 0)
      await kv.batch(lost.map(([key]) => ({ type: 'del' as const, key })))
    }
    const opened = await open(kv)
    expect(opened.head(kept.member)?.size).to.equal(150)
    expect(store).to.not.equal(again)
  })

  it('is one write: where it fails, either branch is there, whole', async () => {
    const fork = { common: 40, old: 300, other: 280 }
    const counted = new FailingKv(await openMemoryKv(), 0, 'lost')
    const first = await forked(counted, fork)
    const before = counted.writes
    await first.store.replaceTail(first.kept.member, fork.common, first.run)
    expect(counted.writes).to.equal(before + 1)
    for (const failure of ['lost', 'stored'] as const) {
      const memory = await openMemoryKv()
      const { store, kept, left, run } = await forked(new FailingKv(memory, before + 1, failure), fork)
      expect(await refusalCode(store.replaceTail(kept.member, fork.common, run))).to.equal('DISK_FULL')
      const isReplaced = failure === 'stored'
      const seen = await open(memory)
      expect(seen.damage).to.deep.equal([])
      expect(seen.head(kept.member)?.root).to.deep.equal((isReplaced ? kept : left).state.root)
      const { chains, damage } = await auditStore({ kv: memory, verifySigned: verifyFake })
      expect([chains[0]?.fault, damage]).to.deep.equal([undefined, []])
      // Memory says the same once it has settled, and the other branch can be had.
      if (isReplaced) await store.accept([kept.holding(contents(kept.state.size, 1, 1))])
      else await store.replaceTail(kept.member, fork.common, run)
      expect(store.head(kept.member)?.root).to.deep.equal(kept.state.root)
      expect(await store.rootAt(kept.member, 256)).to.deep.equal(kept.roots[255])
    }
  })

  it('a root asked for while memory is read anew is not answered with later: it may be of the branch that is gone', async () => {
    const kv = new TroubledKv(await openMemoryKv(), new VirtualTime().timers)
    const { store, kept, left, run } = await forked(kv, { common: 10, old: 5, other: 5 })
    const { member } = kept
    kv.failNext = 'stored'
    expect(await refusalCode(store.replaceTail(member, 10, run))).to.equal('DISK_FULL')
    const iterate = kv.iterate.bind(kv)
    const asked: unknown[] = []
    kv.iterate = async function* (range) {
      // By then the chains are read, and those of before are still what is answered from.
      if (range.gte[0] === QUERY) asked.push(await store.rootAt(member, 14))
      yield* iterate(range)
    }
    await store.accept([kept.holding(contents(15, 1, 1))])
    expect(asked[0]).to.deep.equal(left.roots[13])
    expect(await store.rootAt(member, 14)).to.deep.equal(kept.roots[13])
  })

  it(`removes more than ${REMOVED_AT_ONCE} blocks in several writes, of two levels of tiles`, async () => {
    const kv = await openMemoryKv()
    const store = await open(kv)
    const left = new ChainMaker(1)
    await store.accept([left.next(65_536 + 300, 1)])
    const kept = new ChainMaker(1)
    kept.next(70, 1)
    await store.replaceTail(kept.member, 70, kept.next(2, 2))
    const heights: number[] = []
    for await (const entries of kv.iterate(allOf(4))) heights.push(...entries.map(([key]) => key.length))
    expect(heights.length).to.equal(72)
    const tiles: unknown[] = []
    for await (const entries of kv.iterate(allOf(5))) tiles.push(...entries)
    expect(tiles).to.deep.equal([])
    expect((await open(kv)).head(kept.member)?.root).to.deep.equal(kept.state.root)
  }).timeout(60_000)
})
