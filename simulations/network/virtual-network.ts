import { networkLimits, type Platform } from '../../node/index.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { VirtualTime } from '../time/virtual-time.ts'
import { type Conditions, DEFAULT_CONDITIONS, OVERHEAD_BYTES, RETRANSMISSION_MS } from './conditions.ts'
import { type GossipCounts, GossipMesh, type MeshPeer } from './gossip-mesh.ts'
import { type Endpoint, type Ground, type TrafficKind, VirtualConnection } from './virtual-connection.ts'
import { VirtualPort } from './virtual-port.ts'

const { PING_INTERVAL_MS, PING_TIMEOUT_MS } = networkLimits

/** What one host has sent. */
export interface Traffic {
  messages: number
  bytes: number
  readonly bytesBy: Record<TrafficKind, number>
}

export interface VirtualNetworkInit {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly conditions?: Partial<Conditions>
  /** Neighbours of a node's gossip mesh; the node's own preset unless given. */
  readonly degree?: number
  /** False: a frame is the same bytes for who sends and who receives it, as long as neither changes them. */
  readonly isCopying?: boolean
}

/** Round trips of TCP, Noise and the muxer together until a connection stands. */
const HANDSHAKE_TRIPS = 6

/** Time by which a gossiped payload is overtaken, in latencies. */
const OVERTAKEN_BY = 3

/** How far a pair's latency is from the median, by the conditions' spread. */
interface Spread {
  readonly exponent: number
  readonly spread: number
  readonly factor: number
}

/** All ways between all hosts of one run, and what is wrong with them. Hosts are numbers. */
export class VirtualNetwork implements Ground {
  readonly time: VirtualTime
  readonly isCopying: boolean
  readonly #random: SeededRandom
  readonly #degree: number | undefined
  readonly #ports = new Map<number, VirtualPort>()
  readonly #crashed = new Set<number>()
  /** `from>to` of hosts between which nothing passes that way. */
  readonly #cuts = new Set<string>()
  readonly #spreads = new Map<number, Spread>()
  readonly #uplinkFreeMs = new Map<number, number>()
  readonly #ofHost = new Map<number, Partial<Conditions>>()
  readonly traffic = new Map<number, Traffic>()
  #groups: ReadonlyMap<number, number> | undefined
  conditions: Conditions
  /** Told of each message as it is sent. */
  onSend: ((from: number, to: number, bytes: number) => void) | undefined
  lost = 0
  doubled = 0
  /** Counts of routers that are gone, by host. */
  readonly gossipOf = new Map<number, GossipCounts>()

  constructor(init: VirtualNetworkInit) {
    this.time = init.time
    this.#random = init.random
    this.#degree = init.degree
    this.isCopying = init.isCopying ?? true
    this.conditions = { ...DEFAULT_CONDITIONS, ...init.conditions }
  }

