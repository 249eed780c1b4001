import { expect } from 'chai'
import { sha256 } from '../../../protocol/hash.ts'
import { createMemoryHub, type MemoryHub } from '../../net/index.ts'
import { DIAL_TIMEOUT_MS, MAX_LINKS, PING_INTERVAL_MS, PING_TIMEOUT_MS } from '../../net/limits.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { networkContract } from './contract.ts'
import { codeOf, text, Witness } from './world.ts'

const keyOf = (number: number): Uint8Array => sha256(text(`key ${number}`))

networkContract('memory', async () => {
  const time = new VirtualTime()
  const hub = createMemoryHub({ clock: time.clock, timers: time.timers, random: seededRandom(1), latencyMs: 5, jitterMs: 3 })
  return {
    create: async (number) => hub.network(keyOf(number)),
    until: (holds, what) => time.until(holds, 600_000, what),
    calm: () => time.advance(100),
    wait: (promise) => time.wait(promise),
    end: async () => undefined,
  }
})

describe('memory hub', () => {
  let time: VirtualTime
  let hub: MemoryHub

  beforeEach(() => {
    time = new VirtualTime()
    hub = createMemoryHub({ clock: time.clock, timers: time.timers, random: seededRandom(7), latencyMs: 10, jitterMs: 9 })
  })

  const started = async (number: number): Promise<Witness> => {
    const witness = new Witness(hub.network(keyOf(number)))
    await witness.start()
    return witness
  }
  const pair = async (): Promise<[Witness, Witness]> => {
    const [a, b] = [await started(1), await started(2)]
    await time.wait(a.network.dial(b.address))
    await time.until(() => a.channels.length === 1 && b.channels.length === 1)
    return [a, b]
  }

  it('KEY_TAKEN: one running node a key', async () => {
    await started(1)
    expect(() => hub.network(keyOf(1)))
      .to.throw()
      .with.property('code', 'KEY_TAKEN')
  })

  it('keeps order within a link whatever the jitter', async () => {
    const [a, b] = await pair()
    for (let index = 0; index < 100; index++) {
      a.channel.send(Uint8Array.of(index))
      await time.advance(1)
    }
    await time.advance(100)
    expect(b.frames.map((frame) => frame[0])).to.deep.equal(Array.from({ length: 100 }, (_, index) => index))
  })

  it('cut: holds what is on its way; heal: delivers it', async () => {
    const [a, b] = await pair()
    hub.cut(a.network.self, b.network.self)
    a.channel.send(text('late'))
    await time.advance(PING_INTERVAL_MS)
    expect(b.frames).to.have.length(0)
    hub.heal(a.network.self, b.network.self)
    await time.advance(100)
    expect(b.frames).to.have.length(1)
    await time.advance(PING_INTERVAL_MS + PING_TIMEOUT_MS)
    expect([a.unlinked, b.unlinked]).to.deep.equal([[], []])
  })

  it('cut: both sides lose the link after the dead-link time, and dials time out', async () => {
    const [a, b] = await pair()
    hub.cut(a.network.self, b.network.self)
    await time.advance(PING_INTERVAL_MS + PING_TIMEOUT_MS)
    expect([a.unlinked, b.unlinked]).to.deep.equal([[b.keyHex], [a.keyHex]])
    expect(a.closed[0]).to.have.property('code', 'LINK_LOST')
    const startMs = time.clock.monotonicMs()
    expect(await codeOf(time.wait(a.network.dial(b.address)))).to.equal('DIAL_FAILED')
    expect(time.clock.monotonicMs() - startMs).to.equal(DIAL_TIMEOUT_MS)
    hub.healAll()
    await time.wait(a.network.dial(b.address))
    expect(a.linkedTo(b)).to.equal(true)
  })

  it('partition: cuts between groups only', async () => {
    const [a, b] = await pair()
    const c = await started(3)
    await time.wait(c.network.dial(a.address))
    hub.partition([a.network.self, b.network.self], [c.network.self])
    await time.advance(PING_INTERVAL_MS + PING_TIMEOUT_MS)
    expect([a.linkedTo(b), a.linkedTo(c)]).to.deep.equal([true, false])
  })

  it('sever: resets at once', async () => {
    const [a, b] = await pair()
    hub.sever(a.network.self, b.network.self)
    expect([a.unlinked, b.unlinked]).to.deep.equal([[b.keyHex], [a.keyHex]])
  })

  it('loseGossip: loses the rate asked for, and by rule', async () => {
    const [a, b] = await pair()
    a.join('t')
    b.join('t')
    hub.loseGossip(0.5)
    for (let index = 0; index < 200; index++) await a.network.publish('t', text(`${index}`))
    await time.advance(100)
    expect(b.heard.length).to.be.within(60, 140)
    hub.loseGossip(() => true)
    const before = b.heard.length
    await a.network.publish('t', text('lost'))
    await time.advance(100)
    expect(b.heard).to.have.length(before)
  })

  it('MAX_LINKS: refuses one more', async () => {
    const centre = await started(0)
    for (let number = 1; number <= MAX_LINKS; number++) {
      const peer = await started(number)
      await time.wait(peer.network.dial(centre.address))
    }
    const extra = await started(MAX_LINKS + 1)
    expect(await codeOf(time.wait(extra.network.dial(centre.address)))).to.equal('DIAL_FAILED')
    expect(centre.network.links()).to.have.length(MAX_LINKS)
  })

  it('replays a run from its seed', async () => {
    const trace = async (): Promise<string[]> => {
      const own = new VirtualTime()
      const other = createMemoryHub({ clock: own.clock, timers: own.timers, random: seededRandom(3), jitterMs: 20 })
      const lines: string[] = []
      const nodes = await Promise.all(
        [1, 2, 3, 4].map(async (number) => {
          const witness = new Witness(other.network(keyOf(number)))
          witness.onChannel = (channel) => {
            channel.onFrame = (frame) => void lines.push(`${number} ${frame[0]} ${own.clock.monotonicMs()}`)
          }
          await witness.start()
          return witness
        }),
      )
      for (const one of nodes) for (const two of nodes) if (one !== two) await own.wait(one.network.dial(two.address))
      await own.advance(200)
      nodes.forEach(({ channels }, index) => {
        for (const channel of channels) channel.send(Uint8Array.of(index))
      })
      await own.run()
      return lines
    }
    const first = await trace()
    expect(first).to.have.length(12)
    expect(await trace()).to.deep.equal(first)
  })
})
