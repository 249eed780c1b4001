import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Connection, Libp2p, PeerInfo, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { equalBytes, toHex } from '../../protocol/bytes.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Platform, Timer } from '../platform.ts'
import { deadline } from './deadline.ts'
import { Gater } from './gater.ts'
import { Gossip } from './gossip.ts'
import { DEFAULT_GOSSIP_DEGREE } from './gossip-options.ts'
import { libp2pOptions, type Reach } from './libp2p-options.ts'
import {
  DIAL_TIMEOUT_MS,
  GUEST_MS,
  MAX_GUESTS,
  MAX_LINKS,
  MAX_PEER_REQUESTS,
  MAX_REQUEST_BYTES,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
} from './limits.ts'
import { proveAlive } from './liveness.ts'
import type { Admission, Direction, GossipHandler, Link, Network, NetworkHandlers, RequestHandler } from './network.ts'
import { Peer, SYNC_PROTOCOL } from './peer.ts'
import { isAddress, keyOfAddress, keyOfPeer, peerOfKey } from './peer-keys.ts'
import { askOver, requestServer } from './requests.ts'
import { addBounded } from './tables.ts'
import { SocketTally, type Traffic } from './traffic.ts'

export interface Libp2pNetworkInit {
  /** The node's 32-byte Ed25519 seed. */
  readonly seed: Uint8Array
  readonly platform: Platform
  /** Multiaddrs; default a loopback port of the system's choice. */
  readonly listen?: readonly string[]
  /** What to tell others instead of the listening addresses. */
  readonly announce?: readonly string[]
  readonly gossipDegree?: number
  readonly pingIntervalMs?: number
  readonly pingTimeoutMs?: number
  readonly reach?: Reach
  /** An address found by mDNS, with its key. */
  readonly onDiscovered?: (address: string) => void
}

/** A guest's connection: who it is, what uses it, when it is cut. */
interface Guest {
  readonly keyHex: string
  readonly timer: Timer
  uses: number
}

class Libp2pNetwork implements Network {
  readonly self: Uint8Array
  readonly #init: Libp2pNetworkInit
  readonly #node: Libp2p
  readonly #gater: Gater
  readonly #gossip: Gossip
  readonly #tally: SocketTally
  readonly #peers = new Map<string, Peer>()
  readonly #guests = new Map<Connection, Guest>()
  /** Outbound connections that the other side has not confirmed yet. */
  readonly #unconfirmed = new Map<Connection, Promise<void>>()
  readonly #protocols = new Map<string, RequestHandler>()
  #handlers: NetworkHandlers | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'

  constructor(self: Uint8Array, init: Libp2pNetworkInit, node: Libp2p, gater: Gater, gossip: Gossip, tally: SocketTally) {
    this.self = self
    this.#init = init
    this.#node = node
    this.#gater = gater
    this.#gossip = gossip
    this.#tally = tally
  }