  /** A port for one start of the node on this host. */
  port(host: number, key: Uint8Array, platform: Platform): VirtualPort {
    this.#crashed.delete(host)
    const random = this.#random.stream(`mesh ${host}`)
    const mesh = new GossipMesh({ time: this.time, random, ...(this.#degree === undefined ? {} : { degree: this.#degree }) })
    const port = new VirtualPort({ network: this, host, key, platform, mesh })
    this.#ports.set(host, port)
    return port
  }

  find(host: number): VirtualPort | undefined {
    return this.#ports.get(host)
  }

  leave(port: VirtualPort): void {
    if (this.#ports.get(port.host) === port) this.#ports.delete(port.host)
    const gone = this.gossipOf.get(port.host) ?? { heard: 0, duplicates: 0, rejected: 0, ignored: 0 }
    for (const name of ['heard', 'duplicates', 'rejected', 'ignored'] as const) gone[name] += port.gossip[name]
    this.gossipOf.set(port.host, gone)
  }

  /** The machine of this host is gone: its neighbours find out by themselves. */
  crash(host: number): void {
    this.#crashed.add(host)
    this.#ports.get(host)?.crash()
  }

  connect(dialler: VirtualPort, listener: VirtualPort): VirtualConnection {
    const admission = dialler.admit(listener)
    // A side that has not heard of the end of an earlier connection hears of it now.
    listener.connections.get(dialler.selfHex)?.reset('the peer connected afresh')
    const connection = new VirtualConnection(
      this,
      { endpoint: dialler, admission: admission.dialler },
      { endpoint: listener, admission: admission.listener },
    )
    dialler.connections.set(listener.selfHex, connection)
    listener.connections.set(dialler.selfHex, connection)
    connection.establish()
    return connection
  }

  /** Undefined where no answer comes. */
  handshakeMs(from: number, to: number): number | undefined {
    if (this.#isBlocked(from, to) || this.#isBlocked(to, from) || this.#crashed.has(to)) return undefined
    return this.#latencyMs(from, to) * HANDSHAKE_TRIPS
  }

  travelMs(from: Endpoint, to: Endpoint, bytes: number, kind: TrafficKind): number {
    const size = bytes + OVERHEAD_BYTES
    this.#count(from, to, size, kind)
    const lostMs = kind === 'gossip' ? 0 : this.#lostMs(from.host, to.host)
    return this.#waitForUplink(from.host, size) + this.#latencyMs(from.host, to.host) + lostMs
  }

  rideMs(from: Endpoint, to: Endpoint, bytes: number, kind: TrafficKind): number {
    this.#count(from, to, bytes, kind)
    return this.#waitForUplink(from.host, bytes) + this.#lostMs(from.host, to.host)
  }

  /** What is lost of a stream is sent again, until it has come. */
  #lostMs(from: number, to: number): number {
    const { loss } = this.#conditionsOf(from, to)
    let ms = 0
    for (let again = RETRANSMISSION_MS; loss > 0 && this.#random.chance(loss) && again < 60_000; again *= 2) {
      this.lost++
      ms += again
    }
    return ms
  }

  #count(from: Endpoint, to: Endpoint, size: number, kind: TrafficKind): void {
    const traffic = this.#trafficOf(from.host)
    traffic.messages++
    traffic.bytes += size
    traffic.bytesBy[kind] += size
    this.onSend?.(from.host, to.host, size)
  }

  /** The neighbour across a connection, as a node's router speaks to it. */
  peerAcross(port: VirtualPort, connection: VirtualConnection): MeshPeer {
    const across = connection.across(port).endpoint as VirtualPort
    const carry = (bytes: number, extraMs: number, deliver: (to: GossipMesh, from: MeshPeer) => void): void => {
      const arrive = (): void => deliver(across.mesh, self)
      connection.send(port, bytes, 'gossip', arrive, extraMs)
    }
    // What the other side knows this node by.
    const self: MeshPeer = { name: port.selfHex, key: port.self, control: () => undefined, payload: () => undefined }
    return {
      name: across.selfHex,
      key: across.self,
      control: (bytes, deliver) => carry(bytes, 0, deliver),
      payload: (bytes, deliver) => {
        const { loss, duplication, reordering } = this.#conditionsOf(port.host, across.host)
        if (this.#random.chance(loss)) {
          this.lost++
          return
        }
        const isLate = this.#random.chance(reordering)
        carry(bytes, isLate ? this.#latencyMs(port.host, across.host) * OVERTAKEN_BY : 0, deliver)
        if (!this.#random.chance(duplication)) return
        this.doubled++
        carry(bytes, this.#latencyMs(port.host, across.host), deliver)
      },
    }
  }

  deadLinkMs(): number {
    return PING_INTERVAL_MS * this.#random.fraction() + PING_TIMEOUT_MS
  }

  isCut(from: Endpoint, to: Endpoint): boolean {
    return this.#isBlocked(from.host, to.host)
  }

  /** From now on nothing passes this way; the other way is left as it is. */
  cut(from: number, to: number): void {
    this.cutAll([from], [to])
  }

  /** The same for all ways from some hosts to some others. */
  cutAll(from: readonly number[], to: readonly number[]): void {
    for (const one of from) for (const other of to) this.#cuts.add(`${one}>${other}`)
    this.#review()
  }

  /** Cuts all ways between hosts that are not of one group; hosts of no group are cut off from everybody. */
  partition(groups: readonly (readonly number[])[]): void {
    this.#groups = new Map(groups.flatMap((group, index) => group.map((host) => [host, index] as const)))
    this.#review()
  }

  /** All ways are open again. */
  heal(): void {
    this.#cuts.clear()
    this.#groups = undefined
    this.#review()
  }

  /** A host whose ways, there and back, are worse than the others'. */
  impair(host: number, conditions: Partial<Conditions>): void {
    this.#ofHost.set(host, conditions)
  }

  repair(host: number): void {
    this.#ofHost.delete(host)
  }

  #review(): void {
    for (const port of this.#ports.values()) for (const connection of port.connections.values()) connection.review()
  }

  #isBlocked(from: number, to: number): boolean {
    if (this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`)) return true
    if (this.#groups === undefined) return false
    const group = this.#groups.get(from)
    return group === undefined || group !== this.#groups.get(to)
  }

  #conditionsOf(from: number, to: number): Conditions {
    if (this.#ofHost.size === 0) return this.conditions
    const [one, two] = [this.#ofHost.get(from), this.#ofHost.get(to)]
    return one === undefined && two === undefined ? this.conditions : { ...this.conditions, ...two, ...one }
  }

  #latencyMs(from: number, to: number): number {
    const { latencyMs, latencySpread, jitterMs } = this.#conditionsOf(from, to)
    const jitter = jitterMs === 0 ? 0 : -Math.log(1 - this.#random.fraction()) * jitterMs
    return latencyMs * this.#spread(from, to, latencySpread) + jitter
  }

  /** How far this pair's latency is from the median: the same all along, and both ways. */
  #spread(from: number, to: number, spread: number): number {
    if (spread === 0) return 1
    const pair = Math.min(from, to) * 65_536 + Math.max(from, to)
    let known = this.#spreads.get(pair)
    if (known?.spread !== spread) {
      const exponent = known?.exponent ?? this.#random.stream(`pair ${pair}`).normal()
      known = { exponent, spread, factor: Math.exp(exponent * spread) }
      this.#spreads.set(pair, known)
    }
    return known.factor
  }

  #waitForUplink(host: number, bytes: number): number {
    const { bytesPerSecond } = this.#conditionsOf(host, host)
    if (bytesPerSecond === 0) return 0
    const nowMs = this.time.elapsedMs
    const freeMs = Math.max(nowMs, this.#uplinkFreeMs.get(host) ?? 0) + (bytes * 1_000) / bytesPerSecond
    this.#uplinkFreeMs.set(host, freeMs)
    return freeMs - nowMs
  }

  #trafficOf(host: number): Traffic {
    let traffic = this.traffic.get(host)
    if (traffic === undefined) {
      traffic = { messages: 0, bytes: 0, bytesBy: { sync: 0, gossip: 0, requests: 0 } }
      this.traffic.set(host, traffic)
    }
    return traffic
  }
}
