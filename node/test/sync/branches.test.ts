import { expect } from 'chai'
import {
  type Bytes,
  decodeRun,
  encodeEvents,
  type Frame,
  type HelloFrame,
  type Leaf,
  type RunFrame,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { type ChainAuthor, FIRST_SEALED_MS, flipped } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { ANSWER_TIMEOUT_MS, WANT_BYTES } from '../../sync/bounds.ts'
import {
  BRANCH_TIMEOUT_MS,
  Branches,
  MAX_ASKED_FOR_BRANCH,
  MAX_BRANCH_BLOCKS,
  MAX_BRANCH_BYTES,
  MAX_BRANCH_FETCHES,
} from '../../sync/branches.ts'
import { Server } from '../../sync/server.ts'
import { fakeSession } from './fake-session.ts'
import { LedgerStand } from './ledger-stand.ts'

type FakeSession = ReturnType<typeof fakeSession>
type WantBranch = Extract<Frame, { type: 'want-branch' }>

const leafOf = (author: ChainAuthor, size = author.size): Leaf => ({ size, root: author.state(size).root })

const asked = (session: FakeSession): WantBranch[] =>
  session.sent.filter((frame): frame is WantBranch => frame.type === 'want-branch')

/** A node that holds one story of chain 1, of which the other goes on differently behind block 4. */
class Stand {
  readonly ledger: LedgerStand
  readonly held: ChainAuthor
  readonly other: ChainAuthor
  readonly sessions: FakeSession[] = []
  readonly faults: [fault: string, peerHex: string][] = []
  readonly branches: Branches

  private constructor(ledger: LedgerStand, held: ChainAuthor, other: ChainAuthor) {
    this.ledger = ledger
    this.held = held
    this.other = other
    const { genesis, store, time, membership } = ledger
    this.branches = new Branches({
      genesis,
      store,
      platform: time,
      verify: verifySignature,
      membership: () => membership,
      sessions: () => this.sessions,
      onFault: (session, fault) => void this.faults.push([fault, session.peerHex]),
    })
  }

  static async create(other = 9): Promise<Stand> {
    const ledger = await LedgerStand.create()
    const held = ledger.author(1).grow(6)
    await ledger.hold(held.run(0, 6))
    return new Stand(ledger, held, forkOf(held, other))
  }

  neighbour(name: string, holds = 0): FakeSession {
    const session = fakeSession(name)
    session.hello = {} as HelloFrame
    session.learn(1, holds)
    this.sessions.push(session)
    return session
  }

  /** The runs of who gave all of them. */
  async fetch(index: number, from: number, leaf: Leaf, preferHex?: string): Promise<Bytes[] | undefined> {
    const taker = () => {
      const runs: Bytes[] = []
      return { runs, take: (run: Bytes) => runs.push(run) > 0 }
    }
    return (await this.branches.fetchBranch(index, from, leaf, taker, preferHex))?.runs
  }

  async answer(session: FakeSession, run: Bytes, at = -1): Promise<boolean> {
    const { id, index, from } = asked(session).at(at) as WantBranch
    const isTaken = this.branches.onRun(session, { type: 'run', id, index, from, run })
    await this.settle()
    return isTaken
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 4; i++) await this.ledger.time.settle()
  }
}

function forkOf(author: ChainAuthor, size: number): ChainAuthor {
  const other = author.fork(4).append({ salt: new Uint8Array(16) })
  return other.grow(size - other.size)
}

