import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { type Acceptance, type Kv, LedgerStore, openMemoryKv, type SpoolItem } from '../../store/index.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv, type Failure } from './failing-kv.ts'
import { sampleEvent, sampleItem } from './sample-readings.ts'
import { refusalCode } from './temporary-directories.ts'

const OWN = memberKey(1)
const open = (kv: Kv): Promise<LedgerStore> =>
  LedgerStore.open({ kv, networkId: NETWORK_ID, ownKey: OWN, verifySigned: verifyFake })

/** What was promised so far; the store must never hold less, and at the end exactly this. */
interface Promised {
  readonly sizes: Map<string, number>
  readings: string[]
  evidence: number
  /** Readings that leave with a block of the own chain: all of them are there, or the block is. */
  leaving: { readonly readings: readonly string[]; readonly size: number }
}

const name = (member: Uint8Array): string => Buffer.from(member).toString('hex')
const text = (item: SpoolItem): string => JSON.stringify(item)

/** Does it again while the disk is full, as the callers of the store do. */
async function persist(act: () => Promise<unknown>, check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < 4; attempt++) {
    try {
      await act()
      await check()
      return
    } catch (error) {
      if (!isWattnessError(error, 'DISK_FULL')) throw error
      await check()
    }
  }
  throw new Error('failed four times')
}

async function run(failAt: number, failure: Failure): Promise<number> {
  const memory = await openMemoryKv()
  const kv = new FailingKv(memory, failAt, failure)
  kv.fullFor = 1
  const promised: Promised = { sizes: new Map(), readings: [], evidence: 0, leaving: { readings: [], size: 0 } }

  /** The whole store read anew: nothing damaged, nothing promised missing. */
  const check = async (): Promise<void> => {
    const seen = await open(readOnly(memory))
    expect(seen.damage).to.deep.equal([])
    for (const [member, size] of promised.sizes) expect(seen.head(Buffer.from(member, 'hex'))?.size ?? 0).to.be.at.least(size)
    const held = (await seen.spool.peek(1_000)).rows.map((row) => text(row.item))
    for (const reading of promised.readings) expect(held).to.include(reading)
    const sealed = (seen.head(OWN)?.size ?? 0) >= promised.leaving.size
    for (const reading of promised.leaving.readings) expect(held.includes(reading)).to.equal(!sealed)
    expect(new Set(held).size, 'a reading is stored twice').to.equal(held.length)
    expect(seen.evidence.size).to.be.at.least(promised.evidence)
  }

  let store: LedgerStore | undefined
  await persist(
    async () => {
      await kv.recover()
      store = await open(kv)
    },
    async () => undefined,
  )
  const opened = store as unknown as LedgerStore
  const append = (items: SpoolItem[]): Promise<void> =>
    persist(async () => {
      await opened.spool.append(items)
      promised.readings.push(...items.map(text))
    }, check)
  const accept = (acceptances: Acceptance[], spoolTaken: number[] = [], taken: SpoolItem[] = []): Promise<void> => {
    promised.readings = promised.readings.filter((reading) => !taken.map(text).includes(reading))
    promised.leaving = { readings: taken.map(text), size: acceptances[0]?.state.size ?? 0 }
    return persist(async () => {
      // What a failed write left behind shows once the store has settled: what is held by then is not offered again.
      const missing = acceptances.filter((each) => (opened.head(each.member)?.size ?? 0) < each.state.size)
      if (missing.length > 0) await opened.accept(missing, { spoolTaken }).catch(heldAlready)
      for (const each of acceptances) promised.sizes.set(name(each.member), each.state.size)
    }, check)
  }

  const own = new ChainMaker(1)
  const other = new ChainMaker(2)
  await append([sampleItem(1), sampleItem(2)])
  await append([sampleItem(3), sampleEvent(4), sampleItem(2)])
  await accept([own.next(1)], [0, 1], [sampleItem(1), sampleItem(2)])
  await accept([other.next(250, 1)])
  await accept([other.next(20, 1), own.next(1)])
  await persist(async () => {
    await opened.evidence.put(memberKey(9), Uint8Array.of(1))
    promised.evidence = 1
  }, check)
  await append([sampleItem(1), sampleItem(5)].slice(1))
  await accept([own.next(1)], [2], [sampleItem(3)])

  for (const each of [opened, await open(readOnly(memory))]) {
    expect(each.head(own.member)?.root).to.deep.equal(own.state.root)
    expect(each.head(other.member)?.root).to.deep.equal(other.state.root)
    expect(each.signedRecord()?.size).to.equal(3)
    const left = (await each.spool.peek(1_000)).rows.map((row) => text(row.item))
    expect(left.toSorted()).to.deep.equal([sampleEvent(4), sampleItem(5)].map(text).toSorted())
    expect((await each.readBlocks(other.member, 0, 1_000)).length).to.equal(270)
    expect(await each.rootAt(other.member, 200)).to.deep.equal(other.roots[199])
  }
  return kv.writes
}

/** A run that turned out to be stored already. */
function heldAlready(error: unknown): void {
  if (!isWattnessError(error, 'STORE_CONFLICT')) throw error
}

/** A look at the records that changes none of them. */
function readOnly(kv: Kv): Kv {
  return {
    get: (key) => kv.get(key),
    getMany: (keys) => kv.getMany(keys),
    iterate: (range) => kv.iterate(range),
    batch: () => Promise.resolve(),
    recover: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

describe('a write that fails', () => {
  it('each write of a day fails once, stored or not: nothing promised is lost, nothing is stored twice', async () => {
    const writes = await run(0, 'lost')
    expect(writes).to.be.greaterThan(8)
    for (const failure of ['lost', 'stored'] as const) {
      for (let failAt = 1; failAt <= writes; failAt++) await run(failAt, failure)
    }
  }).timeout(60_000)

  it('refuses all that waits behind it, and settles before the next write', async () => {
    const kv = new FailingKv(await openMemoryKv(), 4, 'stored')
    const store = await open(kv)
    const results = await Promise.all([1, 2, 3].map((number) => refusalCode(store.spool.append([sampleItem(number)]))))
    expect(new Set(results)).to.deep.equal(new Set(['DISK_FULL']))
    const after = await Promise.all([1, 2, 3].map((number) => store.spool.append([sampleItem(number)])))
    expect(after.reduce((sum, each) => sum + each.taken + each.duplicates, 0)).to.equal(3)
    expect(store.spool.size).to.equal(3)
  })

  it('DISK_FULL: refused until there is room, then everything goes on', async () => {
    const kv = new FailingKv(await openMemoryKv(), 4, 'lost')
    const store = await open(kv)
    kv.fullFor = 2
    const maker = new ChainMaker(2)
    const run1 = maker.next(1)
    expect(await refusalCode(store.spool.append([sampleItem(1)]))).to.equal('DISK_FULL')
    expect(await refusalCode(store.accept([run1]))).to.equal('DISK_FULL')
    expect(await refusalCode(store.evidence.put(memberKey(1), Uint8Array.of(1)))).to.equal('DISK_FULL')
    expect((await store.spool.append([sampleItem(1)])).taken).to.equal(1)
    await store.accept([run1])
    expect(store.head(maker.member)?.size).to.equal(1)
  })
})
