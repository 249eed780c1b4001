// Long because: one stand with neighbours, and every rule of asking them.
import { expect } from 'chai'
import { type Bytes, formatGenesis, parseGenesis, type RunFrame, toHex } from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import {
  ANSWER_TIMEOUT_MS,
  LEAST_WANT_BYTES,
  LONGEST_WAIT_MS,
  MAX_EXPECTED_BYTES,
  MAX_OUTSTANDING,
  MAX_UNDER_WAY_BYTES,
  WANT_BYTES,
} from '../../sync/bounds.ts'
import { Fetcher } from '../../sync/fetcher.ts'
import type { Session } from '../../sync/index.ts'
import { lacksOf } from '../../sync/lacks.ts'
import type { Outcome } from '../../validate/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { fakeSession } from './fake-session.ts'

type Fake = ReturnType<typeof fakeSession>

const genesis = parseGenesis(formatGenesis({ name: 'fetch', registrar: signerOf('registrar').publicKey }))

/** A fetcher over sessions and a door that answer what a test tells them to. */
class Stand {
  readonly time = new VirtualTime()
  readonly sessions: Fake[]
  readonly held = new Map<number, number>()
  readonly faults: string[] = []
  readonly refused: string[] = []
  readonly broken: number[] = []
  readonly submitted: Bytes[] = []
  readonly answers: ((outcome: Outcome) => void)[] = []
  chains = 3
  backlog = 0
  wanted = Number.POSITIVE_INFINITY
  readonly fetcher: Fetcher

  constructor(...names: string[]) {
    this.sessions = names.map((name) => fakeSession(name))
    this.fetcher = new Fetcher({
      platform: this.time.platform(seededRandom(1)),
      sessions: () => this.sessions,
      chainCount: () => this.chains,
      ownSize: this.ownSize,
      frontier: () => Array.from({ length: this.chains }, (_, index) => this.ownSize(index)),
      wantedSize: () => this.wanted,
      keyAt: (index) => this.key(index),
      backlogBytes: () => this.backlog,
      submit: (run) => {
        this.submitted.push(run)
        return new Promise((resolve) => this.answers.push(resolve))
      },
      onRefused: (session, outcome, index) => this.refused.push(`${nameOf(session)} ${outcome.code} ${index}`),
      onBrokenWord: (_session, index) => void this.broken.push(index),
      onFault: (session, fault, _detail, times) => this.faults.push(`${nameOf(session)} ${fault} ${times ?? 1}`),
    })
  }

  readonly ownSize = (index: number): number => this.held.get(index) ?? 0

  key(index: number): Bytes {
    return signerOf(`chain ${index}`).publicKey
  }

  wants(name: string): { id: number; index: number; from: number; maxBlocks: number; maxBytes: number }[] {
    return (this.sessions.find((session) => nameOf(session) === name) as Fake).sent.filter((frame) => frame.type === 'want')
  }

  session(name: string): Fake {
    return this.sessions.find((session) => nameOf(session) === name) as Fake
  }

  author(index: number, size = 40): ChainAuthor {
    return new ChainAuthor(signerOf(`chain ${index}`), genesis.networkId).grow(size)
  }

  /** The neighbour's answer to its last want. */
  answer(name: string, author: ChainAuthor, count = author.size): void {
    const want = this.wants(name).at(-1)
    if (want === undefined) throw new Error('nothing was asked')
    const { id, index, from } = want
    const frame: RunFrame = { type: 'run', id, index, from, run: author.run(from, Math.min(author.size, from + count)) }
    this.fetcher.onRun(this.session(name), frame)
  }

  async settle(outcome: 'accept' | string, index = 1, size = 0): Promise<void> {
    const resolve = this.answers.shift()
    if (resolve === undefined) throw new Error('nothing was submitted')
    if (outcome === 'accept') {
      this.held.set(index, size)
      resolve({ verdict: 'accept', member: this.key(index), from: 0, state: {} as never })
    } else {
      const verdict = outcome === 'WRONG_ROOT' ? 'reject' : 'ignore'
      resolve({ verdict, code: outcome, message: outcome, data: {} })
    }
    await this.time.settle()
  }
}

const names = new Map(['a', 'b', 'c'].map((name) => [toHex(signerOf(name).publicKey), name]))
const nameOf = (session: Session): string => names.get(session.peerHex) as string

