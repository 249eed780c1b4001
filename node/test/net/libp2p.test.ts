import net from 'node:net'
import type { Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { expect } from 'chai'
import { compareBytes, toHex } from '../../../protocol/bytes.ts'
import { MAX_FRAME_BYTES } from '../../../protocol/limits.ts'
import { REJECTS_TO_GREYLIST } from '../../net/gossip-options.ts'
import { Dialer, type Network } from '../../net/index.ts'
import { MAX_GUESTS } from '../../net/limits.ts'
import { SYNC_PROTOCOL } from '../../net/peer.ts'
import { sleep, systemPlatform, systemTimers } from '../../platform.ts'
import { networkContract } from './contract.ts'
import { createRawPeer, createRealNetwork, createRealWorld, until } from './real-world.ts'
import { codeOf, text, Witness } from './world.ts'

networkContract('libp2p', createRealWorld)

describe('network: libp2p, on real sockets', () => {
  const stops: (() => unknown)[] = []

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  })

  const started = async (number: number, init: Parameters<typeof createRealNetwork>[1] = {}): Promise<Witness> => {
    const witness = new Witness(await createRealNetwork(number, init))
    stops.push(() => witness.network.stop())
    await witness.start()
    return witness
  }
  const rawPeer = async (number: number): Promise<Libp2p> => {
    const raw = await createRawPeer(number)
    stops.push(() => raw.stop())
    return raw
  }
  /** A witness and a hostile peer whose key is lower, so that it is the one to open the channel; with that stream. */
  const hostile = async (): Promise<{ own: Witness; stream: Stream; open: () => Promise<Stream> }> => {
    const networks = [await createRealNetwork(31), await createRealNetwork(32)] as const
    const isFirstLower = compareBytes(networks[0].self, networks[1].self) < 0
    const own = await started(isFirstLower ? 32 : 31)
    const raw = await rawPeer(isFirstLower ? 31 : 32)
    const connection = await raw.dial(multiaddr(own.address))
    const open = (): Promise<Stream> => connection.newStream(SYNC_PROTOCOL)
    await until(() => own.network.links().length === 1, 'the raw peer is linked')
    const stream = await open()
    await until(() => own.channels.length === 1, 'the channel stands')
    return { own, stream, open }
  }

  it('refuses a stranger after the handshake and before any stream', async () => {
    const own = await started(1)
    own.admission = () => false
    let served = 0
    own.network.serve('/join/1', async (request) => {
      served++
      return request
    })
    const raw = await rawPeer(2)
    const attempt = async (): Promise<void> => {
      const connection = await raw.dial(multiaddr(own.address))
      await connection.newStream('/join/1')
    }
    expect(await codeOf(attempt())).to.not.equal(undefined)
    expect([served, own.links.length, own.asked.length]).to.deep.equal([0, 0, 1])
  })

  it('makes one link and one channel for each pair when all dial all at once', async () => {
    const nodes = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((number) => started(number)))
    await Promise.all(nodes.flatMap((one) => nodes.filter((two) => two !== one).map((two) => one.network.dial(two.address))))
    await until(() => nodes.every(({ channels }) => channels.length >= nodes.length - 1), 'all channels stand')
    await sleep(systemTimers, 300)
    for (const { links, unlinked, channels, closed } of nodes) {
      expect([links.length, unlinked.length, channels.length, closed.length]).to.deep.equal([7, 0, 7, 0])
    }
    for (const { channels } of nodes) for (const channel of channels) channel.send(text('hello'))
    await until(() => nodes.every(({ frames }) => frames.length === 7), 'every channel carries')
  })

  it('FRAME_TOO_LARGE: a peer that floods oversize frames loses the channel and is blamed', async () => {
    const { own, stream } = await hostile()
    const flood = new Uint8Array(65_536).fill(0xff)
    stream.send(flood)
    await until(() => own.closed.length === 1, 'the channel is closed')
    expect(own.closed[0]).to.have.property('code', 'FRAME_TOO_LARGE')
    expect(own.closed[0]).to.have.nested.property('data.peer', own.links[0]?.keyHex)
    expect(own.frames).to.have.length(0)
    await until(() => stream.status !== 'open', 'the stream is reset')
  })

  it('FRAME_TOO_LARGE: one byte above the limit', async () => {
    const { own, stream } = await hostile()
    const prefix = new Uint8Array(4)
    new DataView(prefix.buffer).setUint32(0, MAX_FRAME_BYTES + 1)
    stream.send(prefix)
    await until(() => own.closed.length === 1, 'the channel is closed')
    expect(own.closed[0]).to.have.property('code', 'FRAME_TOO_LARGE')
  })

  it('FRAME_TRUNCATED: a peer that ends in the middle of a frame is blamed', async () => {
    const { own, stream } = await hostile()
    stream.send(Uint8Array.of(0, 0, 0, 2, 1, 1, 0, 0, 0, 100, 1, 2, 3))
    await stream.close()
    await until(() => own.closed.length === 1, 'the channel is closed')
    expect(own.closed[0]).to.have.property('code', 'FRAME_TRUNCATED')
    expect(own.frames).to.deep.equal([Uint8Array.of(1, 1)])
  })

  it('CHANNEL_RESET: a peer that resets the stream, and one that opens it afresh', async () => {
    const { own, stream, open } = await hostile()
    const second = await open()
    await until(() => own.channels.length === 2 && own.closed.length === 1, 'the second replaces the first')
    expect(own.closed[0]).to.have.property('code', 'CHANNEL_RESET')
    await until(() => stream.status !== 'open', 'the first stream is reset')
    second.abort(new Error('rude'))
    await until(() => own.closed.length === 2, 'the second is closed')
    expect(own.closed[1]).to.have.property('code', 'CHANNEL_RESET')
  })

  it('holds a peer that ignores back-pressure to one window', async () => {
    const { own, stream } = await hostile()
    own.channel.pause()
    const frame = new Uint8Array(4 + 100_000)
    new DataView(frame.buffer).setUint32(0, 100_000)
    for (let index = 0; index < 300; index++) stream.send(frame)
    await sleep(systemTimers, 300)
    expect(own.frames).to.have.length(0)
    expect(stream.writeBufferLength).to.be.above(20_000_000)
    own.channel.resume()
    await until(() => own.frames.length === 300, 'all frames arrive')
    expect(own.closed).to.have.length(0)
  })

  it('LINK_LOST: notices a partition that says nothing, on both sides', async () => {
    const quick = { pingIntervalMs: 150, pingTimeoutMs: 300 }
    const [a, b] = [await started(1, quick), await started(2, quick)]
    const wall = await wallBefore(b.address)
    stops.push(() => wall.close())
    await a.network.dial(wall.address)
    await until(() => a.channels.length === 1 && b.channels.length === 1, 'the channel stands')
    await sleep(systemTimers, 800)
    expect([a.unlinked.length, b.unlinked.length]).to.deep.equal([0, 0])
    wall.freeze()
    await until(() => a.unlinked.length === 1 && b.unlinked.length === 1, 'both sides give up')
    expect([a.network.links(), b.network.links()]).to.deep.equal([[], []])
    expect([a.closed.length, b.closed.length]).to.deep.equal([1, 1])
  })

  it('takes the second connection of a peer whose first one died unnoticed', async () => {
    const patience = { pingIntervalMs: 2_000, pingTimeoutMs: 300 }
    const [a, b] = [await started(1, patience), await started(2, patience)]
    const wall = await wallBefore(b.address)
    stops.push(() => wall.close())
    for (const witness of [a, b]) witness.join('t')
    await a.network.dial(wall.address)
    await until(() => a.channels.length === 1 && b.channels.length === 1, 'the channel stands')
    await until(() => a.network.meshPeers('t').size === 1 && b.network.meshPeers('t').size === 1, 'the mesh stands')
    wall.freeze()
    await b.network.hangUp(a.network.self)
    await until(() => b.unlinked.length === 1, 'one side has given up')
    expect(a.linkedTo(b)).to.equal(true)
    await b.network.dial(a.address)
    await until(() => a.channels.length === 2 && b.channels.length === 2, 'the channel stands again')
    expect([a.links.length, a.unlinked.length]).to.deep.equal([1, 0])
    a.channel.send(text('hello'))
    await until(() => b.frames.length === 1, 'it carries')
    for (let turn = 0; b.heard.length === 0 || a.heard.length === 0; turn++) {
      await a.network.publish('t', text(`gossip ${turn}`))
      await b.network.publish('t', text(`answer ${turn}`))
      await sleep(systemTimers, 50)
    }
  })

  it('comes back, by its dialer, to a peer that restarts on the same port', async () => {
    const own = new Witness(await createRealNetwork(1))
    const dialer = new Dialer({ network: own.network, ...systemPlatform })
    stops.push(
      () => own.network.stop(),
      () => dialer.stop(),
    )
    await own.network.start({
      admits: () => true,
      onLink: (link) => {
        own.links.push(link)
        dialer.onLink(link)
      },
      onUnlink: (key) => {
        own.unlinked.push(toHex(key))
        dialer.onUnlink(key)
      },
      onChannel: (channel) => {
        own.channels.push(channel)
        channel.onFrame = () => undefined
      },
    })
    const first = new Witness(await createRealNetwork(2))
    await first.start()
    dialer.addKnown(first.address)
    dialer.start()
    await until(() => own.channels.length === 1, 'the channel stands')
    const { address } = first
    await first.network.stop()
    await until(() => own.unlinked.length === 1, 'the end is seen')
    const again = await started(2, { listen: [address.replace(/\/p2p\/.*/, '')] })
    await until(() => own.channels.length === 2 && again.channels.length === 1, 'the channel stands again')
    own.channel.send(text('hello'))
    await until(() => again.frames.length === 1, 'it carries')
  })

  it('REJECTS_TO_GREYLIST: drops the gossip of a peer whose payloads are rejected, also after it reconnects', async () => {
    const [a, b] = [await started(1), await started(2)]
    for (const witness of [a, b]) witness.join('t')
    a.verdict = () => 'reject'
    const meet = async (): Promise<void> => {
      await b.network.dial(a.address)
      await until(() => b.network.meshPeers('t').size === 1, 'the mesh stands')
    }
    await meet()
    for (let index = 0; index < REJECTS_TO_GREYLIST; index++) {
      await b.network.publish('t', text(`lie ${index}`))
      await until(() => a.heard.length === index + 1, 'the lie is heard')
    }
    // A score is remembered for a heartbeat.
    await sleep(systemTimers, 1_500)
    await b.network.publish('t', text('one more'))
    await b.network.hangUp(a.network.self)
    await until(() => a.network.links().length === 0, 'the link has ended')
    await b.network.dial(a.address)
    await sleep(systemTimers, 1_500)
    await b.network.publish('t', text('and another'))
    await sleep(systemTimers, 300)
    expect(a.heard).to.have.length(REJECTS_TO_GREYLIST)
  })

  it('costs nothing to be ignored', async () => {
    const [a, b] = [await started(1), await started(2)]
    for (const witness of [a, b]) witness.join('t')
    a.verdict = () => 'ignore'
    await b.network.dial(a.address)
    await until(() => b.network.meshPeers('t').size === 1, 'the mesh stands')
    for (let index = 0; index < 5 * REJECTS_TO_GREYLIST; index++) await b.network.publish('t', text(`late ${index}`))
    await until(() => a.heard.length === 5 * REJECTS_TO_GREYLIST, 'all are heard')
    await sleep(systemTimers, 1_500)
    await b.network.publish('t', text('fresh'))
    await until(() => a.heard.length === 5 * REJECTS_TO_GREYLIST + 1, 'the next one is heard')
  })

  it('hears everybody in a mesh of more than sixteen peers behind one address', async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1)
    const nodes = await Promise.all(numbers.map((number) => started(number)))
    for (const witness of nodes) witness.join('t')
    await Promise.all(
      nodes.flatMap((one, index) =>
        [1, 2, 3].map((step) => one.network.dial((nodes[(index + step) % nodes.length] as Witness).address)),
      ),
    )
    await until(() => nodes.every(({ network }) => network.meshPeers('t').size >= 3), 'the mesh stands')
    for (const { network, keyHex } of nodes) await network.publish('t', text(`from ${keyHex}`))
    await until(() => nodes.every(({ heard }) => heard.length === nodes.length - 1), 'everybody hears everybody')
  })

  it('serves no request that is too large, cut short, or none at all', async () => {
    const own = await started(1)
    let served = 0
    own.network.serve('/echo/1', async (request) => {
      served++
      return request
    })
    const raw = await rawPeer(2)
    const connection = await raw.dial(multiaddr(own.address))
    for (const bytes of [[0xff, 0, 0, 0, 1], [0, 0, 0, 9, 1], []]) {
      const stream = await connection.newStream('/echo/1')
      stream.send(Uint8Array.from(bytes))
      await stream.close()
      await until(() => stream.status !== 'open', 'the stream is reset')
    }
    expect(served).to.equal(0)
    const stream = await connection.newStream('/echo/1')
    const answer: number[] = []
    stream.addEventListener('message', ({ data }) => void answer.push(...data.subarray()))
    stream.send(Uint8Array.of(0, 0, 0, 1, 7))
    await until(() => answer.length === 6, 'the answer comes')
    expect(answer).to.deep.equal([0, 0, 0, 2, 0, 7])
  })

  it('REQUEST_FAILED: takes no answer that breaks off or has no end', async () => {
    const raw = await createRawPeer(2)
    stops.push(() => raw.stop())
    await raw.start()
    const own = await started(1)
    const connection = await raw.dial(multiaddr(own.address))
    await until(() => own.network.links().length === 1, 'the raw peer is linked')
    const answers: Record<string, number[]> = { '/short/1': [0, 0, 0, 9, 0], '/none/1': [], '/long/1': [0xff, 0, 0, 0, 0] }
    for (const [protocol, bytes] of Object.entries(answers)) {
      await raw.handle(protocol, async (stream) => {
        stream.send(Uint8Array.from(bytes))
        await stream.close()
      })
    }
    const address = `/ip4/127.0.0.1/tcp/1/p2p/${raw.peerId.toString()}`
    expect(connection.status).to.equal('open')
    for (const protocol of Object.keys(answers)) {
      expect(await codeOf(own.network.request(address, protocol, text('hi')))).to.equal('REQUEST_FAILED')
    }
  })

  it('MAX_GUESTS: refuses one more', async () => {
    const own = await started(1)
    own.admission = () => 'guest'
    const asked: Network[] = []
    for (let number = 2; number < MAX_GUESTS + 2; number++) {
      const guest = await started(number)
      guest.admission = () => 'guest'
      await guest.network.dial(own.address)
      asked.push(guest.network)
    }
    const extra = await started(MAX_GUESTS + 2)
    own.network.serve('/echo/1', async (request) => request)
    expect(await codeOf(extra.network.request(own.address, '/echo/1', text('hi')))).to.be.oneOf(['DIAL_FAILED', 'REQUEST_FAILED'])
    const [first] = asked
    expect(await first?.request(own.address, '/echo/1', text('hi'))).to.deep.equal(text('hi'))
  })
})

