import { isWattnessError, type Membership, toHex } from '../protocol/index.ts'
import type { Network } from './net/index.ts'

/** As the network says it where the other side has proved its key and then closed the connection without an answer. */
const REFUSED_TEXT = /: the connection was refused$/

export interface RefusalsInit {
  readonly network: Network
  readonly membership: () => Membership
  /** A member refused this one; told again only after a link with it. */
  readonly onRefused: (peerHex: string) => void
}

/**
 * Members that answer a dial by hanging up. Nobody says why, but whoever was revoked while it was away learns of it in no
 * other way: the block that says so is given to members only.
 */
export class Refusals {
  readonly #init: RefusalsInit
  /** Keys of members: bounded as membership is. */
  readonly #peers = new Set<string>()
  /** The network, for a dialler. */
  readonly watched: Network

  constructor(init: RefusalsInit) {
    this.#init = init
    const { network } = init
    this.watched = {
      self: network.self,
      start: (handlers) => network.start(handlers),
      stop: () => network.stop(),
      addresses: () => network.addresses(),
      keyOf: (address) => network.keyOf(address),
      links: () => network.links(),
      dial: (address, signal) => this.#dial(address, signal),
      hangUp: (key) => network.hangUp(key),
      joinTopic: (topic, handler) => network.joinTopic(topic, handler),
      leaveTopic: (topic) => network.leaveTopic(topic),
      publish: (topic, payload) => network.publish(topic, payload),
      meshPeers: (topic) => network.meshPeers(topic),
      serve: (protocol, handler) => network.serve(protocol, handler),
      request: (address, protocol, request, signal) => network.request(address, protocol, request, signal),
    }
  }

  /** Members whose newest answer was a refusal, in hex. */
  get peers(): readonly string[] {
    return [...this.#peers]
  }

  onLink(peerHex: string): void {
    this.#peers.delete(peerHex)
  }

  async #dial(address: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#init.network.dial(address, signal)
    } catch (error) {
      if (isWattnessError(error, 'DIAL_FAILED') && REFUSED_TEXT.test(error.message)) this.#refused(address)
      throw error
    }
  }

  #refused(address: string): void {
    const { network, membership, onRefused } = this.#init
    const key = network.keyOf(address)
    const self = membership().member(network.self)
    // Who has not been admitted yet, or knows that it was revoked, is refused by everybody and needs no telling.
    if (key === undefined || membership().member(key) === undefined || self === undefined || self.revoked !== undefined) return
    const keyHex = toHex(key)
    if (this.#peers.has(keyHex)) return
    this.#peers.add(keyHex)
    onRefused(keyHex)
  }
}
