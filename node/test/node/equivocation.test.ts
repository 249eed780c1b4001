import { expect } from 'chai'
import { decodeEvidence, toHex, verifyEvidence } from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import { verifySignature } from '../../signature.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'
import { TroubledKv } from '../harness/troubled-kv.ts'

type Proven = NodeEvents['evidence'] & { readonly at: string }

/** Notes who says what about evidence, from now on. */
function watchEvidence(all: Neighbourhood): Proven[] {
  const seen: Proven[] = []
  for (const { name, node } of all.nodes) node.on('evidence', (event) => seen.push({ ...event, at: name }))
  return seen
}

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

async function untilQuarantined(all: Neighbourhood, names: readonly string[], member: string, limitMs: number): Promise<void> {
  const isDone = (): boolean => names.every((name) => all.get(name).store.quarantined(keyOf(member)))
  await all.time.until(isDone, limitMs, `${member} quarantined at ${names.join(', ')}`)
}

async function assertProven(all: Neighbourhood, name: string, member: string): Promise<void> {
  const bytes = await all.get(name).store.evidence.get(keyOf(member))
  const evidence = decodeEvidence(bytes as Uint8Array)
  expect(toHex(evidence.a.member)).to.equal(toHex(keyOf(member)))
  expect(verifyEvidence(verifySignature, all.genesis.networkId, evidence), `evidence at ${name}`).to.equal(true)
}

