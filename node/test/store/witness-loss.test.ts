import { expect } from 'chai'
import { del, type Kv, type LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { finalKey, metaKey, signedLeafKey } from '../../store/keys.ts'
import { ChainMaker } from './chain-maker.ts'
import { refusalCode } from './temporary-directories.ts'
import { faultOf, leafOf, openWith as open, record } from './witness-samples.ts'

describe('what a witness owes', () => {
  let kv: Kv
  let store: LedgerStore
  let one: ChainMaker
  let two: ChainMaker

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await open(kv)
    one = new ChainMaker(1)
    two = new ChainMaker(2)
    await store.accept([one.next(5), two.next(300, 1)])
  })

  describe('after a loss of blocks', () => {
    /** Like `one` up to `size`, and then another. */
    const forkOf = (size: number): ChainMaker => {
      const fork = new ChainMaker(1)
      if (size > 0) fork.next(size)
      return fork
    }

    it('is owed what was signed, until it is held again', async () => {
      await store.witness.sign({ leaves: [leafOf(one, 4), leafOf(two)], record: record(1) })
      expect(store.witness.owed(one.member)).to.equal(undefined)
      await store.cutBack(one.member, 2, 'lost')
      for (const { witness } of [store, await open(kv)]) {
        expect(witness.owed(one.member)).to.deep.equal({ size: 4, root: one.roots[3], isFinal: false })
        expect(witness.owed(two.member)).to.equal(undefined)
        expect(await faultOf(witness.sign({ leaves: [leafOf(one)], record: record(2) }))).to.equal('not-held')
      }
      const again = forkOf(2)
      await store.accept([again.next(1)])
      expect(store.witness.owed(one.member)?.size).to.equal(4)
      await store.accept([again.next(2)])
      expect(store.witness.owed(one.member)).to.equal(undefined)
      await store.witness.sign({ leaves: [leafOf(one)], record: record(2) })
    })

    it('the power cut that takes the whole chain and its record leaves the leaf: it is owed to the right member', async () => {
      await store.witness.sign({ leaves: [leafOf(one), leafOf(two)], record: record(1) })
      await store.witness.setFinal([leafOf(one, 3)])
      // What was written unsynced in a log that was closed since: everything of chain 0, its name too.
      for await (const entries of kv.iterate({ gte: Uint8Array.of(2), lt: Uint8Array.of(0x0e) })) {
        await kv.batch(entries.filter(([key]) => isOfFirst(key, one.member)).map(([key]) => del(key)))
      }
      const again = await open(kv)
      expect(again.head(one.member)).to.equal(undefined)
      expect(again.witness.owed(one.member)).to.deep.equal({ size: 5, root: one.state.root, isFinal: false })
      const third = new ChainMaker(3)
      await again.accept([third.next(9)])
      expect(again.witness.owed(third.member)).to.equal(undefined)
      const fork = forkOf(0)
      expect(await refusalCode(again.accept([fork.next(5, 41)]))).to.equal('SIGNED_LEAF_CONFLICT')
      await again.accept([forkOf(0).next(5)])
      expect(again.head(one.member)?.root).to.deep.equal(one.state.root)
    })

    for (const isFinal of [false, true]) {
      const code = isFinal ? 'FINAL_CONFLICT' : 'SIGNED_LEAF_CONFLICT'
      it(`${code}: no block is taken back that leads elsewhere, in one run or in several`, async () => {
        if (isFinal) await store.witness.setFinal([leafOf(one, 4)])
        else await store.witness.sign({ leaves: [leafOf(one, 4)], record: record(1) })
        await store.cutBack(one.member, 2, 'lost')
        expect(store.witness.owed(one.member)?.isFinal).to.equal(isFinal)
        expect(await refusalCode(store.accept([forkOf(2).next(2, 41)]))).to.equal(code)
        expect(await refusalCode(store.accept([forkOf(2).next(9, 41)]))).to.equal(code)
        // Below the leaf only a checkpoint of its very size tells.
        const whole = forkOf(2)
        whole.next(2, 41)
        expect(await refusalCode(store.accept([forkOf(2).next(1, 41, whole.state.checkpoint)]))).to.equal(code)
        expect(store.head(one.member)?.size).to.equal(2)
        const stray = forkOf(2)
        await store.accept([stray.next(1, 41)])
        expect(await refusalCode(store.accept([stray.next(1, 41)]))).to.equal(code)
        // Then the right one is put in its place.
        await store.replaceTail(one.member, 2, forkOf(2).next(3))
        expect(store.witness.owed(one.member)).to.equal(undefined)
        expect(store.head(one.member)?.root).to.deep.equal(one.state.root)
      })
    }

    it('is owed the larger of what was signed and what is final', async () => {
      await store.witness.sign({ leaves: [leafOf(one, 3)], record: record(1) })
      await store.witness.setFinal([leafOf(one, 4)])
      await store.cutBack(one.member, 1, 'lost')
      expect(store.witness.owed(one.member)).to.deep.include({ size: 4, isFinal: true })
      await store.accept([forkOf(1).next(2)])
      await store.witness.sign({ leaves: [], record: record(2) })
      expect(store.witness.owed(one.member)).to.deep.include({ size: 4, isFinal: true })
    })
  })

  describe('a branch that was left for the final one', () => {
    const fork = (): ChainMaker => {
      const other = new ChainMaker(1)
      other.next(2)
      return other
    }

    it('owes nothing, and nothing more of that chain is signed until the next epoch', async () => {
      const { witness } = store
      await witness.sign({ leaves: [leafOf(one)], record: record(1) })
      const other = fork()
      await store.replaceTail(one.member, 2, other.next(2, 41))
      await store.accept([other.next(4, 41)])
      await store.cutBack(one.member, 3, 'lost')
      for (const each of [store, await open(kv)]) {
        expect(each.witness.signedLeaf(one.member)).to.deep.include({ size: 5, root: one.state.root, left: true })
        expect(each.witness.owed(one.member)).to.equal(undefined)
      }
      const again = fork()
      again.next(1, 41)
      await store.accept([again.next(5, 41)])
      expect(await faultOf(witness.sign({ leaves: [leafOf(again)], record: record(2) }))).to.equal('other-branch')
      await witness.sign({ leaves: [leafOf(one, 2)], record: record(1, { epoch: 1 }) })
      await witness.sign({ leaves: [leafOf(again)], record: record(2, { epoch: 1 }) })
      expect(witness.signedLeaf(one.member)).to.deep.include({ size: 8, left: false })
    })

    it('counts as signed still where both branches lead to the leaf, and again where the chain comes back', async () => {
      const { witness } = store
      await witness.sign({ leaves: [leafOf(one, 2)], record: record(1) })
      await store.replaceTail(one.member, 2, fork().next(4, 41))
      expect(witness.signedLeaf(one.member)?.left).to.equal(false)
      await store.replaceTail(one.member, 2, fork().next(3))
      await witness.sign({ leaves: [leafOf(one)], record: record(2) })
      // A longer one, a shorter one, and the one that was signed.
      const left = async (run: Parameters<LedgerStore['replaceTail']>[2]): Promise<boolean | undefined> => {
        await store.replaceTail(one.member, 2, run)
        expect((await open(kv)).witness.signedLeaf(one.member)).to.deep.equal(witness.signedLeaf(one.member))
        return witness.signedLeaf(one.member)?.left
      }
      expect(await left(fork().next(9, 41))).to.equal(true)
      expect(await left(fork().next(3))).to.equal(false)
      expect(await left(fork().next(1, 41))).to.equal(true)
      // Shorter than the leaf: that it leads there is not known yet.
      expect(await left(fork().next(1))).to.equal(true)
      expect(await left(fork().next(3))).to.equal(false)
      expect(await left(fork().next(1))).to.equal(false)
      expect(witness.owed(one.member)?.size).to.equal(5)
    })

    it('a record that the chain held contradicts all the same is reported and signs nothing', async () => {
      await store.witness.sign({ leaves: [leafOf(one)], record: record(1) })
      await store.witness.setFinal([leafOf(one)])
      const other = await openMemoryKv()
      const elsewhere = await open(other)
      await elsewhere.accept([new ChainMaker(1).next(5, 41)])
      for (const key of [signedLeafKey(one.member), finalKey(one.member), metaKey('witness')]) {
        await other.batch([put(key, (await kv.get(key)) as Uint8Array)])
      }
      const again = await open(other)
      expect(again.damage.map(({ kind }) => kind)).to.deep.equal(['witness', 'final'])
      expect(again.witness.signedLeaf(one.member)?.left).to.equal(true)
    })
  })
})

/** A record under chain 0, or under the member's key. */
function isOfFirst(key: Uint8Array, member: Uint8Array): boolean {
  if (key[0] === 2) return Buffer.compare(key.subarray(1), member) === 0
  return [3, 4, 5, 0x0d].includes(key[0] as number) && key[1] === 0 && key[2] === 0
}
