import { expect } from 'chai'
import { MAX_WITNESSES } from '../../../protocol/limits.ts'
import {
  type AttestationTable,
  type Kv,
  LedgerStore,
  MAX_ATTESTATIONS,
  openMemoryKv,
  put,
  type StoredAttestation,
} from '../../store/index.ts'
import { CLOSING, epochKey, MAX_EPOCH } from '../../store/keys.ts'
import { memberKey, NETWORK_ID } from './chain-maker.ts'
import { refusalCode } from './temporary-directories.ts'

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID })

const of = (epoch: number, witness: number, fields: Partial<StoredAttestation> = {}): StoredAttestation => ({
  epoch,
  witness: memberKey(witness),
  bytes: Uint8Array.of(epoch, witness),
  ...fields,
})

describe('attestations and closings', () => {
  let kv: Kv
  let table: AttestationTable

  beforeEach(async () => {
    kv = await openMemoryKv()
    table = (await open(kv)).witness.closings
  })

  it('one for each epoch and witness, the last that was put, with its leaves where there are any', async () => {
    const leaves = [0, 5, 2 ** 40].map((size, i) => ({ size, root: memberKey(i) }))
    await table.put([of(0, 1), of(0, 2), of(7, 1), of(MAX_EPOCH, 3)], true)
    await table.put([of(0, 1, { bytes: Uint8Array.of(9), leaves })])
    for (const each of [table, (await open(kv)).witness.closings]) {
      expect([each.size, each.epochs()]).to.deep.equal([4, [0, 7, MAX_EPOCH]])
      expect(await each.get(0, memberKey(1))).to.deep.equal(of(0, 1, { bytes: Uint8Array.of(9), leaves }))
      expect(await each.list(0)).to.have.deep.members([of(0, 1, { bytes: Uint8Array.of(9), leaves }), of(0, 2)])
      expect(await each.list(1)).to.deep.equal([])
      expect(await each.get(1, memberKey(1))).to.equal(undefined)
      expect([each.has(7, memberKey(1)), each.has(7, memberKey(2))]).to.deep.equal([true, false])
    }
    expect((await open(kv)).witness.attestations.size).to.equal(0)
  })

  it('goes epoch by epoch, or one by one', async () => {
    await table.put([of(0, 1), of(0, 2), of(6, 1), of(7, 1), of(8, 1)])
    await table.deleteBefore(7)
    await table.delete(8, memberKey(1))
    await table.delete(8, memberKey(9))
    for (const each of [table, (await open(kv)).witness.closings]) expect([each.size, each.epochs()]).to.deep.equal([1, [7]])
  })

  it('LIMIT_EXCEEDED: one witness more than an epoch can have, or a record that is too large', async () => {
    const full = Array.from({ length: MAX_WITNESSES }, (_, i) => of(3, i))
    expect(await refusalCode(table.put([...full, of(3, 99)]))).to.equal('LIMIT_EXCEEDED')
    expect(table.size).to.equal(0)
    await table.put(full)
    expect(await refusalCode(table.put([of(3, 99)]))).to.equal('LIMIT_EXCEEDED')
    await table.put([...full, of(4, 99)])
    expect(await refusalCode(table.put([of(4, 1, { bytes: new Uint8Array(65_536) })]))).to.equal('LIMIT_EXCEEDED')
  })

  it(`LIMIT_EXCEEDED: more than ${MAX_ATTESTATIONS} in all`, async () => {
    const most = Array.from({ length: MAX_ATTESTATIONS }, (_, i) => of(Math.floor(i / MAX_WITNESSES), i % MAX_WITNESSES))
    await table.put(most)
    expect(await refusalCode(table.put([of(MAX_EPOCH, 1)]))).to.equal('LIMIT_EXCEEDED')
    await table.delete(0, memberKey(0))
    await table.put([of(MAX_EPOCH, 1)])
  }).timeout(20_000)

  it('OUT_OF_RANGE: an epoch that no key holds', async () => {
    for (const epoch of [-1, 0.5, MAX_EPOCH + 1]) {
      expect(await refusalCode(table.put([of(epoch, 1)]))).to.equal('OUT_OF_RANGE')
    }
  })

  it('one that is damaged is reported, is not there, and can be put again', async () => {
    await table.put([of(2, 1), of(2, 2)])
    await kv.batch([put(epochKey(CLOSING, 2, memberKey(1)), Uint8Array.of(1, 2, 3, 4, 5, 6))])
    const again = await open(kv)
    const [damage] = again.damage
    expect(again.damage.length).to.equal(1)
    expect(damage).to.deep.equal({ what: 'closing attestation of epoch 2 damaged', kind: 'closing', member: memberKey(1) })
    const { closings } = again.witness
    expect([closings.size, await closings.list(2), await closings.get(2, memberKey(1))]).to.deep.equal([1, [of(2, 2)], undefined])
    await closings.put([of(2, 1)])
    expect((await open(kv)).damage).to.deep.equal([])
  })
})
