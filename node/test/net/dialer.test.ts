import { expect } from 'chai'
import { sha256 } from '../../../protocol/hash.ts'
import { createMemoryHub, Dialer, type DialerInit, type MemoryHub, type Network } from '../../net/index.ts'
import {
  BAN_MS,
  DIAL_RETRY_MS,
  MAX_BANS,
  MAX_DIAL_RETRY_MS,
  MAX_KEY_ADDRESSES,
  MAX_KNOWN_ADDRESSES,
  MAX_PARALLEL_DIALS,
  STABLE_LINK_MS,
  TARGET_LINKS,
} from '../../net/limits.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { text, Witness } from './world.ts'

const keyOf = (number: number): Uint8Array => sha256(text(`key ${number}`))

/** A node whose dialer is told of its links, and which counts its dials. */
class Caller extends Witness {
  readonly dialer: Dialer
  readonly dials: { address: string; atMs: number }[] = []
  dialling = 0
  mostDialling = 0

  constructor(network: Network, time: VirtualTime, options: Partial<DialerInit> = {}) {
    super(network)
    const dial = network.dial.bind(network)
    network.dial = async (address, signal) => {
      this.dials.push({ address, atMs: time.clock.monotonicMs() })
      this.mostDialling = Math.max(this.mostDialling, ++this.dialling)
      try {
        await dial(address, signal)
      } finally {
        this.dialling--
      }
    }
    this.dialer = new Dialer({ network, clock: time.clock, timers: time.timers, random: seededRandom(5), ...options })
  }

  override async start(): Promise<void> {
    await this.network.start({
      admits: (key, direction) => this.admission(key, direction),
      onLink: (link) => {
        this.links.push(link)
        this.dialer.onLink(link)
      },
      onUnlink: (key) => {
        this.unlinked.push('one')
        this.dialer.onUnlink(key)
      },
      onChannel: () => undefined,
    })
    this.dialer.start()
  }
}

