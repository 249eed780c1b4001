import { expect } from 'chai'
import { MAX_ATTESTATION_BYTES } from '../../../protocol/attestation.ts'
import { EMPTY_ROOT } from '../../../protocol/hash.ts'
import { del, type FinalLeaf, type Kv, keptKey, type LeafChange, type LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { finalKey, metaKey, signedLeafKey } from '../../store/keys.ts'
import { ChainMaker, memberKey } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import { refusalCode } from './temporary-directories.ts'
import { faultOf, leafOf, openWith as open, record } from './witness-samples.ts'

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
    const opened = await open(kv)
    // Of a member key there is one array, after a restart as well.
    const keys = [...opened.chains(), ...opened.witness.signedLeaves()].map(({ member }) => member)
    expect(keys.every((key) => keptKey(key) === key)).to.equal(true)
    for (const { witness } of [store, opened]) {
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

  describe('a write that fails', () => {
    const writes: Record<string, (store: LedgerStore) => Promise<void>> = {
      sign: ({ witness }) => witness.sign({ leaves: [leafOf(one)], record: record(1), closings: [closing] }),
      setFinal: ({ witness }) => witness.setFinal([leafOf(one)]),
      halt: ({ witness }) => witness.halt('told to'),
      put: ({ witness }) => witness.closings.put([closing], true),
    }
    const closing = { epoch: 0, witness: memberKey(7), bytes: Uint8Array.of(1) }
    const seen = ({ witness }: LedgerStore): unknown => [
      witness.record.sequence,
      witness.signedLeaf(one.member)?.size,
      witness.final(one.member)?.size,
      witness.halted,
      witness.closings.size,
    ]

    for (const [what, write] of Object.entries(writes)) {
      it(`${what}: memory says what is stored, whichever that is, and it can be done again`, async () => {
        for (const failure of ['lost', 'stored'] as const) {
          const memory = await openMemoryKv()
          // Schema, network, mark and blocks come before it.
          const failing = await open(new FailingKv(memory, 5, failure))
          const maker = new ChainMaker(1)
          await failing.accept([maker.next(5)])
          const before = seen(failing)
          expect(await refusalCode(write(failing))).to.equal('DISK_FULL')
          expect(seen(failing)).to.deep.equal(before)
          await failing.witness.setFinal([])
          const stored = seen(await open(memory))
          expect(seen(failing)).to.deep.equal(stored)
          if (failure === 'lost') expect(stored).to.deep.equal(before)
          else expect(stored).to.not.deep.equal(before)
          if (what !== 'halt' || failure === 'lost') await write(failing)
          expect(seen(await open(memory))).to.deep.equal(seen(failing))
        }
      })
    }
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

    it('takes the attestations along that made it so, all or nothing', async () => {
      const { witness } = store
      const attestation = { epoch: 2, witness: memberKey(5), bytes: Uint8Array.of(1, 2) }
      await witness.setFinal([], [attestation])
      await witness.setFinal([leafOf(one, 3)], [{ ...attestation, epoch: 3 }])
      expect(await refusalCode(witness.setFinal([leafOf(one, 2)], [{ ...attestation, epoch: 4 }]))).to.equal('FINAL_REVERSED')
      for (const each of [witness, (await open(kv)).witness]) {
        expect(each.attestations.epochs()).to.deep.equal([2, 3])
        expect((await each.attestations.get(3, memberKey(5)))?.bytes).to.deep.equal(Uint8Array.of(1, 2))
        expect(each.final(one.member)?.size).to.equal(3)
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
})
