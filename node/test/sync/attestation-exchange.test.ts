import { expect } from 'chai'
import {
  attestationsDigest,
  encodeSignedAttestation,
  MAX_NAMES_PER_FRAME,
  NO_DIGEST,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { MAX_EARLY_BYTES, MAX_JUDGED, MAX_TAKING_BYTES, MAX_TOLD } from '../../sync/attestation-exchange.ts'
import { KnownAttestations } from '../../sync/known-attestations.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import {
  AttestationStand,
  attestationOf,
  type FakeSession,
  namedTo,
  nameOfBytes,
  names,
  parts,
  storedOf,
  toldTo,
} from './attestation-stand.ts'
import { fakeSession } from './fake-session.ts'

describe('new attestations', () => {
  it('S28: are named together after the delay, the newest of a witness and epoch, to others than they came from', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    stand.note(attestationOf('w1', 0, 1))
    await stand.time.advance(2_000)
    const newest = nameOfBytes(stand.note(attestationOf('w1', 0, 2)))
    stand.note(attestationOf('w1', 0, 1))
    const next = nameOfBytes(stand.note(attestationOf('w1', 1, 3)))
    const other = nameOfBytes(stand.note(attestationOf('w2', 0, 1), a.peerHex))
    expect([a.sent, stand.exchange.names.waiting]).to.deep.equal([[], 3])
    await stand.time.advance(500)
    expect(namedTo(a)).to.deep.equal([newest, next])
    expect([names(a), names(b)]).to.deep.equal([[2], [3]])
    expect(namedTo(b)).to.deep.equal([newest, next, other])
    // Nothing is told twice.
    stand.note(attestationOf('w1', 0, 2))
    await stand.time.advance(2_500)
    expect([names(a), names(b), stand.time.pending]).to.deep.equal([[2], [3], 0])
  })

  it('wait in a bounded number, and are named in frames of a bounded number', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    for (let epoch = 0; epoch < MAX_TOLD + 5; epoch++) stand.note(attestationOf('w', epoch, epoch + 1))
    expect(stand.exchange.names.waiting).to.equal(MAX_TOLD)
    await stand.time.advance(2_500)
    expect(new Set(names(a))).to.deep.equal(new Set([MAX_NAMES_PER_FRAME]))
    expect(namedTo(a)).to.have.length(MAX_TOLD)
  })

  it('are left to gossip where it carries them, and named at the cross-check to who is not known to hold them', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    stand.isGossiped = true
    stand.note(attestationOf('w', 0, 1), a.peerHex)
    await stand.time.advance(2_500)
    expect([names(a), names(b), stand.exchange.names.waiting, stand.time.pending]).to.deep.equal([[], [], 0, 0])
    for (let again = 0; again < 2; again++) stand.exchange.onCrossCheck()
    expect([names(a), names(b)]).to.deep.equal([[], [1]])
  })

  it('are named to a third of the neighbours at a cross-check where gossip carries them, to all of them in turn', async () => {
    const stand = new AttestationStand()
    const all: FakeSession[] = []
    for (let i = 0; i < 9; i++) all.push(await stand.greet(`n${i}`))
    stand.isGossiped = true
    stand.note(attestationOf('w', 0, 1))
    await stand.time.advance(2_500)
    const told = (): number => all.filter((each) => names(each).length > 0).length
    for (const count of [3, 6, 9]) {
      stand.exchange.onCrossCheck()
      expect(told()).to.equal(count)
    }
    stand.note(attestationOf('w', 0, 2))
    await stand.time.advance(2_500)
    stand.isGossiped = false
    stand.exchange.onCrossCheck()
    expect(all.map(names)).to.deep.equal(Array.from({ length: 9 }, () => [1, 1]))
  })

  it('N7: are named in rounds to whom gossip leaves out, in short ones too, whoever signed them', async () => {
    for (const announceDelayMs of [10_000, 250]) {
      const stand = new AttestationStand({ announceDelayMs })
      const [a, b] = [await stand.greet('a'), await stand.greet('b')]
      stand.isGossiped = true
      stand.gossipMesh = new Set([a.peerHex])
      stand.note(attestationOf('w', 0, 1), a.peerHex)
      stand.note(attestationOf('self', 0, 1), 'own')
      await stand.time.advance(2_500)
      expect([names(a), names(b), parts(b)]).to.deep.equal([[], [2], [-1]])
      // A neighbour that has named it, or sent it by itself, may be the only one outside: nobody in the mesh has it by gossip.
      const attestation = attestationOf('w', 0, 2)
      const attestations = [encodeSignedAttestation(attestation)]
      stand.exchange.onFrame(b, { type: 'attestations', attestations })
      await stand.time.settle()
      stand.note(attestation, b.peerHex)
      await stand.time.advance(2_500)
      expect([names(a), names(b)]).to.deep.equal([[1], [2]])
    }
  })

  it('and wait for the end of the round are not named before it by a cross-check', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.note(attestationOf('w', 0, 1))
    stand.exchange.onCrossCheck()
    expect(names(a)).to.deep.equal([])
    await stand.time.advance(2_500)
    expect(names(a)).to.deep.equal([1])
  })

  it('are not told to a neighbour that has not greeted or is gone, and to nobody after the end', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.sessions.push(fakeSession('b'))
    stand.exchange.onSessionEnd(a)
    stand.note(attestationOf('w', 0, 1))
    await stand.time.advance(2_500)
    expect(stand.sessions.map(names)).to.deep.equal([[], []])
    const c = await stand.greet('c')
    stand.note(attestationOf('w', 0, 2))
    stand.exchange.stop()
    stand.note(attestationOf('w', 0, 3))
    stand.exchange.onGreeted(fakeSession('d'))
    stand.exchange.onCrossCheck()
    stand.exchange.askClosings(0)
    expect(await stand.exchange.askLeaves(attestationOf('w', 0, 3), undefined)).to.equal(undefined)
    await stand.time.advance(2_500)
    expect([stand.time.pending, c.sent, stand.exchange.names.waiting]).to.deep.equal([0, [], 0])
  })
})

