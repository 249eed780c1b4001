import { expect } from 'chai'
import {
  type Attestation,
  type Bytes,
  encodeSignedAttestation,
  type Frame,
  headsRoot,
  type Leaf,
  type SignedAttestation,
  signAttestation,
} from '../../../protocol/index.ts'
import { LiarPeer } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

const GARBAGE: Bytes = new Uint8Array(32).fill(0xba)

describe('a lying witness', () => {
  let all: Neighbourhood
  let liar: LiarPeer
  /** By sequence: the leaves that it says it has signed. */
  let shown: Map<number, readonly Leaf[]>
  let faults: string[]

  const finalAt = (at: string, member: string): number => all.get(at).store.witness.final(keyOf(member))?.size ?? 0
  const names = (): string[] => all.nodes.map(({ name }) => name)

  const take = async (name: string): Promise<void> => {
    await all.time.advance(60_000)
    await all.take(name)
  }

  /** Of four witnesses one is the liar; `links`: whom it is linked with. */
  const start = async (links: readonly string[], gossip: 'on' | 'off' = 'off'): Promise<void> => {
    all = await Neighbourhood.create({ meters: 3, absent: ['liar'], witnesses: 4, settings: { gossip, attestDelayMs: 500 } })
    faults = []
    for (const { name, node } of all.nodes) node.on('fault', ({ fault, detail }) => faults.push(`${name}: ${fault}: ${detail}`))
    await all.start(4)
    liar = await LiarPeer.start(all, 'liar')
    shown = new Map()
    liar.onFrame = (frame: Frame) => {
      if (frame.type !== 'ask-attested-leaves') return
      const leaves = shown.get(frame.sequence)
      if (leaves === undefined) liar.send({ type: 'miss', id: frame.id, reason: 'not-held' })
      else liar.send({ type: 'attested-leaves', id: frame.id, leaves })
    }
    for (const name of links) await liar.dial(name)
  }

  /** What the registrar's node holds of every chain. */
  const leavesHeld = (): Leaf[] => all.get('registrar').node.sync.view.leaves()

  const attestationOf = (sequence: number, leaves: readonly Leaf[], fields: Partial<Attestation> = {}): SignedAttestation => {
    const { members } = all.get('registrar').node.membership
    const heads = leaves.map(({ size, root }, index) => ({ member: members[index]?.key as Bytes, size, root }))
    return signAttestation(signerOf('liar'), all.genesis.networkId, {
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

  const show = (attestation: SignedAttestation): void =>
    liar.send({ type: 'attestations', attestations: [encodeSignedAttestation(attestation)] })

  afterEach(async () => {
    await liar.network.stop()
    await all.stop()
  })

  it('one false root counts for nothing, and its other leaves still count', async () => {
    await start(['registrar', 'meter-1', 'meter-2'])
    await all.time.wait(all.get('meter-3').node.stop())
    await take('meter-1')
    await take('meter-2')
    const left = ['registrar', 'meter-1', 'meter-2']
    await all.time.until(() => all.frontier('registrar')[2] === 1 && all.frontier('registrar')[1] === 1, 60_000, 'blocks')
    await all.time.advance(10_000)
    for (const name of left) expect([finalAt(name, 'meter-1'), finalAt(name, 'meter-2')], name).to.deep.equal([0, 0])
    const leaves = leavesHeld().map((leaf, index) => (index === 1 ? { ...leaf, root: GARBAGE } : leaf))
    shown.set(1, leaves)
    show(attestationOf(1, leaves))
    await all.time.until(
      () => left.every((name) => finalAt(name, 'meter-2') === 1),
      120_000,
      'what it told the truth about is final',
    )
    for (const name of left) expect(finalAt(name, 'meter-1'), name).to.equal(0)
    expect(faults.filter((fault) => !fault.includes('no-hello'))).to.deep.equal([])
    for (const name of left) expect(all.get(name).store.quarantined(keyOf('meter-1')), name).to.equal(false)
  })

  it('two roots of one sequence: what is true of either counts, in whatever order they come', async () => {
    await start(['registrar', 'meter-1', 'meter-2'])
    await all.time.wait(all.get('meter-3').node.stop())
    await take('meter-1')
    await take('meter-2')
    await all.time.until(() => all.frontier('registrar')[2] === 1 && all.frontier('registrar')[1] === 1, 60_000, 'blocks')
    const held = leavesHeld()
    const false1 = held.map((leaf, index) => (index === 1 ? { ...leaf, root: GARBAGE } : leaf))
    shown.set(1, false1)
    show(attestationOf(1, false1))
    await all.time.advance(1_000)
    show(attestationOf(1, held))
    const left = ['registrar', 'meter-1', 'meter-2']
    await all.time.until(() => left.every((name) => finalAt(name, 'meter-1') === 1), 120_000, 'the honest leaf counts')
  })

  it('leaves of nothing, invented sizes and silence stop nobody', async () => {
    await start(['registrar', 'meter-1', 'meter-2', 'meter-3'])
    show(
      attestationOf(
        7,
        Array.from({ length: 5 }, () => ({ size: 1_000_000, root: GARBAGE })),
      ),
    )
    await take('meter-1')
    await all.time.until(() => names().every((name) => finalAt(name, 'meter-1') === 1), 120_000, 'final')
    await all.time.advance(60_000)
    for (const name of names()) expect(all.get(name).node.heldBack(), name).to.equal(undefined)
    await take('meter-2')
    await all.time.until(() => names().every((name) => finalAt(name, 'meter-2') === 1), 120_000, 'final')
  })

  it('BAD_SIGNATURE: who passes on a forged one is charged, and hung up on when it goes on', async () => {
    await start(['registrar'])
    const forged = { ...attestationOf(1, leavesHeld()), signature: new Uint8Array(64).fill(7) }
    for (let i = 0; i < 200 && liar.isLinked; i++) {
      show({ ...forged, sequence: i + 1 })
      await all.time.advance(10)
    }
    expect(liar.isLinked).to.equal(false)
    expect(faults.filter((fault) => fault.includes('bad-attestation'))).not.to.deep.equal([])
  })

  it('ignored: of no witness, of another epoch, ahead of time; none is stored, and the sender is not charged', async () => {
    await start(['registrar'])
    const leaves = leavesHeld()
    const registrarSigned = signAttestation(signerOf('registrar'), all.genesis.networkId, {
      ...attestationOf(1, leaves),
      witness: keyOf('registrar'),
    })
    show(registrarSigned)
    show(attestationOf(1, leaves, { epoch: 3 }))
    show(attestationOf(2, leaves, { timeMs: all.time.clock.now() + 365 * 86_400_000 }))
    await all.time.advance(2_000)
    const { witness } = all.get('registrar').store
    for (const epoch of [0, 3]) expect(witness.attestations.has(epoch, keyOf('liar'))).to.equal(false)
    expect(witness.attestations.has(0, keyOf('registrar'))).to.equal(false)
    expect(faults).to.deep.equal([])
    show(attestationOf(3, leaves))
    await all.time.advance(2_000)
    expect(witness.attestations.has(0, keyOf('liar'))).to.equal(true)
  })

  it('sent every millisecond: looked at no faster than any honest witness would need', async () => {
    await start(['registrar'])
    const { node } = all.get('registrar')
    let told = 0
    const count = all.nodes.length
    for (const { node: each } of all.nodes) each.on('damage', () => told++)
    for (let sequence = 1; sequence <= 2_000; sequence++) {
      show(attestationOf(sequence, leavesHeld()))
      await all.time.advance(1)
    }
    await all.time.advance(5_000)
    expect(told).to.equal(0)
    expect(count).to.equal(4)
    // The last one that was looked at is an early one; the newest comes when the witness says it again.
    const stored = await node.store.witness.attestations.get(0, keyOf('liar'))
    expect(stored).not.to.equal(undefined)
    await take('meter-1')
    await all.time.until(() => names().every((name) => finalAt(name, 'meter-1') === 1), 120_000, 'the others go on')
  })
})
