import { toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Platform, Timer } from '../platform.ts'
import { randomFraction } from './backoff.ts'
import { PING_INTERVAL_MS, PING_TIMEOUT_MS } from './limits.ts'
import { MemoryConnection } from './memory-connection.ts'
import { MemoryNetwork, type Switchboard } from './memory-network.ts'
import type { Network } from './network.ts'

export interface MemoryHubInit extends Pick<Platform, 'clock' | 'timers' | 'random'> {
  /** One way; default 1. */
  readonly latencyMs?: number
  /** Added at random to the latency, up to this; order within a link holds. Default 0. */
  readonly jitterMs?: number
  /** A cut link is given up after this; default the pings' interval and time-out. */
  readonly deadLinkMs?: number
}

/** Says of one copy of a payload on its way whether it gets lost. */
export type GossipLoss = (from: Uint8Array, to: Uint8Array, topic: string) => boolean

/**
 * A network of nodes in one process, on injected time and randomness: the same inputs give the same run. Gossip floods
 * along links, each payload validated by every node before it goes on.
 */
export interface MemoryHub {
  /** A node's port; a stopped one's key may be used again, as by a restart. KEY_TAKEN while it runs. */
  network(key: Uint8Array): Network
  /** Silently: what is on its way waits, dials time out, and after `deadLinkMs` both sides lose the link. */
  cut(a: Uint8Array, b: Uint8Array): void
  heal(a: Uint8Array, b: Uint8Array): void
  /** Cuts all pairs that are not within one group; keys that are in no group are cut off from everybody. */
  partition(...groups: readonly (readonly Uint8Array[])[]): void
  healAll(): void
  /** Resets the link at once, as a crashed peer's machine would. */
  sever(a: Uint8Array, b: Uint8Array): void
  /** A rate of loss from 0 to 1, or a rule. */
  loseGossip(loss: number | GossipLoss): void
}

class Hub implements MemoryHub, Switchboard {
  readonly timers
  readonly clock
  readonly random
  readonly #latencyMs: number
  readonly #jitterMs: number
  readonly #deadLinkMs: number
  readonly #networks = new Map<string, MemoryNetwork>()
  readonly #cuts = new Set<string>()
  readonly #dying = new Map<string, Timer>()
  #groups: ReadonlyMap<string, number> | undefined
  #loss: GossipLoss = () => false

  constructor(init: MemoryHubInit) {
    this.timers = init.timers
    this.clock = init.clock
    this.random = init.random
    this.#latencyMs = init.latencyMs ?? 1
    this.#jitterMs = init.jitterMs ?? 0
    this.#deadLinkMs = init.deadLinkMs ?? PING_INTERVAL_MS + PING_TIMEOUT_MS
  }

  network(key: Uint8Array): Network {
    const keyHex = toHex(key)
    if (this.#networks.has(keyHex)) throw new WattnessError('KEY_TAKEN', `a node runs under ${keyHex} already`, { keyHex })
    const network = new MemoryNetwork(this, key)
    this.#networks.set(keyHex, network)
    return network
  }

  latencyMs(): number {
    return this.#jitterMs === 0 ? this.#latencyMs : this.#latencyMs + this.#jitterMs * randomFraction(this.random)
  }

  find(keyHex: string): MemoryNetwork | undefined {
    return this.#networks.get(keyHex)
  }

  leave(network: MemoryNetwork): void {
    if (this.#networks.get(network.selfHex) === network) this.#networks.delete(network.selfHex)
  }

  connect(dialler: MemoryNetwork, listener: MemoryNetwork): MemoryConnection {
    const admission = dialler.admit(listener)
    // A side that has not heard of the end of an earlier connection hears of it now.
    listener.connections.get(dialler.selfHex)?.reset('the peer connected afresh')
    const connection = new MemoryConnection(
      this,
      { endpoint: dialler, admission: admission.dialler },
      { endpoint: listener, admission: admission.listener },
      () => this.#calm(dialler.selfHex, listener.selfHex),
    )
    dialler.connections.set(listener.selfHex, connection)
    listener.connections.set(dialler.selfHex, connection)
    connection.establish()
    return connection
  }

  isCut(a: MemoryNetwork, b: MemoryNetwork): boolean {
    return this.#isCut(a.selfHex, b.selfHex)
  }

  losesGossip(from: MemoryNetwork, to: MemoryNetwork, topic: string): boolean {
    return this.#loss(from.self, to.self, topic)
  }

  cut(a: Uint8Array, b: Uint8Array): void {
    this.#cuts.add(pair(toHex(a), toHex(b)))
    this.#review()
  }

  heal(a: Uint8Array, b: Uint8Array): void {
    this.#cuts.delete(pair(toHex(a), toHex(b)))
    this.#review()
  }

  partition(...groups: readonly (readonly Uint8Array[])[]): void {
    this.#groups = new Map(groups.flatMap((group, index) => group.map((key) => [toHex(key), index] as const)))
    this.#review()
  }

  healAll(): void {
    this.#cuts.clear()
    this.#groups = undefined
    this.#review()
  }

  sever(a: Uint8Array, b: Uint8Array): void {
    this.#networks.get(toHex(a))?.connections.get(toHex(b))?.reset('the connection was reset')
  }

  loseGossip(loss: number | GossipLoss): void {
    this.#loss = typeof loss === 'function' ? loss : loss === 0 ? () => false : () => randomFraction(this.random) < loss
  }

  #isCut(aHex: string, bHex: string): boolean {
    if (this.#cuts.has(pair(aHex, bHex))) return true
    if (this.#groups === undefined) return false
    const group = this.#groups.get(aHex)
    return group === undefined || group !== this.#groups.get(bHex)
  }

  /** Stalls what is cut and starts its clock; frees what is not. */
  #review(): void {
    for (const network of this.#networks.values()) {
      for (const [peerHex, connection] of network.connections) {
        const name = pair(network.selfHex, peerHex)
        const dead = this.#isCut(network.selfHex, peerHex)
        connection.stall(dead)
        if (!dead) this.#calm(network.selfHex, peerHex)
        else if (!this.#dying.has(name)) {
          const give = (): void => {
            this.#dying.delete(name)
            connection.reset(`nothing came back for ${this.#deadLinkMs} ms`)
          }
          this.#dying.set(name, this.timers.set(this.#deadLinkMs, give))
        }
      }
    }
  }

  #calm(aHex: string, bHex: string): void {
    const timer = this.#dying.get(pair(aHex, bHex))
    if (timer === undefined) return
    this.timers.clear(timer)
    this.#dying.delete(pair(aHex, bHex))
  }
}

function pair(aHex: string, bHex: string): string {
  return aHex < bHex ? `${aHex}-${bHex}` : `${bHex}-${aHex}`
}

export function createMemoryHub(init: MemoryHubInit): MemoryHub {
  return new Hub(init)
}
