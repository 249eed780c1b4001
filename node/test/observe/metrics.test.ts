import { expect } from 'chai'
import { encodeRun } from '../../../protocol/index.ts'
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
      'damage',
    ])
      expect(values.get(`wattness_${zero}`), zero).to.equal(0)
    expect(values.get('wattness_peers')).to.equal(street.node().node.network.links().length)
    expect(values.get('wattness_caught_up')).to.equal(1)
    expect(values.get('wattness_verify_runs_total{code="ACCEPTED"}')).to.be.above(0)
    for (const positive of ['disk_free_bytes', 'resident_memory_bytes', 'gossip_mesh_peers'])
      expect(values.get(`wattness_${positive}`), positive).to.be.above(0)
    for (const known of [
      'event_loop_lag_p99_seconds',
      'event_loop_lag_max_seconds',
      'verify_seconds_total',
      'verify_waiting_bytes',
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
})
