import net from 'node:net'
import { expect } from 'chai'
import { SocketTally, type Traffic } from '../../net/traffic.ts'
import { createRealNetwork, until } from './real-world.ts'
import { text, Witness } from './world.ts'

/** Stands on the line between two nodes and counts. */
class CountingWire {
  /** From who dialled to who listens, and back. */
  onward = 0
  back = 0
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  constructor(port: number) {
    this.#server = net.createServer((near) => {
      const far = net.connect(port, '127.0.0.1')
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
      }
      near.on('data', (data) => {
        this.onward += data.length
        far.write(data)
      })
      far.on('data', (data) => {
        this.back += data.length
        near.write(data)
      })
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as net.AddressInfo).port
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

describe('network: bytes on the wire', () => {
  it('are those that a wire between two nodes carries, while the connection stands and after its end', async () => {
    const [one, two] = [new Witness(await createRealNetwork(1)), new Witness(await createRealNetwork(2))]
    await one.start()
    await two.start()
    const port = Number(/\/tcp\/(\d+)\//.exec(two.address)?.[1])
    const wire = new CountingWire(port)
    try {
      const address = two.address.replace(`/tcp/${port}/`, `/tcp/${await wire.listen()}/`)
      await one.network.dial(address)
      await until(() => one.channels.length > 0 && two.channels.length > 0, 'both sides have a channel')
      for (let i = 0; i < 20; i++) one.channel.send(text('a frame '.repeat(500)))
      await until(() => two.frames.length === 20, 'all frames came')
      const said = (): (number | undefined)[] => {
        const [near, far] = [one.network.traffic?.(), two.network.traffic?.()] as [Traffic, Traffic]
        return [near.sentBytes, far.receivedBytes, near.receivedBytes, far.sentBytes]
      }
      const carried = (): number[] => [wire.onward, wire.onward, wire.back, wire.back]
      const isSame = (): boolean => said().join() === carried().join()
      await until(isSame, 'the counts are the same')
      expect(wire.onward).to.be.above(20 * 4_000)
      await one.network.stop()
      await two.network.stop()
      // A farewell may be cut off on its way: it was sent all the same.
      const [sent = 0, received = 0] = said() as number[]
      expect(sent).to.be.at.least(wire.onward)
      expect(received).to.be.within(1, wire.onward)
      expect(received).to.be.above(20 * 4_000)
    } finally {
      await wire.end()
      await one.network.stop()
      await two.network.stop()
    }
  })

  it('a connection without a socket of its own counts nothing, and one socket counts once', async () => {
    const tally = new SocketTally()
    tally.add({})
    tally.add({ socket: { bytesRead: 7, bytesWritten: 7 } })
    const server = net.createServer((socket) => socket.resume().end('twelve bytes'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
    for (let i = 0; i < 3; i++) tally.add({ socket })
    expect(tally.open).to.equal(1)
    socket.end('four')
    const ended = new Promise((resolve) => socket.once('close', resolve))
    socket.resume()
    await ended
    expect(tally.traffic).to.deep.equal({ receivedBytes: 12, sentBytes: 4 })
    expect(tally.open).to.equal(0)
    tally.add({ socket })
    expect(tally.open).to.equal(0)
    await new Promise((resolve) => server.close(resolve))
  })
})