describe('dialer', () => {
  let time: VirtualTime
  let hub: MemoryHub

  beforeEach(() => {
    time = new VirtualTime()
    hub = createMemoryHub({ clock: time.clock, timers: time.timers, random: seededRandom(11), latencyMs: 5 })
  })

  const caller = async (options: Partial<DialerInit> = {}): Promise<Caller> => {
    const own = new Caller(hub.network(keyOf(0)), time, options)
    await own.start()
    return own
  }
  const listener = async (number: number): Promise<Witness> => {
    const witness = new Witness(hub.network(keyOf(number)))
    await witness.start()
    return witness
  }

  it('dials known addresses until it has its target of links, and no more', async () => {
    const own = await caller()
    for (let number = 1; number <= 20; number++) own.dialer.addKnown((await listener(number)).address)
    await time.advance(10_000)
    expect(own.network.links()).to.have.length(TARGET_LINKS)
    expect(own.dials).to.have.length(TARGET_LINKS)
  })

  it('counts links that others dialled', async () => {
    const own = await caller({ targetLinks: 1 })
    const other = await listener(1)
    await time.wait(other.network.dial(own.address))
    own.dialer.addKnown((await listener(2)).address)
    await time.advance(60_000)
    expect(own.dials).to.have.length(0)
  })

  it('dials addresses to keep whatever the number of links', async () => {
    const own = await caller({ targetLinks: 1 })
    for (let number = 1; number <= 4; number++) own.dialer.addKnown((await listener(number)).address, true)
    await time.advance(10_000)
    expect(own.network.links()).to.have.length(4)
  })

  it('never dials itself', async () => {
    const own = await caller()
    own.dialer.addKnown(own.address)
    await time.advance(60_000)
    expect([own.dials, own.dialer.known()]).to.deep.equal([[], []])
  })

  it('forgets what is no address', async () => {
    const own = await caller()
    own.dialer.addKnown('nonsense')
    await time.advance(120_000)
    expect([own.dials.length, own.dialer.known().length]).to.deep.equal([1, 0])
  })

  it('never dials a linked peer again', async () => {
    const own = await caller()
    own.dialer.addKnown((await listener(1)).address)
    await time.advance(600_000)
    expect(own.dials).to.have.length(1)
  })

  it('comes back to a peer that restarts, within the longest pause', async () => {
    const own = await caller()
    const other = await listener(1)
    own.dialer.addKnown(other.address)
    await time.advance(STABLE_LINK_MS)
    await time.wait(other.network.stop())
    await time.advance(1_800_000)
    expect(own.network.links()).to.have.length(0)
    await listener(1)
    await time.advance(MAX_DIAL_RETRY_MS + 1_000)
    expect(own.network.links()).to.have.length(1)
  })

  it('pauses longer after each failure up to a minute, for ever, and with jitter', async () => {
    const own = await caller()
    own.dialer.addKnown(`/memory/${'ab'.repeat(32)}`)
    await time.advance(3_600_000)
    const gaps = own.dials.slice(1).map(({ atMs }, index) => atMs - (own.dials[index] as { atMs: number }).atMs)
    expect(gaps[0]).to.be.within(DIAL_RETRY_MS / 2, DIAL_RETRY_MS + 50)
    for (const gap of gaps.slice(7)) expect(gap).to.be.within(MAX_DIAL_RETRY_MS / 2, MAX_DIAL_RETRY_MS + 50)
    expect(own.dials.length).to.be.within(60, 130)
    expect(new Set(gaps).size).to.equal(gaps.length)
  })

  it('takes a peer that hangs up at once for one that does not answer', async () => {
    const own = await caller()
    const other = await listener(1)
    own.dialer.addKnown(other.address)
    const drop = (): void => {
      void other.network.hangUp(own.network.self)
      time.timers.set(1_000, drop)
    }
    drop()
    await time.advance(3_600_000)
    expect(own.dials.length).to.be.within(40, 130)
  })

  it('dials at most MAX_PARALLEL_DIALS at once', async () => {
    const own = await caller({ targetLinks: 1_000 })
    for (let number = 1; number <= 50; number++) {
      const other = await listener(number)
      hub.cut(own.network.self, other.network.self)
      own.dialer.addKnown(other.address)
    }
    await time.advance(120_000)
    expect(own.mostDialling).to.equal(MAX_PARALLEL_DIALS)
    expect(own.dials.length).to.be.above(50)
  })

  it('tries every address of a list, though the first ones are dead', async () => {
    const own = await caller()
    for (let number = 100; number < 130; number++) own.dialer.addKnown(`/memory/${'0'.repeat(61)}${number}`)
    own.dialer.addKnown((await listener(1)).address)
    await time.advance(120_000)
    expect(own.network.links()).to.have.length(1)
  })

  it('MAX_KNOWN_ADDRESSES: invented addresses never push out one that works', async () => {
    const own = await caller()
    const other = await listener(1)
    own.dialer.addKnown(other.address)
    await time.advance(1_000)
    for (let number = 0; number < 3 * MAX_KNOWN_ADDRESSES; number++)
      own.dialer.addKnown(`/memory/${number.toString(16).padStart(64, '0')}`)
    expect(own.dialer.known()).to.have.length(MAX_KNOWN_ADDRESSES)
    expect(own.dialer.known()).to.include(other.address)
  })

  it('MAX_KEY_ADDRESSES: one key holds only so many places', async () => {
    const network = hub.network(keyOf(0))
    network.keyOf = () => keyOf(9)
    const own = new Caller(network, time)
    for (let number = 0; number < 3 * MAX_KEY_ADDRESSES; number++) own.dialer.addKnown(`/elsewhere/${number}`)
    expect(own.dialer.known()).to.have.length(MAX_KEY_ADDRESSES)
  })

  it('ban: hangs up and leaves the peer alone for BAN_MS', async () => {
    const own = await caller()
    const other = await listener(1)
    own.dialer.addKnown(other.address)
    await time.advance(1_000)
    own.dialer.ban(other.keyHex)
    expect(own.dialer.isBanned(other.keyHex)).to.equal(true)
    await time.advance(BAN_MS - 2_000)
    expect([own.dials.length, own.network.links().length]).to.deep.equal([1, 0])
    own.dialer.addKnown((await listener(2)).address)
    await time.advance(2 * MAX_DIAL_RETRY_MS)
    expect(own.dialer.isBanned(other.keyHex)).to.equal(false)
    expect(own.linkedTo(other)).to.equal(true)
  })

  it('MAX_BANS: the oldest is forgotten', async () => {
    const own = await caller()
    for (let number = 0; number <= MAX_BANS; number++) own.dialer.ban(number.toString(16).padStart(64, '0'))
    expect(own.dialer.isBanned('0'.repeat(64))).to.equal(false)
    expect(own.dialer.isBanned(MAX_BANS.toString(16).padStart(64, '0'))).to.equal(true)
  })

  it('dials no more once stopped', async () => {
    const own = await caller()
    own.dialer.addKnown(`/memory/${'ab'.repeat(32)}`)
    await time.advance(10_000)
    const { length } = own.dials
    own.dialer.stop()
    await time.advance(600_000)
    expect(own.dials).to.have.length(length)
    expect(time.pending).to.equal(0)
  })
})
