import { expect } from 'chai'
import {
  type Accusation,
  type Bytes,
  encodeEvidence,
  encodeWitnessEvidence,
  initialMembership,
  orderEvidence,
} from '../../../protocol/index.ts'
import { flipped } from '../../../protocol/test/chain-author.ts'
import { branchOf, evidenceOf } from '../../../protocol/test/two-leaves.ts'
import { verifySignature } from '../../signature.ts'
import { EvidenceDesk } from '../../validate/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { DoorStand } from './door-stand.ts'

describe('the desk for evidence', () => {
  interface Desk {
    readonly stand: DoorStand
    readonly desk: EvidenceDesk
    readonly proven: string[]
    readonly accusations: Accusation[]
    readonly proof: (name: string) => Bytes
  }

  async function desk(): Promise<Desk> {
    const stand = await DoorStand.create()
    const proven: string[] = []
    const accusations: Accusation[] = []
    const made = new EvidenceDesk({
      store: stand.store,
      genesis: stand.genesis,
      verify: verifySignature,
      membership: () => initialMembership(stand.genesis),
      // Member 1, "a", in the epochs 2 and 3.
      wasWitness: (index, epoch) => index === 1 && epoch >= 2 && epoch <= 3,
      onProven: (accusation, _bytes, source) => {
        proven.push(source)
        accusations.push(accusation)
      },
    })
    const proof = (name: string): Bytes => {
      const [one, other] = [stand.author(name).grow(1), stand.author(name).append({ salt: new Uint8Array(16) })].map(
        (author) => ({
          checkpoint: author.checkpoint(),
          root: author.checkpoint().root,
          proof: [],
        }),
      )
      if (one === undefined || other === undefined) throw new Error('no story')
      return encodeEvidence(orderEvidence(1, one, other))
    }
    return { stand, desk: made, proven, accusations, proof }
  }

  /** Two leaves of the chain of "b" that contradict each other, signed by `name` as a witness of `epoch`. */
  async function contradiction(stand: DoorStand, name: string, epoch = 3): Promise<Bytes> {
    const evidence = await evidenceOf({
      signer: signerOf(name),
      networkId: stand.genesis.networkId,
      member: signerOf('b').publicKey,
      index: 2,
      members: 5,
      size: 7,
      one: { branch: branchOf(21, 6, 'one'), leafSize: 21, epoch },
      other: { branch: branchOf(30, 6, 'other'), leafSize: 30, epoch },
    })
    return encodeWitnessEvidence(evidence)
  }

  it('F7: takes one for each member, however many are shown at a time', async () => {
    const { stand, desk: at, proven, proof } = await desk()
    stand.kv.delayMs = 100
    const shown = Promise.all([at.take(proof('a'), 'x'), at.take(proof('a'), 'y'), at.take(proof('b'), 'z')])
    expect(await stand.time.wait(shown)).to.deep.equal(['accept', 'ignore', 'accept'])
    expect(await at.take(proof('a'), 'late')).to.equal('ignore')
    expect(proven).to.deep.equal(['x', 'z'])
    expect(stand.store.evidence.size).to.equal(2)
  })

  it('refuses what proves nothing, and what is none', async () => {
    const { desk: at, proven, proof } = await desk()
    expect(await at.take(flipped(proof('a'), -1), 'x')).to.equal('reject')
    expect(await at.take(proof('a').subarray(0, 30), 'x')).to.equal('reject')
    expect(await at.take(Uint8Array.of(9), 'x'), 'of a later kind').to.equal('ignore')
    expect(await at.take(proof('stranger'), 'x')).to.equal('ignore')
    expect(proven).to.deep.equal([])
  })

  it('says nothing of what it could not write, and takes it when it is shown again', async () => {
    const { stand, desk: at, proven, proof } = await desk()
    stand.kv.failNext = 'lost'
    expect(await at.take(proof('a'), 'x')).to.equal('ignore')
    expect(proven).to.deep.equal([])
    expect(await at.take(proof('a'), 'y')).to.equal('accept')
    expect(proven).to.deep.equal(['y'])
  })

  it('A13: evidence against a witness is taken once for each, and quarantines nobody', async () => {
    const { stand, desk: at, proven, accusations, proof } = await desk()
    const bytes = await contradiction(stand, 'a')
    expect(await stand.time.wait(Promise.all([at.take(bytes, 'x'), at.take(bytes, 'y')]))).to.deep.equal(['accept', 'ignore'])
    expect(await at.take(await contradiction(stand, 'a', 2), 'other')).to.equal('ignore')
    const key = signerOf('a').publicKey
    expect(await stand.store.witnessEvidence.get(key)).to.deep.equal(bytes)
    expect([stand.store.quarantined(key), stand.store.quarantined(signerOf('b').publicKey)]).to.deep.equal([false, false])
    // The same key can be accused as an author besides.
    expect(await at.take(proof('a'), 'z')).to.equal('accept')
    expect(stand.store.quarantined(key)).to.equal(true)
    expect(proven).to.deep.equal(['x', 'z'])
    expect(accusations.map(({ kind }) => kind)).to.deep.equal(['witness', 'author'])
  })

  it('A11: a forged one against a witness is refused', async () => {
    const { stand, desk: at, proven } = await desk()
    const bytes = await contradiction(stand, 'a')
    // In the heads root, the signature and the root of the first leaf, and in the last proof.
    for (const place of [-1, 150, 180, 230]) expect(await at.take(flipped(bytes, place), 'x')).to.equal('reject')
    expect(await at.take(bytes.subarray(0, 200), 'x')).to.equal('reject')
    expect(proven).to.deep.equal([])
    expect(stand.store.witnessEvidence.size).to.equal(0)
  })

  it('A13: against one that is no witness, or not of that epoch, it is let go by', async () => {
    const { stand, desk: at, proven } = await desk()
    expect(await at.take(await contradiction(stand, 'b'), 'x'), 'a member that witnesses nothing').to.equal('ignore')
    expect(await at.take(await contradiction(stand, 'stranger'), 'x'), 'nobody').to.equal('ignore')
    expect(await at.take(await contradiction(stand, 'a', 1), 'x'), 'an epoch before').to.equal('ignore')
    expect(await at.take(await contradiction(stand, 'a', 4), 'x'), 'an epoch to come').to.equal('ignore')
    expect(proven).to.deep.equal([])
  })
})