describe('equivocation', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  for (const gossip of ['on', 'off'] as const) {
    it(`a key that runs twice at a time is found out, and both are told loudly (gossip of blocks ${gossip})`, async () => {
      all = await Neighbourhood.create({ meters: 3, absent: ['double'], settings: { gossip } })
      await all.addDouble('double', 'meter-1', { gossip })
      const seen = watchEvidence(all)
      await all.start(4)
      await all.take('meter-1')
      await all.take('double')
      await untilQuarantined(all, ['registrar', 'meter-1', 'meter-2', 'meter-3', 'double'], 'meter-1', 45_000)
      for (const { name } of all.nodes) await assertProven(all, name, 'meter-1')
      expect(seen.filter(({ self }) => self).map(({ at }) => at)).to.have.members(['meter-1', 'double'])
      expect(new Set(seen.map(({ member }) => member))).to.deep.equal(new Set([toHex(keyOf('meter-1'))]))
      expect(seen, 'each node tells it once').to.have.length(5)

      // It seals no more, by itself or when asked to; everybody else does.
      await all.take('meter-1')
      await all.take('meter-2')
      await all.time.advance(45_000)
      expect(all.get('meter-1').store.head(keyOf('meter-1'))?.size).to.equal(1)
      expect(all.get('meter-1').node.heldBack()).to.contain('two histories')
      expect(
        await all
          .get('meter-1')
          .node.sealNow()
          .catch((error: Error) => error.message),
      ).to.contain('two histories')
      for (const { name } of all.nodes) expect(all.frontier(name)[2], name).to.equal(1)

      // After a restart it still knows.
      await all.restart('meter-1')
      expect(all.get('meter-1').node.heldBack()).to.contain('two histories')
    })
  }

  it('two halves that each saw another story keep it, and learn of it when the partition heals', async () => {
    all = await Neighbourhood.create({ meters: 4, absent: ['double'], settings: { gossip: 'on' } })
    await all.addDouble('double', 'meter-1', { gossip: 'on', sealAlone: true })
    const seen = watchEvidence(all)
    await all.start(4)
    await all.take('meter-1', 2)
    await all.time.advance(60_000)
    const [here, there] = [
      ['registrar', 'meter-1', 'meter-2'],
      ['meter-3', 'meter-4', 'double'],
    ]
    all.hub.partition(here.map(keyOf), there.map(keyOf))
    for (let i = 0; i < 3; i++) {
      await all.take('meter-1')
      await all.take('double')
      await all.take('meter-2')
      await all.take('meter-3')
      await all.time.advance(60_000)
    }
    expect(seen).to.have.length(0)
    const kept = new Map(all.nodes.map(({ name, store }) => [name, toHex(store.head(keyOf('meter-1'))?.root as Uint8Array)]))
    expect(new Set(here.map((name) => kept.get(name))).size + new Set(there.map((name) => kept.get(name))).size).to.equal(2)
    expect(kept.get('meter-2')).to.not.equal(kept.get('meter-3'))

    all.hub.healAll()
    await untilQuarantined(all, [...here, ...there], 'meter-1', 120_000)
    await all.time.advance(60_000)
    for (const { name, store } of all.nodes) {
      await assertProven(all, name, 'meter-1')
      expect(toHex(store.head(keyOf('meter-1'))?.root as Uint8Array), `${name} keeps its first blocks`).to.equal(kept.get(name))
      expect(all.frontier(name)[2], `chain of meter-2 at ${name}`).to.equal(3)
      expect(all.frontier(name)[3], `chain of meter-3 at ${name}`).to.equal(3)
      // Where only a quarantined chain differs, and is named, neighbours agree on the rest.
      for (const session of all.get(name).node.sync.sessions) expect(session.agreement, name).to.equal('equal')
    }
    expect(seen.filter(({ self }) => self).map(({ at }) => at)).to.have.members(['meter-1', 'double'])
  })

  // Common prefix, then the length of each story.
  const forks: readonly (readonly [string, number, number, number])[] = [
    ['at the tip', 5, 6, 6],
    ['of the first block', 0, 1, 1],
    ['deep below both ends', 2, 40, 40],
    ['with one story longer', 3, 10, 25],
    ['with one story longer than a proof needs to show', 8, 9, 300],
  ]
  for (const [what, common, one, other] of forks) {
    it(`a fork ${what} ends in evidence within a cross-check, all gossip lost`, async () => {
      all = await Neighbourhood.create({ meters: 2, absent: ['forked', 'x', 'y'], settings: { gossip: 'off' } })
      all.hub.loseGossip(1)
      await all.start(2)
      await shareFork(all, common, one, other)
      await untilQuarantined(all, ['registrar', 'meter-1', 'meter-2'], 'forked', 31_000)
      for (const name of ['registrar', 'meter-1', 'meter-2']) await assertProven(all, name, 'forked')
    })
  }

  /** Two liars hold one story each; each tells it to another honest node. */
  async function shareFork(all: Neighbourhood, common: number, one: number, other: number): Promise<void> {
    const author = TestAuthor.of(all, 'forked').grow(common)
    const stories = [author.fork(common).grow(one - common), author.fork(common).diverge(other - common)]
    const index = 3
    for (const [i, [name, at]] of (
      [
        ['x', 'meter-1'],
        ['y', 'meter-2'],
      ] as const
    ).entries()) {
      const liar = await LiarPeer.start(all, name)
      const chains = new Map([[index, stories[i] as TestAuthor]])
      liar.greeting = liar.honestly(leavesOf(all, chains))
      liar.onFrame = serving(all, chains)
      await liar.dial(at)
    }
    await all.time.advance(100)
  }

  it('a node that catches up among two stories keeps one of them and ends with evidence', async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['forked', 'x', 'y'], settings: { gossip: 'off' } })
    all.hub.loseGossip(1)
    await all.start(2)
    const author = TestAuthor.of(all, 'forked').grow(1_500)
    for (const [name, story] of [
      ['x', author.fork(1_200).grow(1_300)],
      ['y', author.fork(1_200).diverge(1_900)],
    ] as const) {
      const liar = await LiarPeer.start(all, name)
      const chains = new Map([[2, story]])
      liar.greeting = liar.honestly(leavesOf(all, chains))
      liar.onFrame = serving(all, chains)
      await liar.dial('meter-1')
    }
    await untilQuarantined(all, ['meter-1', 'registrar'], 'forked', 31_000)
    await assertProven(all, 'registrar', 'forked')
    const kept = all.get('meter-1').store.head(keyOf('forked'))?.size as number
    expect(kept).to.be.within(1_200, 3_100)
    expect(all.frontier('meter-1')[2]).to.equal(kept)
    await all.time.advance(120_000)
    expect(all.frontier('meter-1')[2], 'stopped at that height').to.equal(kept)
  })

  it('a second block for a held height is evidence as soon as it comes by gossip, and is passed on to nobody', async () => {
    all = await Neighbourhood.create({ meters: 2, absent: ['forked', 'x'], settings: { gossip: 'on', crossCheckMs: 3_600_000 } })
    await all.start(2)
    const liar = await LiarPeer.start(all, 'x')
    await liar.dial('meter-1')
    const author = TestAuthor.of(all, 'forked').grow(1)
    await liar.gossip('blocks', author.run(0, 1))
    expect(all.frontier('registrar')[3]).to.equal(1)
    await liar.gossip('blocks', author.fork(0).diverge(1).run(0, 1))
    for (const name of ['registrar', 'meter-1', 'meter-2']) await assertProven(all, name, 'forked')
    await liar.gossip('blocks', author.grow(1).run(1, 2))
    expect(all.frontier('registrar')[3], 'what comes later is dropped').to.equal(1)
    expect(liar.isLinked, 'who relays another story is not to blame').to.equal(true)
  })

  it('a fork that shows while the disk is slow ends in evidence too, and nobody else pays for it', async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['forked', 'x', 'y'], settings: { gossip: 'on' } })
    const disk = new TroubledKv(all.get('meter-1').kv, all.time.timers)
    all.get('meter-1').kv = disk
    await all.restart('meter-1')
    const faults: string[] = []
    all.get('meter-1').node.on('fault', ({ fault }) => faults.push(fault))
    const author = TestAuthor.of(all, 'forked').grow(1)
    const stories = [author.fork(1).grow(2), author.fork(1).diverge(2)] as const
    const liars: LiarPeer[] = []
    for (const [i, name] of ['x', 'y'].entries()) {
      const liar = await LiarPeer.start(all, name)
      liar.onFrame = serving(all, new Map([[2, stories[i] as TestAuthor]]))
      await liar.dial('meter-1')
      liars.push(liar)
    }
    await liars[0]?.gossip('blocks', author.run(0, 1))
    disk.delayMs = 5_000
    await liars[0]?.gossip('blocks', stories[0].run(1, 2))
    // What it forks from is checked and not yet written.
    await liars[1]?.gossip('blocks', stories[1].run(2, 3))
    await all.time.advance(1_000)
    expect(faults).to.deep.equal([])
    liars[1]?.status(liars[1].honestly(leavesOf(all, new Map([[2, stories[1]]]))))
    await untilQuarantined(all, ['meter-1'], 'forked', 60_000)
    expect(faults).to.deep.equal([])
  })

  it('a node that was off while the evidence went round is shown it when it comes back, gossip lost', async () => {
    all = await Neighbourhood.create({ meters: 3, absent: ['double'], settings: { gossip: 'off' } })
    await all.addDouble('double', 'meter-1', { gossip: 'off' })
    await all.start(4)
    const away = all.get('meter-3')
    await all.time.wait(away.node.stop())
    await all.take('meter-1')
    await all.take('double')
    await untilQuarantined(all, ['registrar', 'meter-1', 'meter-2', 'double'], 'meter-1', 60_000)
    all.hub.loseGossip(1)
    await all.restart('meter-3')
    await all.link(3, 0)
    await untilQuarantined(all, ['meter-3'], 'meter-1', 5_000)
    await assertProven(all, 'meter-3', 'meter-1')
  })
})
