import { expect } from 'chai'
import { encodeEvidence, encodeRun, orderEvidence } from '../../../protocol/index.ts'
import type { ObservedNode } from '../../observe/observed-node.ts'
import { LiarPeer } from '../harness/liar-peer.ts'
import { TestAuthor } from '../harness/test-author.ts'
import { OBSERVER, ObservedStreet } from './observed-street.ts'

/** Values by name and labels. */
async function valuesOf(app: ReturnType<ObservedStreet['app']>): Promise<Map<string, number>> {
  const answer = await app.inject({ url: '/metrics' })
  expect(answer.statusCode).to.equal(200)
  expect(answer.headers['content-type']).to.match(/^text\/plain; version=0\.0\.4/)
  const lines = answer.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}

describe('metrics', () => {
  let street: ObservedStreet

  beforeEach(async () => {
    street = await ObservedStreet.create({ rounds: 2, absent: ['x'] })
  })
  afterEach(() => street.stop())

  it('answer what an operator asks, with the unit in the name', async () => {
    const app = street.app(OBSERVER, { dataDir: '/tmp' })
    const values = await valuesOf(app)
    for (const member of [1, 2, 3, 4]) {
      expect(values.get(`wattness_chain_blocks{member="${member}"}`)).to.equal(2)
      expect(values.get(`wattness_chain_final_blocks{member="${member}"}`)).to.equal(2)
      expect(values.get(`wattness_last_reading_age_seconds{member="${member}"}`)).to.be.above(0)
      expect(values.get(`wattness_attestations_total{member="${member}"}`)).to.be.above(0)
    }
    for (const zero of [
      'spool_rows',
      'behind_blocks',
      'final_lag_blocks',
      'final_lag_seconds',
      'peers_differing',
      'evidence',
      'evidence_against_self',
      'evidence_against_witnesses',
      'damage',
      'chains_quarantined',
      'chains_contested',
      'membership_pending_blocks',
      'witness_halted',
      'witnesses_unheard',
      'peers_refusing',
      'lacking_blocks',
      'sealing_held_back',
      'spool_set_aside_rows',
    ])
      expect(values.get(`wattness_${zero}`), zero).to.equal(0)
    expect(values.get('wattness_peers')).to.equal(street.node().node.network.links().length)
    expect(values.get('wattness_caught_up')).to.equal(1)
    expect(values.get('wattness_verify_runs_total{code="ACCEPTED",verdict="accept"}')).to.be.above(0)
    for (const [name, value] of [
      ['members', street.node().node.membership.members.length],
      ['witnesses', 4],
      ['quorum', 3],
      ['gossips_blocks', 1],
      ['spool_limit_rows', 1_000_000],
    ] as const)
      expect(values.get(`wattness_${name}`), name).to.equal(value)
    for (const positive of [
      'disk_free_bytes',
      'disk_size_bytes',
      'resident_memory_bytes',
      'heap_used_bytes',
      'cpu_seconds_total',
      'gossip_mesh_peers',
      'start_time_seconds',
    ])
      expect(values.get(`wattness_${positive}`), positive).to.be.above(0)
    for (const known of [
      'event_loop_lag_p99_seconds',
      'event_loop_lag_max_seconds',
      'verify_seconds_total',
      'verify_waiting_bytes',
      'net_bytes_total{direction="received"}',
      'net_bytes_total{direction="sent"}',
    ])
      expect(values.get(`wattness_${known}`), known).to.be.at.least(0)
    expect(
      values.get(
        'wattness_info{version="1.2.3",network="test",key="' + Buffer.from(street.node().node.key).toString('hex') + '"}',
      ),
    ).to.equal(1)
    for (const name of values.keys()) expect(name).to.match(/^wattness_/)
  })

  it('follow what changes: blocks that are not final, what is refused, and what neighbours do wrong', async () => {
    const app = street.app()
    await valuesOf(app)
    for (const name of ['meter-1', 'meter-2']) await street.all.time.wait(street.all.get(name).node.stop())
    const before = street.blocks
    await street.all.time.advance(60_000)
    await street.all.take('meter-3')
    await street.all.time.until(() => street.blocks > before, 60_000, 'another block')
    await street.all.time.advance(30_000)
    const liar = await LiarPeer.start(street.all, 'x')
    await liar.dial(OBSERVER)
    const run = TestAuthor.of(street.all, 'stranger').grow(1)
    const { root, signature } = run.checkpoint()
    await liar.gossip('blocks', encodeRun(run.bytes(0, 1), { type: 'signed', root, signature }))
    await street.all.time.advance(1_000)
    const values = await valuesOf(app)
    expect(values.get('wattness_final_lag_blocks')).to.equal(1)
    expect(values.get('wattness_final_lag_seconds')).to.be.above(20)
    const refused = [...values].filter(([name]) => name.startsWith('wattness_verify_runs_total') && !name.includes('ACCEPTED'))
    expect(
      refused.reduce((sum, [, count]) => sum + count, 0),
      [...values.keys()].join('\n'),
    ).to.be.above(0)
  })

  it('tell what this node seals and reads, by states of what is read and no names', async () => {
    const states = ['reading', 'failed', 'failed']
    const app = street.app('meter-1', { sources: () => states.map((state) => ({ state, source: 'mqtt://secret@broker' })) })
    await valuesOf(app)
    await street.round()
    const values = await valuesOf(app)
    expect(values.get('wattness_sealed_blocks_total')).to.equal(1)
    expect(values.get('wattness_sealed_rows_total')).to.be.at.least(1)
    expect(values.get('wattness_seal_failures_total')).to.equal(0)
    expect(values.get('wattness_sources{state="failed"}')).to.equal(2)
    expect(values.get('wattness_sources{state="reading"}')).to.equal(1)
    expect((await app.inject({ url: '/metrics' })).body).not.to.include('secret')
  })

  it('tell what keeps a member from sealing, and who hangs up on it; an observer that seals nothing misses nothing', async () => {
    const troubles = { heldBack: () => 'nobody was heard', refusedBy: () => ['aa', 'bb'], gossipsBlocks: false }
    const troubled = (name: string): ReturnType<ObservedStreet['app']> =>
      street.app(name, { node: withTroubles(street, name, troubles) })
    const values = await valuesOf(troubled('meter-1'))
    expect(values.get('wattness_sealing_held_back')).to.equal(1)
    expect(values.get('wattness_peers_refusing')).to.equal(2)
    expect(values.get('wattness_gossips_blocks')).to.equal(0)
    expect((await valuesOf(troubled(OBSERVER))).get('wattness_sealing_held_back')).to.equal(0)
  })

  it('count blocks that nobody can give any more, and only those', async () => {
    const lacks = (): object[] => [
      { index: 1, from: 4, size: 9, isPruned: true },
      { index: 2, from: 0, size: 50, isPruned: false },
    ]
    const { sync } = street.node().node
    const lacking = new Proxy(sync, { get: (target, name) => (name === 'lacks' ? lacks : bound(target, name)) })
    const values = await valuesOf(street.app(OBSERVER, { node: withTroubles(street, OBSERVER, { sync: lacking }) }))
    expect(values.get('wattness_lacking_blocks')).to.equal(5)
  })

  it('tell of two stories: evidence, the chain that is stopped, and no age of it any more', async () => {
    const liar = await LiarPeer.start(street.all, 'x')
    const [a, b] = [TestAuthor.of(street.all, 'x').grow(1), TestAuthor.of(street.all, 'x').diverge(1)].map((author) =>
      author.checkpoint(),
    )
    await liar.dial(OBSERVER)
    const sides = [a, b].map((checkpoint) => ({ checkpoint, root: checkpoint?.root, proof: [] }))
    await liar.gossip('evidence', encodeEvidence(orderEvidence(1, sides[0] as never, sides[1] as never)))
    await street.all.time.advance(100)
    const values = await valuesOf(street.app())
    expect(values.get('wattness_evidence')).to.equal(1)
    expect(values.get('wattness_evidence_against_witnesses')).to.equal(0)
    expect(values.get('wattness_chains_quarantined')).to.equal(1)
    expect([...values.keys()].filter((name) => name.includes('age_seconds{member="5"}'))).to.deep.equal([])
  })

  it('tell for how long a block is overdue, by the pace of its meter', async () => {
    const app = street.app()
    expect((await valuesOf(app)).get('wattness_late_seconds{member="1"}')).to.equal(0)
    await street.all.time.advance(3_600_000)
    expect((await valuesOf(app)).get('wattness_late_seconds{member="1"}')).to.be.above(3_000)
  })
})

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? (value as (...all: unknown[]) => unknown).bind(target) : value
}

/** A running node of which some things are said to be otherwise. */
function withTroubles(street: ObservedStreet, name: string, troubles: Readonly<Record<string, unknown>>): ObservedNode {
  return new Proxy<ObservedNode>(street.node(name).node, {
    get: (target, key) => (Object.hasOwn(troubles, key) ? troubles[String(key)] : bound(target, key)),
  })
}
