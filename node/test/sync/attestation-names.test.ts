import { expect } from 'chai'
import {
  type AttestationName,
  encodeSignedAttestation,
  type Frame,
  MAX_ATTESTATIONS_PER_FRAME,
  type SignedAttestation,
} from '../../../protocol/index.ts'
import { MAX_WAITING_WANTS } from '../../sync/answer-line.ts'
import { AttestationBook, keyOf, nameOf } from '../../sync/attestation-book.ts'
import { ANSWER_TIMEOUT_MS } from '../../sync/bounds.ts'
import { isTurnOf } from '../../sync/cross-check.ts'
import { MAX_OWN_ROOTS, OwnRoots } from '../../sync/own-roots.ts'
import { MAX_ASKS, MAX_TELLERS, MAX_WANTED, MAX_WANTED_OF_ONE, WantedAttestations } from '../../sync/wanted-attestations.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { AttestationStand, attestationOf, type FakeSession, nameOfBytes, parts, questions, toldTo } from './attestation-stand.ts'
import { fakeSession } from './fake-session.ts'

const named = (...attestations: SignedAttestation[]): Frame => ({
  type: 'attested',
  names: attestations.map((each) => nameOf(each, encodeSignedAttestation(each))),
})

/** Another story of the same sequence. */
function otherThan(attestation: SignedAttestation): SignedAttestation {
  const signature = attestation.signature.slice()
  signature[33] = 0xff
  return { ...attestation, signature }
}

const asked = (session: FakeSession): number[] => questions(session, 'want-attestations').map((frame) => frame.names.length)

