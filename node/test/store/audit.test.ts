import { expect } from 'chai'
import { equalBytes } from '../../../protocol/bytes.ts'
import { auditStore, del, type Kv, LedgerStore, openMemoryKv, put, type StoreAudit } from '../../store/index.ts'
import {
  ATTESTATION,
  blockKey,
  CLOSING,
  epochKey,
  finalKey,
  headKey,
  labelKey,
  metaKey,
  signedLeafKey,
  spoolKey,
  tileKey,
  witnessEvidenceKey,
} from '../../store/keys.ts'
import { sealRecord } from '../../store/record.ts'
import { finalOperation, signedLeafOperation } from '../../store/witness-records.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { sampleItem } from './sample-readings.ts'

describe('audit', () => {
  let kv: Kv
  let maker: ChainMaker
  let other: ChainMaker

  const audit = (allSignatures = false): Promise<StoreAudit> => auditStore({ kv, verifySigned: verifyFake, allSignatures })
  const faultOf = (found: StoreAudit): unknown => found.chains.find((chain) => chain.fault !== undefined)?.fault

  beforeEach(async () => {
    kv = await openMemoryKv()
    const store = await LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })
    maker = new ChainMaker(1)
    other = new ChainMaker(2)
    const whole = new ChainMaker(2)
    whole.next(9)
    for (const count of [200, 60, 20]) await store.accept([maker.next(count, 1)])
    await store.accept([other.next(4, 40, whole.state.checkpoint)])
    await store.spool.append([sampleItem(1)])
    await store.labels.put(maker.member, Uint8Array.of(1))
  })

  const flip = async (key: Uint8Array, at: number): Promise<void> => {
    const value = ((await kv.get(key)) as Uint8Array).slice()
    value[at] = (value[at] as number) ^ 2
    await kv.batch([put(key, value)])
  }

  it('finds nothing in a store that is whole, and counts', async () => {
    const seen: number[] = []
    const found = await auditStore({ kv, verifySigned: verifyFake, onProgress: (blocks) => seen.push(blocks) })
    expect(found.blocks).to.equal(284)
    expect(found.signatures).to.equal(2)
    expect(found.records).to.be.at.least(2)
    expect(found.damage).to.deep.equal([])
    expect(found.chains.map((chain) => chain.fault)).to.deep.equal([undefined, undefined])
    expect((await audit(true)).signatures).to.equal(4)
  })

  it('finds any flipped byte of a block, and says in which', async () => {
    const length = maker.storedLength(77)
    for (let at = 0; at < length; at += 3) {
      await flip(blockKey(0, 77), at)
      const audited = (await audit()).chains.find((chain) => equalBytes(chain.member, maker.member))
      const { fault, blocks } = audited as StoreAudit['chains'][number]
      // A header that is another one still has a body; then it is the next block that does not name it.
      expect(fault?.height, `byte ${at}`).to.be.within(77, 78)
      expect(blocks).to.be.at.least(77)
      await flip(blockKey(0, 77), at)
    }
    expect(faultOf(await audit())).to.equal(undefined)
  })

  it('finds a missing block, a damaged head, tile and signature', async () => {
    const restore = async (
      key: Uint8Array,
      act: () => Promise<void>,
      expected: { height: number; what: RegExp },
      all = false,
    ): Promise<void> => {
      const before = (await kv.get(key)) as Uint8Array
      await act()
      const fault = faultOf(await audit(all)) as { height: number; what: string }
      expect(fault.what).to.match(expected.what)
      expect(fault.height).to.equal(expected.height)
      await kv.batch([put(key, before)])
    }
    const remove = (key: Uint8Array) => () => kv.batch([{ type: 'del' as const, key }])
    const last = maker.storedLength(279)
    const inner = maker.storedLength(199)
    await restore(blockKey(0, 30), remove(blockKey(0, 30)), { height: 30, what: /missing/ })
    await restore(blockKey(0, 279), remove(blockKey(0, 279)), { height: 279, what: /missing/ })
    await restore(headKey(0), () => flip(headKey(0), 3), { height: 0, what: /head record/ })
    await restore(headKey(0), remove(headKey(0)), { height: 0, what: /head record missing/ })
    await restore(tileKey(0, 0, 0), () => flip(tileKey(0, 0, 0), 5), { height: 255, what: /tile/ })
    await restore(blockKey(0, 279), () => flip(blockKey(0, 279), last + 50), { height: 279, what: /signature/ })
    await restore(blockKey(0, 279), () => flip(blockKey(0, 279), last + 5), { height: 279, what: /signature/ })
    await restore(blockKey(0, 199), () => flip(blockKey(0, 199), inner + 50), { height: 199, what: /signature/ }, true)
    await restore(blockKey(0, 199), () => flip(blockKey(0, 199), inner + 5), { height: 199, what: /signature/ }, true)
    expect(faultOf(await audit(true))).to.equal(undefined)
  })

  it('finds damaged records beside the chains', async () => {
    await flip(spoolKey(0), 4)
    await flip(labelKey(maker.member), 0)
    const { damage } = await audit()
    expect(damage.map(({ what }) => what.split(' damaged')[0])).to.deep.equal(['spool entry', 'label'])
  })

  describe('records of witnessing', () => {
    let store: LedgerStore
    const leaf = (size: number) => ({ member: maker.member, size, root: maker.roots[size - 1] as Uint8Array, epoch: 0 })
    const found = async (): Promise<string[]> => (await audit()).damage.map(({ kind, what }) => `${kind}: ${what}`)

    beforeEach(async () => {
      store = await LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })
      const record = { epoch: 0, sequence: 1, closing: false, attestation: Uint8Array.of(1) }
      const attestations = [{ epoch: 0, witness: memberKey(9), bytes: Uint8Array.of(1) }]
      await store.witness.sign({ leaves: [leaf(270)], record, attestations, closings: attestations })
      await store.witness.setFinal([leaf(250)])
      await store.witnessEvidence.put(memberKey(9), Uint8Array.of(3))
    })

    it('finds nothing where they are whole and of the chain that is held', async () => {
      const { damage, records } = await auditStore({ kv, verifySigned: verifyFake })
      expect(damage).to.deep.equal([])
      expect(records).to.be.at.least(7)
    })

    it('says what is owed, the larger of what was signed and what is final', async () => {
      await store.cutBack(maker.member, 260, 'lost')
      expect(await found()).to.deep.equal(['owed: 270 blocks were signed as a witness, 260 are held'])
      await store.cutBack(maker.member, 200, 'lost')
      expect(await found()).to.deep.equal(['owed: 270 blocks were signed as a witness, 200 are held'])
      const { member, height, lost } = (await audit()).damage[0] ?? {}
      expect([member, height, lost]).to.deep.equal([maker.member, 200, 70])
      await kv.batch([put(signedLeafKey(maker.member), (await kv.get(finalKey(maker.member))) as Uint8Array)])
      expect(await found()).to.include('owed: 250 blocks are final, 200 are held')
    })

    it('finds a chain that is not the one that was signed or is final; one that was left may be another', async () => {
      const otherLeaf = { member: maker.member, size: 200, root: memberKey(5), left: false, epoch: 0 }
      const operations = [signedLeafOperation(otherLeaf), finalOperation(otherLeaf)]
      await kv.batch(operations)
      expect(await found()).to.deep.equal([
        'witness: the first 200 blocks are not those that this node signed as a witness',
        'final: the first 200 blocks are not those that are final',
      ])
      await kv.batch([signedLeafOperation({ ...otherLeaf, left: true }), finalOperation({ ...otherLeaf, ...leaf(200) })])
      expect(await found()).to.deep.equal([])
    })

    it('finds each that is damaged or missing, and attestations that are none', async () => {
      await flip(finalKey(maker.member), 5)
      await flip(epochKey(CLOSING, 0, memberKey(9)), 1)
      await flip(witnessEvidenceKey(memberKey(9)), 0)
      await kv.batch([del(signedLeafKey(maker.member))])
      expect(await found()).to.have.members([
        'final: final record damaged',
        'closing: closing attestation of epoch 0 damaged: checksum does not match',
        'witness-evidence: evidence against a witness damaged: checksum does not match',
        'witness: records of signed leaves: 1 missing',
      ])
      await flip(metaKey('witness'), 2)
      expect(await found()).to.include('witness: record of the witness damaged')
      const { damage } = await auditStore({ kv, verifySigned: verifyFake, attestationFault: ({ epoch }) => `none of ${epoch}` })
      expect(damage.map(({ what }) => what)).to.include('attestation of epoch 0 damaged: none of 0')
    })

    it('finds a record whose checksum holds and that cannot be read', async () => {
      const key = epochKey(ATTESTATION, 3, memberKey(9))
      await kv.batch([put(key, sealRecord(key, Uint8Array.of(200)))])
      expect((await found()).join()).to.match(/^attestation: attestation of epoch 3 damaged: stored attestation: /)
    })
  })

  it('says which rule a block breaks', async () => {
    const found = await auditStore({
      kv,
      verifySigned: verifyFake,
      brokenRule: (block, previous) => {
        expect(previous?.height ?? -1).to.equal(block.header.height - 1)
        return block.header.height === 12 ? { rule: 'V13', what: 'sealed before its parent' } : undefined
      },
    })
    expect(faultOf(found)).to.deep.equal({ height: 12, what: 'sealed before its parent', rule: 'V13' })
  })
})
