import { expect } from 'chai'
import {
  applyMembership,
  type CheckpointFrame,
  consistencyProof,
  decodeEvidence,
  decodeRun,
  EMPTY_ROOT,
  type Holdings,
  type SignedCheckpoint,
  toHex,
  verifyEvidence,
  type WantFrame,
  WattnessError,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import type { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { MAX_WAITING_WANTS } from '../../sync/answer-line.ts'
import { ANSWER_TIMEOUT_MS } from '../../sync/bounds.ts'
import { Disputes, MAX_OPEN_PER_SESSION } from '../../sync/disputes.ts'
import { EvidenceExchange, MAX_EVIDENCE_SHOWN } from '../../sync/evidence-exchange.ts'
import { LocalView } from '../../sync/local-view.ts'
import { Server } from '../../sync/server.ts'
import { fakeSession } from './fake-session.ts'
import { LedgerStand } from './ledger-stand.ts'

describe('disputes', () => {
  async function stand(members = 3) {
    const ledger = await LedgerStand.create(members)
    const proven: Uint8Array[] = []
    const faults: string[] = []
    const disputes = new Disputes({
      genesis: ledger.genesis,
      store: ledger.store,
      view: ledger.view,
      timers: ledger.time.timers,
      verify: verifySignature,
      onProven: async (evidence) => void proven.push(evidence),
      onFault: (_session, fault) => void faults.push(fault),
    })
    const session = fakeSession('x')
    const questions = (): { id: number; index: number; from: number }[] =>
      session.sent.filter((frame) => frame.type === 'want-checkpoint')
    return { ledger, disputes, session, proven, faults, questions }
  }

  async function answer(author: ChainAuthor, id: number, index: number, oldSize: number): Promise<CheckpointFrame> {
    const { size, root, signature } = author.checkpoint()
    const proof = await consistencyProof(author.read, oldSize, size)
    return { type: 'checkpoint', id, index, size, root, signature, oldSize, oldRoot: author.state(oldSize).root, proof }
  }

  it('are bounded for each neighbour, one for each chain, and none about chains that are quarantined or unknown', async () => {
    const { ledger, disputes, session, questions } = await stand(30)
    await ledger.store.evidence.put(ledger.key(1), new Uint8Array(3))
    disputes.open(session, 1, 5)
    disputes.open(session, 99, 5)
    disputes.open(session, 2, 0)
    expect(disputes.size).to.equal(0)
    for (let index = 2; index < 30; index++) for (let again = 0; again < 2; again++) disputes.open(session, index, 5)
    expect(disputes.size).to.equal(MAX_OPEN_PER_SESSION)
    expect(new Set(questions().map(({ index }) => index)).size).to.equal(MAX_OPEN_PER_SESSION)
    disputes.open(fakeSession('y'), 2, 5)
    expect(disputes.size).to.equal(MAX_OPEN_PER_SESSION + 1)
    disputes.onSessionEnd(session)
    expect(disputes.size).to.equal(1)
    disputes.stop()
    expect([disputes.size, ledger.time.pending]).to.deep.equal([0, 0])
  })

  it('end in evidence, in a charge where both agree after all, and in nothing where this node has no side yet', async () => {
    const { ledger, disputes, session, proven, faults, questions } = await stand()
    const author = ledger.author(1).grow(6)
    await ledger.hold(author.run(0, 6))
    const other = author
      .fork(3)
      .append({ salt: new Uint8Array(16) })
      .grow(8)
    disputes.open(session, 1, 5)
    await disputes.onCheckpoint(session, await answer(other, questions()[0]?.id ?? 0, 1, 5))
    expect(proven).to.have.length(1)
    expect(verifyEvidence(verifySignature, ledger.genesis.networkId, decodeEvidence(proven[0] as Uint8Array))).to.equal(true)
    disputes.open(session, 1, 5)
    await disputes.onCheckpoint(session, await answer(author, questions()[1]?.id ?? 0, 1, 5))
    expect([proven.length, faults]).to.deep.equal([1, ['false-heads']])

    // Held under a checkpoint whose last leaves are still on their way: there is no signed checkpoint to show.
    const covered = ledger.author(2).grow(9)
    await ledger.hold(await covered.coveredRun(0, 4))
    disputes.open(session, 2, 4)
    const third = covered
      .fork(1)
      .append({ salt: new Uint8Array(16) })
      .grow(5)
    const settled = disputes.onCheckpoint(session, await answer(third, questions()[2]?.id ?? 0, 2, 4))
    // What stands here under no signature is this store's own affair: see healing.ts.
    const { code, data } = await settled.then(
      () => expect.fail('nothing was said'),
      (error: unknown) => error as WattnessError,
    )
    expect([code, data]).to.deep.equal([
      'STORE_DAMAGED',
      { member: toHex(covered.signer.publicKey), height: 3, isUnsigned: true },
    ])
    expect([proven.length, faults.length, disputes.size]).to.deep.equal([1, 1, 0])
  })

  it('are settled at once by a second signed root of a held size, and not where the held side has no signature', async () => {
    const { ledger, disputes, proven } = await stand()
    const author = ledger.author(1).grow(6)
    await ledger.hold(author.run(0, 6))
    const other = author.fork(3).append({ salt: new Uint8Array(16) })
    await disputes.settleConflict(other.checkpoint())
    expect(proven).to.have.length(1)
    const covered = ledger.author(2).grow(9)
    await ledger.hold(await covered.coveredRun(0, 4))
    await disputes.settleConflict(
      covered
        .fork(0)
        .append({ salt: new Uint8Array(16) })
        .checkpoint(),
    )
    expect(proven).to.have.length(1)
    const unheld: SignedCheckpoint = ledger.author(3).grow(1).checkpoint()
    await disputes.settleConflict(unheld)
    expect(proven).to.have.length(1)
  })

  it('that nobody answers are charged, and may be opened again; an answer after that is of no use', async () => {
    const { ledger, disputes, session, faults, questions } = await stand()
    const author = ledger.author(1).grow(2)
    await ledger.hold(author.run(0, 2))
    disputes.open(session, 1, 2)
    await ledger.time.advance(ANSWER_TIMEOUT_MS)
    expect([faults, disputes.size]).to.deep.equal([['no-answer'], 0])
    await disputes.onCheckpoint(session, await answer(author, questions()[0]?.id ?? 0, 1, 2))
    disputes.onMiss(session, questions()[0]?.id ?? 0, 'not-held')
    disputes.open(session, 1, 2)
    disputes.onMiss(fakeSession('y'), questions()[1]?.id ?? 0, 'not-held')
    expect([faults, disputes.size]).to.deep.equal([['no-answer'], 1])
    disputes.onMiss(session, questions()[1]?.id ?? 0, 'busy')
    expect([faults, disputes.size]).to.deep.equal([['no-answer'], 0])
  })
})

describe('the server', () => {
  async function stand() {
    const ledger = await LedgerStand.create()
    const damage: Error[] = []
    const server = new Server({
      store: ledger.store,
      keyAt: (index) => ledger.membership.at(index)?.key,
      leaves: () => ({ leaves: ledger.view.leaves(), headsRoot: ledger.view.headsRoot() }),
      onDamage: (error) => damage.push(error),
    })
    return { ledger, server, damage, session: fakeSession('x') }
  }

  const want = (id: number, index: number, from: number, maxBlocks = 100): WantFrame => {
    return { type: 'want', id, index, from, maxBlocks, maxBytes: 100_000 }
  }

  it('gives what it holds under the nearest signature, or covered by its newest, and says what it has not', async () => {
    const { ledger, server, session } = await stand()
    const author = ledger.author(1).grow(30)
    await ledger.hold(author.run(0, 5))
    await ledger.hold(author.run(5, 30))
    for (const frame of [want(1, 1, 0), want(2, 1, 0, 12), want(3, 1, 3, 20), want(4, 1, 30), want(5, 2, 0), want(6, 200, 0)]) {
      server.onWant(session, frame)
    }
    await ledger.time.settle()
    await ledger.time.settle()
    const runs = session.sent.filter((frame) => frame.type === 'run').map(({ run }) => decodeRun(run))
    expect(runs.map(({ blocks, end }) => [blocks[0]?.header.height, blocks.length, end.type])).to.deep.equal([
      [0, 30, 'signed'],
      [0, 12, 'covered'],
      [3, 20, 'covered'],
    ])
    const misses = session.sent.filter((frame) => frame.type === 'miss')
    expect(misses.map(({ id, reason }) => [id, reason])).to.deep.equal([
      [4, 'not-held'],
      [5, 'not-held'],
      [6, 'not-held'],
    ])
  })

  it('S27: says of blocks whose bodies were dropped that they are pruned, and gives the rest', async () => {
    const { ledger, server, session } = await stand()
    const author = ledger.author(1).grow(100)
    await ledger.hold(author.run(0, 100))
    const member = ledger.key(1)
    while (!(await ledger.store.prune(member, 70, { unfinal: true })).isDone);
    const { to } = ledger.store.pruned(member)
    const root = author.state(90).root
    const branch = { type: 'want-branch', id: 4, index: 1, from: 3, size: 90, root, maxBlocks: 5, maxBytes: 10_000 } as const
    for (const frame of [want(1, 1, 0), want(2, 1, to - 1), want(3, 1, to), branch]) server.onWant(session, frame)
    server.onWant(session, { type: 'want-checkpoint', id: 5, index: 1, from: 3 })
    for (let i = 0; i < 5; i++) await ledger.time.settle()
    const answers = session.sent.map((frame) => (frame.type === 'miss' ? `${frame.id} ${frame.reason}` : frame.type))
    expect(answers).to.deep.equal(['1 pruned', '2 pruned', 'run', '4 pruned', 'checkpoint'])
  })

  it('is busy with what it holds and cannot vouch for; it gives on what it can', async () => {
    const { ledger, server, session } = await stand()
    const author = ledger.author(1).grow(50)
    await ledger.hold(author.run(0, 4))
    await ledger.hold(await author.coveredRun(4, 30))
    server.onWant(session, want(1, 1, 0))
    server.onWant(session, want(2, 1, 4))
    server.onWant(session, { type: 'want-checkpoint', id: 3, index: 1, from: 20 })
    server.onWant(session, { type: 'want-checkpoint', id: 4, index: 1, from: 3 })
    server.onWant(session, { type: 'want-checkpoint', id: 5, index: 1, from: 31 })
    for (let i = 0; i < 5; i++) await ledger.time.settle()
    expect(session.sent.map((frame) => (frame.type === 'miss' ? frame.reason : frame.type))).to.deep.equal([
      'run',
      'busy',
      'busy',
      'checkpoint',
      'not-held',
    ])
  })

  it('waits for a neighbour that takes nothing, up to a bound, and forgets it when it is gone', async () => {
    const { ledger, server, session } = await stand()
    const author = ledger.author(1).grow(2)
    await ledger.hold(author.run(0, 2))
    const room = Promise.withResolvers<void>()
    let asked = 0
    const { channel } = session
    const send = channel.send.bind(channel)
    channel.send = (bytes) => {
      send(bytes)
      return false
    }
    channel.drained = () => {
      asked++
      return room.promise
    }
    for (let id = 1; id <= MAX_WAITING_WANTS + 20; id++) server.onWant(session, want(id, 1, 0))
    await ledger.time.settle()
    expect(server.waiting(session)).to.be.at.most(MAX_WAITING_WANTS)
    const busy = session.sent.filter((frame) => frame.type === 'miss' && frame.reason === 'busy')
    expect(busy.length).to.be.within(1, 20)
    expect([asked, session.sent.filter((frame) => frame.type === 'run').length]).to.deep.equal([1, 1])
    server.onSessionEnd(session)
    room.reject(new Error('closed'))
    await ledger.time.settle()
    expect([server.waiting(session), session.sent.filter((frame) => frame.type === 'run').length]).to.deep.equal([0, 1])
  })

  it('says that it is damaged, here and to the neighbour', async () => {
    const { ledger, server, session, damage } = await stand()
    const author = ledger.author(1).grow(2)
    await ledger.hold(author.run(0, 2))
    ledger.store.readRun = () => Promise.reject(new WattnessError('STORE_DAMAGED', 'block 0 is not what it was'))
    server.onWant(session, want(1, 1, 0))
    await ledger.time.settle()
    ledger.store.readRun = () => Promise.reject(new Error('something else'))
    server.onWant(session, want(2, 1, 0))
    await ledger.time.settle()
    expect(session.sent.map((frame) => frame.type === 'miss' && frame.reason)).to.deep.equal(['damaged', 'not-held'])
    expect(damage).to.have.length(1)
  })
})

describe('evidence for neighbours', () => {
  it('is shown a bounded number at a time, to who knows the member and does not name its chain', async () => {
    const members = MAX_EVIDENCE_SHOWN + 20
    const ledger = await LedgerStand.create(members)
    for (let index = 1; index <= members; index++) await ledger.store.evidence.put(ledger.key(index), Uint8Array.of(index))
    const exchange = new EvidenceExchange({
      store: ledger.store,
      view: ledger.view,
      sessions: () => [session, other],
      onEvidence: async () => 'accept',
      onBadEvidence: () => undefined,
    })
    const [session, other] = [fakeSession('x'), fakeSession('y')]
    const holdings = (chains: number, named: readonly number[] = []): Holdings => ({
      timeMs: 0,
      frontier: Array<number>(chains).fill(0),
      headsRoot: EMPTY_ROOT,
      named: named.map((index) => ({ index, size: 0, root: EMPTY_ROOT })),
    })
    await exchange.show(session, holdings(members + 1))
    expect(session.sent).to.have.length(MAX_EVIDENCE_SHOWN)
    session.sent.length = 0
    await exchange.show(session, holdings(4, [2]))
    expect(session.sent.map((frame) => frame.type === 'evidence' && frame.evidence[0])).to.deep.equal([1, 3])
    exchange.spread(Uint8Array.of(9), session.peerHex)
    expect([session.sent.length, other.sent.length]).to.deep.equal([2, 1])
  })

  it('A13: against a witness it is shown once on each channel, a bounded number at a time, to who knows them', async () => {
    const members = MAX_EVIDENCE_SHOWN + 20
    const ledger = await LedgerStand.create(members)
    const { witnessEvidence } = ledger.store
    for (let index = 1; index <= members; index++) await witnessEvidence.put(ledger.key(index), Uint8Array.of(index))
    await ledger.store.evidence.put(ledger.key(1), Uint8Array.of(101))
    const session = fakeSession('x')
    const exchange = new EvidenceExchange({
      store: ledger.store,
      view: ledger.view,
      sessions: () => [session],
      onEvidence: async () => 'accept',
      onBadEvidence: () => undefined,
    })
    const frontier = Array<number>(members + 1).fill(0)
    const shown = async (to = session): Promise<(number | undefined)[]> => {
      to.sent.length = 0
      await exchange.show(to, { timeMs: 0, frontier, headsRoot: EMPTY_ROOT, named: [] })
      return to.sent.flatMap((frame) => (frame.type === 'evidence' ? [frame.evidence[0]] : []))
    }
    ledger.view.setMembership(applyMembership(ledger.membership, []).membership)
    expect(await shown(), 'no block of the registrar is held there').to.deep.equal([101])
    session.learn(0, 1)
    const first = await shown()
    expect([first.length, first[0], first[1], first.at(-1)]).to.deep.equal([MAX_EVIDENCE_SHOWN, 101, 1, MAX_EVIDENCE_SHOWN - 1])
    expect((await shown()).slice(1)).to.deep.equal(Array.from({ length: 21 }, (_, i) => MAX_EVIDENCE_SHOWN + i))
    expect(await shown()).to.deep.equal([101])
    const later = fakeSession('x')
    later.learn(0, 5)
    expect((await shown(later)).length, 'a new channel').to.equal(MAX_EVIDENCE_SHOWN)
  })
})

describe('the local view', () => {
  it('notices that a damaged chain was cut back', async () => {
    const ledger = await LedgerStand.create()
    const author = ledger.author(1).grow(8)
    await ledger.hold(author.run(0, 8))
    await ledger.time.wait(ledger.store.cutBack(ledger.key(1), 5, 'damaged'))
    expect(ledger.view.sizeOf(1)).to.equal(8)
    ledger.view.refresh()
    const fresh = new LocalView(ledger.store, ledger.membership)
    expect(ledger.view.frontier).to.deep.equal(fresh.frontier)
    expect(ledger.view.headsRoot()).to.deep.equal(fresh.headsRoot())
  })

  it('is of one moment: what was stored since is in neither frontier, leaves nor root until it is told', async () => {
    const ledger = await LedgerStand.create()
    const author = ledger.author(1).grow(8)
    await ledger.hold(author.run(0, 3))
    const before = [ledger.view.leaves(), [...ledger.view.frontier], ledger.view.headsRoot(), ledger.view.named()]
    const update = ledger.view.update.bind(ledger.view)
    ledger.view.update = () => undefined
    await ledger.hold(author.run(3, 8))
    expect([ledger.view.leaves(), ledger.view.frontier, ledger.view.headsRoot(), ledger.view.named()]).to.deep.equal(before)
    expect(await ledger.view.rootAt(1, 3)).to.deep.equal(author.state(3).root)
    update(ledger.key(1))
    expect(ledger.view.sizeOf(1)).to.equal(8)
  })

  it('M13: counts a revoked chain up to its end; who holds another history there shows its own root', async () => {
    for (const isSame of [true, false]) {
      const ledger = await LedgerStand.create()
      const author = ledger.author(1).grow(8)
      await ledger.hold(author.run(0, 8))
      const endRoot = isSame ? author.state(5).root : ZERO_HASH
      const { membership } = ledger.membership.apply([{ type: 'revoke', key: ledger.key(1), endSize: 5, endRoot }])
      ledger.view.setMembership(membership)
      expect(ledger.view.leaves()[1]).to.deep.equal({ size: 5, root: endRoot })
      expect(await ledger.view.readEnds()).to.equal(!isSame)
      expect(await ledger.view.readEnds(), 'looked up once').to.equal(false)
      expect(ledger.view.leaves()[1]).to.deep.equal({ size: 5, root: author.state(5).root })
      expect(await ledger.view.rootAt(1, 5)).to.deep.equal(author.state(5).root)
      expect(ledger.view.update(new Uint8Array(32))).to.equal(undefined)
    }
  })
})
