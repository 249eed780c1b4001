import { expect } from 'chai'
import { type Frame, MAX_ATTESTATIONS_PER_FRAME } from '../../../protocol/index.ts'
import { Announcer, ASK_WAIT_MS } from '../../sync/announcer.ts'
import { MAX_TOLD } from '../../sync/attestation-exchange.ts'
import { MAX_QUESTIONS_PER_SECOND } from '../../sync/attestation-questions.ts'
import { Conduct, FAULT_HALF_LIFE_MS, MAX_CONDUCT_ENTRIES } from '../../sync/conduct.ts'
import { LONGEST_PAUSE_MS, MAX_PAUSES, Pauses, pauseReasonOf } from '../../sync/pauses.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { fakeSession } from './fake-session.ts'

describe('conduct', () => {
  it('adds up what a key is charged with, and forgets half of it in ten minutes', () => {
    const conduct = new Conduct()
    for (let i = 0; i < 4; i++) expect(conduct.charge('a', 'unasked', 0)).to.equal(false)
    expect(conduct.points('a', 0)).to.equal(80)
    expect(conduct.points('a', FAULT_HALF_LIFE_MS)).to.equal(40)
    expect(conduct.charge('a', 'unasked', FAULT_HALF_LIFE_MS)).to.equal(false)
    expect(conduct.charge('a', 'rejected-run', FAULT_HALF_LIFE_MS, 2)).to.equal(true)
    expect(conduct.points('b', 0)).to.equal(0)
  })

  it('tolerates what adds up over months', () => {
    const conduct = new Conduct()
    for (let hour = 0; hour < 2_000; hour++) {
      expect(conduct.charge('a', 'no-answer', hour * 3_600_000)).to.equal(false)
      expect(conduct.charge('a', 'rejected-run', hour * 3_600_000 + 1)).to.equal(false)
    }
  })

  it('hangs up at once on what no honest node can send', () => {
    for (const fault of ['malformed', 'wrong-network', 'flood'] as const)
      expect(new Conduct().charge('a', fault, 0)).to.equal(true)
  })

  it('hangs up on who passes on attestations that no honest node does, again and again', () => {
    const conduct = new Conduct()
    const charges = Array.from({ length: 5 }, () => conduct.charge('a', 'bad-attestation', 0))
    expect(charges).to.deep.equal([false, false, false, false, true])
  })

  it('remembers a bounded number of keys, the latest', () => {
    const conduct = new Conduct()
    for (let i = 0; i < MAX_CONDUCT_ENTRIES + 10; i++) conduct.charge(`peer ${i}`, 'unasked', 0)
    expect(conduct.size).to.equal(MAX_CONDUCT_ENTRIES)
    expect([conduct.points('peer 0', 0), conduct.points('peer 20', 0)]).to.deep.equal([0, 20])
  })
})

describe('pauses', () => {
  it('grow for a pair that leads nowhere, up to a bound, and begin afresh once it led somewhere', () => {
    const pauses = new Pauses()
    const lengths = Array.from({ length: 7 }, () => pauses.begin('a', 1, 0, 'nowhere'))
    expect(lengths).to.deep.equal([10_000, 20_000, 40_000, 80_000, 160_000, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS])
    expect(pauses.leftMs('a', 1, 20_000)).to.equal(LONGEST_PAUSE_MS - 20_000)
    expect(pauses.leftMs('a', 1, LONGEST_PAUSE_MS)).to.equal(0)
    expect(pauses.leftMs('a', 2, 0)).to.equal(0)
    pauses.clear('a', 1)
    expect(pauses.begin('a', 1, 0, 'nowhere')).to.equal(10_000)
  })

  it('do not grow for what is this node’s own trouble, and end with the registrar’s growth where that was missing', () => {
    const pauses = new Pauses()
    for (let i = 0; i < 3; i++) expect(pauses.begin('a', 1, 0, 'own')).to.equal(10_000)
    pauses.begin('a', 2, 0, 'registrar')
    pauses.registrarGrew()
    expect([pauses.leftMs('a', 1, 0), pauses.leftMs('a', 2, 0)]).to.deep.equal([10_000, 0])
  })

  it('have their reason in the refusal, or in what caused it', () => {
    const reasons = ['STORE_CONFLICT', 'STORE_FAILED', 'DISK_FULL'].map((cause) => pauseReasonOf('NOT_STORED', cause))
    expect([...reasons, pauseReasonOf('FORK', undefined)]).to.deep.equal(['own', 'disk', 'disk', undefined])
  })

  it('are of everybody where the disk refuses again and again, ever longer up to a bound, until it takes something', () => {
    const pauses = new Pauses()
    pauses.begin('a', 1, 0, 'disk')
    expect([pauses.leftMs('a', 1, 0), pauses.leftMs('b', 1, 0)]).to.deep.equal([10_000, 0])
    const lengths: number[] = []
    for (let nowMs = 0, i = 0; i < 7; i++) {
      pauses.begin('b', 2, nowMs, 'disk')
      // What was under way fails as well: that is the same trouble.
      pauses.begin('b', 3, nowMs, 'disk')
      lengths.push(pauses.leftMs('c', 9, nowMs))
      nowMs += lengths.at(-1) as number
    }
    expect(lengths).to.deep.equal([10_000, 20_000, 40_000, 80_000, 160_000, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS])
    pauses.begin('b', 2, 2_000_000, 'disk')
    expect(pauses.endRest()).to.equal(true)
    expect(pauses.leftMs('c', 9, 2_000_000)).to.equal(0)
    expect(pauses.endRest(), 'nobody is left alone').to.equal(false)
  })

  it('are remembered of a bounded number of pairs', () => {
    const pauses = new Pauses()
    for (let i = 0; i < MAX_PAUSES + 5; i++) pauses.begin('a', i, 0, 'nowhere')
    expect(pauses.size).to.equal(MAX_PAUSES)
    expect(pauses.leftMs('a', 0, 0)).to.equal(0)
  })
})

