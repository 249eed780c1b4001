import { expect } from 'chai'
import { type Epochs, encodeSignedAttestation, ZERO_HASH } from '../../../protocol/index.ts'
import { ClosingsKept } from '../../witness/closings-kept.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { LedgerStand } from '../sync/ledger-stand.ts'

/** The epoch after the first begins from so many blocks of the registrar's; undefined: no change is held. */
const epochsFrom = (fromSize: number | undefined): Epochs =>
  ({ get: (epoch: number) => (epoch === 1 && fromSize !== undefined ? { fromSize } : undefined) }) as Epochs

describe('closing attestations that are kept', () => {
  it('W8: those that contain the change which ends their epoch, also where they came before it; each told of once', async () => {
    const { store } = await LedgerStand.create(1)
    const told: number[] = []
    let epochs = epochsFrom(undefined)
    const kept = new ClosingsKept({ store, epochs: () => epochs, onClosing: ({ sequence }) => void told.push(sequence) })
    const { publicKey: witness } = signerOf('w')
    const signature = new Uint8Array(64)
    const at = (sequence: number, size: number) => {
      const attestation = { witness, epoch: 0, sequence, timeMs: 0, frontier: [size], named: [], headsRoot: ZERO_HASH, signature }
      return [attestation, encodeSignedAttestation(attestation)] as const
    }
    await kept.keep(...at(4, 2))
    expect([told, store.witness.closings.has(0, witness)], 'overtook the block').to.deep.equal([[], false])
    epochs = epochsFrom(3)
    await kept.keep(...at(4, 2))
    expect(told, 'ends before the change').to.deep.equal([])
    epochs = epochsFrom(2)
    for (let again = 0; again < 2; again++) await kept.keep(...at(4, 2))
    expect(told).to.deep.equal([4])
    const leaves = [{ size: 2, root: ZERO_HASH }]
    await kept.keep(...at(4, 2), leaves)
    expect((await store.witness.closings.list(0)).map((each) => each.leaves)).to.deep.equal([leaves])
  })
})