const signed = (byte: number): Uint8Array => new Uint8Array(64).fill(byte)

function saying(attestations: Uint8Array, name: string): FakeSession {
  const session = fakeSession(name)
  session.hello = { observer: false, pruned: false, agent: '', known: { addresses: NO_DIGEST, attestations } }
  return session
}

describe('what is held', () => {
  it('S21: is told once a neighbour has greeted, and then that it is all; also where it is nothing', async () => {
    const stand = new AttestationStand()
    const a = fakeSession('a')
    stand.exchange.onGreeted(a)
    stand.exchange.onGreeted(a)
    await stand.time.settle()
    expect(parts(a)).to.deep.equal([0])
    stand.held = Array.from({ length: 70 }, (_, i) => storedOf(attestationOf(`w${i}`, 0, 1)))
    const b = fakeSession('b')
    stand.exchange.onGreeted(b)
    await stand.time.settle()
    expect(parts(b)).to.deep.equal([64, 6, 0])
    expect(toldTo(b)).to.deep.equal(stand.held.map(({ bytes }) => bytes))
    stand.exchange.onCrossCheck()
    expect([namedTo(a).length, namedTo(b).length]).to.deep.equal([70, 0])
  })

  it('S30: is not told to who says that it holds the same, and is known to it', async () => {
    const stand = new AttestationStand()
    stand.held = Array.from({ length: 3 }, (_, i) => storedOf({ ...attestationOf(`w${i}`, 0, 1), signature: signed(i) }))
    expect(stand.exchange.digest()).to.deep.equal(NO_DIGEST)
    await stand.greet('a')
    const digest = stand.exchange.digest()
    expect(digest).to.deep.equal(attestationsDigest([signed(2), signed(0), signed(1)]))
    const b = saying(digest, 'b')
    stand.exchange.onGreeted(b)
    expect(parts(b)).to.deep.equal([0])
    stand.exchange.onCrossCheck()
    expect(b.sent).to.have.length(1)
    // Another one of the same name makes another digest, and so does a newer one.
    stand.note({ ...attestationOf('w0', 0, 2), signature: signed(9) })
    expect(stand.exchange.digest()).to.deep.equal(attestationsDigest([signed(1), signed(2), signed(9)]))
    const c = saying(digest, 'c')
    stand.exchange.onGreeted(c)
    await stand.time.settle()
    expect(parts(c)).to.deep.equal([3, 0])
  })

  it('S30: is told to everybody as long as it is not read, also to who says nothing or that it holds nothing', async () => {
    for (const digest of [NO_DIGEST, attestationsDigest([])]) {
      const stand = new AttestationStand()
      stand.held = [storedOf(attestationOf('w', 0, 1))]
      const a = saying(digest, 'a')
      stand.exchange.onGreeted(a)
      await stand.time.settle()
      expect(parts(a)).to.deep.equal([1, 0])
    }
  })

  it('is told up to a bound, of which each neighbour is remembered to know it', async () => {
    const stand = new AttestationStand()
    const bytes = encodeSignedAttestation(attestationOf('w', 0, 1))
    const witness = signerOf('w').publicKey
    stand.held = Array.from({ length: MAX_TOLD + 100 }, (_, epoch) => ({ witness, epoch, sequence: 1, bytes }))
    const a = fakeSession('a')
    stand.exchange.onGreeted(a)
    await stand.time.settle()
    expect(toldTo(a)).to.have.length(MAX_TOLD)
    stand.exchange.onCrossCheck()
    expect([toldTo(a).length, namedTo(a).length]).to.deep.equal([MAX_TOLD, 0])
    const known = new KnownAttestations(3)
    for (let epoch = 0; epoch < 5; epoch++) expect(known.add(`w${epoch}`, 1)).to.equal(true)
    expect(known.size).to.equal(3)
    expect(known.has('w0', 1)).to.equal(false)
    expect(known.add('w4', 1)).to.equal(false)
  })

  it('is told at the pace of the neighbour, as long as it is there', async () => {
    const stand = new AttestationStand()
    stand.held = Array.from({ length: 200 }, (_, i) => storedOf(attestationOf('w', i, 1)))
    const a = fakeSession('a')
    const room = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let asked = 0
    const send = a.channel.send.bind(a.channel)
    a.channel.send = (bytes) => {
      send(bytes)
      return false
    }
    a.channel.drained = () => room[asked++]?.promise ?? Promise.reject(new Error('closed'))
    stand.exchange.onGreeted(a)
    await stand.time.settle()
    expect(parts(a)).to.deep.equal([64])
    room[0]?.resolve()
    await stand.time.settle()
    expect(parts(a)).to.deep.equal([64, 64])
    a.isOpen = false
    room[1]?.resolve()
    await stand.time.settle()
    expect([parts(a), stand.damage]).to.deep.equal([[64, 64], []])
  })

  it('that cannot be read is this node’s own damage', async () => {
    const stand = new AttestationStand({
      stored: () => Promise.reject(new Error('disk')),
      leavesOf: () => Promise.reject(new Error('disk')),
    })
    const a = await stand.greet('a')
    const asked = { witness: ZERO_HASH, epoch: 0, sequence: 1, headsRoot: ZERO_HASH }
    stand.exchange.onFrame(a, { type: 'ask-attested-leaves', id: 7, ...asked })
    await stand.time.settle()
    expect(stand.damage).to.have.length(2)
    expect(a.sent).to.deep.equal([{ type: 'miss', id: 7, reason: 'not-held' }])
  })
})