describe('the announcer', () => {
  const sizes = [5, 7, 9]

  function stand(...names: string[]) {
    return standWith(250, new VirtualTime(), ...names)
  }

  function standWith(announceDelayMs: number, time: VirtualTime, ...names: string[]) {
    const sessions = names.map((name) => fakeSession(name))
    const asked: number[][] = []
    const announcer = new Announcer({
      clock: time.clock,
      timers: time.timers,
      announceDelayMs,
      sessions: () => sessions,
      sizeOf: (index) => sizes[index] as number,
      ask: (chains) => asked.push([...chains]),
    })
    return { time, sessions, announcer, asked }
  }

  it('tells everything new at once, the delay after the first of it, each neighbour what it is not known to hold', async () => {
    const { time, sessions, announcer } = stand('a', 'b', 'c')
    const [a, b, c] = sessions
    a?.learn(1, 7)
    b?.setFrontier([5, 7, 9])
    announcer.noteGrowth(2)
    await time.advance(200)
    announcer.noteGrowth(1)
    announcer.noteGrowth(2)
    expect(a?.sent).to.deep.equal([])
    await time.advance(50)
    expect(a?.sent).to.deep.equal([{ type: 'announce', sizes: [{ index: 2, size: 9 }] }])
    expect(b?.sent).to.deep.equal([])
    expect(c?.sent).to.have.length(1)
    // Nothing is told twice.
    announcer.noteGrowth(2)
    await time.advance(250)
    expect(a?.sent).to.have.length(1)
  })

  it('tells what came after this node’s own hello to a neighbour that has not greeted yet', async () => {
    const { time, sessions, announcer } = stand('a')
    sessions[0]?.tell(0, 5)
    announcer.noteGrowth(0)
    announcer.noteGrowth(1)
    await time.advance(250)
    expect(sessions[0]?.hello).to.equal(undefined)
    expect(sessions[0]?.sent).to.deep.equal([{ type: 'announce', sizes: [{ index: 1, size: 7 }] }])
  })

  it('asks for what neighbours tell at once after a quiet time, then once in a round', async () => {
    const { time, announcer, asked } = stand('a')
    announcer.noteAnnounced([2])
    announcer.noteAnnounced([0])
    announcer.noteAnnounced([1, 0])
    expect(asked).to.deep.equal([[2]])
    await time.advance(250)
    expect(asked).to.deep.equal([[2], [0, 1]])
    await time.advance(250)
    expect([asked.length, time.pending]).to.deep.equal([2, 0])
    announcer.noteAnnounced([2])
    expect(asked).to.have.length(3)
  })

  it('ends its rounds at whole multiples of the delay, as all its neighbours do', async () => {
    const { time, sessions, announcer } = standWith(250, new VirtualTime({ startMs: 1_100 }), 'a')
    announcer.noteGrowth(0)
    await time.advance(149)
    expect(sessions[0]?.sent).to.have.length(0)
    await time.advance(1)
    expect(sessions[0]?.sent).to.have.length(1)
  })

  it('does not wait for the end of a long round with what neighbours tell', async () => {
    const { time, sessions, announcer, asked } = standWith(30_000, new VirtualTime(), 'a')
    announcer.noteGrowth(0)
    announcer.noteAnnounced([1])
    await time.advance(ASK_WAIT_MS - 1)
    announcer.noteAnnounced([2])
    expect(asked).to.deep.equal([])
    await time.advance(1)
    expect(asked).to.deep.equal([[1, 2]])
    expect(sessions[0]?.sent).to.have.length(0)
    await time.advance(30_000)
    expect([asked.length, time.pending]).to.deep.equal([1, 0])
  })

  it('asks and tells in one turn, and tells what it asked for in the next round', async () => {
    const { time, sessions, announcer, asked } = stand('a')
    announcer.noteGrowth(0)
    announcer.noteAnnounced([1])
    expect(asked).to.deep.equal([])
    await time.advance(250)
    expect([asked.length, sessions[0]?.sent.length]).to.deep.equal([1, 1])
    announcer.noteGrowth(1)
    await time.advance(250)
    expect(sessions[0]?.sent.at(-1)).to.deep.equal({ type: 'announce', sizes: [{ index: 1, size: 7 }] })
  })

  it('tells one neighbour ahead of the round what has grown since, and at its end what it has lost meanwhile', async () => {
    const { time, sessions, announcer } = stand('a')
    const a = sessions[0] as NonNullable<(typeof sessions)[0]>
    a.learn(1, 7)
    announcer.noteGrowth(1)
    announcer.tell(a)
    announcer.noteGrowth(2)
    for (let answers = 0; answers < 3; answers++) announcer.tell(a)
    expect(a.sent).to.deep.equal([{ type: 'announce', sizes: [{ index: 2, size: 9 }] }])
    a.setFrontier([0, 3, 9])
    await time.advance(250)
    expect(a.sent.slice(1)).to.deep.equal([{ type: 'announce', sizes: [{ index: 1, size: 7 }] }])
  })

  it('tells one neighbour ahead of the round, and nothing again at its end', async () => {
    const { time, sessions, announcer } = stand('a', 'b')
    const [a, b] = sessions
    announcer.noteGrowth(1)
    announcer.noteGrowth(0)
    announcer.tell(a as NonNullable<typeof a>)
    const told = [
      {
        type: 'announce',
        sizes: [
          { index: 0, size: 5 },
          { index: 1, size: 7 },
        ],
      },
    ]
    expect([a?.sent, b?.sent]).to.deep.equal([told, []])
    await time.advance(250)
    expect([a?.sent, b?.sent]).to.deep.equal([told, told])
  })

  it('forgets what a status has told, and does nothing once it is stopped', async () => {
    const { time, sessions, announcer, asked } = stand('a')
    announcer.noteGrowth(0)
    announcer.forget()
    await time.advance(1_000)
    announcer.stop()
    announcer.noteGrowth(1)
    announcer.noteAnnounced([1])
    announcer.flush()
    expect([sessions[0]?.sent.length, time.pending, asked]).to.deep.equal([0, 0, []])
  })
})

