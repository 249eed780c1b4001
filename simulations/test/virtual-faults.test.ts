import { expect } from 'chai'
import { type NetworkHandlers, networkLimits } from '../../node/index.ts'
import { sha256, toHex, toUtf8 } from '../../protocol/index.ts'
import type { Conditions } from '../network/conditions.ts'
import { VirtualNetwork } from '../network/virtual-network.ts'
import type { VirtualPort } from '../network/virtual-port.ts'
import { SeededRandom } from '../seeded-random.ts'
import { Machine, VirtualTime } from '../time/virtual-time.ts'

const { DIAL_TIMEOUT_MS, PING_INTERVAL_MS, PING_TIMEOUT_MS } = networkLimits
const DEAD_MS = PING_INTERVAL_MS + PING_TIMEOUT_MS

interface Host {
  readonly port: VirtualPort
  readonly unlinked: string[]
  readonly frames: Uint8Array[]
  readonly heard: string[]
  send(frame: Uint8Array): void
}

class Ground {
  readonly time = new VirtualTime(0)
  readonly network: VirtualNetwork
  readonly #random = new SeededRandom('faults')

  constructor(conditions: Partial<Conditions> = {}) {
    const quiet = { latencyMs: 10, latencySpread: 0, jitterMs: 0 }
    this.network = new VirtualNetwork({
      time: this.time,
      random: this.#random.stream('network'),
      conditions: { ...quiet, ...conditions },
    })
  }