  static async create(init: Libp2pNetworkInit): Promise<Network> {
    const privateKey = await generateKeyPairFromSeed('Ed25519', init.seed)
    const gater = new Gater((key, keyHex, direction) => network.#admits(key, keyHex, direction))
    const gossip = new Gossip(init.gossipDegree ?? DEFAULT_GOSSIP_DEGREE, init.platform.clock, (connection) =>
      network.#isMember(connection),
    )
    const listen = init.listen ?? ['/ip4/127.0.0.1/tcp/0']
    const { announce = [], reach = {} } = init
    const tally = new SocketTally()
    const options = await libp2pOptions(privateKey, listen, announce, gater.libp2p, gossip.service, reach, tally)
    const node = await createLibp2p(options)
    const network = new Libp2pNetwork(privateKey.publicKey.raw, init, node, gater, gossip, tally)
    return network
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (this.#state !== 'new') throw new WattnessError('NETWORK_STARTED', 'a network starts once')
    this.#state = 'running'
    this.#handlers = handlers
    this.#node.addEventListener('connection:open', ({ detail }) => this.#onOpen(detail))
    this.#node.addEventListener('connection:close', ({ detail }) => this.#onClose(detail))
    this.#node.addEventListener('peer:discovery', ({ detail }) => this.#onDiscovery(detail))
    await this.#node.handle(SYNC_PROTOCOL, (stream, connection) => this.#onChannelStream(stream, connection), {
      maxInboundStreams: 4,
      maxOutboundStreams: 4,
      runOnLimitedConnection: true,
    })
    for (const [protocol, handler] of this.#protocols) await this.#handle(protocol, handler)
    await this.#node.start()
    this.#gossip.started()
  }

  async stop(): Promise<void> {
    if (this.#state !== 'running') {
      this.#state = 'stopped'
      return
    }
    this.#state = 'stopped'
    this.#gossip.stopped()
    await this.#node.stop()
    // What libp2p closed without saying so.
    for (const connection of this.#guests.keys()) this.#onClose(connection)
    for (const peer of this.#peers.values()) {
      for (const connection of peer.connections) this.#onClose(connection)
    }
  }

  addresses(): string[] {
    return this.#state === 'running' ? this.#node.getMultiaddrs().map(String) : []
  }

  keyOf(address: string): Uint8Array | undefined {
    return keyOfAddress(address)
  }

  links(): Link[] {
    const links: Link[] = []
    for (const { link } of this.#peers.values()) if (link !== undefined) links.push(link)
    return links
  }

  traffic(): Traffic {
    return this.#tally.traffic
  }

  async dial(address: string, signal?: AbortSignal): Promise<void> {
    await this.#connect(address, signal)
  }

  async hangUp(key: Uint8Array): Promise<void> {
    if (this.#state === 'running') await this.#node.hangUp(peerOfKey(key))
  }

  joinTopic(topic: string, handler: GossipHandler): void {
    this.#gossip.join(topic, handler)
  }

  leaveTopic(topic: string): void {
    this.#gossip.leave(topic)
  }

  publish(topic: string, payload: Uint8Array): Promise<number> {
    return this.#gossip.publish(topic, payload)
  }

  meshPeers(topic: string): Set<string> {
    return this.#gossip.meshPeers(topic)
  }

  serve(protocol: string, handler: RequestHandler): void {
    addBounded(this.#protocols, 'PROTOCOL', protocol, handler)
    if (this.#state === 'running') void this.#handle(protocol, handler)
  }

  async request(address: string, protocol: string, request: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    if (request.length > MAX_REQUEST_BYTES) {
      throw new WattnessError('REQUEST_TOO_LARGE', `a request has at most ${MAX_REQUEST_BYTES} bytes, got ${request.length}`)
    }
    const connection = this.#guestAt(address) ?? (await this.#connect(address, signal))
    const guest = this.#guests.get(connection)
    if (guest !== undefined) guest.uses++
    try {
      return await askOver(connection, protocol, request, this.#init.platform.timers, signal)
    } finally {
      // A guest's connection lives as long as its requests.
      if (guest !== undefined && --guest.uses === 0) void closeQuietly(connection)
    }
  }

  /** A guest's connection that stands: good enough for another request. */
  #guestAt(address: string): Connection | undefined {
    const key = keyOfAddress(address)
    if (key === undefined) return undefined
    const keyHex = toHex(key)
    for (const [connection, guest] of this.#guests) if (guest.keyHex === keyHex && connection.status === 'open') return connection
    return undefined
  }

  async #connect(address: string, parent: AbortSignal | undefined): Promise<Connection> {
    if (this.#state !== 'running') throw stopped()
    if (!isAddress(address)) throw new WattnessError('ADDRESS_INVALID', `not a multiaddr: ${address}`, { address })
    const key = keyOfAddress(address)
    if (key !== undefined) {
      if (equalBytes(key, this.self)) throw dialledSelf(address)
      const standing = this.#peers.get(toHex(key))?.connection
      if (standing !== undefined) return standing
      if (this.#handlers?.admits(key, 'outbound') === false) throw notAdmitted(address)
    }
    const limit = deadline(
      this.#init.platform.timers,
      DIAL_TIMEOUT_MS,
      () => new Error(`no answer in ${DIAL_TIMEOUT_MS} ms`),
      parent,
    )
    try {
      // By force: a guest's connection does not count here, since the guest may be a member by now.
      const connection = await this.#node.dial(multiaddr(address), { signal: limit.signal, force: true })
      await this.#unconfirmed.get(connection)
      const peer = this.#peers.get(keyHexOf(connection))
      if (peer?.connection !== undefined) return peer.connection
      if (connection.status === 'open') return connection
      throw new Error('the connection was refused')
    } catch (error) {
      parent?.throwIfAborted()
      const raced = key === undefined ? undefined : this.#peers.get(toHex(key))?.connection
      if (raced !== undefined) return raced
      throw dialError(address, error as Error)
    } finally {
      limit.clear()
    }
  }

  #admits(key: Uint8Array, keyHex: string, direction: Direction): Admission {
    if (this.#state !== 'running' || this.#handlers === undefined) return false
    const admission = this.#handlers.admits(key, direction)
    if (admission === 'guest') return this.#guests.size < MAX_GUESTS && 'guest'
    return admission && (this.#peers.size < MAX_LINKS || this.#peers.has(keyHex))
  }

  /** Also while the connection is being confirmed. */
  #isMember(connection: Connection): boolean {
    return this.#unconfirmed.has(connection) || this.#peers.get(keyHexOf(connection))?.has(connection) === true
  }

  #onOpen(connection: Connection): void {
    const { remotePeer, direction } = connection
    const admission = this.#gater.take(remotePeer, direction)
    const key = keyOfPeer(remotePeer)
    if (key === undefined || admission === false) return connection.abort(new Error('not admitted'))
    if (admission === 'guest') {
      const timer = this.#init.platform.timers.set(GUEST_MS, () => void closeQuietly(connection))
      this.#guests.set(connection, { keyHex: toHex(key), timer, uses: 0 })
    } else if (direction === 'inbound') this.#confirm(connection)
    else {
      const proof = this.#prove(connection)
      this.#unconfirmed.set(connection, proof)
    }
  }

  /** Our side of a dial is complete before the other side has decided: there is a link once it has answered. */
  async #prove(connection: Connection): Promise<void> {
    try {
      await proveAlive(connection, this.#init.platform, this.#init.pingTimeoutMs ?? PING_TIMEOUT_MS)
      this.#confirm(connection)
    } catch (error) {
      connection.abort(error as Error)
    } finally {
      this.#unconfirmed.delete(connection)
    }
  }

  #confirm(connection: Connection): void {
    if (this.#state !== 'running' || connection.status !== 'open') return
    this.#peerOf(connection).confirm(connection)
  }

  #peerOf(connection: Connection): Peer {
    const keyHex = keyHexOf(connection)
    const known = this.#peers.get(keyHex)
    if (known !== undefined) return known
    const handlers = this.#handlers as NetworkHandlers
    const peer = new Peer({
      self: this.self,
      key: keyOfPeer(connection.remotePeer) as Uint8Array,
      platform: this.#init.platform,
      pingIntervalMs: this.#init.pingIntervalMs ?? PING_INTERVAL_MS,
      pingTimeoutMs: this.#init.pingTimeoutMs ?? PING_TIMEOUT_MS,
      onLink: (link) => handlers.onLink(link),
      onUnlink: (key) => {
        this.#peers.delete(keyHex)
        handlers.onUnlink(key)
      },
      onChannel: (channel) => handlers.onChannel(channel),
      onChosen: (chosen) => this.#gossip.attach(chosen.remotePeer, chosen),
      onAlive: (alive) => this.#gossip.mend(alive.remotePeer, alive),
    })
    this.#peers.set(keyHex, peer)
    return peer
  }

  #onClose(connection: Connection): void {
    const guest = this.#guests.get(connection)
    if (guest !== undefined) this.#init.platform.timers.clear(guest.timer)
    this.#guests.delete(connection)
    this.#gossip.detach(connection.remotePeer, connection)
    this.#peers.get(keyHexOf(connection))?.closed(connection)
  }

  #onChannelStream(stream: Stream, connection: Connection): void {
    // A stream from the other side proves as much as a ping.
    if (this.#unconfirmed.has(connection)) this.#confirm(connection)
    const peer = this.#peers.get(keyHexOf(connection))
    if (peer?.has(connection)) peer.accept(stream, connection)
    else stream.abort(new Error('the channel is for members'))
  }

  #onDiscovery({ id, multiaddrs }: PeerInfo): void {
    const [first] = multiaddrs
    if (first === undefined || keyOfPeer(id) === undefined) return
    const address = first.toString()
    this.#init.onDiscovered?.(keyOfAddress(address) === undefined ? `${address}/p2p/${id.toString()}` : address)
  }

  async #handle(protocol: string, handler: RequestHandler): Promise<void> {
    await this.#node.handle(protocol, requestServer(handler, this.#init.platform.timers), {
      maxInboundStreams: 2 * MAX_PEER_REQUESTS,
      runOnLimitedConnection: true,
    })
  }
}

/** A node's port on the real network: libp2p over TCP, Noise and yamux. */
export function createLibp2pNetwork(init: Libp2pNetworkInit): Promise<Network> {
  return Libp2pNetwork.create(init)
}

function keyHexOf(connection: Connection): string {
  const key = keyOfPeer(connection.remotePeer)
  return key === undefined ? '' : toHex(key)
}

async function closeQuietly(connection: Connection): Promise<void> {
  try {
    await connection.close()
  } catch (error) {
    connection.abort(error as Error)
  }
}

function stopped(): WattnessError {
  return new WattnessError('NETWORK_STOPPED', 'the network is not running')
}

function dialledSelf(address: string): WattnessError {
  return new WattnessError('DIAL_SELF', `${address} is this node`, { address })
}

function notAdmitted(address: string): WattnessError {
  return new WattnessError('NOT_ADMITTED', `${address} is not admitted here`, { address })
}

/** libp2p says why in the names and texts of errors, which may be wrapped. */
function dialError(address: string, error: Error): Error {
  if (isWattnessError(error)) return error
  const causes = error instanceof AggregateError ? (error.errors as Error[]) : [error]
  if (causes.some(({ name }) => name === 'ConnectionInterceptedError')) return notAdmitted(address)
  if (causes.some(({ message }) => /dial self/i.test(message))) return dialledSelf(address)
  return new WattnessError('DIAL_FAILED', `cannot reach ${address}: ${error.message}`, { address }, { cause: error })
}
