import { expect } from 'chai'
import type { NodeEvents } from '../../events.ts'
import { put } from '../../store/index.ts'
import { blockKey } from '../../store/keys.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'

const SIZE = 200
/** Member index of `away`, behind the registrar and three meters. */
const INDEX = 4

describe('S27: neighbours that have pruned a chain', () => {
  let all: Neighbourhood
  let author: TestAuthor
  let giver: LiarPeer
  const faults: NodeEvents['fault'][] = []

  beforeEach(async () => {
    faults.length = 0
    all = await Neighbourhood.create({
      meters: 3,
      absent: ['away'],
      genesis: { observers: 'open' },
      settings: { gossip: 'off' },
    })
    await all.start(2)
    author = TestAuthor.of(all, 'away').grow(SIZE)
    await serve('registrar')
    await all.untilAgreed(SIZE)
    giver.channel?.close()
    for (const name of ['registrar', 'meter-1', 'meter-2']) await prune(name)
  })
  afterEach(() => all.stop())

  /** A neighbour that has all of the chain. */
  async function serve(name: string): Promise<void> {
    giver = await LiarPeer.start(all, `giver of ${name}`)
    const chains = new Map([[INDEX, author]])
    giver.greeting = giver.honestly(leavesOf(all, chains))
    giver.onFrame = serving(all, chains)
    await giver.dial(name)
  }

  async function prune(name: string): Promise<void> {
    const { store } = all.get(name)
    while (!(await store.prune(author.signer.publicKey, 128, { unfinal: true })).isDone);
  }

  async function addObserver(...links: readonly string[]): Promise<void> {
    const { node } = await all.add('observer')
    for (const each of all.nodes) each.node.on('fault', (fault) => faults.push(fault))
    await all.time.wait(node.start())
    for (const name of links) await link(name)
  }

  async function link(name: string): Promise<void> {
    const at = (wanted: string): number => all.nodes.findIndex((each) => each.name === wanted)
    await all.link(at('observer'), at(name))
    await all.time.advance(1_000)
  }

  const held = (): number => all.frontier('observer')[INDEX] ?? 0

  it('are not asked again, and another gives what they have not', async () => {
    await prune('meter-3')
    await addObserver('registrar', 'meter-1')
    await all.time.advance(120_000)
    expect(held()).to.equal(0)
    const { sync } = all.get('observer').node
    expect([...sync.lacks()]).to.deep.equal([{ index: INDEX, from: 0, size: SIZE, isPruned: true }])
    expect(sync.isCaughtUp).to.equal(false)
    await serve('observer')
    await all.time.until(() => held() === SIZE, 60_000, 'the chain is held')
    expect([[...sync.lacks()], sync.isCaughtUp]).to.deep.equal([[], true])
    expect(faults).to.deep.equal([])
  })

  it('go on agreeing with the others, and go on from where they are', async () => {
    author.grow(5)
    for (const { node } of all.nodes) node.on('fault', (fault) => faults.push(fault))
    await serve('meter-1')
    await all.untilAgreed(SIZE + 5)
    expect(faults).to.deep.equal([])
  })

  it('say so in their greeting, and are no reason to cut a damaged chain back', async () => {
    await all.restart('registrar')
    const { kv, store, node } = all.get('meter-3')
    const damage: string[] = []
    node.on('damage', ({ error }) => damage.push(error.message))
    for await (const entries of kv.iterate({ gte: blockKey(0, 150), lt: blockKey(0, 151) })) {
      for (const [key, value] of entries) await kv.batch([put(key, value.with(98, (value[98] as number) ^ 1))])
    }
    for (const name of ['meter-1', 'meter-2']) await all.restart(name)
    await addObserver('registrar', 'meter-3')
    await all.time.advance(180_000)
    const said = [...all.get('observer').node.sync.sessions].map(({ hello }) => hello?.pruned)
    expect(said.filter((isPruned) => isPruned).length).to.equal(said.length - 1)
    expect(said).to.have.length(4)
    expect(damage.join()).to.contain('block 150')
    expect(store.head(author.signer.publicKey)?.size).to.equal(SIZE)
  })
})
