import { expect } from 'chai'
import { EMPTY_CHAIN } from '../../../protocol/index.ts'
import { emptyEntry } from '../../store/chain-check.ts'
import { type ChainEntry, keptKey, memberText } from '../../store/chain-entry.ts'
import { DurableMark } from '../../store/durable-mark.ts'
import { type Kv, LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { allOf, keysUnder, MAX_U48, readU48, spoolKey } from '../../store/keys.ts'
import { WRITE_BUFFER_BYTES } from '../../store/level-kv.ts'
import { LruMap } from '../../store/lru-map.ts'
import { RECENT_ENDS, RecentEnds } from '../../store/recent-ends.ts'
import { StoreWriter } from '../../store/writer.ts'
import { ChainMaker, memberKey, NETWORK_ID } from './chain-maker.ts'
import { refusalCode } from './temporary-directories.ts'

/** A chain of some size, with an end of its own for each size and branch. */
const chainOf = (size: number, id: number, branch = id): ChainEntry => {
  const state = { ...EMPTY_CHAIN, size, root: new Uint8Array(32).fill(size), lastHash: new Uint8Array(32).fill(branch + 1) }
  return { ...emptyEntry(id, memberKey(id)), branch, state }
}

describe('bounds of the store', () => {
  it('a cache forgets what was not asked for the longest', () => {
    const map = new LruMap<number, string>(2)
    map.set(1, 'a')
    map.set(2, 'b')
    map.get(1)
    map.set(3, 'c')
    expect([map.get(1), map.get(2), map.get(3), map.size]).to.deep.equal(['a', undefined, 'c', 2])
  })

  it('a cache whose capacity falls lets go of the rest with the next entry', () => {
    let capacity = 3
    const map = new LruMap<number, string>(() => capacity)
    for (const key of [1, 2, 3]) map.set(key, 'x')
    expect(map.size).to.equal(3)
    capacity = 1
    map.set(4, 'y')
    expect([map.size, map.get(4)]).to.deep.equal([1, 'y'])
  })

  it('the newest ends of each chain, and no more of them', () => {
    const ends = new RecentEnds()
    const last = RECENT_ENDS + 2
    for (const id of [0, 40]) for (let size = 0; size <= last; size++) ends.add(chainOf(size, id))
    ends.add({ ...chainOf(last, 0), state: chainOf(last, 99).state })
    ends.add(chainOf(0, 0))
    for (const id of [0, 40]) {
      const chain = { id, branch: id }
      expect([0, 1, 2, 3, last].map((size) => ends.rootAt(chain, size)?.[0])).to.deep.equal([
        undefined,
        undefined,
        undefined,
        3,
        last,
      ])
      const { root, lastHash } = chainOf(last, id).state
      expect(ends.endAt(chain, last)).to.deep.equal({ root, lastHash })
    }
    const [held, unheld, unknown] = [41, 39, 5_000].map((id) => chainOf(0, id)) as [ChainEntry, ChainEntry, ChainEntry]
    ends.add(chainOf(5, 41))
    expect([ends.rootAt(held, 0), ends.endAt(held, 0), ends.rootAt(held, 5)?.[0]]).to.deep.equal([undefined, undefined, 5])
    expect([ends.rootAt(unheld, 3), ends.rootAt(held, 3), ends.rootAt(unknown, 3), ends.endAt(unheld, 3)]).to.deep.equal(
      Array(4).fill(undefined),
    )
  })

  it('the newest ends of a chain are of one branch: whoever asks by another finds none', () => {
    const ends = new RecentEnds()
    for (const size of [3, 4, 5, 6]) ends.add(chainOf(size, 1, 8))
    const [left, held] = [chainOf(7, 1, 8), chainOf(5, 1, 9)]
    expect([ends.rootAt(held, 4), ends.endAt(held, 4)]).to.deep.equal([undefined, undefined])
    ends.add(held)
    expect(ends.endAt(held, 5)?.lastHash).to.deep.equal(held.state.lastHash)
    expect([ends.rootAt(held, 4), ends.rootAt(left, 4), ends.endAt(left, 5)]).to.deep.equal(Array(3).fill(undefined))
  })

  it('a member key is kept once, whatever array it comes in, and is not changed with it', () => {
    const given = new Uint8Array(32).fill(7)
    const kept = keptKey(given)
    expect(keptKey(given.slice())).to.equal(kept)
    expect(memberText(kept)).to.equal(memberText(given.slice()))
    given.fill(8)
    expect(kept).to.deep.equal(new Uint8Array(32).fill(7))
    expect(keptKey(given)).to.deep.equal(given)
    // Another key at its place pushes it out; then it is another array, and the same key.
    const pushing = kept.slice().fill(9, 2)
    expect(keptKey(pushing)).to.deep.equal(pushing)
    const again = keptKey(kept.slice())
    expect(again).to.deep.equal(kept)
    expect(again).to.not.equal(kept)
    const short = Uint8Array.of(1, 2)
    expect(keptKey(short)).to.deep.equal(short)
    expect(keptKey(short)).to.not.equal(short)
  })

  it('OUT_OF_RANGE: a number that no key holds', async () => {
    expect(readU48(spoolKey(MAX_U48), 1)).to.equal(MAX_U48)
    expect(readU48(spoolKey(0x8000_0000), 1)).to.equal(0x8000_0000)
    for (const number of [-1, 1.5, MAX_U48 + 1, Number.NaN]) {
      expect(await refusalCode(Promise.resolve().then(() => spoolKey(number)))).to.equal('OUT_OF_RANGE')
    }
  })

  it('the keys under a prefix end before the next one', async () => {
    expect(keysUnder(Uint8Array.of(1, 0xff))).to.deep.equal({ gte: Uint8Array.of(1, 0xff), lt: Uint8Array.of(2) })
    expect(await refusalCode(Promise.resolve().then(() => allOf(0xff)))).to.equal('OUT_OF_RANGE')
  })

  it('STORE_BUSY: one writer more than may wait', async () => {
    const writer = new StoreWriter(await openMemoryKv())
    const writes = Array.from({ length: 1_026 }, (_, i) =>
      refusalCode(writer.write([put(Uint8Array.of(1), Uint8Array.of(i))], false)),
    )
    const codes = await Promise.all(writes)
    // The first goes at once, 1,024 gather behind it.
    expect(codes.filter((code) => code === 'STORE_BUSY').length).to.equal(1)
    expect(codes.at(-1)).to.equal('STORE_BUSY')
  })

  it('all who wait share one write, on the disk if one of them asked for it', async () => {
    const memory = await openMemoryKv()
    const batches: { count: number; sync: boolean }[] = []
    const kv: Kv = {
      get: (key) => memory.get(key),
      getMany: (keys) => memory.getMany(keys),
      iterate: (range) => memory.iterate(range),
      recover: () => memory.recover(),
      close: () => memory.close(),
      batch: (operations, options) => {
        batches.push({ count: operations.length, sync: options?.sync === true })
        return memory.batch(operations, options)
      },
    }
    const writer = new StoreWriter(kv)
    const value = Uint8Array.of(1)
    await Promise.all([1, 2, 3, 4].map((n) => writer.write([put(Uint8Array.of(n), value)], n === 3)))
    expect(batches).to.deep.equal([
      { count: 1, sync: false },
      { count: 3, sync: true },
    ])
    expect(writer.bytesWritten).to.equal(8)
  })

  it('the durable mark moves up four write buffers behind what is written', () => {
    const mark = new DurableMark(new Map([[0, 5]]))
    expect(mark.next(4 * WRITE_BUFFER_BYTES - 1, () => new Map([[0, 6]]))).to.equal(undefined)
    const first = mark.next(4 * WRITE_BUFFER_BYTES, () => new Map([[0, 7]]))
    expect(first?.type === 'put' && [...first.value.subarray(0, 2)]).to.deep.equal([0, 5])
    expect(mark.next(4 * WRITE_BUFFER_BYTES + 1, () => new Map())).to.equal(undefined)
    const second = mark.next(8 * WRITE_BUFFER_BYTES, () => new Map())
    expect(second?.type === 'put' && [...second.value.subarray(0, 2)]).to.deep.equal([0, 7])
  })

  it('the mark is written along with batches, and a start reads on from it', async () => {
    const kv = await openMemoryKv()
    let read = 0
    const counting: Kv = {
      get: (key) => kv.get(key),
      getMany: (keys) => kv.getMany(keys),
      batch: (operations, options) => kv.batch(operations, options),
      recover: () => kv.recover(),
      close: () => kv.close(),
      async *iterate(range) {
        for await (const entries of kv.iterate(range)) {
          if (range.gte[0] === 0x04) read += entries.length
          yield entries
        }
      },
    }
    const store = await LedgerStore.open({ kv: counting, networkId: NETWORK_ID })
    const maker = new ChainMaker(1)
    for (let i = 0; i < 10; i++) await store.accept([maker.next(100, 60_000)])
    expect((await DurableMark.read(kv)).get(0)).to.equal(600)
    read = 0
    const again = await LedgerStore.open({ kv: counting, networkId: NETWORK_ID })
    expect(again.damage).to.deep.equal([])
    expect(read).to.be.within(400, 410)
    read = 0
    await LedgerStore.open({ kv: counting, networkId: NETWORK_ID })
    expect(read).to.be.at.most(256)
  })
})
