import { expect } from 'chai'
import { blockHash, decodeBlock, KIND_EVENT, makeBlock } from '../../../protocol/block.ts'
import { equalBytes, toHex } from '../../../protocol/bytes.ts'
import type { Reading, Register } from '../../../protocol/reading.ts'
import { encodeReadings } from '../../../protocol/readings-body.ts'
import { CompactRange, verifyConsistency, verifyInclusion } from '../../../protocol/tree.ts'
import { listChains } from '../../store/audit.ts'
import {
  type Acceptance,
  auditRecords,
  auditStore,
  del,
  type Kv,
  LedgerStore,
  openLevelKv,
  openMemoryKv,
  type PruneOptions,
  put,
  queryDamage,
  repairLedger,
} from '../../store/index.ts'
import { blockKey, metaKey, queryChunksOf, queryStateKey } from '../../store/keys.ts'
import { ledgerDirectory } from '../../store/layout.ts'
import { PRUNED_AT_ONCE } from '../../store/pruning.ts'
import { BLOCK_PIECES } from '../../store/query-draft.ts'
import { decodeHeld, encodePruned } from '../../store/stored-block.ts'
import { ChainMaker, fakeSignature, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import { PowerCutKv } from './power-cut-kv.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const START_MS = Date.UTC(2024, 2, 30)
const QUARTER_MS = 900_000
const DAY_MS = 96 * QUARTER_MS
const FINAL = { unfinal: true }
const SIZE = 620
/** Aligned to the stretches of the query index: somewhere within 31 blocks below. */
const PRUNED = 400

const register = (n: number): Register => ({ obis: { a: 1, b: 0, c: n, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 })
const IMPORT = register(1)

const row = (time: number, value: number): Reading => ({
  time,
  intervalMs: 0,
  timeSource: 'meter-clock',
  values: [{ register: IMPORT, value, quality: 'good' }],
})

const quarterHours = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => encodeReadings([row(START_MS + (from + i) * QUARTER_MS, 1_000 + (from + i) * 7)]))

/** One value a day, for longer than any chunk is cut for. */
const manyDays = (): Uint8Array =>
  encodeReadings(Array.from({ length: BLOCK_PIECES + 1 }, (_, i) => row(START_MS + 8 * i * DAY_MS, i)))

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** Runs signed one by one, in one write where `at` once. */
async function fill(store: LedgerStore, maker: ChainMaker, contents = quarterHours(0, SIZE)): Promise<void> {
  const batch: Acceptance[] = []
  for (let at = 0; at < contents.length; at += 20) batch.push(maker.holding(contents.slice(at, at + 20)))
  await store.accept(batch)
}

async function prune(store: LedgerStore, member: Uint8Array, to: number, options: PruneOptions = FINAL): Promise<number> {
  for (let writes = 1; ; writes++) if ((await store.prune(member, to, options)).isDone) return writes
}

async function values(store: LedgerStore, member: Uint8Array): Promise<string[]> {
  const rows: string[] = []
  for await (const { times, values: found } of store.values(member, IMPORT, 0, Number.MAX_SAFE_INTEGER)) {
    rows.push(...times.map((time, i) => `${time} ${found[i]}`))
  }
  return rows.toSorted()
}

/** Everything that is asked of a chain but its bodies. */
async function proofs(store: LedgerStore, { member, state, roots }: ChainMaker): Promise<string> {
  const size = store.head(member)?.size ?? 0
  const parts: unknown[] = [size, toHex(store.head(member)?.root ?? new Uint8Array(0))]
  for (const { header, hash, signature, headerBytes } of await store.readHeld(member, 0, size)) {
    expect(blockHash(headerBytes)).to.deep.equal(hash)
    parts.push(header.height, toHex(hash), signature && toHex(signature))
  }
  for (const at of [1, 33, 255, 256, 257, 400, size]) {
    expect(await store.rootAt(member, at)).to.deep.equal(roots[at - 1])
    const proof = await store.consistencyProof(member, at, size)
    expect(verifyConsistency(at, roots[at - 1] as Uint8Array, size, state.root, proof)).to.equal(true)
    const [block] = await store.readHeld(member, at - 1, 1)
    const inclusion = await store.inclusionProof(member, at - 1, size)
    expect(verifyInclusion(block?.hash as Uint8Array, at - 1, size, inclusion, state.root)).to.equal(true)
    parts.push(await store.signatureAtOrAbove(member, at - 1), await store.findByTime(member, (block?.header.sealedAt ?? 0) + 1))
  }
  parts.push(toHex(await store.tile(member, 0, 0)), toHex(await store.tile(member, 0, 1)))
  return JSON.stringify(parts)
}

/** What `wattness verify` would find of the store alone. */
async function faults(kv: Kv): Promise<string[]> {
  const audit = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
  const chains = await listChains(kv, [])
  const { queryRecords } = await auditRecords({ kv })
  const known = audit.chains.map((each) => ({
    id: chains.find(({ member }) => equalBytes(member, each.member))?.id ?? -1,
    audit: each,
  }))
  return [
    ...audit.chains.flatMap(({ fault }) => (fault === undefined ? [] : [`${fault.height}: ${fault.what}`])),
    ...audit.damage.map(({ what }) => what),
    ...queryDamage(known, queryRecords).map(({ what }) => what),
  ]
}

const bodiesOf = async (store: LedgerStore, member: Uint8Array): Promise<number[]> =>
  (await store.readHeld(member, 0, SIZE)).filter(({ body }) => body !== undefined).map(({ header }) => header.height)

describe('pruning', () => {
  const directories = temporaryDirectories()
  let kv: Kv
  let store: LedgerStore
  let maker: ChainMaker

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await open(kv)
    maker = new ChainMaker(1)
    await fill(store, maker)
  })

  it('drops bodies and nothing else: all links, proves and counts as before, after a start too', async () => {
    const { member } = maker
    const before = await proofs(store, maker)
    const said = await values(store, member)
    expect(store.isPruned).to.equal(false)
    const writes = await prune(store, member, PRUNED)
    expect(writes).to.equal(Math.ceil(PRUNED / PRUNED_AT_ONCE))
    const { to, valuesTo } = store.pruned(member)
    expect([to > PRUNED - 32 && to <= PRUNED, valuesTo]).to.deep.equal([true, 0])
    for (const each of [store, await open(kv)]) {
      expect(each.damage).to.deep.equal([])
      expect(each.isPruned).to.equal(true)
      expect(each.pruned(member)).to.deep.equal({ to, valuesTo })
      expect(await proofs(each, maker)).to.equal(before)
      expect(await values(each, member)).to.deep.equal(said)
      expect((await bodiesOf(each, member))[0]).to.equal(to)
    }
    expect(await faults(kv)).to.deep.equal([])
    const [audit] = (await auditStore({ kv, verifySigned: verifyFake })).chains
    expect([audit?.blocks, audit?.pruned]).to.deep.equal([SIZE, to])
    expect((await store.prune(member, PRUNED, FINAL)).bodies).to.equal(0)
    await store.accept([maker.holding(quarterHours(SIZE, 3))])
    expect(store.pruned(member)).to.deep.equal({ to, valuesTo })
    expect((await open(kv)).damage).to.deep.equal([])
  })

  it('BODY_PRUNED: who needs a body is told which is missing; what comes before one is read', async () => {
    const { member } = maker
    await prune(store, member, PRUNED)
    const { to } = store.pruned(member)
    expect(await refusalCode(store.readBlocks(member, to - 1, 10))).to.equal('BODY_PRUNED')
    expect(await refusalCode(store.readBlock(member, 0))).to.equal('BODY_PRUNED')
    expect((await store.readBlocks(member, to, 10)).map(({ header }) => header.height)[0]).to.equal(to)
    await store.readBlock(member, 7).catch((error: { data: unknown; message: string }) => {
      expect(error.data).to.deep.equal({ member: toHex(member), height: 7 })
      expect(error.message).to.contain('block 7')
    })
  })

  it('PRUNE_REFUSED: what is not final stays, unless the caller answers for it', async () => {
    const { member, roots } = maker
    expect(await refusalCode(store.prune(member, 64))).to.equal('PRUNE_REFUSED')
    await store.witness.setFinal([{ member, size: 300, root: roots[299] as Uint8Array, epoch: 0 }])
    expect(await refusalCode(store.prune(member, 301))).to.equal('PRUNE_REFUSED')
    await prune(store, member, 300, {})
    expect(store.pruned(member).to).to.be.within(269, 300)
    expect((await store.prune(memberKey(5), 0)).isDone).to.equal(true)
  })

  it('query values stay, or go by request, at once or later', async () => {
    const { member } = maker
    const said = await values(store, member)
    const later = async (each: LedgerStore): Promise<void> => {
      const { to, valuesTo } = each.pruned(member)
      expect(valuesTo).to.equal(to)
      expect(await values(each, member)).to.deep.equal(said.slice(to))
    }
    await prune(store, member, PRUNED)
    await prune(store, member, PRUNED, { ...FINAL, dropValues: true })
    await later(store)
    await later(await open(kv))
    expect(await faults(kv)).to.deep.equal([])
    const other = await openMemoryKv()
    const atOnce = await open(other)
    await fill(atOnce, new ChainMaker(1))
    await prune(atOnce, member, PRUNED, { ...FINAL, dropValues: true })
    await later(atOnce)
    expect(await faults(other)).to.deep.equal([])
  })

  it('drops values of no more than it is asked for, where more was pruned before', async () => {
    const { member } = maker
    const said = await values(store, member)
    await prune(store, member, PRUNED)
    const { to } = store.pruned(member)
    await prune(store, member, 200, { ...FINAL, dropValues: true })
    const { valuesTo } = store.pruned(member)
    expect([store.pruned(member).to, valuesTo > 168 && valuesTo <= 200]).to.deep.equal([to, true])
    expect(await values(store, member)).to.deep.equal(said.slice(valuesTo))
    expect(await faults(kv)).to.deep.equal([])
  })

  it('keeps the block that goes on with another chain, and blocks whose values stand nowhere else', async () => {
    const contents = [...quarterHours(0, 40), manyDays(), ...quarterHours(41, 100)]
    const other = new ChainMaker(2)
    const { member } = other
    const first = makeBlock({
      kind: KIND_EVENT,
      member,
      height: 0,
      previous: new Uint8Array(32),
      sealedAt: 1,
      registrarSize: 1,
      salt: new Uint8Array(16),
      content: Uint8Array.of(1, 2, 3),
    })
    const range = CompactRange.empty()
    range.append(blockHash(first.headerBytes))
    const root = range.root()
    const lastHash = blockHash(first.headerBytes)
    const checkpoint = { member, size: 1, root, signature: fakeSignature(member, 1, root) }
    other.state = { size: 1, range, root, lastHash, sealedAt: 1, registrarSize: 1, checkpoint }
    await store.accept([{ member, from: 0, blocks: [first.bytes], hashes: [lastHash], state: other.state }])
    await store.accept([other.holding(contents)])
    const said = await values(store, member)
    await prune(store, member, 128)
    const { to } = store.pruned(member)
    expect((await bodiesOf(store, member)).filter((height) => height < to)).to.deep.equal([0, 41])
    expect(await values(store, member)).to.deep.equal(said)
    expect(await faults(kv)).to.deep.equal([])
    await prune(store, member, 128, { ...FINAL, dropValues: true })
    expect((await bodiesOf(store, member)).filter((height) => height < to)).to.deep.equal([0])
    expect(await values(store, member)).to.not.deep.include(said[0])
    expect(await faults(kv)).to.deep.equal([])
    expect((await open(kv)).damage).to.deep.equal([])
  })

  for (const dropValues of [false, true]) {
    it(`survives a failure at every write, ${dropValues ? 'values dropped too' : 'values kept'}`, async () => {
      const { member } = maker
      const before = await proofs(store, maker)
      const said = await values(store, member)
      const records: (readonly [Uint8Array, Uint8Array])[] = []
      for await (const entries of kv.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) })) records.push(...entries)
      let failures = 0
      for (let failAt = 2; ; failAt++) {
        const outcomes: string[] = []
        for (const failure of ['lost', 'stored'] as const) {
          const memory = await openMemoryKv()
          await memory.batch(records.map(([key, value]) => put(key, value)))
          const failing = new FailingKv(memory, failAt, failure)
          const each = await open(failing)
          const code = await refusalCode(prune(each, member, PRUNED, { ...FINAL, dropValues }))
          outcomes.push(code)
          const crashed = await open(memory)
          expect(crashed.damage).to.deep.equal([])
          expect(await faults(memory)).to.deep.equal([])
          expect(await proofs(crashed, maker)).to.equal(before)
          if (!dropValues) expect(await values(crashed, member)).to.deep.equal(said)
          // The same store goes on, as a running node's does, and whatever comes meanwhile is taken.
          await prune(each, member, PRUNED, { ...FINAL, dropValues })
          const { to, valuesTo } = each.pruned(member)
          expect([to, valuesTo]).to.deep.equal([store.pruned(member).to || to, dropValues ? to : 0])
          expect(await values(each, member)).to.deep.equal(dropValues ? said.slice(to) : said)
          expect(await faults(memory)).to.deep.equal([])
        }
        if (outcomes.every((code) => code === 'no error')) break
        expect(outcomes).to.deep.equal(['DISK_FULL', 'DISK_FULL'])
        failures++
      }
      expect(failures).to.be.at.least(2)
    })
  }

  it('loses nothing by a power cut that it has said', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const disk = await PowerCutKv.open((below) => (seed * 7) % below)
      const each = await open(disk)
      const own = new ChainMaker(1)
      await fill(each, own)
      disk.settle()
      await each.prune(own.member, PRUNED, FINAL)
      const { to } = each.pruned(own.member)
      const left = await disk.cut()
      const after = await open(left)
      expect(after.damage).to.deep.equal([])
      expect(after.pruned(own.member).to).to.equal(to)
      expect(await faults(left)).to.deep.equal([])
    }
  })

  it('makes the index again without what was pruned, and keeps that', async () => {
    const { member } = maker
    const said = await values(store, member)
    await prune(store, member, PRUNED)
    await kv.batch([del(queryStateKey(0))])
    const again = await open(kv)
    expect(await values(again, member)).to.deep.equal(said)
    expect(await faults(kv)).to.deep.equal([])
  })

  it('STORE_DAMAGED: a damaged query chunk whose blocks were pruned is said, never left out', async () => {
    const { member } = maker
    await prune(store, member, PRUNED)
    for await (const [first] of kv.iterate({ ...queryChunksOf(0), limit: 1 })) {
      const [key, value] = first as readonly [Uint8Array, Uint8Array]
      await kv.batch([put(key, value.with(5, (value[5] as number) ^ 1))])
    }
    expect(await refusalCode(values(await open(kv), member))).to.equal('STORE_DAMAGED')
    expect((await faults(kv)).join()).to.contain('query chunk')
  })

  it('a body that is missing without having been pruned is a fault', async () => {
    const key = blockKey(0, 200)
    const value = (await kv.get(key)) as Uint8Array
    await kv.batch([put(key, encodePruned(decodeHeld(value, maker.member, 200)))])
    expect(await faults(kv)).to.deep.equal(['200: body missing, and was never pruned'])
  })

  it('a damaged record of what was pruned is made again from the blocks', async () => {
    const { member } = maker
    await prune(store, member, PRUNED)
    const { to } = store.pruned(member)
    await kv.batch([put(metaKey('pruned'), Uint8Array.of(1, 2, 3, 4, 5))])
    expect((await faults(kv)).join()).to.contain('record pruned damaged')
    const mended = await open(kv)
    expect(mended.damage.map(({ what }) => what)).to.deep.equal(['record of what was pruned damaged, made again from the blocks'])
    expect(mended.pruned(member)).to.deep.equal({ to, valuesTo: 0 })
    expect(await faults(kv)).to.deep.equal([])
  })

  it('a damaged block ends pruning before it is lost for good', async () => {
    const { member } = maker
    const key = blockKey(0, 300)
    const value = (await kv.get(key)) as Uint8Array
    await kv.batch([put(key, value.with(value.length - 120, (value.at(-120) as number) ^ 1))])
    expect(await refusalCode(prune(store, member, PRUNED))).to.equal('STORE_DAMAGED')
    expect(store.pruned(member).to).to.be.within(PRUNED_AT_ONCE - 31, PRUNED_AT_ONCE)
  })

  it('a chain that is cut back, or replaced, below what was pruned is pruned no further than that', async () => {
    const { member } = maker
    await prune(store, member, PRUNED)
    await store.cutBack(member, 100, 'test')
    expect(store.pruned(member)).to.deep.equal({ to: 100, valuesTo: 0 })
    const again = new ChainMaker(1)
    const first = again.holding(quarterHours(0, 100))
    expect(first.blocks.length).to.equal(100)
    await store.accept([again.holding(quarterHours(100, 200))])
    const reopened = await open(kv)
    expect(reopened.pruned(member).to).to.equal(100)
    expect((await bodiesOf(reopened, member)).length).to.equal(200)
    expect(await faults(kv)).to.deep.equal([])
    const fork = new ChainMaker(1, 'fork')
    const own = new ChainMaker(1)
    own.holding(quarterHours(0, 50))
    fork.blocks.push(...own.blocks)
    fork.roots.push(...own.roots)
    fork.state = own.state
    await reopened.replaceTail(member, 50, fork.holding(quarterHours(50, 60)))
    expect(reopened.pruned(member).to).to.equal(50)
    expect((await open(kv)).pruned(member).to).to.equal(50)
    expect(decodeBlock((await reopened.readBlocks(member, 50, 1))[0]?.bytes as Uint8Array).header.height).to.equal(50)
  })

  it('repair keeps what was pruned as it is, with the values that nothing else says', async () => {
    const directory = await directories.make()
    const level = await openLevelKv(ledgerDirectory(directory))
    const each = await open(level)
    const own = new ChainMaker(1)
    await fill(each, own)
    const said = await values(each, own.member)
    await prune(each, own.member, PRUNED)
    const { to } = each.pruned(own.member)
    // A block above that has to be fetched again, and the record itself.
    await level.batch([del(blockKey(0, 500)), put(metaKey('pruned'), Uint8Array.of(9, 9, 9, 9, 9))])
    await each.close()
    await repairLedger({ directory, networkId: NETWORK_ID, verifySigned: verifyFake })
    const mended = await openLevelKv(ledgerDirectory(directory))
    const after = await open(mended)
    expect(after.damage).to.deep.equal([])
    expect(after.pruned(own.member)).to.deep.equal({ to, valuesTo: 0 })
    const size = after.head(own.member)?.size as number
    expect(size).to.be.within(to, 500)
    expect(await values(after, own.member)).to.deep.equal(said.slice(0, size))
    expect(await faults(mended)).to.deep.equal([])
    await after.close()
  })
})
