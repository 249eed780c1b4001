import type { Channel, GossipHandler, GossipVerdict, Link, Network, NetworkHandlers, RequestHandler } from '../../node/index.ts'
import type { Bytes } from '../../protocol/index.ts'

/** Whose hands are between a node and its network. */
export interface Hands {
  onChannel(channel: Channel): void
  onChannelEnd(channel: Channel): void
  /** What goes out in place of a frame that the node sends: any number of frames. */
  outgoing(frame: Bytes, peerHex: string): readonly Bytes[]
  /** False: the node never hears of it. */
  incoming(frame: Bytes, peerHex: string): boolean
  /** What is published in place of a payload of the node's own. */
  publishing(topic: string, payload: Bytes): readonly Bytes[]
  /** A payload of somebody else came by gossip, and the node has judged it; what it answers is what the mesh acts on. */
  heard(topic: string, payload: Bytes, verdict: GossipVerdict): GossipVerdict
}

/** A port that a real node runs on, and of which an attacker has the other end: the node is its disguise. */
export class CrookedPort implements Network {
  readonly self: Uint8Array
  readonly #port: Network
  readonly #hands: Hands

  constructor(port: Network, hands: Hands) {
    this.self = port.self
    this.#port = port
    this.#hands = hands
  }

  start(handlers: NetworkHandlers): Promise<void> {
    return this.#port.start({
      admits: (key, direction) => handlers.admits(key, direction),
      onLink: (link) => handlers.onLink(link),
      onUnlink: (key) => handlers.onUnlink(key),
      onChannel: (channel) => {
        this.#hands.onChannel(channel)
        handlers.onChannel(new CrookedChannel(channel, this.#hands))
      },
    })
  }

  stop(): Promise<void> {
    return this.#port.stop()
  }

  addresses(): string[] {
    return this.#port.addresses()
  }

  keyOf(address: string): Uint8Array | undefined {
    return this.#port.keyOf(address)
  }

  links(): Link[] {
    return this.#port.links()
  }

  dial(address: string, signal?: AbortSignal): Promise<void> {
    return this.#port.dial(address, signal)
  }

  hangUp(key: Uint8Array): Promise<void> {
    return this.#port.hangUp(key)
  }

  joinTopic(topic: string, handler: GossipHandler): void {
    this.#port.joinTopic(topic, async (payload, from) => {
      const copy = payload.slice()
      return this.#hands.heard(topic, copy, await handler(payload, from))
    })
  }

  leaveTopic(topic: string): void {
    this.#port.leaveTopic(topic)
  }

  async publish(topic: string, payload: Uint8Array): Promise<number> {
    let count = 0
    for (const each of this.#hands.publishing(topic, payload)) count += await this.#port.publish(topic, each)
    return count
  }

  meshPeers(topic: string): ReadonlySet<string> {
    return this.#port.meshPeers(topic)
  }

  serve(protocol: string, handler: RequestHandler): void {
    this.#port.serve(protocol, handler)
  }

  request(address: string, protocol: string, request: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#port.request(address, protocol, request, signal)
  }
}

class CrookedChannel implements Channel {
  readonly peer: Uint8Array
  readonly peerHex: string
  readonly #channel: Channel
  readonly #hands: Hands

  constructor(channel: Channel, hands: Hands) {
    this.#channel = channel
    this.#hands = hands
    this.peer = channel.peer
    this.peerHex = channel.peerHex
    channel.onClose = () => hands.onChannelEnd(channel)
  }

  send(frame: Uint8Array): boolean {
    let hasRoom = true
    for (const each of this.#hands.outgoing(frame, this.peerHex)) hasRoom = this.#channel.send(each)
    return hasRoom
  }

  drained(): Promise<void> {
    return this.#channel.drained()
  }

  get queuedBytes(): number {
    return this.#channel.queuedBytes
  }

  get onFrame(): (frame: Uint8Array) => void {
    return this.#channel.onFrame
  }

  set onFrame(handler: (frame: Uint8Array) => void) {
    this.#channel.onFrame = (frame) => {
      if (this.#hands.incoming(frame, this.peerHex)) handler(frame)
    }
  }

  get onClose(): (error?: Error) => void {
    return this.#channel.onClose
  }

  set onClose(handler: (error?: Error) => void) {
    this.#channel.onClose = (error) => {
      this.#hands.onChannelEnd(this.#channel)
      handler(error)
    }
  }

  pause(): void {
    this.#channel.pause()
  }

  resume(): void {
    this.#channel.resume()
  }

  close(): void {
    this.#channel.close()
  }
}