describe('attestations that come', () => {
  it('are judged in their order, and the end of what was held is told after all of them, once', async () => {
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const stand = new AttestationStand({
      take: async (bytes) => {
        await gate.promise
        order.push(`${bytes[0]}`)
        return 'ignore'
      },
      onTold: () => void order.push('told'),
    })
    const a = await stand.greet('a')
    expect(stand.exchange.onFrame(a, { type: 'attestations', attestations: [Uint8Array.of(1), Uint8Array.of(2)] })).to.equal(true)
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [] })
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [Uint8Array.of(3)] })
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [] })
    expect(stand.exchange.takingBytes(a)).to.equal(3)
    gate.resolve()
    await stand.time.settle()
    expect(order).to.deep.equal(['1', '2', 'told', '3'])
    expect([stand.exchange.takingBytes(a), stand.exchange.takingBytes(fakeSession('b'))]).to.deep.equal([0, 0])
  })

  it('and are rejected cost the sender; a failure of this node’s own does not', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.verdict = 'reject'
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [Uint8Array.of(1)] })
    await stand.time.settle()
    expect(stand.faults).to.deep.equal([['bad-attestation', a.peerHex]])
    const broken = new AttestationStand({ take: () => Promise.reject(new Error('disk')) })
    const b = await broken.greet('b')
    broken.exchange.onFrame(b, { type: 'attestations', attestations: [Uint8Array.of(1)] })
    await broken.time.settle()
    expect([broken.faults, broken.damage.length]).to.deep.equal([[], 1])
  })

  it('are known to whom they came from', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const attestation = attestationOf('w', 0, 4)
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [encodeSignedAttestation(attestation)] })
    await stand.time.settle()
    stand.isGossiped = true
    stand.note(attestation, 'somebody else')
    await stand.time.advance(2_500)
    stand.exchange.onCrossCheck()
    expect([names(a), names(b)]).to.deep.equal([[], [1]])
  })

  it('and were accepted are judged once, whoever tells them again, a bounded number of them', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const attestation = attestationOf('w', 0, 4)
    const attestations = [encodeSignedAttestation(attestation)]
    stand.verdict = 'ignore'
    for (let i = 0; i < 2; i++) stand.exchange.onFrame(a, { type: 'attestations', attestations })
    await stand.time.settle()
    expect(stand.taken).to.have.length(2)
    stand.verdict = 'accept'
    for (const session of [a, b, a]) {
      stand.exchange.onFrame(session, { type: 'attestations', attestations })
      await stand.time.settle()
    }
    expect(stand.taken).to.have.length(3)
    stand.isGossiped = true
    stand.note(attestation, 'somebody else')
    await stand.time.advance(2_500)
    stand.exchange.onCrossCheck()
    expect([names(a), names(b)]).to.deep.equal([[], []])
    for (let sequence = 5; sequence < 5 + MAX_JUDGED; sequence++) {
      const signature = new Uint8Array(64)
      new DataView(signature.buffer).setUint32(60, sequence)
      const another = encodeSignedAttestation({ ...attestation, sequence, signature })
      stand.exchange.onFrame(a, { type: 'attestations', attestations: [another] })
    }
    await stand.time.settle()
    stand.exchange.onFrame(a, { type: 'attestations', attestations })
    await stand.time.settle()
    expect(stand.taken).to.have.length(3 + MAX_JUDGED + 1)
  })

  it('told early are judged again once more of the registrar’s chain is held, of each neighbour a bounded number', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.verdict = 'early'
    const large = new Uint8Array(65_536)
    const most = MAX_EARLY_BYTES / large.length
    for (let i = 0; i < most + 3; i++) stand.exchange.onFrame(a, { type: 'attestations', attestations: [large] })
    await stand.time.settle()
    expect(stand.taken).to.have.length(most + 3)
    stand.verdict = 'accept'
    stand.exchange.onRegistrarGrew()
    await stand.time.settle()
    expect(stand.taken).to.have.length(most + 3 + most)
    stand.exchange.onRegistrarGrew()
    await stand.time.settle()
    expect(stand.taken, 'once').to.have.length(most + 3 + most)
  })

  it('wait in bounded bytes for each neighbour, and for none that is gone', async () => {
    const gate = Promise.withResolvers<'ignore'>()
    let asked = 0
    const stand = new AttestationStand({
      take: () => {
        asked++
        return gate.promise
      },
    })
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const large = new Uint8Array(65_536)
    for (let i = 0; i < 200; i++) stand.exchange.onFrame(a, { type: 'attestations', attestations: [large] })
    expect(stand.exchange.takingBytes(a)).to.equal(MAX_TAKING_BYTES)
    stand.exchange.onFrame(b, { type: 'attestations', attestations: [large] })
    expect(stand.exchange.takingBytes(b)).to.equal(65_536)
    await stand.time.settle()
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [] })
    a.isOpen = false
    stand.exchange.onSessionEnd(a)
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [large] })
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [] })
    gate.resolve('ignore')
    await stand.time.settle()
    expect([asked, stand.told]).to.deep.equal([2, []])
  })
})