describe('the fetcher', () => {
  it('asks one neighbour for a chain at a time, the next batch while the last is being checked', async () => {
    const stand = new Stand('a', 'b')
    const author = stand.author(1)
    for (const session of stand.sessions) session.learn(1, 40)
    stand.fetcher.consider()
    expect([stand.wants('a').length, stand.wants('b').length]).to.deep.equal([1, 0])
    stand.answer('a', author, 10)
    expect(stand.wants('a').map(({ from }) => from)).to.deep.equal([0, 10])
    expect(stand.submitted).to.have.length(1)
    stand.answer('a', author, 30)
    await stand.settle('accept', 1, 10)
    await stand.settle('accept', 1, 40)
    expect(stand.fetcher.isIdle).to.equal(true)
    expect([stand.faults, stand.fetcher.askedBytes]).to.deep.equal([[], 0])
  })

  it('asks for many chains of as few neighbours as hold them, and passes over who owes an answer', () => {
    const stand = new Stand('a', 'b', 'c')
    stand.chains = 6
    for (const index of [1, 2]) stand.session('a').learn(index, 1)
    for (const index of [1, 2, 3]) stand.session('b').learn(index, 1)
    for (const index of [3, 4]) stand.session('c').learn(index, 1)
    stand.fetcher.considerTogether(new Set([1, 2, 3, 4, 5]))
    const indices = (name: string): number[] => stand.wants(name).map(({ index }) => index)
    expect(['a', 'b', 'c'].map(indices)).to.deep.equal([[], [1, 2, 3], [4]])
    stand.session('b').learn(5, 1)
    stand.session('a').learn(5, 1)
    stand.fetcher.considerTogether(new Set([1, 5]))
    expect(['a', 'b', 'c'].map(indices)).to.deep.equal([[5], [1, 2, 3], [4]])
  })

  it('goes on with further chains as those before them are stored, where a neighbour may be asked for no more', async () => {
    const stand = new Stand('a')
    stand.chains = MAX_OUTSTANDING + 20
    for (let index = 1; index < stand.chains; index++) stand.session('a').learn(index, 1)
    stand.fetcher.consider()
    expect(stand.wants('a')).to.have.length(MAX_OUTSTANDING)
    const [first] = stand.wants('a')
    const index = first?.index ?? 0
    stand.fetcher.onRun(stand.session('a'), {
      type: 'run',
      id: first?.id ?? 0,
      index,
      from: 0,
      run: stand.author(index, 1).run(0, 1),
    })
    await stand.settle('accept', index, 1)
    expect(stand.wants('a')).to.have.length(MAX_OUTSTANDING + 1)
  })

  it('S27: who has pruned a block is not asked for it again, charged nothing, and asked for what lies above it', async () => {
    const stand = new Stand('a', 'b')
    const author = stand.author(1)
    const [a, b] = [stand.session('a'), stand.session('b')]
    const init = { sessions: () => [a, b], chainCount: () => 3, ownSize: stand.ownSize, wantedSize: () => 1_000 }
    a.learn(1, 40)
    stand.fetcher.considerChain(1)
    stand.fetcher.onMiss(a, stand.wants('a')[0]?.id ?? 0, 'pruned')
    await stand.time.advance(600_000)
    expect(stand.wants('a')).to.have.length(1)
    expect([...lacksOf(init)]).to.deep.equal([{ index: 1, from: 0, size: 40, isPruned: true }])
    b.learn(1, 30)
    expect([...lacksOf(init)][0]?.isPruned).to.equal(false)
    stand.fetcher.considerChain(1)
    stand.answer('b', author, 30)
    await stand.settle('accept', 1, 30)
    // What it has above is another question.
    expect(stand.wants('a').map(({ from }) => from)).to.deep.equal([0, 30])
    stand.answer('a', author)
    await stand.settle('accept', 1, 40)
    expect([...lacksOf(init)]).to.deep.equal([])
    expect([stand.faults, stand.broken]).to.deep.equal([[], []])
  })

  it('a batch that fails takes along what was asked for on top of it, and nobody else pays for it', async () => {
    const stand = new Stand('a', 'b')
    const author = stand.author(1)
    stand.session('a').learn(1, 10)
    stand.fetcher.considerChain(1)
    stand.session('b').learn(1, 40)
    stand.answer('a', author, 10)
    expect(stand.wants('b').map(({ from }) => from)).to.deep.equal([10])
    await stand.settle('WRONG_ROOT')
    expect(stand.refused).to.deep.equal(['a WRONG_ROOT 1'])
    // The chain begins again, from who has not failed; the answer to what is of no use any more is not unasked.
    expect(stand.wants('b').map(({ from }) => from)).to.deep.equal([10, 0])
    const stale = stand.wants('b')[0]
    stand.fetcher.onRun(stand.session('b'), { type: 'run', id: stale?.id ?? 0, index: 1, from: 10, run: author.run(10, 40) })
    expect(stand.submitted).to.have.length(1)
    stand.answer('b', author)
    await stand.settle('accept', 1, 40)
    expect([stand.faults, stand.fetcher.isIdle]).to.deep.equal([[], true])
  })

  it('a batch at the door that was built on a failed one says nothing of its sender, unless its own bytes do', async () => {
    for (const [code, charged] of [
      ['UNKNOWN_PARENT', []],
      ['WRONG_ROOT', ['b WRONG_ROOT 1']],
    ] as const) {
      const stand = new Stand('a', 'b')
      const author = stand.author(1)
      stand.session('a').learn(1, 10)
      stand.fetcher.considerChain(1)
      stand.session('b').learn(1, 40)
      stand.answer('a', author, 10)
      stand.answer('b', author, 30)
      await stand.settle('NOT_STORED')
      expect(
        stand.wants('b').map(({ from }) => from),
        'begun again from what is held',
      ).to.deep.equal([10, 0])
      await stand.settle(code)
      expect(stand.refused).to.deep.equal(['a NOT_STORED 1', ...charged])
      // b is asked for it all, without a pause.
      expect(stand.wants('b').map(({ from }) => from)).to.include(0)
    }
  })

  it('what came another way meanwhile is no failure', async () => {
    const stand = new Stand('a')
    stand.session('a').learn(1, 20)
    stand.fetcher.considerChain(1)
    stand.answer('a', stand.author(1), 10)
    stand.held.set(1, 15)
    await stand.settle('DUPLICATE')
    expect(stand.wants('a').map(({ from }) => from)).to.deep.equal([0, 10])
    stand.answer('a', stand.author(1, 20))
    await stand.settle('accept', 1, 20)
    expect([stand.refused, stand.fetcher.isIdle]).to.deep.equal([[], true])
  })

  it('is bounded in the bytes that it asks for, together with what waits at the door', () => {
    const stand = new Stand('a', 'b', 'c')
    stand.chains = 256
    for (let index = 1; index < 256; index++) for (const session of stand.sessions) session.learn(index, 1_000_000)
    stand.fetcher.consider()
    expect(stand.fetcher.askedBytes).to.be.within(MAX_EXPECTED_BYTES - WANT_BYTES, MAX_EXPECTED_BYTES)
    // Little is missing of each of many chains: every answer has room for one large block all the same.
    const wide = new Stand('a', 'b', 'c', 'd')
    wide.chains = 256
    for (let index = 1; index < 256; index++) for (const session of wide.sessions) session.learn(index, 1)
    wide.fetcher.consider()
    expect(wide.fetcher.askedBytes).to.be.within(MAX_UNDER_WAY_BYTES - LEAST_WANT_BYTES, MAX_UNDER_WAY_BYTES)
    const full = new Stand('a')
    full.session('a').learn(1, 10)
    full.backlog = MAX_UNDER_WAY_BYTES
    full.fetcher.consider()
    expect(full.fetcher.askedBytes).to.equal(0)
  })

  it('that found no room asks as soon as there is some', async () => {
    const stand = new Stand('a')
    stand.backlog = MAX_UNDER_WAY_BYTES
    stand.session('a').learn(1, 10)
    stand.fetcher.consider()
    await stand.time.advance(1_000)
    expect(stand.wants('a')).to.have.length(0)
    stand.backlog = 0
    await stand.time.advance(250)
    expect(stand.wants('a')).to.have.length(1)
  })

  it('keeps no more requests with one neighbour than it may have open', () => {
    const stand = new Stand('a')
    stand.chains = 256
    for (let index = 1; index < 256; index++) stand.session('a').learn(index, 1)
    stand.fetcher.consider()
    expect(stand.wants('a')).to.have.length(MAX_OUTSTANDING)
    expect(stand.session('a').outstanding).to.equal(MAX_OUTSTANDING)
  })

  it('asks who fell silent for one thing at a time, until it answers', async () => {
    const stand = new Stand('a')
    stand.chains = 20
    for (let index = 1; index < stand.chains; index++) stand.session('a').learn(index, 1)
    stand.fetcher.consider()
    expect(stand.wants('a')).to.have.length(19)
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    const atOnce = (): number => stand.session('a').outstanding
    expect([stand.faults, atOnce()]).to.deep.equal([['a no-answer 1'], 0])
    // All of its chains may be asked for again.
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    expect([stand.wants('a').length, atOnce()]).to.deep.equal([20, 1])
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    expect(stand.faults).to.deep.equal(['a no-answer 1', 'a no-answer 2'])
    const index = stand.wants('a').at(-1)?.index ?? 0
    expect([stand.wants('a').length, atOnce()]).to.deep.equal([21, 1])
    stand.answer('a', stand.author(index, 1))
    await stand.settle('accept', index, 1)
    expect(atOnce(), 'all but the one stored and the one whose second pause is longer').to.equal(17)
  })

  it('asks for little where little is missing, and of a revoked chain for what counts', () => {
    const stand = new Stand('a')
    stand.session('a').learn(1, 3)
    stand.session('a').learn(2, 100_000)
    stand.wanted = 7
    stand.fetcher.considerChain(1)
    stand.fetcher.considerChain(2)
    expect(stand.wants('a').map(({ maxBlocks, maxBytes }) => [maxBlocks, maxBytes])).to.deep.equal([
      [7, LEAST_WANT_BYTES],
      [7, WANT_BYTES],
    ])
  })

  it('one silence is one, however many answers are owed; the next weighs more, and the neighbour is asked for less', async () => {
    const stand = new Stand('a')
    stand.chains = 20
    for (let index = 1; index < 20; index++) stand.session('a').learn(index, 10_000)
    stand.fetcher.consider()
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    expect(stand.faults).to.deep.equal(['a no-answer 1'])
    expect(stand.session('a').wantBytes).to.equal(LEAST_WANT_BYTES)
    await stand.time.advance(10_000 + ANSWER_TIMEOUT_MS)
    expect(stand.faults).to.deep.equal(['a no-answer 1', 'a no-answer 2'])
  })

  it('who answers one request after the other is not silent, though the last ones wait long', async () => {
    const stand = new Stand('a')
    stand.chains = 12
    for (let index = 1; index < 12; index++) stand.session('a').learn(index, 40)
    stand.fetcher.consider()
    const wants = stand.wants('a')
    for (const { id, index } of wants) {
      await stand.time.advance(10_000)
      stand.fetcher.onRun(stand.session('a'), { type: 'run', id, index, from: 0, run: stand.author(index).run(0, 40) })
      await stand.settle('accept', index, 40)
    }
    expect([stand.faults, stand.fetcher.isIdle]).to.deep.equal([[], true])
  })

  it('who answers everything but one request is not waited for without end', async () => {
    const stand = new Stand('a')
    const author = stand.author(2, 30)
    stand.session('a').learn(1, 10)
    stand.session('a').learn(2, 30)
    stand.fetcher.consider()
    for (let i = 0; i < 25; i++) {
      await stand.time.advance(6_000)
      const { id, from } = stand.wants('a').findLast(({ index }) => index === 2) ?? { id: 0, from: 0 }
      stand.fetcher.onRun(stand.session('a'), { type: 'run', id, index: 2, from, run: author.run(from, from + 1) })
      await stand.settle('accept', 2, from + 1)
    }
    expect(stand.faults).to.deep.equal(['a no-answer 1'])
    expect(stand.time.clock.monotonicMs()).to.be.above(LONGEST_WAIT_MS)
  })

  it('takes a late answer where nobody else has brought the blocks, once, and drops it where somebody has', async () => {
    for (const isHeld of [false, true]) {
      const stand = new Stand('a')
      stand.session('a').learn(1, 10)
      stand.fetcher.consider()
      await stand.time.advance(ANSWER_TIMEOUT_MS)
      if (isHeld) stand.held.set(1, 10)
      const { id } = stand.wants('a')[0] ?? { id: 0 }
      const frame: RunFrame = { type: 'run', id, index: 1, from: 0, run: stand.author(1, 10).run(0, 10) }
      stand.fetcher.onRun(stand.session('a'), frame)
      expect(stand.submitted).to.have.length(isHeld ? 0 : 1)
      stand.fetcher.onRun(stand.session('a'), frame)
      expect(stand.faults).to.deep.equal(['a no-answer 1', 'a unasked 1'])
    }
  })

  it('remembers a bounded number of requests whose answer may still come late', async () => {
    const stand = new Stand('a')
    stand.chains = 60
    for (let index = 1; index < 60; index++) stand.session('a').learn(index, 1)
    stand.fetcher.consider()
    while (stand.wants('a').length < 1_100) await stand.time.advance(60_000)
    stand.faults.length = 0
    const answer = (want: { id: number; index: number } | undefined): void => {
      const { id, index } = want ?? { id: 0, index: 0 }
      stand.fetcher.onRun(stand.session('a'), { type: 'run', id, index, from: 0, run: stand.author(index, 1).run(0, 1) })
    }
    answer(stand.wants('a').at(-100))
    expect(stand.faults).to.deep.equal([])
    answer(stand.wants('a')[0])
    expect(stand.faults).to.deep.equal(['a unasked 1'])
  })

  it('a late miss is no answer that anybody waits for', async () => {
    const stand = new Stand('a')
    stand.session('a').learn(1, 10)
    stand.fetcher.consider()
    await stand.time.advance(ANSWER_TIMEOUT_MS)
    const { id } = stand.wants('a')[0] ?? { id: 0 }
    stand.fetcher.onMiss(stand.session('a'), id, 'not-held')
    stand.fetcher.onMiss(stand.session('a'), 77, 'not-held')
    expect(stand.broken).to.deep.equal([])
  })

  it('an answer that another neighbour gives was not asked of it', () => {
    const stand = new Stand('a', 'b')
    stand.session('a').learn(1, 10)
    stand.fetcher.consider()
    const { id } = stand.wants('a')[0] ?? { id: 0 }
    stand.fetcher.onRun(stand.session('b'), { type: 'run', id, index: 1, from: 0, run: stand.author(1, 10).run(0, 10) })
    expect(stand.faults).to.deep.equal(['b unasked 1'])
    stand.fetcher.onMiss(stand.session('b'), id, 'not-held')
    expect(stand.fetcher.isIdle).to.equal(false)
  })

  it('gives what a neighbour that is gone was asked for to another at once', () => {
    const stand = new Stand('a', 'b')
    stand.session('a').learn(1, 10)
    stand.fetcher.consider()
    stand.session('b').learn(1, 10)
    stand.session('a').isOpen = false
    stand.fetcher.onSessionEnd(stand.session('a'))
    expect(stand.wants('b')).to.have.length(1)
  })

  it('comes again soon where the door was full, and leaves the neighbour in peace no longer than that', async () => {
    const stand = new Stand('a')
    stand.session('a').learn(1, 10)
    stand.fetcher.consider()
    stand.backlog = MAX_UNDER_WAY_BYTES
    stand.answer('a', stand.author(1, 10))
    await stand.settle('OVERLOADED')
    expect(stand.wants('a')).to.have.length(1)
    stand.backlog = 0
    await stand.time.advance(250)
    expect(stand.wants('a')).to.have.length(2)
  })

  it('lets the registrar’s chain go first, for a moment', async () => {
    const stand = new Stand('a')
    for (const index of [0, 1, 2]) stand.session('a').learn(index, 5)
    stand.fetcher.consider()
    expect(stand.wants('a').map(({ index }) => index)).to.deep.equal([0])
    await stand.time.advance(2_000)
    expect(stand.wants('a').map(({ index }) => index)).to.deep.equal([0, 1, 2])
  })

  it('that is stopped asks for nothing more, and leaves no timer', async () => {
    const stand = new Stand('a')
    stand.session('a').learn(1, 10)
    stand.fetcher.consider()
    stand.answer('a', stand.author(1, 5))
    stand.fetcher.stop()
    await stand.settle('REVOKED')
    stand.fetcher.consider()
    stand.fetcher.onSessionEnd(stand.session('a'))
    expect(stand.wants('a').length).to.be.at.most(2)
    expect(stand.time.pending).to.equal(0)
  })
})