describe('attestations that neighbours name', () => {
  it('S28: are asked of one of those who hold them, as few as name them all', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const [one, two] = [attestationOf('w1', 0, 1), attestationOf('w2', 0, 1)]
    stand.exchange.onFrame(a, named(one))
    stand.exchange.onFrame(b, named(one, two))
    expect([stand.exchange.names.wanted, asked(a), asked(b)]).to.deep.equal([2, [], []])
    // A moment later, with what others name at the same time.
    await stand.time.advance(2_500)
    expect([asked(a), asked(b)]).to.deep.equal([[1], [1]])
    stand.exchange.names.ask()
    expect([asked(a), asked(b)], 'on its way').to.deep.equal([[1], [1]])
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [encodeSignedAttestation(one)] })
    stand.exchange.onFrame(b, { type: 'attestations', attestations: [encodeSignedAttestation(two)] })
    await stand.time.settle()
    expect([stand.taken.length, stand.exchange.names.wanted]).to.deep.equal([2, 0])
  })

  it('are not asked for where they are held, or newer ones; another one of the same sequence is', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.note(attestationOf('w', 0, 5))
    stand.exchange.onFrame(a, named(attestationOf('w', 0, 5)))
    stand.exchange.onFrame(a, named(attestationOf('w', 0, 4)))
    expect([stand.exchange.names.wanted, stand.time.pending]).to.deep.equal([0, 1])
    for (const news of [otherThan(attestationOf('w', 0, 5)), attestationOf('w', 0, 6), attestationOf('w', 1, 1)]) {
      stand.exchange.onFrame(a, named(news))
    }
    expect(stand.exchange.names.wanted).to.equal(3)
    // What comes by another way is not asked for.
    stand.note(attestationOf('w', 0, 7))
    stand.exchange.names.ask()
    expect([asked(a), stand.exchange.names.wanted]).to.deep.equal([[1], 1])
  })

  it('are asked of the next where no answer came, and for the last time after so many', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    for (const session of [a, b, a]) stand.exchange.onFrame(session, named(attestationOf('w', 0, 1)))
    for (let again = 0; again < MAX_ASKS + 2; again++) {
      stand.exchange.onCrossCheck()
      await stand.time.advance(ANSWER_TIMEOUT_MS)
    }
    expect([asked(a).length, asked(b).length, stand.exchange.names.wanted]).to.deep.equal([MAX_ASKS / 2, MAX_ASKS / 2, 0])
  })

  it('are asked of the next where what came was changed on its way', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const attestation = attestationOf('w', 0, 1)
    for (const session of [a, b]) stand.exchange.onFrame(session, named(attestation))
    stand.exchange.names.ask()
    stand.verdict = 'reject'
    const changed = encodeSignedAttestation({ ...attestation, frontier: [9, 9] })
    stand.exchange.onFrame(a, { type: 'attestations', attestations: [changed] })
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    stand.exchange.onCrossCheck()
    expect([asked(a), asked(b), stand.exchange.names.wanted]).to.deep.equal([[1], [1], 1])
    stand.verdict = 'accept'
    stand.exchange.onFrame(b, { type: 'attestations', attestations: [encodeSignedAttestation(attestation)] })
    await stand.time.settle()
    expect(stand.exchange.names.wanted).to.equal(0)
  })

  it('are asked of nobody who is gone', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.exchange.onFrame(a, named(attestationOf('w', 0, 1)))
    a.isOpen = false
    stand.exchange.onSessionEnd(a)
    stand.exchange.names.ask()
    expect([asked(a), stand.exchange.names.wanted]).to.deep.equal([[], 0])
    stand.exchange.onFrame(a, named(attestationOf('w', 0, 2)))
    expect(stand.exchange.names.wanted).to.equal(0)
  })

  it('are told back to nobody who named them', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const attestation = attestationOf('w', 0, 1)
    stand.exchange.onFrame(a, named(attestation))
    stand.note(attestation, b.peerHex)
    await stand.time.advance(2_500)
    expect([questions(a, 'attested'), questions(b, 'attested')]).to.deep.equal([[], []])
  })

  it('are wanted in a bounded number, each of a bounded number of neighbours', () => {
    const time = new VirtualTime()
    const wanted = new WantedAttestations(new AttestationBook(10), time.clock)
    const name = (epoch: number): AttestationName => nameOfBytes(encodeSignedAttestation(attestationOf('w', epoch, 1)))
    const sessions = Array.from({ length: MAX_WANTED / MAX_WANTED_OF_ONE + 1 }, (_, i) => fakeSession(`n${i}`))
    // What one makes up pushes out nothing that others name.
    const liar = sessions[0] as FakeSession
    for (let epoch = 0; epoch < MAX_WANTED_OF_ONE + 50; epoch++) wanted.note(liar, keyOf(name(epoch)), name(epoch))
    expect(wanted.size).to.equal(MAX_WANTED_OF_ONE)
    wanted.settle(name(0))
    expect(wanted.note(liar, keyOf(name(0)), name(0)), 'one was settled').to.equal(true)
    expect(wanted.note(liar, keyOf(name(9_999)), name(9_999))).to.equal(false)
    for (const [i, session] of sessions.entries()) {
      for (let k = 0; k < MAX_WANTED_OF_ONE; k++)
        wanted.note(session, keyOf(name(1_000 + 200 * i + k)), name(1_000 + 200 * i + k))
    }
    expect(wanted.size).to.equal(MAX_WANTED)
    expect([...wanted.due().values()].flat()).to.have.length(MAX_WANTED)
    wanted.clear()
    expect(wanted.size).to.equal(0)
  })

  it('are asked of a bounded number of those who name them', async () => {
    const time = new VirtualTime()
    const wanted = new WantedAttestations(new AttestationBook(10), time.clock)
    const name = nameOfBytes(encodeSignedAttestation(attestationOf('w', 0, 1)))
    for (let i = 0; i < MAX_TELLERS + 2; i++) wanted.note(fakeSession(`n${i}`), keyOf(name), name)
    const asked = new Set<unknown>()
    for (let again = 0; again < MAX_ASKS; again++) {
      for (const session of wanted.due().keys()) asked.add(session)
      await time.advance(ANSWER_TIMEOUT_MS)
    }
    expect(asked.size).to.equal(MAX_TELLERS)
  })

  it('are asked for in frames of a bounded number', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    stand.exchange.onFrame(a, named(...Array.from({ length: 70 }, (_, epoch) => attestationOf('w', epoch, 1))))
    stand.exchange.names.ask()
    expect(asked(a)).to.deep.equal([MAX_ATTESTATIONS_PER_FRAME, 6])
    stand.exchange.stop()
    expect(stand.exchange.names.wanted).to.equal(0)
  })
})

describe('attestations that this node has just signed', () => {
  it('S21: go whole to all neighbours at once, which need not ask, and are told no more', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const bytes = stand.note(attestationOf('w', 0, 1), 'own')
    expect([a, b].map(toldTo)).to.deep.equal([[bytes], [bytes]])
    expect([stand.exchange.names.waiting, stand.time.pending]).to.deep.equal([0, 0])
    stand.exchange.onCrossCheck()
    stand.note(attestationOf('w', 0, 1), 'own')
    expect([a, b].map((each) => each.sent.length)).to.deep.equal([1, 1])
  })

  it('go with the round where rounds are short, and by gossip where it carries them', async () => {
    const short = new AttestationStand({ announceDelayMs: 250 })
    const a = await short.greet('a')
    const bytes = short.note(attestationOf('w', 0, 1), 'own')
    expect([a.sent.length, short.exchange.names.waiting]).to.deep.equal([0, 1])
    await short.time.advance(250)
    expect(toldTo(a)).to.deep.equal([bytes])
    const gossiped = new AttestationStand()
    gossiped.isGossiped = true
    const b = await gossiped.greet('b')
    gossiped.note(attestationOf('w', 0, 1), 'own')
    await gossiped.time.advance(2_500)
    expect([b.sent, gossiped.time.pending]).to.deep.equal([[], 0])
  })
})