interface Wall {
  readonly address: string
  /** From now on nothing passes, and nothing is said about it. */
  freeze(): void
  close(): void
}

/** A forwarder on loopback that can fall silent, as a broken router does. */
async function wallBefore(address: string): Promise<Wall> {
  const [, , host, , port, , id] = address.split('/')
  const sockets: net.Socket[] = []
  const server = net.createServer((near) => {
    const far = net.connect(Number(port), host)
    sockets.push(near, far)
    near.pipe(far)
    far.pipe(near)
    for (const socket of [near, far]) socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: own } = server.address() as net.AddressInfo
  return {
    address: `/ip4/127.0.0.1/tcp/${own}/p2p/${id}`,
    freeze: () => {
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('network: libp2p, through a relay', () => {
  const stops: (() => Promise<void>)[] = []
  const started = async (number: number, init: Parameters<typeof createRealNetwork>[1]): Promise<Witness> => {
    const witness = new Witness(await createRealNetwork(number, init))
    stops.push(() => witness.network.stop())
    await witness.start()
    return witness
  }
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  })

  it('links two nodes of which one cannot be dialled', async () => {
    const middle = await started(1, { reach: { relayServer: true } })
    const hidden = await started(2, { reach: { relay: true }, listen: [`${middle.address}/p2p-circuit`] })
    const caller = await started(3, { reach: { relay: true } })
    await until(() => hidden.network.addresses().length > 0, 'the relay has room')
    await caller.network.dial(hidden.address)
    await until(() => caller.linkedTo(hidden) && hidden.linkedTo(caller), 'both sides are linked')
    // The relay is a neighbour too, with a channel of its own.
    const toHidden = () => caller.channels.find(({ peerHex }) => peerHex === hidden.keyHex)
    await until(() => toHidden() !== undefined, 'the channel stands')
    toHidden()?.send(new Uint8Array(1_000_000))
    await until(() => hidden.frames.length === 1, 'a large frame passes')
  })

  it('a node that may use relays is reached through those that it is linked with, without naming one', async () => {
    const middle = await started(1, { reach: { relayServer: true } })
    const hidden = await started(2, { reach: { relay: true } })
    await hidden.network.dial(middle.address)
    const relayed = () => hidden.network.addresses().filter((address) => address.includes('/p2p-circuit'))
    await until(() => relayed().length > 0, 'the relay has room')
    expect(relayed().every((address) => address.includes(middle.address))).to.equal(true)
  })
})
