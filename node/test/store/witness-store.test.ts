import { expect } from 'chai'
import { MAX_ATTESTATION_BYTES } from '../../../protocol/attestation.ts'
import { isWattnessError } from '../../../protocol/errors.ts'
import { EMPTY_ROOT } from '../../../protocol/hash.ts'
import {
  del,
  type FinalLeaf,
  type Kv,
  type LeafChange,
  LedgerStore,
  openMemoryKv,
  put,
  type WitnessRecord,
} from '../../store/index.ts'
import { finalKey, metaKey, signedLeafKey } from '../../store/keys.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { refusalCode } from './temporary-directories.ts'

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

const record = (sequence: number, fields: Partial<WitnessRecord> = {}): WitnessRecord => ({
  epoch: 0,
  sequence,
  closing: false,
  attestation: Uint8Array.of(sequence),
  ...fields,
})

/** The leaf of a chain's first `size` blocks. */
const leafOf = (maker: ChainMaker, size = maker.state.size): LeafChange & { epoch: number } => ({
  member: maker.member,
  size,
  root: size === 0 ? EMPTY_ROOT : (maker.roots[size - 1] as Uint8Array),
  epoch: 0,
})

const faultOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const error = await promise.then(
    () => 'no error',
    (found: unknown) => found,
  )
  return isWattnessError(error, 'SIGNED_LEAF_CONFLICT') ? error.data['fault'] : error
}