describe('new attestations in short rounds', () => {
  it('S21: go whole to each neighbour that is not known to hold them, in frames of a bounded number', async () => {
    const stand = new AttestationStand({ announceDelayMs: 250 })
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const bytes = stand.note(attestationOf('w', 0, 1), a.peerHex)
    await stand.time.advance(250)
    expect([toldTo(a), toldTo(b), questions(b, 'attested')]).to.deep.equal([[], [bytes], []])
    for (let epoch = 1; epoch < 71; epoch++) stand.note(attestationOf('w', epoch, epoch + 1))
    await stand.time.advance(250)
    expect([parts(a), parts(b)]).to.deep.equal([
      [64, 6],
      [1, 64, 6],
    ])
  })
})

describe('attestations that neighbours ask for', () => {
  it('S29: are sent, the newest of each witness and epoch, and count as known there; where none is held, nothing', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const first = attestationOf('w', 0, 1)
    stand.note(first)
    await stand.time.advance(2_500)
    const newest = stand.note(attestationOf('w', 0, 2))
    const other = stand.note(attestationOf('v', 0, 1))
    stand.exchange.onFrame(a, { type: 'want-attestations', names: [first, attestationOf('v', 0, 1), attestationOf('x', 0, 1)] })
    stand.exchange.onFrame(b, { type: 'want-attestations', names: [attestationOf('x', 0, 1)] })
    await stand.time.settle()
    expect([toldTo(a), parts(b)]).to.deep.equal([[newest, other], [-1]])
    a.sent.length = 0
    await stand.time.advance(2_500)
    expect([questions(a, 'attested').length, questions(b, 'attested').length]).to.deep.equal([0, 2])
  })
})

describe('neighbours that ask for more than they take', () => {
  it('are told no miss: it would answer another question of theirs', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    const bytes = stand.note(attestationOf('w', 0, 1))
    const send = a.channel.send.bind(a.channel)
    a.channel.send = (frame) => {
      send(frame)
      return false
    }
    a.channel.drained = () => new Promise(() => undefined)
    for (let i = 0; i < MAX_WAITING_WANTS + 20; i++) {
      stand.exchange.onFrame(a, { type: 'want-attestations', names: [attestationOf('w', 0, 1)] })
    }
    await stand.time.settle()
    expect([toldTo(a), a.sent.length]).to.deep.equal([[bytes], 1])
  })
})

describe('the book of attestations', () => {
  it('holds the newest of each witness and epoch, a bounded number of them, the newest', () => {
    const book = new AttestationBook(3)
    const note = (epoch: number, sequence: number): boolean => {
      const attestation = attestationOf('w', epoch, sequence)
      return book.note(attestation, encodeSignedAttestation(attestation)) !== undefined
    }
    expect([note(0, 2), note(0, 1), note(0, 2), note(0, 3)]).to.deep.equal([true, false, false, true])
    note(1, 1)
    note(0, 4)
    note(2, 1)
    note(3, 1)
    expect([book.size, [...book.all()].map(({ name }) => name.epoch)]).to.deep.equal([3, [0, 2, 3]])
    expect(book.get(keyOf(attestationOf('w', 1, 1)))).to.equal(undefined)
  })
})

describe('rounds of the cross-check', () => {
  it('one end of each pair says what it holds in this round, the other in the next', () => {
    const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    for (const round of [0, 1, 1_000_001]) {
      expect(isTurnOf(a, b, round)).to.equal(!isTurnOf(b, a, round))
      expect(isTurnOf(a, b, round)).to.equal(!isTurnOf(a, b, round + 1))
    }
  })

  it('heads roots found to be the own are known at their frontiers alone, a bounded number of them', () => {
    const roots = new OwnRoots()
    const root = (i: number): Uint8Array => new Uint8Array(32).fill(7).fill(i, 0, 6)
    roots.add(root(1), [1, 2])
    expect(roots.has(root(1), [1, 2])).to.equal(true)
    for (const frontier of [[1, 3], [1], [1, 2, 0]]) expect(roots.has(root(1), frontier)).to.equal(false)
    expect(roots.has(root(1).fill(8, 6), [1, 2]), 'the same beginning').to.equal(false)
    for (let i = 2; i <= MAX_OWN_ROOTS + 1; i++) roots.add(root(i), [1, 2])
    expect([roots.size, roots.has(root(1), [1, 2])]).to.deep.equal([MAX_OWN_ROOTS, false])
  })
})
