import { expect } from 'chai'
import {
  type Attestation,
  type Bytes,
  checkWitnessEvidence,
  decodeWitnessEvidence,
  EMPTY_ROOT,
  encodeSignedAttestation,
  headsRoot,
  type Leaf,
  type SignedAttestation,
  type Signer,
  signAttestation,
  toHex,
} from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import { verifySignature } from '../../signature.ts'
import { LiarPeer } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { signerWithOneNonce } from '../harness/one-nonce.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey
const FALSE_ROOT: Bytes = new Uint8Array(32).fill(0xba)

type Proven = NodeEvents['witnessEvidence'] & { readonly at: string }

describe('a witness with two stories', () => {
  let all: Neighbourhood
  let liar: LiarPeer
  let seen: Proven[]
  let faults: string[]
  let signer: Signer
  /** What it says to whoever asks for the leaves of its attestation of that sequence. */
  const shown = new Map<number, readonly Leaf[]>()

  const names = (): string[] => all.nodes.map(({ name }) => name)
  const leavesHeld = (at = 'registrar'): Leaf[] => all.get(at).node.sync.view.leaves()
  const finalAt = (at: string, member: string): number => all.get(at).store.witness.final(keyOf(member))?.size ?? 0

  /** One of four witnesses is the liar; it is linked with these. */
  async function start(gossip: 'on' | 'off', links: readonly string[]): Promise<void> {
    all = await Neighbourhood.create({ meters: 3, absent: ['liar'], witnesses: 4, settings: { gossip, attestDelayMs: 500 } })
    seen = []
    faults = []
    for (const { name } of all.nodes) watch(name)
    await all.start(2)
    shown.clear()
    liar = await LiarPeer.start(all, 'liar')
    liar.onFrame = (frame) => {
      if (frame.type !== 'ask-attested-leaves') return
      const leaves = shown.get(frame.sequence)
      liar.send(
        leaves === undefined
          ? { type: 'miss', id: frame.id, reason: 'not-held' }
          : { type: 'attested-leaves', id: frame.id, leaves },
      )
    }
    for (const name of links) await liar.dial(name)
  }

  function watch(name: string): void {
    const { node } = all.get(name)
    node.on('witnessEvidence', (event) => seen.push({ ...event, at: name }))
    node.on('fault', ({ fault, detail }) => fault !== 'no-hello' && faults.push(`${name}: ${fault}: ${detail}`))
  }

  beforeEach(() => {
    signer = signerOf('liar')
  })
  afterEach(async () => {
    await liar.network.stop()
    await all.stop()
  })

  function attest(sequence: number, leaves: readonly Leaf[], fields: Partial<Attestation> = {}): SignedAttestation {
    const { members } = all.get('registrar').node.membership
    const heads = leaves.map((leaf, index) => ({ ...leaf, member: members[index]?.key as Bytes }))
    shown.set(sequence, leaves)
    return signAttestation(signer, all.genesis.networkId, {
      witness: keyOf('liar'),
      epoch: 0,
      sequence,
      timeMs: all.time.clock.now(),
      frontier: leaves.map(({ size }) => size),
      named: [],
      headsRoot: headsRoot(heads),
      ...fields,
    })
  }

  async function show(attestation: SignedAttestation): Promise<void> {
    liar.send({ type: 'attestations', attestations: [encodeSignedAttestation(attestation)] })
    await all.time.advance(1_000)
  }

  async function take(name: string): Promise<void> {
    await all.time.advance(60_000)
    await all.take(name)
  }

  /** So many blocks of meter-1, final everywhere. */
  async function grow(size: number): Promise<void> {
    while (finalAt('meter-1', 'meter-1') < size) {
      const before = finalAt('meter-1', 'meter-1')
      await take('meter-1')
      await all.time.until(() => names().every((name) => finalAt(name, 'meter-1') > before), 120_000, 'final')
    }
  }

  /** The root of nothing, in the place of meter-1's, at `size`. */
  const lie = (size: number): Leaf[] => leavesHeld().map((leaf, index) => (index === 1 ? { size, root: FALSE_ROOT } : leaf))

  async function untilProven(at = names()): Promise<void> {
    const isDone = (): boolean => at.every((name) => all.get(name).store.witnessEvidence.has(keyOf('liar')))
    await all.time.until(isDone, 120_000, `evidence at ${at.join(', ')}`)
  }

  /** The same everywhere, and right; nothing is quarantined, and what is sealed becomes final as before. */
  async function assertProven(size: number): Promise<void> {
    const found = await Promise.all(all.nodes.map(({ store }) => store.witnessEvidence.get(keyOf('liar'))))
    expect(new Set(found.map((bytes) => toHex(bytes as Bytes))).size, 'one evidence').to.equal(1)
    const evidence = decodeWitnessEvidence(found[0] as Bytes)
    expect(checkWitnessEvidence(verifySignature, all.genesis.networkId, evidence)).to.equal(undefined)
    expect([evidence.index, evidence.size]).to.deep.equal([1, size])
    expect(seen.map(({ at, member, self }) => [at, member, self])).to.have.deep.members(
      names().map((name) => [name, toHex(keyOf('liar')), false]),
    )
    for (const { name, store } of all.nodes) {
      for (const { key } of all.genesis.members) expect(store.quarantined(key), `chain at ${name}`).to.equal(false)
    }
    const before = finalAt('meter-1', 'meter-1')
    await grow(before + 1)
    await take('meter-2')
    const isFinal = (name: string): boolean => finalAt(name, 'meter-2') === 1
    await all.time.until(() => names().every(isFinal), 120_000, 'the other chain is final')
    expect(faults).to.deep.equal([])
  }

  for (const gossip of ['on', 'off'] as const) {
    it(`A9: a false root after a true one of the same size is proven to everybody (gossip ${gossip})`, async () => {
      await start(gossip, ['meter-1'])
      await grow(2)
      await show(attest(1, leavesHeld()))
      expect(seen).to.deep.equal([])
      await show(attest(2, lie(2)))
      await untilProven()
      await assertProven(2)
    })

    it(`A9: a false root before a longer true one is proven by the tree of the chain (gossip ${gossip})`, async () => {
      await start(gossip, ['meter-1', 'meter-2'])
      await grow(2)
      await show(attest(1, lie(2)))
      await grow(5)
      expect(seen, 'one story proves nothing').to.deep.equal([])
      await show(attest(2, leavesHeld()))
      await untilProven()
      await assertProven(2)
    })
  }

  it('A9: a false root under a signature that shares its first half with that of a true one is proven', async () => {
    signer = signerWithOneNonce('liar')
    await start('on', ['meter-1'])
    await grow(2)
    const [one, other] = [attest(1, leavesHeld()), attest(2, lie(2))]
    expect(toHex(one.signature).slice(0, 64)).to.equal(toHex(other.signature).slice(0, 64))
    await show(one)
    await show(other)
    await untilProven()
    await assertProven(2)
  })

  it('A9: a root of blocks that nobody has sealed yet is proven once the witness has attested as much of the chain', async () => {
    await start('on', ['meter-1'])
    await grow(1)
    await show(attest(1, lie(3)))
    await all.time.advance(10_000)
    await grow(2)
    await show(attest(2, leavesHeld()))
    expect(seen).to.deep.equal([])
    await grow(4)
    await all.time.advance(10_000)
    expect(seen, 'it has not attested so much of the true chain').to.deep.equal([])
    await show(attest(3, leavesHeld()))
    await untilProven()
    await assertProven(3)
  })

  it('A9: two attestations of one sequence are a contradiction by their leaves, whatever their order', async () => {
    await start('on', ['meter-1'])
    await grow(2)
    await show(attest(1, leavesHeld()))
    await show(attest(1, lie(2)))
    await untilProven()
    await assertProven(2)
  })

  it('A9: two of one sequence that are gossiped are found out, and nobody is blamed for having the other one', async () => {
    await start('on', ['meter-1'])
    await grow(2)
    for (const leaves of [leavesHeld(), lie(2)]) {
      await liar.gossip('attestations', encodeSignedAttestation(attest(1, leaves)))
      await all.time.advance(1_000)
    }
    await untilProven()
    await assertProven(2)
  })

  it('A9: two halves that were shown one each find out when they meet', async () => {
    await start('on', ['meter-1'])
    await grow(2)
    for (const here of ['registrar', 'meter-1']) {
      for (const there of ['meter-2', 'meter-3']) all.hub.cut(keyOf(here), keyOf(there))
    }
    await all.time.advance(60_000)
    await show(attest(1, leavesHeld()))
    await all.time.wait(liar.network.hangUp(keyOf('meter-1')))
    await liar.dial('meter-2')
    await show(attest(1, lie(2)))
    await all.time.advance(60_000)
    expect(seen, 'each half has one story').to.deep.equal([])
    all.hub.healAll()
    await untilProven()
    await assertProven(2)
  })

  it('A9: a leaf that is smaller than before contradicts nothing', async () => {
    await start('on', ['meter-1'])
    await grow(2)
    await show(attest(1, leavesHeld()))
    await show(
      attest(
        2,
        leavesHeld().map((leaf, index) => (index === 1 ? { size: 0, root: EMPTY_ROOT } : leaf)),
      ),
    )
    await all.time.advance(20_000)
    expect(seen).to.deep.equal([])
  })

  it('A13: a node that was away is shown it, and still has it after a restart', async () => {
    await start('off', ['meter-1'])
    await grow(1)
    await all.time.wait(all.get('meter-3').node.stop())
    await show(attest(1, leavesHeld()))
    await show(attest(2, lie(1)))
    await untilProven(['registrar', 'meter-1', 'meter-2'])
    await all.restart('meter-3')
    watch('meter-3')
    await all.link(3, 0)
    await untilProven()
    await assertProven(1)
    await all.restart('meter-3')
    expect(all.get('meter-3').store.witnessEvidence.has(keyOf('liar'))).to.equal(true)
  })
})
