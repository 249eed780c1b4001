import { expect } from 'chai'
import { type PruneOrder, type PruneReport, pruneLines } from '../../control/index.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'
import { refusalCode } from '../store/temporary-directories.ts'

const INDEX = 5
const SIZE = 150

describe('prune desk', () => {
  let all: Neighbourhood
  let author: TestAuthor

  async function neighbourhood(witnesses: number): Promise<void> {
    all = await Neighbourhood.create({ meters: 4, witnesses, absent: ['away'], settings: { gossip: 'off', attestDelayMs: 500 } })
    await all.start(4)
    author = TestAuthor.of(all, 'away').grow(SIZE)
    const giver = await LiarPeer.start(all, 'away')
    const chains = new Map([[INDEX, author]])
    giver.greeting = giver.honestly(leavesOf(all, chains))
    giver.onFrame = serving(all, chains)
    await giver.dial('meter-1')
    await all.untilAgreed(SIZE)
  }

  afterEach(() => all.stop())

  async function prune(name: string, order: Partial<PruneOrder> = {}): Promise<PruneReport> {
    const { node } = all.get(name)
    const full = { beforeMs: Number.MAX_SAFE_INTEGER / 1_000, dropValues: false, withoutWitnesses: false, ...order }
    const platform = { turn: () => Promise.resolve() }
    let report: PruneReport | undefined
    for await (const line of pruneLines(node, platform, full)) if ('report' in line) ({ report } = line)
    return report as PruneReport
  }

  it('drops what is final, of every chain but the registrar’s, and tells neighbours by greeting them again', async () => {
    await neighbourhood(4)
    const key = author.signer.publicKey
    await all.time.until(() => all.get('meter-1').store.witness.final(key)?.size === SIZE, 120_000, 'it is final')
    const report = await all.time.wait(prune('meter-1'))
    const line = report.chains[INDEX]
    expect(line?.pruned).to.be.within(SIZE - 31, SIZE)
    // The first one is no block of readings: there a chain says what it goes on from.
    expect([line?.bodies, line?.final, line?.kept]).to.deep.equal([(line?.pruned ?? 0) - 1, SIZE, null])
    expect(report.chains[0]).to.deep.include({ bodies: 0, kept: 'the chain of the registrar is kept whole' })
    await all.time.advance(10_000)
    const told = [...all.get('meter-2').node.sync.sessions].filter(({ hello }) => hello?.pruned === true)
    expect(told.length).to.equal(1)
    expect(await all.time.wait(refusalCode(prune('meter-1', { withoutWitnesses: true })))).to.equal('PRUNE_REFUSED')
    // It starts again, seals, attests, and what is new becomes final.
    await all.restart('meter-1')
    for (const name of ['registrar', 'meter-2', 'meter-3']) {
      await all.link(
        all.nodes.findIndex((each) => each.name === 'meter-1'),
        all.nodes.findIndex((each) => each.name === name),
      )
    }
    await all.time.advance(30_000)
    await all.take('meter-1')
    const { node, store } = all.get('meter-1')
    await all.time.until(() => store.witness.final(node.key)?.size === 1, 300_000, 'a block of its own is final')
    expect(store.pruned(key).to).to.equal(line?.pruned)
    expect(await all.time.wait(refusalCode(node.prove(key, 3)))).to.equal('BODY_PRUNED')
    expect(await all.time.wait(refusalCode(node.prove(key, SIZE - 1)))).to.equal('no error')
    expect((await all.time.wait(prune('meter-1', { beforeMs: 0 }))).bodies).to.equal(0)
  })

  it('tells neighbours where it is broken off, too', async () => {
    await neighbourhood(0)
    const { node } = all.get('meter-1')
    const order = { beforeMs: all.time.clock.now() + 1, dropValues: false, withoutWitnesses: true }
    const lines = pruneLines(node, { turn: () => Promise.resolve() }, order)
    for await (const line of lines) if ('progress' in line && node.store.isPruned) break
    await all.time.advance(10_000)
    const told = [...all.get('meter-2').node.sync.sessions].filter(({ hello }) => hello?.pruned === true)
    expect(told.length).to.equal(1)
  })

  it('keeps what is not final, and says so', async () => {
    await neighbourhood(4)
    const { store } = all.get('meter-2')
    const final = store.witness.final(author.signer.publicKey)?.size ?? 0
    const report = await all.time.wait(prune('meter-2'))
    expect(report.chains[INDEX]?.pruned).to.be.at.most(final)
    if (final === 0) expect(report.chains[INDEX]?.kept).to.equal('nothing of it is final')
  })

  it('without witnesses goes by age alone, and keeps a chain that has told two stories', async () => {
    await neighbourhood(0)
    expect(await all.time.wait(refusalCode(prune('meter-1')))).to.equal('PRUNE_REFUSED')
    expect((await all.time.wait(prune('meter-1', { withoutWitnesses: true }))).chains[INDEX]?.pruned).to.be.above(SIZE - 32)
    await all.get('meter-2').store.evidence.put(author.signer.publicKey, Uint8Array.of(1))
    const report = await all.time.wait(prune('meter-2', { withoutWitnesses: true }))
    expect(report.chains[INDEX]).to.deep.include({ pruned: 0, kept: 'it has told two stories' })
  })
})
