import { expect } from 'chai'
import fc from 'fast-check'
import { equalBytes } from '../../../protocol/bytes.ts'
import { WattnessError } from '../../../protocol/errors.ts'
import { verifyConsistency, verifyInclusion } from '../../../protocol/tree.ts'
import { type Kv, LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { blockKey, chainKey, headKey, tileKey } from '../../store/keys.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { refusalCode } from './temporary-directories.ts'

const init = (kv: Kv, ownKey?: Uint8Array) => ({
  kv,
  networkId: NETWORK_ID,
  verifySigned: verifyFake,
  ...(ownKey === undefined ? {} : { ownKey }),
})

/** The store closed and opened again, over the same records. */
const reopen = (kv: Kv): Promise<LedgerStore> => LedgerStore.open(init(kv))

describe('ledger store', () => {
  let kv: Kv
  let store: LedgerStore

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await LedgerStore.open(init(kv))
  })

  it('has no head of a chain it does not hold', async () => {
    expect(store.head(memberKey(1))).to.equal(undefined)
    expect([...store.chains()]).to.deep.equal([])
    expect(await store.readBlocks(memberKey(1), 0, 10)).to.deep.equal([])
    expect(await store.signatureAtOrBelow(memberKey(1), 5)).to.equal(undefined)
    expect(await store.rootAt(memberKey(1), 1)).to.equal(undefined)
    expect(await store.known(memberKey(1), 1)).to.equal(undefined)
  })

  it('gives back what it accepted: head, blocks, signatures', async () => {
    const maker = new ChainMaker(1)
    await store.accept([maker.next(3)])
    await store.accept([maker.next(1)], { sync: true })
    expect(store.head(maker.member)).to.equal(maker.state)
    const blocks = await store.readBlocks(maker.member, 0, 10)
    expect(blocks.map((block) => Buffer.from(block.bytes).toString('hex'))).to.deep.equal(
      maker.blocks.map((block) => Buffer.from(block.bytes).toString('hex')),
    )
    expect(blocks.map((block) => block.signature !== undefined)).to.deep.equal([false, false, true, true])
    expect((await store.readBlock(maker.member, 2))?.header.height).to.equal(2)
    expect(await store.readBlock(maker.member, 4)).to.equal(undefined)
  })

  it('accepts runs of many chains, and several of one chain, in one batch', async () => {
    const one = new ChainMaker(1)
    const two = new ChainMaker(2)
    await store.accept([one.next(2), two.next(1), one.next(1)])
    expect(store.head(one.member)?.size).to.equal(3)
    expect(store.head(two.member)?.size).to.equal(1)
    const again = await reopen(kv)
    expect(again.damage).to.deep.equal([])
    expect([...again.chains()].length).to.equal(2)
  })

  it('reads no more than the blocks and bytes asked for, and one block at least', async () => {
    const maker = new ChainMaker(1)
    await store.accept([maker.next(20, 1_000)])
    expect((await store.readBlocks(maker.member, 5, 3)).map((block) => block.header.height)).to.deep.equal([5, 6, 7])
    expect((await store.readBlocks(maker.member, 0, 20, 3_500)).length).to.equal(3)
    expect((await store.readBlocks(maker.member, 0, 20, 1)).length).to.equal(1)
  })

  it('STORE_CONFLICT: a run that does not begin at the end, or does not make its state', async () => {
    const maker = new ChainMaker(1)
    const first = maker.next(2)
    const second = maker.next(1)
    expect(await refusalCode(store.accept([second]))).to.equal('STORE_CONFLICT')
    await store.accept([first])
    expect(await refusalCode(store.accept([first]))).to.equal('STORE_CONFLICT')
    expect(await refusalCode(store.accept([{ ...second, blocks: [] }]))).to.equal('STORE_CONFLICT')
    expect(await refusalCode(store.accept([{ ...second, hashes: [] }]))).to.equal('STORE_CONFLICT')
    await store.accept([second])
  })

  it('writes nothing of a batch of which one run does not fit', async () => {
    const good = new ChainMaker(1)
    const bad = new ChainMaker(2)
    bad.next(1)
    expect(await refusalCode(store.accept([good.next(1), bad.next(1)]))).to.equal('STORE_CONFLICT')
    expect(store.head(good.member)).to.equal(undefined)
    expect([...(await reopen(kv)).chains()]).to.deep.equal([])
  })

  it('STORE_OTHER_NETWORK: a store of another network', async () => {
    expect(await refusalCode(LedgerStore.open({ ...init(kv), networkId: memberKey(99) }))).to.equal('STORE_OTHER_NETWORK')
  })

  it('keeps a checkpoint ahead of the head while a catch-up runs', async () => {
    const whole = new ChainMaker(1)
    whole.next(10)
    const { checkpoint } = whole.state
    const maker = new ChainMaker(1)
    await store.accept([maker.next(4, 40, checkpoint)])
    const again = await reopen(kv)
    expect(again.damage).to.deep.equal([])
    expect(again.head(maker.member)?.checkpoint).to.deep.equal(checkpoint)
    expect(await again.signatureAtOrBelow(maker.member, 3)).to.equal(undefined)
    expect((await again.signatureAtOrAbove(maker.member, 2))?.size).to.equal(10)
  })

  it('finds signatures, roots and times', async () => {
    const maker = new ChainMaker(1)
    for (const count of [3, 4, 1]) await store.accept([maker.next(count)])
    expect((await store.signatureAtOrBelow(maker.member, 6))?.size).to.equal(7)
    expect((await store.signatureAtOrBelow(maker.member, 5))?.size).to.equal(3)
    expect((await store.signatureAtOrBelow(maker.member, 999))?.size).to.equal(8)
    expect(await store.signatureAtOrBelow(maker.member, 1)).to.equal(undefined)
    expect((await store.signatureAtOrAbove(maker.member, 3))?.size).to.equal(7)
    expect(await store.signatureAtOrAbove(maker.member, 8)).to.equal(undefined)
    expect(await store.rootAt(maker.member, 5)).to.deep.equal(maker.roots[4])
    expect((await store.known(maker.member, 5))?.root).to.deep.equal(maker.roots[4])
    expect(await store.rootAt(maker.member, 9)).to.equal(undefined)
    const sealed = maker.blocks.map((block) => block.header.sealedAt)
    expect(await store.findByTime(maker.member, 0)).to.equal(0)
    expect(await store.findByTime(maker.member, sealed[4] as number)).to.equal(4)
    expect(await store.findByTime(maker.member, (sealed[4] as number) + 1)).to.equal(5)
    expect(await store.findByTime(maker.member, Number.MAX_SAFE_INTEGER)).to.equal(8)
  })

  it('finds the first block that names a registrar size', async () => {
    const maker = new ChainMaker(1, 'salt', (height) => [1, 1, 2, 2, 2, 7, 7, 9][height] as number)
    await store.accept([maker.next(8)])
    const found = await Promise.all([0, 1, 2, 3, 7, 8, 9, 10].map((size) => store.firstNaming(maker.member, size)))
    expect(found).to.deep.equal([0, 0, 2, 5, 5, 7, 7, 8])
    expect(await store.firstNaming(memberKey(9), 1)).to.equal(0)
  })

  it('has the roots of the newest sizes in memory', async () => {
    const maker = new ChainMaker(1)
    for (let i = 0; i < 4; i++) await store.accept([maker.next(3)])
    const inMemory = [3, 4, 6, 9, 12, 15].map((size) => store.rootInMemory(maker.member, size))
    const root = (size: number): Uint8Array | undefined => maker.roots[size - 1]
    expect(inMemory).to.deep.equal([root(3), undefined, root(6), root(9), root(12), undefined])
    expect(store.rootInMemory(memberKey(9), 1)).to.equal(undefined)
    expect(await store.rootAt(maker.member, 4)).to.deep.equal(root(4))
    expect(store.rootInMemory(maker.member, 4)).to.deep.equal(root(4))
  })

  it('takes no chain for another, be they new or opened together', async () => {
    const makers = [new ChainMaker(1), new ChainMaker(2)]
    await store.accept(makers.map((maker) => maker.next(9)))
    for (const each of [store, await reopen(kv)]) {
      for (const { member, roots } of makers) expect(await each.rootAt(member, 5)).to.deep.equal(roots[4])
    }
  })

  it('has the right root and proofs at every size, over full and partial tiles, also when opened again', async () => {
    const maker = new ChainMaker(1)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 4, maxLength: 4 }), async (counts) => {
        for (const count of counts) await store.accept([maker.next(count, 1)])
      }),
      { numRuns: 2 },
    )
    const { size, root } = maker.state
    for (const each of [store, await reopen(kv)]) {
      expect(each.damage).to.deep.equal([])
      for (const at of [1, 2, 255, 256, 257, 511, 512, size - 1, size].filter((n) => n <= size)) {
        const old = maker.roots[at - 1] as Uint8Array
        expect(await each.rootAt(maker.member, at)).to.deep.equal(old)
        const consistency = await each.consistencyProof(maker.member, at, size)
        expect(verifyConsistency(at, old, size, root, consistency)).to.equal(true)
        const inclusion = await each.inclusionProof(maker.member, at - 1, size)
        const { hash } = (await each.readBlock(maker.member, at - 1)) as { hash: Uint8Array }
        expect(verifyInclusion(hash, at - 1, size, inclusion, root)).to.equal(true)
      }
    }
  }).timeout(20_000)

  it('gives C2SP tiles, full and partial, and refuses those it does not have', async () => {
    const maker = new ChainMaker(1)
    await store.accept([maker.next(600, 1)])
    expect((await store.tile(maker.member, 0, 0)).length).to.equal(256 * 32)
    expect((await store.tile(maker.member, 0, 2)).length).to.equal((600 - 512) * 32)
    expect((await store.tile(maker.member, 1, 0)).length).to.equal(2 * 32)
    expect(await refusalCode(store.tile(maker.member, 0, 3))).to.match(/RangeError/)
    expect(await refusalCode(store.tile(maker.member, 2, 0))).to.match(/RangeError/)
  })

  describe('damage', () => {
    let maker: ChainMaker

    beforeEach(async () => {
      maker = new ChainMaker(1)
      await store.accept([maker.next(300, 1)])
      await store.accept([maker.next(20, 1)])
    })

    const flip = async (key: Uint8Array, at: number): Promise<void> => {
      const value = ((await kv.get(key)) as Uint8Array).slice()
      value[at] = (value[at] as number) ^ 0x10
      await kv.batch([put(key, value)])
    }

    it('STORE_DAMAGED: any flipped byte of a block is found when it is read, with its height', async () => {
      const key = blockKey(0, 310)
      const length = maker.storedLength(310)
      for (let at = 0; at < length; at++) {
        await flip(key, at)
        const error = await store
          .readBlocks(maker.member, 305, 10)
          .catch((found: unknown) => found as { code: string; data: { height: number } })
        expect(error, `byte ${at}`).to.have.property('code', 'STORE_DAMAGED')
        expect((error as { data: { height: number } }).data.height).to.equal(310)
        await flip(key, at)
      }
      expect((await store.readBlocks(maker.member, 305, 10)).length).to.equal(10)
    })

    it('STORE_DAMAGED: a missing block', async () => {
      await kv.batch([{ type: 'del', key: blockKey(0, 310) }])
      expect(await refusalCode(store.readBlocks(maker.member, 305, 10))).to.equal('STORE_DAMAGED')
      expect(await refusalCode(store.readBlocks(maker.member, 310, 1))).to.equal('STORE_DAMAGED')
      expect(
        await refusalCode(
          store.findByTime(maker.member, (maker.blocks[310] as { header: { sealedAt: number } }).header.sealedAt),
        ),
      ).to.equal('STORE_DAMAGED')
    })

    it('makes a damaged or missing tile again from the blocks, and reports it', async () => {
      await flip(tileKey(0, 0, 0), 100)
      expect(await store.rootAt(maker.member, 77)).to.deep.equal(maker.roots[76])
      expect(store.damage.length).to.equal(1)
      const fresh = await reopen(kv)
      await kv.batch([{ type: 'del', key: tileKey(0, 0, 0) }])
      expect(await fresh.rootAt(maker.member, 78)).to.deep.equal(maker.roots[77])
    })

    const afterDamage = async (size: number): Promise<void> => {
      const opened = await reopen(kv)
      expect(opened.damage.length).to.equal(1)
      expect(opened.damage[0]?.height).to.equal(size)
      const head = opened.head(maker.member)
      expect(head?.size ?? 0).to.equal(size)
      if (head !== undefined) {
        expect(equalBytes(head.root, maker.roots[size - 1] as Uint8Array)).to.equal(true)
        expect(head.checkpoint?.size).to.be.at.least(size)
      }
      // What was lost can be taken again, and then nothing is left to complain about.
      const again = new ChainMaker(1)
      if (size > 0) again.next(size, 1, maker.state.checkpoint)
      await opened.accept([again.next(320 - size, 1)])
      const mended = await reopen(kv)
      expect(mended.damage).to.deep.equal([])
      expect(mended.head(maker.member)?.root).to.deep.equal(maker.state.root)
    }

    it('a damaged block below the head: the chain is shortened to what is before it, under the same checkpoint', async () => {
      await flip(blockKey(0, 310), 90)
      await afterDamage(310)
    })

    it('a hole, as LevelDB leaves it when it loses an earlier write and keeps a later one', async () => {
      for (let height = 290; height < 305; height++) await kv.batch([{ type: 'del', key: blockKey(0, height) }])
      // Of the blocks above the last whole tile nothing tells any more whether they are the author's.
      await afterDamage(256)
    })

    it('a damaged last block takes its signature with it: the chain ends at the newest signature before', async () => {
      await flip(blockKey(0, 319), 90)
      await kv.batch([{ type: 'del', key: blockKey(0, 319) }])
      await afterDamage(300)
    })

    it('a damaged head record: the chain is read from its blocks', async () => {
      await flip(headKey(0), 5)
      await afterDamage(320)
    })

    it('a damaged signature of the head', async () => {
      await flip(blockKey(0, 319), maker.storedLength(319) + 40)
      await afterDamage(300)
    })

    it('a damaged tile at start: made again', async () => {
      await flip(tileKey(0, 1, 0), 3)
      await afterDamage(320)
    })

    it('a first block that is lost takes the chain with it', async () => {
      await kv.batch([
        { type: 'del', key: blockKey(0, 0) },
        { type: 'del', key: tileKey(0, 0, 0) },
        { type: 'del', key: headKey(0) },
      ])
      const opened = await reopen(kv)
      expect(opened.head(maker.member)).to.equal(undefined)
    })

    it('a damaged chain record: the first block says whose chain it is', async () => {
      await flip(chainKey(maker.member), 0)
      const opened = await reopen(kv)
      expect(opened.damage.length).to.equal(1)
      expect(opened.head(maker.member)?.size).to.equal(320)
      expect((await reopen(kv)).damage).to.deep.equal([])
    })

    it('a disk that fails is not taken for damage: nothing is cut', async () => {
      const failing: Kv = {
        get: (key) => kv.get(key),
        getMany: (keys) => kv.getMany(keys),
        batch: (operations, options) => kv.batch(operations, options),
        recover: () => kv.recover(),
        close: () => kv.close(),
        iterate: (range) => {
          if (range.gte[0] === 0x04 && range.limit === undefined) throw new WattnessError('STORE_FAILED', 'Input/output error')
          return kv.iterate(range)
        },
      }
      expect(await refusalCode(reopen(failing))).to.equal('STORE_FAILED')
      expect((await reopen(kv)).head(maker.member)?.size).to.equal(320)
    })

    it('cutBack takes a chain back while the node runs', async () => {
      await flip(blockKey(0, 310), 90)
      const state = await store.cutBack(maker.member, 310, 'block 310 was found damaged')
      expect(state?.size).to.equal(310)
      expect(state?.checkpoint?.size).to.equal(320)
      expect(await store.rootAt(maker.member, 310)).to.deep.equal(maker.roots[309])
      expect(store.damage.at(-1)?.lost).to.equal(10)
      expect(await store.cutBack(memberKey(7), 0, 'nothing')).to.equal(undefined)
    })
  })

  describe('own chain', () => {
    it('remembers what it signed when the blocks are lost, and takes back only blocks that lead to it', async () => {
      const maker = new ChainMaker(1)
      const own = await LedgerStore.open(init(await openMemoryKv(), maker.member))
      const first = maker.next(2)
      const second = maker.next(3)
      await own.accept([first])
      await own.accept([second])
      expect(own.signedRecord()).to.deep.include({ size: 5, root: maker.state.root })
      await own.cutBack(maker.member, 2, 'lost')
      expect(own.signedRecord()?.size).to.equal(5)

      const other = new ChainMaker(1, 'another story')
      other.next(2, 40, maker.state.checkpoint)
      const fork = new ChainMaker(1)
      fork.next(2)
      expect(await refusalCode(own.accept([fork.next(1)]))).to.equal('OWN_CHAIN_CONFLICT')
      // Through what was signed and beyond it.
      const past = new ChainMaker(1)
      past.next(2)
      expect(await refusalCode(own.accept([past.next(9, 41)]))).to.equal('OWN_CHAIN_CONFLICT')
      const wrong = { ...second, state: { ...second.state, root: memberKey(3) } }
      expect(await refusalCode(own.accept([wrong]))).to.equal('OWN_CHAIN_CONFLICT')
      await own.accept([second])
      expect(own.head(maker.member)?.root).to.deep.equal(maker.state.root)
      await own.accept([maker.next(1)])
      expect(own.signedRecord()?.size).to.equal(6)
    })
  })

  describe('records beside the chains', () => {
    it('keeps evidence, labels and invitations, and knows whom evidence quarantines', async () => {
      await store.evidence.put(memberKey(1), Uint8Array.of(1, 2))
      await store.labels.put(memberKey(2), Uint8Array.of(3))
      await store.invitations.put(memberKey(3), Uint8Array.of(4))
      const again = await reopen(kv)
      expect(again.quarantined(memberKey(1))).to.equal(true)
      expect(again.quarantined(memberKey(2))).to.equal(false)
      expect(await again.labels.get(memberKey(2))).to.deep.equal(Uint8Array.of(3))
      expect(await again.labels.get(memberKey(3))).to.equal(undefined)
      expect(await again.invitations.list()).to.deep.equal([{ name: memberKey(3), value: Uint8Array.of(4) }])
      await again.invitations.delete(memberKey(3))
      expect(again.invitations.size).to.equal(0)
    })

    it('a damaged record is reported at start, refused when asked for, and still quarantines', async () => {
      await store.evidence.put(memberKey(1), Uint8Array.of(1, 2))
      const key = Uint8Array.of(0x0a, ...memberKey(1))
      await kv.batch([put(key, Uint8Array.of(1, 3, 0, 0, 0, 0))])
      const again = await reopen(kv)
      expect(again.damage.length).to.equal(1)
      expect(await refusalCode(again.evidence.get(memberKey(1)))).to.equal('STORE_DAMAGED')
      expect(await again.evidence.list()).to.deep.equal([])
      expect(again.quarantined(memberKey(1))).to.equal(true)
    })

    it('LIMIT_EXCEEDED: one record more than are kept', async () => {
      for (let i = 0; i < 1_024; i++) await store.labels.put(memberKey(i), Uint8Array.of(1))
      expect(await refusalCode(store.labels.put(memberKey(5_000), Uint8Array.of(1)))).to.equal('LIMIT_EXCEEDED')
      await store.labels.put(memberKey(5), Uint8Array.of(2))
    })
  })
})