describe('branches', () => {
  it('S24: come from a neighbour that holds them, part by part, up to exactly the leaf', async () => {
    const stand = await Stand.create(40)
    const { other } = stand
    const elsewhere = await LedgerStand.create()
    await elsewhere.hold(other.run(0, 12))
    await elsewhere.hold(other.run(12, 40))
    const server = new Server({
      store: elsewhere.store,
      keyAt: (index) => elsewhere.membership.at(index)?.key,
      leaves: () => ({ leaves: [], headsRoot: ZERO_HASH }),
      onDamage: () => undefined,
    })
    const session = stand.neighbour('x')
    const [there, leaf] = [fakeSession('y'), leafOf(other, 33)]
    const found = stand.fetch(1, 3, leaf)
    await stand.settle()
    for (let i = 0; i < 10 && stand.branches.fetches > 0; i++) {
      const want = { ...(asked(session).at(-1) as WantBranch), maxBlocks: 7 }
      server.onWant(there, want)
      for (let turn = 0; turn < 10 && there.sent.length === 0; turn++) await elsewhere.time.settle()
      const frame = there.sent.shift() as RunFrame
      expect(stand.branches.onRun(session, frame)).to.equal(true)
      await stand.settle()
    }
    const runs = ((await found) as Bytes[]).map(decodeRun)
    const blocks = runs.flatMap((run) => run.blocks.map(({ bytes }) => bytes))
    expect(blocks).to.deep.equal(other.bytes(3, 33))
    expect(runs.length).to.be.above(3)
    expect(new Set(asked(session).map(({ index, size, root }) => [index, size, root].join()))).to.have.property('size', 1)
    expect(stand.faults).to.deep.equal([])

    // Another root than its own, a size that it does not have, a chain that it does not know: it has none of them.
    const want: WantBranch = { type: 'want-branch', id: 9, index: 1, from: 3, ...leaf, maxBlocks: 1, maxBytes: 1 }
    for (const part of [{ root: ZERO_HASH }, { size: 41 }, { index: 200 }]) server.onWant(there, { ...want, ...part })
    for (let turn = 0; turn < 10; turn++) await elsewhere.time.settle()
    expect(there.sent).to.deep.equal(Array.from({ length: 3 }, () => ({ type: 'miss', id: 9, reason: 'not-held' })))
  })

  it('are asked of one neighbour after another: who is preferred, who says it holds as much, the others', async () => {
    const stand = await Stand.create()
    const { other } = stand
    const [a, b, c] = [stand.neighbour('a'), stand.neighbour('b', 9), stand.neighbour('c')]
    const stranger = fakeSession('stranger')
    stand.sessions.push(stranger)
    const found = stand.fetch(1, 4, leafOf(other), c.peerHex)
    await stand.settle()
    expect([a, b, c].map((each) => asked(each).length)).to.deep.equal([0, 0, 1])
    expect(stand.branches.onMiss(a, asked(c)[0]?.id as number)).to.equal(true)
    expect(stand.branches.onMiss(c, 5)).to.equal(false)
    stand.branches.onMiss(c, asked(c)[0]?.id as number)
    await stand.settle()
    expect([a, b, c].map((each) => asked(each).length)).to.deep.equal([0, 1, 1])
    await stand.ledger.time.advance(ANSWER_TIMEOUT_MS)
    await stand.settle()
    expect(stand.faults).to.deep.equal([['no-answer', b.peerHex]])
    // An answer that comes late is nobody's, and costs nothing; one that was never asked for does.
    expect(await stand.answer(b, other.run(4, 9))).to.equal(true)
    expect(await stand.answer(b, other.run(4, 9))).to.equal(true)
    expect(stand.faults.slice(1)).to.deep.equal([['unasked', b.peerHex]])
    expect(stand.branches.onRun(b, { type: 'run', id: 5, index: 1, from: 4, run: ZERO_HASH })).to.equal(false)
    await stand.answer(a, other.run(4, 9))
    expect(await found).to.deep.equal([other.run(4, 9)])
    expect(asked(stranger)).to.deep.equal([])
  })

  it('are checked as by the door, and by the root at the end; others are charged for, and nothing of them is kept', async () => {
    const stand = await Stand.create()
    const { other, held } = stand
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const [a, b, c, d, e, f, g] = names.map((name) => stand.neighbour(name)) as [FakeSession, ...FakeSession[]]
    const found = stand.fetch(1, 4, leafOf(other))
    await stand.settle()
    await stand.answer(a, flipped(other.run(4, 9), -1))
    // What is held here itself, which is not what was asked for.
    await stand.answer(b as FakeSession, held.grow(3).run(4, 9))
    await stand.answer(c as FakeSession, stand.ledger.author(2).grow(9).run(4, 9))
    await stand.answer(d as FakeSession, other.run(3, 9))
    await stand.answer(e as FakeSession, forkOf(other, 10).run(4, 10))
    await stand.answer(f as FakeSession, Uint8Array.of(1, 2, 3))
    // Where another parent is named nobody is to blame, and nothing is to be had either.
    await stand.answer(
      g as FakeSession,
      held
        .fork(3)
        .append({ salt: new Uint8Array(16) })
        .grow(5)
        .run(4, 9),
    )
    expect(await found).to.equal(undefined)
    expect(stand.faults.map(([fault]) => fault)).to.deep.equal([
      'rejected-run',
      'bad-proof',
      'unasked',
      'unasked',
      'unasked',
      'unasked',
    ])
    expect([stand.branches.fetches, stand.ledger.store.head(stand.ledger.key(1))?.size]).to.deep.equal([0, 6])
  })

  it('are not asked for from what is not held, of unknown chains, or backwards', async () => {
    const stand = await Stand.create()
    const session = stand.neighbour('a')
    const leaf = leafOf(stand.other)
    for (const [index, from] of [
      [1, 7],
      [99, 0],
      [1, 9],
      [2, 1],
    ] as const)
      expect(await stand.fetch(index, from, leaf)).to.equal(undefined)
    expect(session.sent).to.deep.equal([])
  })

  it('are fetched in bounded numbers, of a bounded number of neighbours, in bounded time', async () => {
    const stand = await Stand.create()
    for (let i = 0; i < MAX_ASKED_FOR_BRANCH + 4; i++) stand.neighbour(`n${i}`)
    const leaf = leafOf(stand.other)
    const fetches = Array.from({ length: MAX_BRANCH_FETCHES }, () => stand.fetch(1, 4, leaf))
    await stand.settle()
    expect(stand.branches.fetches).to.equal(MAX_BRANCH_FETCHES)
    expect(await stand.fetch(1, 4, leaf)).to.equal(undefined)
    for (let ms = 0; ms < BRANCH_TIMEOUT_MS + ANSWER_TIMEOUT_MS; ms += ANSWER_TIMEOUT_MS) {
      await stand.ledger.time.advance(ANSWER_TIMEOUT_MS)
      await stand.settle()
    }
    expect(await Promise.all(fetches)).to.deep.equal(Array(MAX_BRANCH_FETCHES).fill(undefined))
    expect(stand.sessions.filter((session) => asked(session).length > 0)).to.have.length(MAX_ASKED_FOR_BRANCH)

    // Who answers a little each time holds on to it no longer.
    const slow = await Stand.create(200)
    const session = slow.neighbour('slow')
    const found = slow.fetch(1, 4, leafOf(slow.other))
    for (let at = 4; slow.branches.fetches > 0 && at < 200; at++) {
      await slow.settle()
      await slow.ledger.time.advance(ANSWER_TIMEOUT_MS - 1_000)
      if (slow.branches.fetches > 0) await slow.answer(session, slow.other.run(at, at + 1))
    }
    expect(await found).to.equal(undefined)
    expect(asked(session).length).to.be.within(8, 10)
  })

  it('are bounded in bytes, each part and all together, and far above what is stored at once', async () => {
    const stand = await Stand.create()
    const bulk = stand.held.fork(4)
    const events = Array.from({ length: 256 }, () => ({ time: FIRST_SEALED_MS, code: 5, detail: 'x'.repeat(200) }))
    const content = encodeEvents(events)
    while (bulk.size < 180) bulk.append({ content, salt: new Uint8Array(16) })
    const blockBytes = bulk.bytes(10, 11)[0]?.length as number
    const perPart = Math.floor(WANT_BYTES / blockBytes)
    const session = stand.neighbour('a')
    const fetchAll = async (): Promise<{ found: Promise<Bytes[] | undefined>; bytes: number }> => {
      const found = stand.fetch(1, 4, leafOf(bulk))
      await stand.settle()
      let at = 4
      for (; stand.branches.fetches > 0 && at < bulk.size; at += perPart)
        await stand.answer(session, bulk.run(at, Math.min(bulk.size, at + perPart)))
      return { found, bytes: (at - 4) * blockBytes }
    }
    const long = await fetchAll()
    expect(long.bytes).to.be.above(8 * 1_048_576)
    expect((await long.found)?.length).to.equal(Math.ceil(176 / perPart))
    while ((bulk.size - 4) * blockBytes < MAX_BRANCH_BYTES + 4 * WANT_BYTES) bulk.append({ content, salt: new Uint8Array(16) })
    const tooLong = await fetchAll()
    expect(await tooLong.found).to.equal(undefined)
    expect(tooLong.bytes).to.be.within(MAX_BRANCH_BYTES - 2 * WANT_BYTES, MAX_BRANCH_BYTES + 2 * WANT_BYTES)
    expect(stand.faults).to.deep.equal([])
    expect(await stand.fetch(1, 4, { ...leafOf(bulk), size: MAX_BRANCH_BLOCKS + 5 })).to.equal(undefined)
    const more = stand.fetch(1, 4, leafOf(bulk))
    await stand.settle()
    await stand.answer(session, bulk.run(4, 4 + 4 * perPart))
    expect([await more, stand.faults]).to.deep.equal([undefined, [['unasked', session.peerHex]]])
  })

  it('are given up with the neighbour that is gone, and all of them at the end', async () => {
    const stand = await Stand.create()
    const [a, b] = [stand.neighbour('a'), stand.neighbour('b')]
    const found = stand.fetch(1, 4, leafOf(stand.other))
    await stand.settle()
    a.isOpen = false
    stand.branches.onSessionEnd(a)
    await stand.settle()
    expect(asked(b)).to.have.length(1)
    stand.branches.stop()
    expect([await found, stand.ledger.time.pending]).to.deep.equal([undefined, 0])
    expect(await stand.fetch(1, 4, leafOf(stand.other))).to.equal(undefined)
  })
})