  async host(number: number): Promise<Host> {
    const { platform } = new Machine(this.time, this.#random.stream(`node ${number}`))
    const port = this.network.port(number, sha256(toUtf8(`key ${number}`)), platform)
    const host: Host = { port, unlinked: [], frames: [], heard: [], send: () => undefined }
    const handlers: NetworkHandlers = {
      admits: () => true,
      onLink: () => undefined,
      onUnlink: (key) => void host.unlinked.push(toHex(key)),
      onChannel: (channel) => {
        channel.onFrame = (frame) => void host.frames.push(frame)
        host.send = (frame) => void channel.send(frame)
      },
    }
    port.joinTopic('t', async (payload) => {
      host.heard.push(Buffer.from(payload).toString())
      return 'accept'
    })
    await port.start(handlers)
    return host
  }

  async pair(): Promise<[Host, Host]> {
    const [a, b] = [await this.host(1), await this.host(2)]
    await this.time.wait(a.port.dial(b.port.address))
    await this.pass(5_000)
    return [a, b]
  }

  pass(ms: number): Promise<void> {
    return this.time.runUntil(this.time.elapsedMs + ms)
  }
}

describe('virtual network faults', () => {
  it('a cut one way holds back that way only, until both sides give the link up', async () => {
    const ground = new Ground()
    const [a, b] = await ground.pair()
    ground.network.cut(1, 2)
    a.send(toUtf8('held'))
    b.send(toUtf8('passes'))
    await ground.pass(1_000)
    expect([a.frames.length, b.frames.length]).to.deep.equal([1, 0])
    await ground.pass(DEAD_MS)
    expect([a.unlinked.length, b.unlinked.length]).to.deep.equal([1, 1])
  })

  it('what a healed cut held back arrives', async () => {
    const ground = new Ground()
    const [a, b] = await ground.pair()
    ground.network.partition([[1], [2]])
    a.send(toUtf8('late'))
    await ground.pass(PING_TIMEOUT_MS / 2)
    ground.network.heal()
    await ground.pass(DEAD_MS)
    expect([b.frames.length, a.unlinked.length]).to.deep.equal([1, 0])
  })

  it('dials across a partition, or to a machine that crashed, time out', async () => {
    const ground = new Ground()
    const [a, b] = [await ground.host(1), await ground.host(2)]
    ground.network.crash(2)
    const beganMs = ground.time.elapsedMs
    const error = await ground.time.wait(a.port.dial(b.port.address).catch((reason: unknown) => reason))
    expect(error).to.have.property('code', 'DIAL_FAILED')
    expect(ground.time.elapsedMs - beganMs).to.equal(DIAL_TIMEOUT_MS)
  })

  it('a crash leaves the link half open until nothing comes back', async () => {
    const ground = new Ground()
    const [a, b] = await ground.pair()
    ground.network.crash(2)
    await ground.pass(PING_TIMEOUT_MS / 2)
    expect([a.port.links().length, a.unlinked.length, b.unlinked.length]).to.deep.equal([1, 0, 0])
    await ground.pass(DEAD_MS)
    expect([a.port.links().length, a.unlinked.length]).to.deep.equal([0, 1])
  })

  it('a machine that comes back ends the half-open link', async () => {
    const ground = new Ground()
    const [a] = await ground.pair()
    ground.network.crash(2)
    const again = await ground.host(2)
    await ground.time.wait(again.port.dial(a.port.address))
    await ground.pass(1_000)
    expect([a.unlinked.length, a.port.links().length, again.port.links().length]).to.deep.equal([1, 1, 1])
    again.send(toUtf8('back'))
    await ground.pass(1_000)
    expect(a.frames.length).to.equal(1)
  })

  it('loss on a stream delays and loses nothing; order holds', async () => {
    const ground = new Ground({ loss: 0.3 })
    const [a, b] = await ground.pair()
    for (let number = 0; number < 200; number++) a.send(Uint8Array.of(number))
    await ground.pass(600_000)
    expect(b.frames.map(([first]) => first)).to.deep.equal(Array.from({ length: 200 }, (_, number) => number))
    expect(ground.network.lost).to.be.above(20)
  })

  it('bandwidth: what one node sends goes out one after another', async () => {
    const ground = new Ground({ bytesPerSecond: 10_000 })
    const [a, b] = await ground.pair()
    for (let number = 0; number < 10; number++) a.send(new Uint8Array(10_000))
    await ground.pass(5_000)
    expect(b.frames.length).to.be.within(3, 5)
    await ground.pass(10_000)
    expect(b.frames.length).to.equal(10)
  })

  it('a slow host is slow both ways, the others are not', async () => {
    const ground = new Ground()
    const [a, b] = await ground.pair()
    const c = await ground.host(3)
    await ground.time.wait(c.port.dial(a.port.address))
    await ground.pass(1_000)
    ground.network.impair(2, { latencyMs: 2_000 })
    a.port.links()
    b.send(toUtf8('slow'))
    c.send(toUtf8('quick'))
    await ground.pass(100)
    expect(a.frames.map((frame) => Buffer.from(frame).toString())).to.deep.equal(['quick'])
    await ground.pass(3_000)
    expect(a.frames).to.have.length(2)
  })

  it('gossip: loses, doubles and reorders at the rates asked for; a copy is heard once', async () => {
    const ground = new Ground({ loss: 0.2, duplication: 0.2, reordering: 0.3 })
    const [a, b] = await ground.pair()
    await ground.pass(60_000)
    for (let number = 0; number < 500; number++) {
      await a.port.publish('t', toUtf8(`${number}`))
      await ground.pass(2)
    }
    await ground.pass(10_000)
    expect(new Set(b.heard).size).to.equal(b.heard.length)
    expect(b.heard.length).to.be.within(350, 450)
    expect(b.heard).not.to.deep.equal(b.heard.toSorted((one, two) => Number(one) - Number(two)))
    expect(ground.network.doubled).to.be.within(40, 130)
    expect(b.port.gossip.duplicates).to.be.above(40)
  })

  it('the mesh has the degree of gossipsub, and payloads come to all along it', async () => {
    const ground = new Ground()
    const hosts: Host[] = []
    for (let number = 0; number < 20; number++) hosts.push(await ground.host(number))
    for (const host of hosts) {
      for (const other of hosts.slice(host.port.host + 1)) await ground.time.wait(host.port.dial(other.port.address))
    }
    await ground.pass(70_000)
    for (const { port } of hosts) expect(port.meshPeers('t').size).to.be.within(3, 6)
    await hosts[0]?.port.publish('t', toUtf8('all'))
    await ground.pass(1_000)
    expect(hosts.slice(1).every(({ heard }) => heard.length === 1)).to.equal(true)
    const duplicates = hosts.reduce((sum, { port }) => sum + port.gossip.duplicates, 0)
    expect(duplicates).to.be.within(20, 80)
  })

  it('a payload is not sent back to whoever sent it while its handler judged it', async () => {
    const ground = new Ground()
    const hosts = [await ground.host(1), await ground.host(2), await ground.host(3)] as const
    for (const [wait, { port }] of [
      [0, hosts[0]],
      [100, hosts[1]],
      [200, hosts[2]],
    ] as const) {
      port.leaveTopic('t')
      port.joinTopic('t', async () => {
        await new Promise<void>((resolve) => void ground.time.after(wait, resolve))
        return 'accept'
      })
      for (const other of hosts) if (other.port.host > port.host) await ground.time.wait(port.dial(other.port.address))
    }
    await ground.pass(5_000)
    await hosts[0].port.publish('t', toUtf8('all'))
    await ground.pass(1_000)
    // The second sends it to the third, which has it; the third nobody then.
    expect(hosts.map(({ port }) => port.gossip.duplicates)).to.deep.equal([0, 0, 1])
  })

  it('a neighbour whose payloads are rejected again and again is heard no more', async () => {
    const ground = new Ground()
    const [a, b] = [await ground.host(1), await ground.host(2)]
    let judged = 0
    b.port.leaveTopic('t')
    b.port.joinTopic('t', async () => {
      judged++
      return 'reject'
    })
    await ground.time.wait(a.port.dial(b.port.address))
    await ground.pass(2_000)
    for (let number = 0; number < 30; number++) {
      await a.port.publish('t', toUtf8(`${number}`))
      await ground.pass(100)
    }
    expect(judged).to.equal(8)
  })
})