describe('records of a witness', () => {
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

  it('keeps what was signed, in one synced write, and has it again', async () => {
    const writes: { count: number; sync: boolean | undefined }[] = []
    const batch = kv.batch.bind(kv)
    kv.batch = (operations, options) => {
      writes.push({ count: operations.length, sync: options?.sync })
      return batch(operations, options)
    }
    const own = { epoch: 0, witness: memberKey(7), bytes: Uint8Array.of(1) }
    await store.witness.sign({ leaves: [leafOf(one), leafOf(two, 299)], record: record(1), attestations: [own], closings: [own] })
    expect(writes).to.deep.equal([{ count: 5, sync: true }])
    for (const { witness } of [store, await open(kv)]) {
      expect(witness.signedLeaf(one.member)).to.deep.equal({ member: one.member, size: 5, root: one.state.root, left: false })
      expect([...witness.signedLeaves()].map(({ size }) => size)).to.have.members([299, 5])
      expect(witness.record).to.deep.include(record(1))
      expect(witness.halted).to.equal(undefined)
      expect(await witness.attestations.list(0)).to.deep.equal([own])
      expect(await witness.closings.get(0, memberKey(7))).to.deep.equal(own)
    }
  })

  it('a cosignature leaves the record as it is', async () => {
    await store.witness.sign({ leaves: [leafOf(one, 3)] })
    expect(store.witness.record.sequence).to.equal(0)
    await store.witness.sign({ leaves: [], record: record(1) })
    await store.witness.sign({ leaves: [leafOf(one, 4)] })
    expect((await open(kv)).witness.record).to.deep.include(record(1))
    expect((await open(kv)).witness.signedLeaf(one.member)?.size).to.equal(4)
  })

  it('SIGNED_LEAF_CONFLICT: nothing that contradicts what was signed, or is not of the chain held', async () => {
    const { witness } = store
    await witness.sign({ leaves: [leafOf(one, 3)], record: record(1) })
    const refused = async (leaf: LeafChange, expected: string): Promise<void> => {
      expect(await faultOf(witness.sign({ leaves: [leafOf(two), leaf], record: record(2) }))).to.equal(expected)
    }
    await refused(leafOf(one, 2), 'back')
    await refused({ ...leafOf(one, 3), root: memberKey(9) }, 'other-branch')
    await refused({ ...leafOf(one, 4), root: memberKey(9) }, 'other-branch')
    await refused({ ...leafOf(one), size: 6 }, 'not-held')
    await refused({ ...leafOf(one, 4), expectedSize: 2 }, 'moved')
    await refused({ ...leafOf(two, 200), expectedSize: 1 }, 'moved')
    // None of it is written, in part neither.
    expect(witness.record.sequence).to.equal(1)
    expect((await open(kv)).witness.signedLeaf(two.member)).to.equal(undefined)
    await witness.sign({
      leaves: [
        { ...leafOf(one, 4), expectedSize: 3 },
        { ...leafOf(two, 9), expectedSize: 0 },
      ],
      record: record(2),
    })
    await witness.sign({ leaves: [leafOf(one, 4)] })
  })

  it('two that sign at once: compare and set lets one of them', async () => {
    const codes = await Promise.all(
      [3, 4].map((size) => refusalCode(store.witness.sign({ leaves: [{ ...leafOf(one, size), expectedSize: 0 }] }))),
    )
    expect(codes).to.deep.equal(['no error', 'SIGNED_LEAF_CONFLICT'])
    expect(store.witness.signedLeaf(one.member)?.size).to.equal(3)
  })

  it('WITNESS_REVERSED: no earlier epoch or sequence, no other attestation of the same one, no reopening', async () => {
    const { witness } = store
    await witness.sign({ leaves: [], record: record(5, { epoch: 2, closing: true }) })
    for (const each of [
      record(6, { epoch: 1 }),
      record(4, { epoch: 2, closing: true }),
      record(5, { epoch: 2, closing: true, attestation: Uint8Array.of(9) }),
      record(6, { epoch: 2 }),
    ]) {
      expect(await refusalCode(witness.sign({ leaves: [], record: each }))).to.equal('WITNESS_REVERSED')
    }
    await witness.sign({ leaves: [], record: record(5, { epoch: 3 }) })
    expect(witness.record).to.deep.include({ epoch: 3, closing: false })
  })

  it('on entering an epoch a leaf goes back to the common prefix, and on from there', async () => {
    const { witness } = store
    await witness.sign({ leaves: [leafOf(one)], record: record(1) })
    await witness.sign({ leaves: [leafOf(one, 2)], record: record(1, { epoch: 1 }) })
    expect(witness.signedLeaf(one.member)?.size).to.equal(2)
    expect(await faultOf(witness.sign({ leaves: [leafOf(one, 1)], record: record(2, { epoch: 1 }) }))).to.equal('back')
    await witness.sign({ leaves: [leafOf(one, 3)], record: record(2, { epoch: 1 }) })
    await witness.sign({ leaves: [{ ...leafOf(one, 0) }], record: record(2, { epoch: 2 }) })
    expect((await open(kv)).witness.signedLeaf(one.member)).to.deep.include({ size: 0, root: EMPTY_ROOT, left: false })
  })

  it('LIMIT_EXCEEDED: a record that is too large, and leaves of more chains than there can be', async () => {
    const { witness } = store
    const large = record(1, { attestation: new Uint8Array(MAX_ATTESTATION_BYTES + 1) })
    expect(await refusalCode(witness.sign({ leaves: [], record: large }))).to.equal('LIMIT_EXCEEDED')
    const leaves = Array.from({ length: 1_025 }, (_, i) => ({ member: memberKey(i), size: 0, root: EMPTY_ROOT }))
    expect(await refusalCode(witness.sign({ leaves }))).to.equal('LIMIT_EXCEEDED')
    await witness.sign({ leaves: leaves.slice(1) })
  })

  describe('halts', () => {
    it('WITNESS_HALTED: for ever, once it is told that it is behind what it signed', async () => {
      await store.witness.sign({ leaves: [leafOf(one, 3)], record: record(1) })
      await store.witness.halt('a neighbour holds attestation 9')
      for (const { witness } of [store, await open(kv)]) {
        expect(witness.halted).to.equal('a neighbour holds attestation 9')
        expect(await refusalCode(witness.sign({ leaves: [], record: record(2) }))).to.equal('WITNESS_HALTED')
        expect(witness.record.sequence).to.equal(1)
      }
      expect((await open(kv)).damage).to.deep.equal([])
    })

    const losing: Record<string, () => Promise<void>> = {
      'the record is damaged': () => damage(metaKey('witness')),
      'the record is missing': () => kv.batch([del(metaKey('witness'))]),
      'a leaf is damaged': () => damage(signedLeafKey(one.member)),
      'a leaf is missing': () => kv.batch([del(signedLeafKey(two.member))]),
      'a leaf is of another': async () =>
        kv.batch([put(signedLeafKey(one.member), (await kv.get(signedLeafKey(two.member))) as Uint8Array)]),
    }
    const damage = async (key: Uint8Array): Promise<void> => {
      const value = ((await kv.get(key)) as Uint8Array).slice()
      value[3] = (value[3] as number) ^ 8
      await kv.batch([put(key, value)])
    }
    for (const [what, lose] of Object.entries(losing)) {
      it(`WITNESS_HALTED: ${what}; everything else goes on`, async () => {
        await store.witness.sign({ leaves: [leafOf(one, 3), leafOf(two, 3)], record: record(1) })
        await lose()
        const again = await open(kv)
        expect(again.damage.map(({ kind }) => kind)).to.deep.equal(['witness'])
        expect(again.witness.halted).to.match(/damaged/)
        expect(await refusalCode(again.witness.sign({ leaves: [], record: record(2) }))).to.equal('WITNESS_HALTED')
        await again.accept([one.next(1)])
        // Opening changed nothing: it is found again, until a halt is written in its place.
        expect((await open(kv)).damage.length).to.equal(1)
      })
    }
  })

  describe('what is final', () => {
    it('moves forward, all or nothing, and is there again', async () => {
      const { witness } = store
      await witness.setFinal([leafOf(one, 2), leafOf(two, 250)])
      await witness.setFinal([{ ...leafOf(one, 3), epoch: 4 }, leafOf(two, 250)])
      await witness.setFinal([])
      for (const each of [witness, (await open(kv)).witness]) {
        expect(each.final(one.member)).to.deep.equal({ ...leafOf(one, 3), epoch: 4 })
        expect([...each.finals()].map(({ size }) => size)).to.have.members([250, 3])
        expect(each.final(memberKey(9))).to.equal(undefined)
      }
    })

    it('FINAL_REVERSED: never goes back; FINAL_CONFLICT: never to what is not held', async () => {
      const { witness } = store
      await witness.setFinal([leafOf(one, 3)])
      const refused = async (code: string, leaf: FinalLeaf): Promise<void> => {
        expect(await refusalCode(witness.setFinal([leafOf(two, 250), leaf]))).to.equal(code)
      }
      await refused('FINAL_REVERSED', leafOf(one, 2))
      await refused('FINAL_REVERSED', { ...leafOf(one, 3), root: memberKey(9) })
      await refused('FINAL_CONFLICT', { ...leafOf(one, 4), root: memberKey(9) })
      await refused('FINAL_CONFLICT', { ...leafOf(one), size: 6 })
      await refused('FINAL_CONFLICT', { ...leafOf(one), member: memberKey(9) })
      expect(witness.final(two.member)).to.equal(undefined)
      expect((await open(kv)).witness.final(one.member)?.size).to.equal(3)
    })

    it('a damaged record is reported, and can be had again', async () => {
      await store.witness.setFinal([leafOf(one, 3), leafOf(two, 250)])
      await kv.batch([put(finalKey(one.member), Uint8Array.of(1, 2, 3, 4, 5))])
      const again = await open(kv)
      expect(again.damage.map(({ kind }) => kind)).to.deep.equal(['final'])
      expect(again.witness.final(one.member)).to.equal(undefined)
      expect(again.witness.halted).to.equal(undefined)
      await again.witness.setFinal([leafOf(one, 3)])
      expect((await open(kv)).damage).to.deep.equal([])
    })
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
