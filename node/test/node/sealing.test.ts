import { expect } from 'chai'
import { toHex } from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import { LiarPeer, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { copyKv, TroubledKv } from '../harness/troubled-kv.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

describe('sealing', () => {
  let all: Neighbourhood

  afterEach(async () => {
    for (const { store } of all.nodes) expect(store.evidence.size, 'nobody equivocates').to.equal(0)
    await all.stop()
  })

  /** A reading a minute, for so many minutes. */
  async function takeFor(minutes: number, ...names: readonly string[]): Promise<void> {
    for (let i = 0; i < minutes; i++) {
      for (const name of names) await all.take(name)
      await all.time.advance(60_000)
    }
  }

  const sealedBy = (name: string): number => all.get(name).store.head(keyOf(name))?.size ?? 0

  it('a meter that was started again takes readings at once, and seals after a neighbour’s word', async () => {
    all = await Neighbourhood.create({ meters: 2 })
    await all.start(2)
    await takeFor(2, 'meter-1')
    const held: (string | undefined)[] = []
    all.hub.partition([keyOf('meter-1')], [keyOf('registrar'), keyOf('meter-2')])
    await all.restart('meter-1')
    all.get('meter-1').node.on('heldBack', ({ reason }) => held.push(reason))
    await takeFor(3, 'meter-1')
    expect(sealedBy('meter-1')).to.equal(2)
    expect(all.get('meter-1').store.spool.size).to.equal(3)
    all.hub.healAll()
    await all.link(1, 0)
    await all.time.advance(12_000)
    expect([sealedBy('meter-1'), all.get('meter-1').store.spool.size]).to.deep.equal([3, 0])
    expect(held).to.deep.equal(['no neighbour has said yet how much of this chain it holds', undefined])
  })

  it('a meter restored from an old copy takes its own blocks back first, and goes on from them', async () => {
    all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'off' } })
    await all.start(2)
    await takeFor(3, 'meter-1')
    const backup = await copyKv(all.get('meter-1').kv)
    await takeFor(40, 'meter-1')
    await all.time.advance(30_000)
    all.get('meter-1').kv = backup
    await all.restart('meter-1')
    await all.take('meter-1')
    expect(sealedBy('meter-1')).to.equal(3)
    await all.link(1, 2)
    await all.time.advance(20_000)
    expect(sealedBy('meter-1')).to.equal(44)
    await all.untilAgreed(44, 60_000)
  })

  it('a meter restored from an old copy beside others that were off is told by whoever still holds its blocks', async () => {
    all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'off' } })
    await all.start(2)
    await takeFor(2, 'meter-1')
    const backup = await copyKv(all.get('meter-1').kv)
    await takeFor(5, 'meter-1')
    await all.time.advance(30_000)
    all.get('meter-1').kv = backup
    await all.restart('meter-1')
    await all.link(1, 0)
    // Between the word and the blocks the link breaks: the word stays.
    await all.time.until(() => all.get('meter-1').node.heldBack()?.includes('neighbours hold 7') === true, 1_000)
    all.hub.partition([keyOf('meter-1')], [keyOf('registrar'), keyOf('meter-2')])
    await takeFor(5, 'meter-1')
    expect(sealedBy('meter-1')).to.equal(2)
    all.hub.healAll()
    await all.untilAgreed(8, 180_000)
  })

  it('a disk copied at any moment, in the middle of anything, leads to no second story', async () => {
    all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'on', rowsAtOnce: 2, maxRows: 2 } })
    await all.start(2)
    for (let i = 0; i < 12; i++) {
      for (let reading = 0; reading < 3; reading++) {
        await all.take('meter-1')
        await all.time.advance(60_000 + i * 137)
      }
      void all.take('meter-1')
      await all.time.advance(i)
      all.get('meter-1').kv = await copyKv(all.get('meter-1').kv)
      await all.restart('meter-1')
      await all.link(1, i % 2 === 0 ? 0 : 2)
      await all.time.advance(90_000)
    }
    expect(sealedBy('meter-1')).to.be.above(12)
    expect(all.get('meter-1').store.spool.size).to.equal(0)
    await all.untilAgreed(sealedBy('meter-1'), 60_000)
  })

  it('only members are believed: a stranger that came to read opens no gate and closes none', async () => {
    all = await Neighbourhood.create({ meters: 1, genesis: { observers: 'open' } })
    const meter = all.get('meter-1')
    await all.time.wait(meter.node.start())
    const [stranger, other] = [await LiarPeer.start(all, 'stranger'), await LiarPeer.start(all, 'other stranger')]
    for (const each of [stranger, other]) {
      each.greeting = { ...each.holdings([0, 0]), timeMs: all.time.clock.now() - 86_400_000 }
      await each.dial('meter-1')
    }
    await takeFor(2, 'meter-1')
    expect(meter.node.heldBack()).to.contain('no neighbour has said')
    await all.time.wait(all.get('registrar').node.start())
    await all.link(1, 0)
    stranger.status({ ...stranger.holdings([0, 1_000]), timeMs: all.time.clock.now() - 86_400_000 })
    await takeFor(1, 'meter-1')
    expect(meter.node.heldBack()).to.equal(undefined)
    expect(sealedBy('meter-1')).to.be.above(0)
  })

  it('a meter whose clock is ahead of its neighbours’ seals nothing until it is right', async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['x', 'y'] })
    await all.start(2)
    const neighbours: LiarPeer[] = []
    for (const name of ['x', 'y']) {
      const neighbour = await LiarPeer.start(all, name)
      neighbour.greeting = { ...neighbour.honestly([]), timeMs: all.time.clock.now() - 3_600_000 }
      await neighbour.dial('meter-1')
      neighbours.push(neighbour)
    }
    await takeFor(2, 'meter-1')
    expect(sealedBy('meter-1')).to.equal(0)
    expect(all.get('meter-1').node.heldBack()).to.contain('ms ahead of the neighbours’ median'.replace('’', "'"))
    for (const neighbour of neighbours) neighbour.status(neighbour.honestly([]))
    await all.time.advance(20_000)
    expect(sealedBy('meter-1')).to.equal(1)
  })

  it('a clock that steps ahead while its node runs is noticed at once, before a neighbour speaks again', async () => {
    all = await Neighbourhood.create({ meters: 2 })
    await all.start(3)
    const platformOf = all.time.platform.bind(all.time)
    let aheadMs = 0
    all.time.platform = (random) => {
      const platform = platformOf(random)
      return { ...platform, clock: { ...platform.clock, now: () => platform.clock.now() + aheadMs } }
    }
    await all.restart('meter-1')
    all.time.platform = platformOf
    await all.link(1, 0)
    await takeFor(2, 'meter-1')
    const { node } = all.get('meter-1')
    expect(node.heldBack()).to.equal(undefined)
    aheadMs = 3_600_000
    expect(node.heldBack()).to.contain("ms ahead of the neighbours' median")
    aheadMs = 0
    expect(node.heldBack()).to.equal(undefined)
  })

  it('a registrar without any other member seals', async () => {
    all = await Neighbourhood.create({ meters: 0 })
    await all.start()
    const { node } = all.get('registrar')
    expect(node.heldBack()).to.equal(undefined)
    await all.take('registrar')
    await all.time.advance(20_000)
    expect(sealedBy('registrar')).to.equal(1)
  })

  it('a meter alone seals on its operator’s word', async () => {
    all = await Neighbourhood.create({ meters: 1, settings: { sealAlone: true } })
    await all.time.wait(all.get('meter-1').node.start())
    await takeFor(2, 'meter-1')
    expect(sealedBy('meter-1')).to.equal(2)
  })

  it('what is told to seal now seals now, or says why not', async () => {
    all = await Neighbourhood.create({ meters: 1 })
    await all.time.wait(all.get('meter-1').node.start())
    await all.take('meter-1')
    const { node } = all.get('meter-1')
    expect(await node.sealNow().catch((error: { code: string }) => error.code)).to.equal('SEAL_HELD_BACK')
    await all.time.wait(all.get('registrar').node.start())
    await all.link(1, 0)
    await all.time.advance(100)
    expect((await all.time.wait(node.sealNow()))?.height).to.equal(0)
    expect(await all.time.wait(node.sealNow())).to.equal(undefined)
  })

  describe('on a disk of its own temper', () => {
    let kv: TroubledKv

    async function start(gossip: 'on' | 'off' = 'on'): Promise<void> {
      all = await Neighbourhood.create({ meters: 2, absent: ['ear'], settings: { gossip } })
      kv = new TroubledKv(all.get('meter-1').kv, all.time.timers)
      all.get('meter-1').kv = kv
      await all.restart('meter-1')
      for (const name of ['registrar', 'meter-2']) await all.time.wait(all.get(name).node.start())
      for (const [a, b] of [
        [0, 1],
        [1, 2],
        [2, 0],
      ] as const) {
        await all.link(a, b)
      }
      await all.time.advance(1_000)
    }

    for (const gossip of ['on', 'off'] as const) {
      it(`a block is on the disk, synced, before anybody hears of it (gossip ${gossip})`, async () => {
        await start(gossip)
        const order: string[] = []
        kv.delayMs = 700
        kv.onWritten = ({ sync }) => order.push(sync === true ? 'synced' : 'written')
        for (const name of ['registrar', 'meter-2']) {
          all.get(name).node.on('stored', ({ member }) => {
            if (member === toHex(keyOf('meter-1'))) order.push(`held by ${name}`)
          })
        }
        all.get('meter-1').node.on('sealed', () => order.push('sealed'))
        const ear = await LiarPeer.start(all, 'ear')
        await ear.dial('meter-1')
        ear.onFrame = (frame) => {
          if (frame.type === 'announce') order.push('announced')
        }
        void all.take('meter-1')
        await all.time.advance(15_000)
        await all.time.advance(15_000)
        // The reading, then the block that takes it up.
        expect(order.slice(0, 3)).to.deep.equal(['synced', 'synced', 'sealed'])
        expect(order.slice(3)).to.include.members(['held by registrar', 'held by meter-2', 'announced'])
      })
    }

    for (const failure of ['lost', 'stored'] as const) {
      it(`a seal whose write fails (${failure}) is made up for, once, and nothing acknowledged is lost`, async () => {
        await start()
        const sealed: NodeEvents['sealed'][] = []
        const failed: unknown[] = []
        all.get('meter-1').node.on('sealed', (event) => sealed.push(event))
        all.get('meter-1').node.on('sealFailed', ({ error }) => failed.push(error))
        await all.take('meter-1')
        kv.failNext = failure
        await all.time.advance(60_000)
        expect([sealedBy('meter-1'), all.get('meter-1').store.spool.size]).to.deep.equal([1, 0])
        expect(failed).to.have.length(failure === 'lost' ? 1 : 0)
        expect(sealed.map(({ height }) => height)).to.deep.equal([0])
        await takeFor(2, 'meter-1')
        await all.untilAgreed(3, 60_000)
      })
    }

    it('a full disk refuses readings, seals nothing, and loses nothing; with room again all goes on', async () => {
      await start()
      await all.take('meter-1')
      kv.isFull = true
      const failed: unknown[] = []
      all.get('meter-1').node.on('sealFailed', ({ error }) => failed.push(error))
      await all.time.advance(30_000)
      expect(failed.length).to.be.above(2)
      expect(all.get('meter-1').node.heldBack()).to.match(/^sealing fails: block \d+ could not be sealed: .*no space left/)
      const refused = await all.take('meter-1').catch((error: { code: string }) => error.code)
      expect(refused).to.equal('DISK_FULL')
      // What neighbours send is not kept either, and nobody is charged for it.
      const faults: NodeEvents['fault'][] = []
      all.get('meter-1').node.on('fault', (event) => faults.push(event))
      await takeFor(3, 'meter-2')
      expect(all.frontier('meter-1')).to.deep.equal([0, 0, 0, 0])
      expect(faults).to.deep.equal([])
      kv.isFull = false
      await all.take('meter-1')
      await all.time.until(() => all.get('meter-1').store.spool.size === 0 && all.agreed, 30_000)
      expect(all.frontier('registrar')[2]).to.equal(3)
      expect(sealedBy('meter-1')).to.be.within(1, 2)
      expect(all.get('meter-1').node.heldBack(), 'a seal that succeeded').to.equal(undefined)
    })

    it('a full disk that takes no reading is told where nothing waits to be sealed too', async () => {
      await start()
      kv.isFull = true
      expect(await all.take('meter-1').catch((error: { code: string }) => error.code)).to.equal('DISK_FULL')
      expect(all.get('meter-1').store.spool.size).to.equal(0)
      expect(all.get('meter-1').node.heldBack()).to.match(/^no reading is taken: .*no space left/)
      kv.isFull = false
      await all.take('meter-1')
      expect(all.get('meter-1').node.heldBack()).to.equal(undefined)
    })

    it('a membership block that a failing disk stored all the same counts, here as everywhere', async () => {
      await start()
      const troubled = new TroubledKv(all.get('registrar').kv, all.time.timers)
      all.get('registrar').kv = troubled
      await all.restart('registrar')
      await all.link(0, 1)
      await all.link(0, 2)
      await all.time.advance(100)
      const { node } = all.get('registrar')
      for (const failure of ['stored', 'lost'] as const) {
        troubled.failNext = failure
        const outcome = await all.time.wait(
          node.admitKey(keyOf(`late ${failure}`), 2, new Uint8Array(20).fill(65)).catch((error: { code: string }) => error.code),
        )
        expect(outcome).to.equal(failure === 'stored' ? 1 : 'SEAL_FAILED')
      }
      await all.time.wait(node.admitKey(keyOf('late lost'), 2, new Uint8Array(20).fill(65)))
      await all.untilAgreed(2, 60_000)
      for (const each of all.nodes) expect(each.node.membership.members.map(({ key }) => key)).to.deep.include(keyOf('late lost'))
      expect(node.membership.size).to.equal(2)
    })
  })

  it('own blocks that neighbours only claim to hold keep a meter waiting no longer than they are believed', async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['x'] })
    await all.start(2)
    const liar = await LiarPeer.start(all, 'x')
    liar.greeting = liar.holdings([0, 50])
    liar.onFrame = serving(all, new Map())
    await liar.dial('meter-1')
    await takeFor(1, 'meter-1')
    expect(sealedBy('meter-1'), 'it could not show them').to.equal(1)
  })
})
