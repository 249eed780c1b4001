import { expect } from 'chai'
import { type Bytes, encodeEvidence, initialMembership, orderEvidence } from '../../../protocol/index.ts'
import { flipped } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { EvidenceDesk } from '../../validate/index.ts'
import { DoorStand } from './door-stand.ts'

describe('the desk for evidence', () => {
  async function desk(): Promise<{ stand: DoorStand; desk: EvidenceDesk; proven: string[]; proof: (name: string) => Bytes }> {
    const stand = await DoorStand.create()
    const proven: string[] = []
    const made = new EvidenceDesk({
      store: stand.store,
      genesis: stand.genesis,
      verify: verifySignature,
      membership: () => initialMembership(stand.genesis),
      onProven: (_evidence, _bytes, source) => void proven.push(source),
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
    return { stand, desk: made, proven, proof }
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
})