describe('a session', () => {
  it('knows what a neighbour holds by its last word: an announcement adds, a status replaces, a miss takes away', () => {
    const session = fakeSession('a')
    session.learn(3, 10)
    session.learn(3, 8)
    expect([session.remoteSize(3), session.remoteSize(0), session.remoteSize(9)]).to.deep.equal([10, 0, 0])
    session.setFrontier([1, 2, 3, 4])
    expect(session.remoteSize(3)).to.equal(4)
    session.missed(3, 2)
    session.missed(3, 3)
    expect(session.remoteSize(3)).to.equal(2)
  })

  it('grants frames by the second, and fewer of those that cost much', () => {
    const session = fakeSession('a')
    let cheap = 0
    while (session.takeFrameCredit(0)) cheap++
    expect(cheap).to.equal(4_096)
    let later = 0
    while (session.takeFrameCredit(1_000)) later++
    expect(later).to.equal(1_024)
    const other = fakeSession('b')
    let costly = 0
    while (other.takeFrameCredit(0) && other.takeTypeCredit('status')) costly++
    expect(costly).to.equal(64)
  })

  it('grants a bounded number of frames about attestations in one go, of each kind what it costs to answer', () => {
    const granted = (type: Frame['type']): number => {
      const session = fakeSession('a')
      let count = 0
      while (session.takeFrameCredit(0) && session.takeTypeCredit(type)) count++
      return count
    }
    const kinds = [
      'attestations',
      'ask-attested-leaves',
      'attested-leaves',
      'want-branch',
      'closings',
      'ask-closings',
      'want-attestations',
      'attested',
    ] as const
    expect(kinds.map(granted)).to.deep.equal([128, 256, 256, 1_024, 64, 64, 64, 256])
    // All that a neighbour is told after its greeting, and what it may ask within a second, is granted.
    expect(granted('attestations')).to.be.above(MAX_TOLD / MAX_ATTESTATIONS_PER_FRAME + 1)
    expect(granted('ask-attested-leaves')).to.be.above(MAX_QUESTIONS_PER_SECOND)
  })
})
