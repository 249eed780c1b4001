import { expect } from 'chai'
import {
  EMPTY_ROOT,
  encodeLabelRecord,
  encodeMembershipBody,
  headsRoot,
  KIND_MEMBERSHIP,
  labelHash,
  parseRoles,
  toHex,
} from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

describe('catching up', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  function watchFaults(): NodeEvents['fault'][] {
    const faults: NodeEvents['fault'][] = []
    for (const { node } of all.nodes) node.on('fault', (fault) => faults.push(fault))
    return faults
  }

  /** Starts one node, and links it to those named. */
  async function startAlone(name: string, ...links: readonly string[]): Promise<void> {
    const at = all.nodes.findIndex((each) => each.name === name)
    await all.time.wait(all.get(name).node.start())
    for (const other of links)
      await all.link(
        at,
        all.nodes.findIndex((each) => each.name === other),
      )
    await all.time.advance(50)
  }

  /** A neighbour that holds these chains and serves them. */
  async function server(name: string, at: string, chains: ReadonlyMap<number, TestAuthor>): Promise<LiarPeer> {
    const liar = await LiarPeer.start(all, name)
    liar.greeting = liar.honestly(leavesOf(all, chains))
    liar.onFrame = serving(all, chains)
    await liar.dial(at)
    return liar
  }

  it('partitioned halves go on sealing and agree once the partition heals', async () => {
    all = await Neighbourhood.create({ meters: 5, settings: { gossip: 'on' } })
    await all.start(4)
    const faults = watchFaults()
    all.hub.partition(['registrar', 'meter-1', 'meter-2'].map(keyOf), ['meter-3', 'meter-4', 'meter-5'].map(keyOf))
    for (let i = 0; i < 10; i++) {
      for (let meter = 1; meter <= 5; meter++) await all.take(`meter-${meter}`)
      await all.time.advance(60_000)
    }
    expect(all.frontier('meter-1')).to.deep.equal([0, 10, 10, 0, 0, 0])
    expect(all.frontier('meter-4')).to.deep.equal([0, 0, 0, 10, 10, 10])
    all.hub.healAll()
    await all.untilAgreed(50, 180_000)
    expect(faults).to.deep.equal([])
  })

  it('half of all gossip is lost, links shake, and nobody falls behind for longer than an announcement', async () => {
    all = await Neighbourhood.create({ meters: 6, settings: { gossip: 'on' }, latencyMs: 40 })
    await all.start(4)
    const faults = watchFaults()
    all.hub.loseGossip(0.5)
    for (let i = 0; i < 12; i++) {
      for (let meter = 1; meter <= 6; meter++) await all.take(`meter-${meter}`)
      await all.time.advance(25_000)
      all.hub.sever(keyOf(`meter-${(i % 6) + 1}`), keyOf(`meter-${((i + 1) % 6) + 1}`))
      await all.time.advance(35_000)
    }
    await all.untilAgreed(72, 2_000)
    expect(faults).to.deep.equal([])
  })

  it('a node that was off for a week comes back and holds it all within a minute', async () => {
    all = await Neighbourhood.create({
      meters: 3,
      settings: { gossip: 'off', intervalMs: 900_000, announceDelayMs: 5_000, crossCheckMs: 3_600_000 },
    })
    await all.start(4)
    await all.time.wait(all.get('meter-3').node.stop())
    const quarterHours = 7 * 96
    for (let i = 0; i < quarterHours; i++) {
      await all.take('meter-1')
      await all.take('meter-2')
      await all.time.advance(900_000)
    }
    await all.time.advance(900_000)
    const faults = watchFaults()
    await all.restart('meter-3')
    await all.link(3, 0)
    await all.untilAgreed(2 * quarterHours, 60_000)
    expect(faults).to.deep.equal([])
  })

  it('a meter that was off the network keeps sealing, and loses nothing', async () => {
    all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'on' } })
    await all.start(2)
    await all.take('meter-1')
    await all.time.advance(60_000)
    all.hub.partition([keyOf('meter-1')], [keyOf('registrar'), keyOf('meter-2')])
    for (let i = 0; i < 30; i++) {
      await all.take('meter-1')
      await all.time.advance(60_000)
    }
    expect(all.frontier('meter-1')[1]).to.equal(31)
    expect(all.frontier('meter-2')[1]).to.equal(1)
    all.hub.healAll()
    await all.untilAgreed(31, 180_000)
  })

  it('a late joiner takes 12,000 blocks in batches from one that has the signatures of run ends only', async () => {
    all = await Neighbourhood.create({ meters: 2, absent: ['author', 'source'], settings: { gossip: 'off' } })
    await startAlone('meter-1')
    const author = TestAuthor.of(all, 'author').grow(12_000)
    const source = await server('source', 'meter-1', new Map([[3, author]]))
    await all.time.until(() => all.frontier('meter-1')[3] === 12_000, 60_000)
    await all.time.wait(source.network.stop())

    // It has the first blocks already: its batches end elsewhere than those of the one that it asks.
    const faults = watchFaults()
    const head = await server('source', 'meter-1', new Map([[3, author.fork(0)]]))
    await all.time.wait(head.network.stop())
    const runs: number[] = []
    all.get('meter-2').node.on('stored', ({ count }) => runs.push(count))
    await startAlone('meter-2')
    const first = await server('source', 'meter-2', new Map([[3, author.fork(137)]]))
    await all.time.until(() => all.frontier('meter-2')[3] === 137, 60_000)
    await all.time.wait(first.network.stop())
    await all.link(2, 1)
    await all.time.until(() => all.headsRoot('meter-2') === all.headsRoot('meter-1'), 60_000)
    expect(all.frontier('meter-2')[3]).to.equal(12_000)
    expect(runs.length, 'batches').to.be.within(5, 40)
    expect(faults).to.deep.equal([])
  })

  it('one that holds a chain under its last signature alone gives it on, each batch covered by that one', async () => {
    all = await Neighbourhood.create({ meters: 3, absent: ['author', 'source'], settings: { gossip: 'off' } })
    await startAlone('meter-1')
    const size = 4_000
    const author = TestAuthor.of(all, 'author').grow(size)
    const source = await LiarPeer.start(all, 'source')
    source.greeting = source.honestly(leavesOf(all, new Map([[4, author]])))
    let until = 3_000
    source.onFrame = (frame) => {
      if (frame.type !== 'want') return
      const { id, index, from } = frame
      if (from >= until) return source.send({ type: 'miss', id, reason: 'busy' })
      const end = Math.min(size, from + 500)
      const answer = async (): Promise<void> => {
        const run = end === size ? author.run(from, end) : await author.coveredRun(from, end)
        source.send({ type: 'run', id, index, from, run })
      }
      void answer()
    }
    await source.dial('meter-1')
    await all.time.advance(2_000)
    expect(all.frontier('meter-1')[4]).to.equal(3_000)

    // Nothing that it holds has a signature yet: who asks is told to come again, and takes nothing on trust.
    const faults = watchFaults()
    await startAlone('meter-2', 'meter-1')
    await all.time.advance(2_000)
    expect(all.frontier('meter-2')[4]).to.equal(0)
    until = size
    await all.time.until(() => all.frontier('meter-2')[4] === size, 120_000, 'meter-2 holds it')
    await startAlone('meter-3', 'meter-2')
    await all.time.until(() => all.headsRoot('meter-3') === all.headsRoot('meter-1'), 60_000)
    expect(all.frontier('meter-3')[4]).to.equal(size)
    expect(faults).to.deep.equal([])
  })

  it('the registrar’s chain is asked for first, and members that it admits right after', async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['other', 'source'], settings: { gossip: 'off' } })
    const late = ['late-1', 'late-2', 'late-3']
    const registrar = new TestAuthor(all, signerOf('registrar'), true)
    for (const name of late) {
      const label = labelHash(encodeLabelRecord(new Uint8Array(16), name))
      const content = encodeMembershipBody([{ type: 'admit', key: keyOf(name), roles: parseRoles('meter'), labelHash: label }])
      registrar.append({ kind: KIND_MEMBERSHIP, content })
    }
    const chains = new Map<number, TestAuthor>([[0, registrar]])
    // A member of genesis that has written under the newest membership too.
    const other = TestAuthor.of(all, 'other')
    for (let i = 0; i < 4; i++) other.append({ registrarSize: 3 })
    chains.set(2, other)
    late.forEach((name, i) => {
      const author = TestAuthor.of(all, name)
      for (let block = 0; block < 5; block++) author.append({ registrarSize: 3 })
      chains.set(4 + i, author)
    })
    await startAlone('meter-1')
    const faults = watchFaults()
    const source = await LiarPeer.start(all, 'source')
    source.onFrame = serving(all, chains)
    const keys = ['registrar', 'meter-1', 'other', 'source', ...late].map(keyOf)
    const leaves = keys.map((member, index) => ({ member, size: 0, root: EMPTY_ROOT, ...chains.get(index)?.checkpoint() }))
    source.greeting = source.holdings([3, 0, 4, 0, 5, 5, 5], headsRoot(leaves))
    await source.dial('meter-1')
    await all.time.advance(2_000)
    expect(all.frontier('meter-1')).to.deep.equal([3, 0, 4, 0, 5, 5, 5])
    expect(source.wants().map(({ index }) => index)).to.deep.equal([0, 2, 4, 5, 6])
    expect(faults).to.deep.equal([])
  })

  it('blocks that came before the membership they name are taken once it is there, before any cross-check', async () => {
    all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'off' } })
    await all.start(2)
    const joined = await all.add('late', { gossip: 'off' })
    await all.time.wait(joined.node.start())
    const label = encodeLabelRecord(new Uint8Array(16), 'late')
    await all.time.wait(all.get('registrar').node.admitKey(keyOf('late'), parseRoles('meter'), label))
    await all.time.advance(2_000)
    await all.link(3, 0)
    await all.link(3, 1)
    await all.time.advance(2_000)
    expect(joined.node.isMember).to.equal(true)
    await all.take('late')
    await all.untilAgreed(2, 20_000)
    expect(toHex(all.get('meter-2').node.membership.at(3)?.key as Uint8Array)).to.equal(toHex(keyOf('late')))
  })
})
