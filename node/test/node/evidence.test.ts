import { expect } from 'chai'
import {
  type Bytes,
  type Evidence,
  encodeEvidence,
  encodeWitnessEvidence,
  orderEvidence,
  toHex,
} from '../../../protocol/index.ts'
import { flipped } from '../../../protocol/test/chain-author.ts'
import { branchOf, evidenceOf } from '../../../protocol/test/two-leaves.ts'
import type { NodeEvents } from '../../events.ts'
import { LiarPeer } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'

describe('evidence between nodes', () => {
  let all: Neighbourhood
  let liar: LiarPeer
  let faults: NodeEvents['fault'][]

  beforeEach(async () => {
    all = await Neighbourhood.create({ meters: 2, absent: ['forked', 'x'], witnesses: 3, settings: { gossip: 'off' } })
    await all.start(2)
    liar = await LiarPeer.start(all, 'x')
    await liar.dial('meter-1')
    faults = []
    all.get('meter-1').node.on('fault', (fault) => faults.push(fault))
  })

  afterEach(async () => {
    await all.stop()
  })

  const isQuarantined = (name: string): boolean => all.get(name).store.quarantined(signerOf('forked').publicKey)

  /** Two stories of one block. */
  function proof(): Evidence {
    const [a, b] = [TestAuthor.of(all, 'forked').grow(1), TestAuthor.of(all, 'forked').diverge(1)].map((author) => {
      const checkpoint = author.checkpoint()
      return { checkpoint, root: checkpoint.root, proof: [] as Bytes[] }
    })
    if (a === undefined || b === undefined) throw new Error('no story')
    return orderEvidence(1, a, b)
  }

  for (const way of ['gossip', 'sync'] as const) {
    const show = async (evidence: Bytes): Promise<void> => {
      if (way === 'gossip') return liar.gossip('evidence', evidence)
      liar.send({ type: 'evidence', evidence })
      await all.time.advance(100)
    }

    it(`that comes by ${way} is checked, stored and passed on to everybody`, async () => {
      await show(encodeEvidence(proof()))
      expect(['registrar', 'meter-1', 'meter-2'].map(isQuarantined)).to.deep.equal([true, true, true])
      await show(encodeEvidence(proof()))
      expect(faults).to.deep.equal([])
    })

    it(`that is forged and comes by ${way} costs its sender, and quarantines nobody`, async () => {
      const evidence = encodeEvidence(proof())
      await show(flipped(evidence, evidence.length - 1))
      await show(evidence.subarray(0, 40))
      expect(isQuarantined('meter-1')).to.equal(false)
      expect(faults.map(({ fault }) => fault)).to.deep.equal(['bad-evidence', 'bad-evidence'])
      expect(liar.isLinked).to.equal(true)
      for (let i = 0; i < 4; i++) await show(flipped(evidence, 60 + i))
      expect(faults.at(-1)?.isLast).to.equal(true)
      expect(liar.isLinked, 'hung up').to.equal(false)
      await liar.dial('meter-1').catch(() => undefined)
      expect(liar.isLinked, 'and left out for a while').to.equal(false)
      await show(evidence)
      expect(isQuarantined('meter-1')).to.equal(false)
    })
  }

  it('about nobody who belongs to the network is let go by, at nobody’s cost', async () => {
    const stranger = [TestAuthor.of(all, 'stranger').grow(1), TestAuthor.of(all, 'stranger').diverge(1)].map((author) => ({
      checkpoint: author.checkpoint(),
      root: author.checkpoint().root,
      proof: [],
    }))
    liar.send({ type: 'evidence', evidence: encodeEvidence(orderEvidence(1, stranger[0] as never, stranger[1] as never)) })
    await all.time.advance(100)
    expect(faults).to.deep.equal([])
    expect(all.get('meter-1').store.evidence.size).to.equal(0)
  })

  it('that could not be written is shown again by whoever has it', async () => {
    liar.send({ type: 'evidence', evidence: encodeEvidence(proof()) })
    await all.time.advance(100)
    const { store } = all.get('meter-2')
    await store.evidence.delete(signerOf('forked').publicKey)
    expect(isQuarantined('meter-2')).to.equal(false)
    await all.time.advance(31_000)
    expect(isQuarantined('meter-2')).to.equal(true)
  })

  describe('against a witness', () => {
    const witness = signerOf('forked')

    /** It signed two histories of the registrar's chain. Member 3 is a witness from genesis on. */
    async function contradiction(signer = witness): Promise<Bytes> {
      const evidence = await evidenceOf({
        signer,
        networkId: all.genesis.networkId,
        member: signerOf('registrar').publicKey,
        index: 0,
        members: 5,
        size: 2,
        one: { branch: branchOf(3, 1, 'one'), leafSize: 3, epoch: 0 },
        other: { branch: branchOf(5, 1, 'other'), leafSize: 5, epoch: 0 },
      })
      return encodeWitnessEvidence(evidence)
    }

    const isKnown = (name: string): boolean => all.get(name).store.witnessEvidence.has(witness.publicKey)

    for (const way of ['gossip', 'sync'] as const) {
      const show = async (evidence: Bytes): Promise<void> => {
        if (way === 'gossip') return liar.gossip('evidence', evidence)
        liar.send({ type: 'evidence', evidence })
        await all.time.advance(100)
      }

      it(`A13: that comes by ${way} is stored and passed on to everybody, is told, and stops no chain`, async () => {
        const told: NodeEvents['witnessEvidence'][] = []
        all.get('meter-2').node.on('witnessEvidence', (event) => told.push(event))
        const bytes = await contradiction()
        await show(bytes)
        await show(bytes)
        expect(['registrar', 'meter-1', 'meter-2'].map(isKnown)).to.deep.equal([true, true, true])
        expect(['registrar', 'meter-1', 'meter-2'].map(isQuarantined)).to.deep.equal([false, false, false])
        expect(told.map(({ member, self }) => [member, self])).to.deep.equal([[toHex(witness.publicKey), false]])
        expect(told[0]?.bytes).to.deep.equal(bytes)
        expect(faults).to.deep.equal([])
        // Its chain is taken as any other's.
        const author = TestAuthor.of(all, 'forked').grow(2)
        await liar.gossip('blocks', author.run(0, 2))
        liar.status(liar.honestly([]))
        expect(all.get('meter-1').store.quarantined(witness.publicKey)).to.equal(false)
      })

      it(`A12: that is forged and comes by ${way} costs its sender`, async () => {
        const bytes = await contradiction()
        await show(flipped(bytes, bytes.length - 1))
        expect(faults.map(({ fault }) => fault)).to.deep.equal(['bad-evidence'])
        expect(isKnown('meter-1')).to.equal(false)
      })
    }

    it('A13: against one that is no witness it is let go by, at nobody’s cost', async () => {
      liar.send({ type: 'evidence', evidence: await contradiction(signerOf('registrar')) })
      liar.send({ type: 'evidence', evidence: await contradiction(signerOf('stranger')) })
      await all.time.advance(100)
      expect(faults).to.deep.equal([])
      expect(all.get('meter-1').store.witnessEvidence.size).to.equal(0)
    })

    it('is shown to a neighbour that was away when it went round', async () => {
      await all.time.wait(all.get('meter-2').node.stop())
      liar.send({ type: 'evidence', evidence: await contradiction() })
      await all.time.advance(1_000)
      expect([isKnown('registrar'), isKnown('meter-2')]).to.deep.equal([true, false])
      await all.restart('meter-2')
      await all.link(2, 0)
      await all.time.advance(31_000)
      expect(isKnown('meter-2')).to.equal(true)
      await all.restart('meter-2')
      expect(isKnown('meter-2'), 'and stays there').to.equal(true)
    })
  })
})
