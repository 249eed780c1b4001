import { expect } from 'chai'
import { encodeSignedAttestation, type Frame, MAX_WITNESSES, ZERO_HASH } from '../../../protocol/index.ts'
import { MAX_WAITING_WANTS } from '../../sync/answer-line.ts'
import {
  MAX_ASKED_FOR_LEAVES,
  MAX_CLOSINGS_ASKED,
  MAX_LEAVES_SOUGHT,
  MAX_QUESTIONS_PER_SECOND,
} from '../../sync/attestation-questions.ts'
import { ANSWER_TIMEOUT_MS } from '../../sync/bounds.ts'
import { AttestationStand, attestationOf, type FakeSession, leaves, questions } from './attestation-stand.ts'

describe('questions about attestations', () => {
  it('S22 S26: are answered where there is an answer, one neighbour’s in turn and in a bounded number', async () => {
    const gate = Promise.withResolvers<void>()
    const stand = new AttestationStand({
      leavesOf: async ({ epoch }) => {
        await gate.promise
        return epoch === 0 ? leaves(3) : undefined
      },
      closingsOf: async () => Array.from({ length: MAX_WITNESSES + 3 }, () => Uint8Array.of(1)),
    })
    const a = await stand.greet('a')
    const ask = (id: number, epoch: number): Frame => {
      return { type: 'ask-attested-leaves', id, witness: ZERO_HASH, epoch, sequence: 1, headsRoot: ZERO_HASH }
    }
    expect(stand.exchange.onFrame(a, ask(1, 0))).to.equal(true)
    expect(stand.exchange.onFrame(a, ask(2, 1))).to.equal(true)
    expect(stand.exchange.onFrame(a, { type: 'ask-closings', id: 3, epoch: 5 })).to.equal(true)
    expect(a.sent).to.deep.equal([])
    for (let id = 4; id < MAX_WAITING_WANTS + 12; id++) stand.exchange.onFrame(a, ask(id, 0))
    expect(questions(a, 'miss').map(({ reason }) => reason)).to.deep.equal(Array<string>(10).fill('busy'))
    a.sent.length = 0
    gate.resolve()
    await stand.time.settle()
    expect(a.sent.slice(0, 2)).to.deep.equal([
      { type: 'attested-leaves', id: 1, leaves: leaves(3) },
      { type: 'miss', id: 2, reason: 'not-held' },
    ])
    expect(questions(a, 'closings').map(({ id, epoch, attestations }) => [id, epoch, attestations.length])).to.deep.equal([
      [3, 5, MAX_WITNESSES],
    ])
  })

  it('S22: two attestations of one sequence are two questions', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    const attestation = attestationOf('w', 0, 4)
    const twin = { ...attestation, headsRoot: new Uint8Array(32).fill(1) }
    const found = [stand.exchange.askLeaves(attestation, undefined), stand.exchange.askLeaves(twin, undefined)]
    const asked = questions(a, 'ask-attested-leaves')
    expect(asked.map(({ headsRoot }) => headsRoot)).to.deep.equal([attestation.headsRoot, twin.headsRoot])
    for (const { id } of asked) stand.exchange.onFrame(a, { type: 'attested-leaves', id, leaves: leaves(2) })
    expect((await Promise.all(found)).map((answer) => answer?.session)).to.deep.equal([a, a])
    stand.exchange.stop()
  })

  it('leave other frames to others', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    expect(stand.exchange.onFrame(a, { type: 'labels', labels: [] })).to.equal(false)
    expect(stand.exchange.onMiss(a, 1)).to.equal(false)
    expect(stand.exchange.onMiss(a, 0xc000_0000)).to.equal(true)
  })

  it('A7: ask one neighbour after another: who is preferred, the witness, who holds it, the others', async () => {
    const stand = new AttestationStand()
    const attestation = attestationOf('w', 0, 4)
    const [d, c, w, b] = [await stand.greet('d'), await stand.greet('c'), await stand.greet('w'), await stand.greet('b')]
    stand.exchange.noteNew(attestation, encodeSignedAttestation(attestation), c.peerHex)
    const found = stand.exchange.askLeaves(attestation, b.peerHex)
    expect(stand.exchange.askLeaves(attestation, undefined)).to.equal(found)
    const asked = (): string[] => {
      return [b, w, c, d].filter((each) => questions(each, 'ask-attested-leaves').length > 0).map(({ peerHex }) => peerHex)
    }
    const idOf = (session: FakeSession): number => questions(session, 'ask-attested-leaves')[0]?.id as number
    expect(asked()).to.deep.equal([b.peerHex])
    stand.exchange.onMiss(d, idOf(b))
    stand.exchange.onFrame(d, { type: 'attested-leaves', id: idOf(b), leaves: leaves(2) })
    stand.exchange.onMiss(b, idOf(b))
    await stand.time.settle()
    expect(asked()).to.deep.equal([b.peerHex, w.peerHex])
    // Too few: whoever answers so is at fault.
    stand.exchange.onFrame(w, { type: 'attested-leaves', id: idOf(w), leaves: leaves(1) })
    await stand.time.settle()
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    expect(stand.faults).to.deep.equal([
      ['bad-attestation', w.peerHex],
      ['no-answer', c.peerHex],
    ])
    stand.exchange.onFrame(c, { type: 'attested-leaves', id: idOf(c), leaves: leaves(2) })
    stand.exchange.onFrame(d, { type: 'attested-leaves', id: idOf(d), leaves: leaves(2) })
    expect(await found).to.deep.equal({ leaves: leaves(2), session: d })
    expect(stand.time.pending).to.be.at.most(1)
  })

  it('A7: take no list that is not the one signed, and end with the last neighbour', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    const found = stand.exchange.askLeaves(attestationOf('w', 0, 4), undefined, () => false)
    stand.exchange.onFrame(a, {
      type: 'attested-leaves',
      id: questions(a, 'ask-attested-leaves')[0]?.id as number,
      leaves: leaves(2),
    })
    await stand.time.settle()
    b.isOpen = false
    stand.exchange.onSessionEnd(b)
    expect(await found).to.equal(undefined)
    expect(stand.faults).to.deep.equal([['bad-attestation', a.peerHex]])
  })

  it('are asked in bounded numbers: at a time, of how many neighbours, and of each per second', async () => {
    const stand = new AttestationStand()
    const a = await stand.greet('a')
    for (let i = 0; i < MAX_LEAVES_SOUGHT + 5; i++) void stand.exchange.askLeaves(attestationOf('w', i, 1), undefined)
    expect(questions(a, 'ask-attested-leaves')).to.have.length(MAX_QUESTIONS_PER_SECOND)
    await stand.time.settle()
    await stand.time.advance(1_000)
    for (let i = 0; i < MAX_LEAVES_SOUGHT; i++) void stand.exchange.askLeaves(attestationOf('v', i, 1), undefined)
    expect(questions(a, 'ask-attested-leaves')).to.have.length(2 * MAX_QUESTIONS_PER_SECOND)
    await stand.time.advance(1_000)
    // As many as may be sought at a time are.
    expect(await stand.exchange.askLeaves(attestationOf('u', 0, 1), undefined)).to.equal(undefined)
    expect(questions(a, 'ask-attested-leaves')).to.have.length(2 * MAX_QUESTIONS_PER_SECOND)
    stand.exchange.stop()

    const crowd = new AttestationStand()
    for (let i = 0; i < MAX_ASKED_FOR_LEAVES + 4; i++) await crowd.greet(`n${i}`)
    const nobody = crowd.exchange.askLeaves(attestationOf('w', 0, 1), undefined)
    await crowd.time.advance(ANSWER_TIMEOUT_MS * (MAX_ASKED_FOR_LEAVES + 1))
    expect(await nobody).to.equal(undefined)
    expect(crowd.faults).to.have.length(MAX_ASKED_FOR_LEAVES)
  })

  it('S25: for closings go to every neighbour, each epoch once at a time; what is answered is judged', async () => {
    const stand = new AttestationStand()
    const [a, b] = [await stand.greet('a'), await stand.greet('b')]
    for (let epoch = 0; epoch < MAX_CLOSINGS_ASKED + 3; epoch++) {
      stand.exchange.askClosings(epoch)
      stand.exchange.askClosings(epoch)
    }
    const asked = questions(a, 'ask-closings')
    expect(asked.map(({ epoch }) => epoch)).to.deep.equal(Array.from({ length: MAX_CLOSINGS_ASKED }, (_, i) => i))
    expect(questions(b, 'ask-closings')).to.have.length(MAX_CLOSINGS_ASKED)
    const id = asked[0]?.id as number
    const attestations = [Uint8Array.of(1), Uint8Array.of(2)]
    stand.exchange.onFrame(a, { type: 'closings', id, epoch: 1, attestations })
    stand.exchange.onFrame(b, { type: 'closings', id, epoch: 0, attestations })
    await stand.time.settle()
    expect(stand.taken).to.deep.equal([])
    stand.exchange.onFrame(a, { type: 'closings', id, epoch: 0, attestations })
    stand.exchange.onFrame(a, { type: 'closings', id, epoch: 0, attestations })
    await stand.time.settle()
    expect(stand.taken).to.deep.equal(attestations.map((bytes) => [a.peerHex, bytes]))
    stand.exchange.askClosings(0)
    expect(questions(a, 'ask-closings')).to.have.length(MAX_CLOSINGS_ASKED + 1)
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    expect(new Set(stand.faults.map(([fault]) => fault))).to.deep.equal(new Set(['no-answer']))
    expect(stand.time.pending).to.equal(0)
  })
})
