// Long because: one contract in one place, run by every implementation of the network port.
import { expect } from 'chai'
import { toHex } from '../../../protocol/bytes.ts'
import { MAX_FRAME_BYTES } from '../../../protocol/limits.ts'
import {
  CHANNEL_HIGH_WATER_BYTES,
  CHANNEL_LOW_WATER_BYTES,
  CHANNEL_WINDOW_BYTES,
  MAX_CHANNEL_QUEUE_BYTES,
  MAX_GOSSIP_BYTES,
  MAX_PEER_REQUESTS,
  MAX_PROTOCOLS,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  MAX_TOPICS,
} from '../../net/limits.ts'
import type { Channel } from '../../net/network.ts'
import { codeOf, text, Witness, type World } from './world.ts'

/** The rules of node/net/network.ts. Every implementation runs them in three lines. */
export function networkContract(name: string, createWorld: () => Promise<World>): void {
  describe(`network: ${name}`, () => {
    let world: World
    const nodes: Witness[] = []

    const node = async (number: number): Promise<Witness> => {
      const witness = new Witness(await world.create(number))
      nodes.push(witness)
      return witness
    }
    const started = async (number: number): Promise<Witness> => {
      const witness = await node(number)
      await witness.start()
      return witness
    }
    const connected = async (dialler: Witness, listener: Witness): Promise<void> => {
      await world.wait(dialler.network.dial(listener.address))
      await world.until(() => dialler.linkedTo(listener) && listener.linkedTo(dialler), 'both sides are linked')
    }
    const channelled = async (one: Witness, two: Witness): Promise<void> => {
      await connected(one, two)
      await world.until(() => one.channels.length > 0 && two.channels.length > 0, 'both sides have a channel')
    }

    beforeEach(async () => {
      world = await createWorld()
    })

    afterEach(async () => {
      for (const { network } of nodes.splice(0)) await world.wait(network.stop())
      await world.end()
    })

    describe('links', () => {
      it('tells both sides of one link, with key, address and direction', async () => {
        const a = await started(1)
        const b = await started(2)
        await connected(a, b)
        expect(a.links).to.have.length(1)
        expect(b.links).to.have.length(1)
        expect(a.links[0]).to.include({ keyHex: b.keyHex, direction: 'outbound' })
        expect(b.links[0]).to.include({ keyHex: a.keyHex, direction: 'inbound' })
        expect(toHex((a.links[0] as { key: Uint8Array }).key)).to.equal(b.keyHex)
      })

      it('names its key in its addresses', async () => {
        const a = await started(1)
        expect(a.network.keyOf(a.address)).to.deep.equal(a.network.self)
        expect(a.network.keyOf('nonsense')).to.equal(undefined)
      })

      it('dials a linked peer without a second link', async () => {
        const a = await started(1)
        const b = await started(2)
        await connected(a, b)
        await world.wait(b.network.dial(a.address))
        await world.wait(a.network.dial(b.address))
        await world.calm()
        expect([a.links.length, b.links.length]).to.deep.equal([1, 1])
      })

      it('makes one link and one channel when both dial at once', async () => {
        const a = await started(1)
        const b = await started(2)
        await world.wait(Promise.all([a.network.dial(b.address), b.network.dial(a.address)]))
        await world.until(() => a.channels.length > 0 && b.channels.length > 0, 'both sides have a channel')
        await world.calm()
        expect([a.links.length, b.links.length, a.unlinked.length, b.unlinked.length]).to.deep.equal([1, 1, 0, 0])
        expect([a.channels.length, b.channels.length]).to.deep.equal([1, 1])
        a.channel.send(text('one'))
        b.channel.send(text('two'))
        await world.until(() => a.frames.length > 0 && b.frames.length > 0, 'a frame each way')
      })

      it('ADDRESS_INVALID: dials no nonsense', async () => {
        const a = await started(1)
        expect(await codeOf(world.wait(a.network.dial('nonsense')))).to.equal('ADDRESS_INVALID')
      })

      it('DIAL_SELF: never dials itself', async () => {
        const a = await started(1)
        expect(await codeOf(world.wait(a.network.dial(a.address)))).to.equal('DIAL_SELF')
      })

      it('DIAL_FAILED: nobody listens', async () => {
        const a = await started(1)
        const b = await started(2)
        const { address } = b
        await world.wait(b.network.stop())
        expect(await codeOf(world.wait(a.network.dial(address)))).to.equal('DIAL_FAILED')
      })

      it('NETWORK_STOPPED: dials no more once stopped', async () => {
        const a = await started(1)
        const b = await started(2)
        await world.wait(a.network.stop())
        expect(await codeOf(world.wait(a.network.dial(b.address)))).to.equal('NETWORK_STOPPED')
      })

      it('NOT_ADMITTED: the dialler refuses whom it does not admit', async () => {
        const a = await started(1)
        const b = await started(2)
        a.admission = () => false
        expect(await codeOf(world.wait(a.network.dial(b.address)))).to.equal('NOT_ADMITTED')
        await world.calm()
        expect([a.links.length, b.network.links().length]).to.deep.equal([0, 0])
      })

      it('refuses strangers that dial, before any link', async () => {
        const a = await started(1)
        const b = await started(2)
        b.admission = () => false
        await world.wait(codeOf(a.network.dial(b.address)))
        await world.until(() => a.network.links().length === 0, 'the refused side has no link')
        await world.calm()
        expect(b.asked).to.deep.include({ key: a.keyHex, direction: 'inbound' })
        expect([b.links.length, b.channels.length, a.channels.length]).to.deep.equal([0, 0, 0])
      })

      it('hangs up on both sides', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        await world.wait(a.network.hangUp(b.network.self))
        await world.until(() => a.unlinked.length > 0 && b.unlinked.length > 0, 'both sides are told')
        expect([a.network.links(), b.network.links()]).to.deep.equal([[], []])
        expect([a.unlinked, b.unlinked]).to.deep.equal([[b.keyHex], [a.keyHex]])
        await world.until(() => a.closed.length === 1 && b.closed.length === 1, 'the channels are closed')
      })

      it('links again with a peer that was restarted under the same key', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        await world.wait(b.network.stop())
        await world.until(() => a.unlinked.length === 1, 'the end is seen')
        const again = await started(2)
        await channelled(a, again)
        // The first one, which has ended, is there as well.
        await world.until(() => a.channels.length === 2, 'another channel')
        expect(again.keyHex).to.equal(b.keyHex)
        a.channel.send(text('back'))
        await world.until(() => again.frames.length === 1, 'the frame arrives')
      })
    })

    describe('channels', () => {
      it('carries frames in order and whole, empty and largest ones too', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        const sizes = [0, 1, 3, 4, 5, 65_519, 65_536, 100_000, MAX_FRAME_BYTES, 0, 7]
        const sent = sizes.map((size, index) => new Uint8Array(size).fill(index + 1))
        for (const frame of sent) if (!a.channel.send(frame)) await world.wait(a.channel.drained())
        await world.until(() => b.frames.length === sent.length, 'all frames arrive')
        expect(b.frames.map((frame) => [frame.length, frame[0], frame.at(-1)])).to.deep.equal(
          sent.map((frame) => [frame.length, frame[0], frame.at(-1)]),
        )
      })

      it('carries many small frames sent in one turn', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        for (let index = 0; index < 5_000; index++) a.channel.send(text(`frame ${index}`))
        await world.until(() => b.frames.length === 5_000, 'all frames arrive')
        expect(new TextDecoder().decode(b.frames[4_321])).to.equal('frame 4321')
      })

      it('gives the receiver bytes of its own', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        a.channel.send(text('mine'))
        a.channel.send(text('next'))
        await world.until(() => b.frames.length === 2, 'the frames arrive')
        ;(b.frames[0] as Uint8Array).fill(0)
        expect(new TextDecoder().decode(b.frames[1])).to.equal('next')
      })

      it('FRAME_TOO_LARGE: refuses to send one byte more', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        expect(() => a.channel.send(new Uint8Array(MAX_FRAME_BYTES + 1)))
          .to.throw()
          .with.property('code', 'FRAME_TOO_LARGE')
        a.channel.send(text('still open'))
        await world.until(() => b.frames.length === 1, 'the channel goes on')
      })

      it('holds frames until a reader is assigned', async () => {
        const a = await started(1)
        const b = await started(2)
        b.onChannel = () => undefined
        await channelled(a, b)
        a.channel.send(text('early'))
        await world.calm()
        expect(b.frames).to.have.length(0)
        b.channel.onFrame = (frame) => void b.frames.push(frame)
        await world.until(() => b.frames.length === 1, 'the frame is handed over')
      })

      it('delivers nothing while paused, not even the rest of a burst', async () => {
        const a = await started(1)
        const b = await started(2)
        b.onChannel = (channel) => {
          channel.onFrame = (frame) => {
            b.frames.push(frame)
            channel.pause()
          }
        }
        await channelled(a, b)
        for (let index = 0; index < 10; index++) a.channel.send(Uint8Array.of(index))
        await world.until(() => b.frames.length > 0, 'the first frame arrives')
        await world.calm()
        expect(b.frames).to.have.length(1)
        for (let held = 2; held <= 10; held++) {
          b.channel.resume()
          await world.until(() => b.frames.length === held, `frame ${held} arrives`)
        }
        expect(b.frames.map((frame) => frame[0])).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      })

      it('says false at the high-water mark, and drained once there is room', async () => {
        const a = await started(1)
        const b = await started(2)
        b.onChannel = (channel) => {
          channel.pause()
          channel.onFrame = (frame) => void b.frames.push(frame)
        }
        await channelled(a, b)
        await world.wait(a.channel.drained())
        const frame = new Uint8Array(100_000)
        let sent = 0
        const most = (MAX_CHANNEL_QUEUE_BYTES + CHANNEL_WINDOW_BYTES) * 4
        for (let quiet = 0; quiet < 3 && sent < most; ) {
          if (a.channel.send(frame)) quiet = 0
          else {
            await world.calm()
            quiet = a.channel.queuedBytes > CHANNEL_LOW_WATER_BYTES ? 3 : quiet + 1
          }
          sent += frame.length
        }
        expect(a.channel.queuedBytes).to.be.within(CHANNEL_LOW_WATER_BYTES, CHANNEL_HIGH_WATER_BYTES + 2 * frame.length)
        expect(sent).to.be.below(most)
        const room = a.channel.drained()
        b.channel.resume()
        await world.wait(room)
        expect(a.channel.queuedBytes).to.be.at.most(CHANNEL_LOW_WATER_BYTES)
        await world.until(() => b.frames.length === sent / frame.length, 'nothing is lost')
      })

      it('CHANNEL_OVERFLOW: a sender that ignores false loses the channel', async () => {
        const a = await started(1)
        const b = await started(2)
        b.onChannel = (channel) => channel.pause()
        await channelled(a, b)
        const frame = new Uint8Array(1_000_000)
        const { channel } = a
        for (let sent = 0; sent < MAX_CHANNEL_QUEUE_BYTES * 4 && a.closed.length === 0; sent += frame.length) {
          channel.send(frame)
          expect(channel.queuedBytes).to.be.at.most(MAX_CHANNEL_QUEUE_BYTES + frame.length)
        }
        await world.until(() => a.closed.length === 1 && b.closed.length === 1, 'both sides are told')
        expect(a.closed[0]).to.have.property('code', 'CHANNEL_OVERFLOW')
      })

      it('moves large frames both ways at once past a slow reader', async () => {
        const a = await started(1)
        const b = await started(2)
        const slow = (own: Witness, channel: Channel): void => {
          channel.onFrame = (frame) => {
            own.frames.push(frame)
            if (own.frames.length % 3 !== 0) return
            channel.pause()
            setImmediate(() => channel.resume())
          }
        }
        a.onChannel = (channel) => slow(a, channel)
        b.onChannel = (channel) => slow(b, channel)
        await channelled(a, b)
        const push = async (channel: Channel): Promise<void> => {
          for (let index = 0; index < 24; index++) {
            const frame = new Uint8Array(MAX_FRAME_BYTES - index).fill(index)
            if (!channel.send(frame)) await channel.drained()
          }
        }
        await world.wait(Promise.all([push(a.channel), push(b.channel)]))
        await world.until(() => a.frames.length === 24 && b.frames.length === 24, 'all frames arrive')
        for (const { frames } of [a, b]) {
          expect(frames.map((frame) => [frame.length, frame[0]])).to.deep.equal(
            Array.from({ length: 24 }, (_, index) => [MAX_FRAME_BYTES - index, index]),
          )
        }
      })

      it('hands over what was sent before a close, and ends without error on both sides', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        const { channel } = a
        channel.send(new Uint8Array(500_000))
        channel.send(text('last'))
        channel.close()
        expect(channel.send(text('too late'))).to.equal(false)
        await world.until(() => a.closed.length === 1 && b.closed.length === 1, 'both sides are told')
        expect(a.closed).to.deep.equal([undefined])
        expect(b.closed).to.deep.equal([undefined])
        expect(b.frames.map((frame) => frame.length)).to.deep.equal([500_000, 4])
      })

      it('CHANNEL_CLOSED: drained rejects after the end, send drops', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        const { channel } = a
        await world.wait(a.network.hangUp(b.network.self))
        await world.until(() => a.closed.length === 1, 'the channel is closed')
        expect(channel.send(text('too late'))).to.equal(false)
        expect(await codeOf(channel.drained())).to.equal('CHANNEL_CLOSED')
      })

      it('CHANNEL_CLOSED: wakes who waits for room', async () => {
        const a = await started(1)
        const b = await started(2)
        b.onChannel = (channel) => channel.pause()
        await channelled(a, b)
        const { channel } = a
        while (channel.queuedBytes <= CHANNEL_HIGH_WATER_BYTES) channel.send(new Uint8Array(900_000))
        const waiting = codeOf(channel.drained())
        await world.wait(b.network.stop())
        expect(await world.wait(waiting)).to.equal('CHANNEL_CLOSED')
      })

      it('opens another while the link lives, and tells the end to a late listener', async () => {
        const a = await started(1)
        const b = await started(2)
        await channelled(a, b)
        const [first] = a.channels
        first?.close()
        await world.until(() => a.channels.length === 2 && b.channels.length === 2, 'a second channel opens')
        let told = 0
        ;(first as Channel).onClose = () => {
          told++
        }
        a.channel.send(text('again'))
        await world.until(() => b.frames.length === 1, 'the frame arrives')
        expect([a.links.length, a.unlinked.length, told]).to.deep.equal([1, 0, 0])
      })

      it('ends with what the reader throws, and opens another', async () => {
        const a = await started(1)
        const b = await started(2)
        b.onChannel = (channel) => {
          channel.onFrame = () => {
            throw new Error('reader broke')
          }
        }
        await channelled(a, b)
        a.channel.send(text('boom'))
        await world.until(() => b.closed.length === 1 && a.closed.length === 1, 'both sides are told')
        expect(b.closed[0]).to.have.property('message', 'reader broke')
        expect(a.closed[0]).to.have.property('code', 'CHANNEL_RESET')
        await world.until(() => a.channels.length === 2 && b.channels.length === 2, 'a second channel opens')
      })
    })

    describe('gossip', () => {
      const line = async (): Promise<[Witness, Witness, Witness]> => {
        const [a, b, c] = [await started(1), await started(2), await started(3)]
        for (const witness of [a, b, c]) witness.join('t')
        await connected(a, b)
        await connected(b, c)
        await world.until(() => a.network.meshPeers('t').size === 1 && b.network.meshPeers('t').size === 2, 'the mesh stands')
        await world.until(() => c.network.meshPeers('t').size === 1, 'the mesh stands at the far end')
        expect([...a.network.meshPeers('t'), ...c.network.meshPeers('t')]).to.deep.equal([b.keyHex, b.keyHex])
        return [a, b, c]
      }

      it('passes on what was accepted, each payload once, from the neighbour', async () => {
        const [a, b, c] = await line()
        expect(await world.wait(a.network.publish('t', text('hello')))).to.equal(1)
        await world.until(() => c.heard.length === 1, 'the far end hears it')
        await world.calm()
        expect(a.heard).to.have.length(0)
        expect(b.heard).to.deep.equal([{ topic: 't', payload: text('hello'), from: a.keyHex }])
        expect(c.heard).to.deep.equal([{ topic: 't', payload: text('hello'), from: b.keyHex }])
      })

      for (const verdict of ['reject', 'ignore'] as const) {
        it(`does not pass on after '${verdict}'`, async () => {
          const [a, b, c] = await line()
          b.verdict = () => verdict
          await world.wait(a.network.publish('t', text('bad')))
          await world.until(() => b.heard.length === 1, 'the neighbour hears it')
          await world.calm()
          expect(c.heard).to.have.length(0)
        })
      }

      it('takes a throwing handler for an ignore', async () => {
        const [a, b, c] = await line()
        b.verdict = () => {
          throw new Error('unexpected')
        }
        await world.wait(a.network.publish('t', text('x')))
        await world.until(() => b.heard.length === 1, 'the handler is asked')
        await world.calm()
        expect(c.heard).to.have.length(0)
        expect(b.linkedTo(a)).to.equal(true)
      })

      it('publishes a payload once', async () => {
        const [a, , c] = await line()
        await world.wait(a.network.publish('t', text('same')))
        expect(await world.wait(a.network.publish('t', text('same')))).to.equal(0)
        await world.until(() => c.heard.length === 1, 'the far end hears it')
        await world.calm()
        expect(c.heard).to.have.length(1)
      })

      it('publishes to nobody without an error', async () => {
        const a = await started(1)
        a.join('t')
        expect(await world.wait(a.network.publish('t', text('alone')))).to.equal(0)
      })

      it('hears nothing after leaving', async () => {
        const [a, b] = await line()
        b.network.leaveTopic('t')
        await world.until(() => a.network.meshPeers('t').size === 0, 'the neighbour has noticed')
        await world.wait(a.network.publish('t', text('gone')))
        await world.calm()
        expect(b.heard).to.have.length(0)
      })

      it('PAYLOAD_TOO_LARGE: publishes at most MAX_GOSSIP_BYTES', async () => {
        const [a, b] = await line()
        await world.wait(a.network.publish('t', new Uint8Array(MAX_GOSSIP_BYTES)))
        await world.until(() => b.heard.length === 1, 'the largest one arrives')
        expect(await codeOf(world.wait(a.network.publish('t', new Uint8Array(MAX_GOSSIP_BYTES + 1))))).to.equal(
          'PAYLOAD_TOO_LARGE',
        )
      })

      it('TOPIC_TAKEN: one handler a topic', async () => {
        const a = await node(1)
        a.join('t')
        expect(() => a.join('t'))
          .to.throw()
          .with.property('code', 'TOPIC_TAKEN')
      })

      it('TOO_MANY_NAMES: at most MAX_TOPICS', async () => {
        const a = await node(1)
        for (let index = 0; index < MAX_TOPICS; index++) a.join(`t${index}`)
        expect(() => a.join('one more'))
          .to.throw()
          .with.property('code', 'TOO_MANY_NAMES')
      })
    })

    describe('requests', () => {
      const echo = async (request: Uint8Array): Promise<Uint8Array> => request

      it('answers over the link, and names the asker', async () => {
        const a = await started(1)
        const b = await started(2)
        const askers: string[] = []
        b.network.serve('/echo/1', async (request, from) => {
          askers.push(toHex(from))
          return request
        })
        await connected(a, b)
        expect(await world.wait(a.network.request(b.address, '/echo/1', text('hi')))).to.deep.equal(text('hi'))
        expect(askers).to.deep.equal([a.keyHex])
        expect(a.linkedTo(b)).to.equal(true)
      })

      it('answers a guest, who gets no link, no channel and no gossip', async () => {
        const a = await started(1)
        const b = await started(2)
        a.join('t')
        b.join('t')
        a.admission = () => 'guest'
        b.admission = () => 'guest'
        b.network.serve('/echo/1', echo)
        expect(await world.wait(a.network.request(b.address, '/echo/1', text('hi')))).to.deep.equal(text('hi'))
        await world.wait(a.network.dial(b.address))
        await world.calm()
        await world.wait(b.network.publish('t', text('private')))
        await world.calm()
        for (const witness of [a, b]) {
          expect([witness.links.length, witness.channels.length, witness.heard.length]).to.deep.equal([0, 0, 0])
          expect(witness.network.meshPeers('t').size).to.equal(0)
        }
      })

      it('REQUEST_FAILED: a stranger is refused', async () => {
        const a = await started(1)
        const b = await started(2)
        b.admission = () => false
        b.network.serve('/echo/1', echo)
        expect(await codeOf(world.wait(a.network.request(b.address, '/echo/1', text('hi'))))).to.be.oneOf([
          'DIAL_FAILED',
          'REQUEST_FAILED',
        ])
      })

      it('REQUEST_FAILED: the handler throws, or nobody serves', async () => {
        const a = await started(1)
        const b = await started(2)
        b.network.serve('/throws/1', async () => {
          throw new Error('secret detail')
        })
        await connected(a, b)
        expect(await codeOf(world.wait(a.network.request(b.address, '/throws/1', text('hi'))))).to.equal('REQUEST_FAILED')
        expect(await codeOf(world.wait(a.network.request(b.address, '/absent/1', text('hi'))))).to.equal('REQUEST_FAILED')
      })

      it('REQUEST_TOO_LARGE: asks at most MAX_REQUEST_BYTES', async () => {
        const a = await started(1)
        const b = await started(2)
        b.network.serve('/echo/1', echo)
        await connected(a, b)
        const most = await world.wait(a.network.request(b.address, '/echo/1', new Uint8Array(MAX_REQUEST_BYTES)))
        expect(most).to.have.length(MAX_REQUEST_BYTES)
        const more = a.network.request(b.address, '/echo/1', new Uint8Array(MAX_REQUEST_BYTES + 1))
        expect(await codeOf(world.wait(more))).to.equal('REQUEST_TOO_LARGE')
      })

      it('RESPONSE_TOO_LARGE: answers at most MAX_RESPONSE_BYTES', async () => {
        const a = await started(1)
        const b = await started(2)
        b.network.serve('/most/1', async () => new Uint8Array(MAX_RESPONSE_BYTES))
        b.network.serve('/more/1', async () => new Uint8Array(MAX_RESPONSE_BYTES + 1))
        await connected(a, b)
        expect(await world.wait(a.network.request(b.address, '/most/1', text('')))).to.have.length(MAX_RESPONSE_BYTES)
        expect(await codeOf(world.wait(a.network.request(b.address, '/more/1', text(''))))).to.equal('RESPONSE_TOO_LARGE')
      })

      it('serves at most MAX_PEER_REQUESTS of one peer at a time', async () => {
        const a = await started(1)
        const b = await started(2)
        const hold = Promise.withResolvers<Uint8Array>()
        let asked = 0
        b.network.serve('/slow/1', () => {
          asked++
          return hold.promise
        })
        await connected(a, b)
        const held = Array.from({ length: MAX_PEER_REQUESTS }, () => a.network.request(b.address, '/slow/1', text('x')))
        await world.until(() => asked === MAX_PEER_REQUESTS, 'the allowed ones are asked')
        expect(await codeOf(world.wait(a.network.request(b.address, '/slow/1', text('x'))))).to.equal('REQUEST_FAILED')
        expect(asked).to.equal(MAX_PEER_REQUESTS)
        hold.resolve(text('done'))
        for (const answer of held) expect(await world.wait(answer)).to.deep.equal(text('done'))
      })

      it('stops waiting when the signal is aborted', async () => {
        const a = await started(1)
        const b = await started(2)
        let asked = 0
        b.network.serve('/never/1', () => {
          asked++
          return new Promise<Uint8Array>(() => undefined)
        })
        await connected(a, b)
        const controller = new AbortController()
        const waiting = codeOf(a.network.request(b.address, '/never/1', text('x'), controller.signal))
        await world.until(() => asked === 1, 'the request arrives')
        controller.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
        expect(await world.wait(waiting)).to.equal('ENOUGH')
      })

      it('PROTOCOL_TAKEN: one handler a protocol', async () => {
        const a = await node(1)
        a.network.serve('/echo/1', echo)
        expect(() => a.network.serve('/echo/1', echo))
          .to.throw()
          .with.property('code', 'PROTOCOL_TAKEN')
      })

      it('TOO_MANY_NAMES: at most MAX_PROTOCOLS', async () => {
        const a = await node(1)
        for (let index = 0; index < MAX_PROTOCOLS; index++) a.network.serve(`/p/${index}`, echo)
        expect(() => a.network.serve('/one/more', echo))
          .to.throw()
          .with.property('code', 'TOO_MANY_NAMES')
      })
    })
  })
}
