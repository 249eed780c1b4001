import { expect } from 'chai'
import { equalBytes } from '../../../protocol/bytes.ts'
import { auditStore, type Kv, LedgerStore, openMemoryKv, put, type StoreAudit } from '../../store/index.ts'
import { blockKey, headKey, labelKey, spoolKey, tileKey } from '../../store/keys.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
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
    const { length } = maker.bytesAt(77)
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
    const last = maker.bytesAt(279)
    const inner = maker.bytesAt(199)
    await restore(blockKey(0, 30), remove(blockKey(0, 30)), { height: 30, what: /missing/ })
    await restore(blockKey(0, 279), remove(blockKey(0, 279)), { height: 279, what: /missing/ })
    await restore(headKey(0), () => flip(headKey(0), 3), { height: 0, what: /head record/ })
    await restore(headKey(0), remove(headKey(0)), { height: 0, what: /head record missing/ })
    await restore(tileKey(0, 0, 0), () => flip(tileKey(0, 0, 0), 5), { height: 255, what: /tile/ })
    await restore(blockKey(0, 279), () => flip(blockKey(0, 279), last.length + 50), { height: 279, what: /signature/ })
    await restore(blockKey(0, 279), () => flip(blockKey(0, 279), last.length + 5), { height: 279, what: /signature/ })
    await restore(blockKey(0, 199), () => flip(blockKey(0, 199), inner.length + 50), { height: 199, what: /signature/ }, true)
    await restore(blockKey(0, 199), () => flip(blockKey(0, 199), inner.length + 5), { height: 199, what: /root/ }, true)
    expect(faultOf(await audit(true))).to.equal(undefined)
  })

  it('finds damaged records beside the chains', async () => {
    await flip(spoolKey(0), 4)
    await flip(labelKey(maker.member), 0)
    const { damage } = await audit()
    expect(damage.map(({ what }) => what.split(' damaged')[0])).to.deep.equal(['spool entry', 'label'])
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
