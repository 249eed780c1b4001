import {
  type Admission,
  addBounded,
  type Channel,
  type GossipHandler,
  type Link,
  type Network,
  type NetworkHandlers,
  networkLimits,
  type Platform,
  RequestGate,
  type RequestHandler,
  sleep,
} from '../../node/index.ts'
import { equalBytes, toHex, WattnessError } from '../../protocol/index.ts'
import type { GossipCounts, GossipMesh } from './gossip-mesh.ts'
import type { Endpoint, VirtualConnection } from './virtual-connection.ts'
import type { VirtualNetwork } from './virtual-network.ts'

const {
  DIAL_TIMEOUT_MS,
  MAX_CONCURRENT_REQUESTS,
  MAX_LINKS,
  MAX_PEER_REQUESTS,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  REQUEST_TIMEOUT_MS,
} = networkLimits

const ADDRESS = /^\/virtual\/(\d{1,9})\/([0-9a-f]{64})$/

export interface VirtualPortInit {
  readonly network: VirtualNetwork
  readonly host: number
  readonly key: Uint8Array
  readonly platform: Platform
  readonly mesh: GossipMesh
}

/** One start of one node on the virtual network. Hosts are told apart, keys need not be: a key may run twice. */
export class VirtualPort implements Network, Endpoint {
  readonly host: number
  readonly self: Uint8Array
  readonly selfHex: string
  readonly address: string
  readonly platform: Platform
  /** By the key across: one link each. */
  readonly connections = new Map<string, VirtualConnection>()
  readonly #network: VirtualNetwork
  readonly #mesh: GossipMesh
  readonly #protocols = new Map<string, { readonly handler: RequestHandler; readonly gate: RequestGate }>()
  readonly #requests = new Map<VirtualConnection, number>()
  #handlers: NetworkHandlers | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'

  constructor({ network, host, key, platform, mesh }: VirtualPortInit) {
    this.#network = network
    this.host = host
    this.self = key.slice()
    this.selfHex = toHex(key)
    this.address = `/virtual/${host}/${this.selfHex}`
    this.platform = platform
    this.#mesh = mesh
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  get gossip(): GossipCounts {
    return this.#mesh.counts
  }

  get mesh(): GossipMesh {
    return this.#mesh
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (this.#state !== 'new') throw new WattnessError('NETWORK_STARTED', 'a network starts once')
    this.#handlers = handlers
    this.#state = 'running'
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    for (const connection of [...this.connections.values()]) connection.close(this)
    this.#end()
  }

  /** The machine is gone: nobody is told. */
  crash(): void {
    for (const connection of [...this.connections.values()]) connection.vanish(this)
    this.connections.clear()
    this.#end()
  }

  #end(): void {
    this.#state = 'stopped'
    this.#mesh.stop()
    this.#network.leave(this)
  }

  addresses(): string[] {
    return this.isRunning ? [this.address] : []
  }

  keyOf(address: string): Uint8Array | undefined {
    const hex = ADDRESS.exec(address)?.[2]
    return hex === undefined ? undefined : Uint8Array.from(Buffer.from(hex, 'hex'))
  }

  links(): Link[] {
    const links: Link[] = []
    for (const connection of this.connections.values()) if (connection.isLink(this)) links.push(connection.linkFor(this))
    return links
  }

  async dial(address: string, signal?: AbortSignal): Promise<void> {
    await this.#connect(address, signal)
  }

  async hangUp(key: Uint8Array): Promise<void> {
    this.connections.get(toHex(key))?.close(this)
  }

  joinTopic(topic: string, handler: GossipHandler): void {
    this.#mesh.join(topic, handler)
  }

  leaveTopic(topic: string): void {
    this.#mesh.leave(topic)
  }

  async publish(topic: string, payload: Uint8Array): Promise<number> {
    if (!this.isRunning) throw stopped()
    return this.#mesh.publish(topic, payload)
  }

  meshPeers(topic: string): Set<string> {
    return this.isRunning ? this.#mesh.meshPeers(topic) : new Set()
  }

  serve(protocol: string, handler: RequestHandler): void {
    const gate = new RequestGate(MAX_CONCURRENT_REQUESTS, MAX_PEER_REQUESTS)
    addBounded(this.#protocols, 'PROTOCOL', protocol, { handler, gate })
  }

  async request(address: string, protocol: string, request: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    if (request.length > MAX_REQUEST_BYTES) {
      throw new WattnessError('REQUEST_TOO_LARGE', `a request has at most ${MAX_REQUEST_BYTES} bytes, got ${request.length}`)
    }
    const connection = await this.#connect(address, signal)
    this.#requests.set(connection, (this.#requests.get(connection) ?? 0) + 1)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const { timers } = this.platform
    const timer = timers.set(REQUEST_TIMEOUT_MS, () => {
      reject(new WattnessError('REQUEST_TIMEOUT', `no answer from ${address} in ${REQUEST_TIMEOUT_MS} ms`, { address }))
    })
    const onAbort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    const server = connection.across(this).endpoint as VirtualPort
    const sent = request.slice()
    connection.send(this, sent.length, 'requests', () => {
      void server.answer(protocol, sent, this.self).then((answer) => {
        const bytes = answer instanceof Error ? 1 : answer.length
        connection.send(server, bytes, 'requests', () => (answer instanceof Error ? reject(answer) : resolve(answer.slice())))
      })
    })
    try {
      return await promise
    } finally {
      timers.clear(timer)
      signal?.removeEventListener('abort', onAbort)
      this.#release(connection)
    }
  }

  /** A guest's connection lives as long as its requests. */
  #release(connection: VirtualConnection): void {
    const left = (this.#requests.get(connection) ?? 1) - 1
    if (left > 0) this.#requests.set(connection, left)
    else this.#requests.delete(connection)
    if (left === 0 && !connection.isLink(this)) connection.close(this)
  }

  onLinked(connection: VirtualConnection): void {
    this.#handlers?.onLink(connection.linkFor(this))
    if (connection.isMutual) this.#mesh.addPeer(this.#network.peerAcross(this, connection))
  }

  onUnlinked(connection: VirtualConnection): void {
    const { endpoint } = connection.across(this)
    if (this.connections.get(endpoint.selfHex) !== connection) return
    this.connections.delete(endpoint.selfHex)
    this.#mesh.removePeer(endpoint.selfHex)
    if (connection.sideOf(this).admission === true) this.#handlers?.onUnlink(endpoint.self)
  }

  onChannel(channel: Channel): void {
    this.#handlers?.onChannel(channel)
  }

  /** Serves one request; an error is what the requester sees. */
  async answer(protocol: string, request: Uint8Array, from: Uint8Array): Promise<Uint8Array | Error> {
    const served = this.#protocols.get(protocol)
    const fromHex = toHex(from)
    if (served === undefined) return requestFailed(`${protocol} is not served`)
    if (!served.gate.enter(fromHex)) return requestFailed('busy')
    try {
      const response = await served.handler(request, from)
      if (response.length <= MAX_RESPONSE_BYTES) return response
      return new WattnessError('RESPONSE_TOO_LARGE', `a response has at most ${MAX_RESPONSE_BYTES} bytes, got ${response.length}`)
    } catch {
      return requestFailed('the other side failed')
    } finally {
      served.gate.leave(fromHex)
    }
  }

  async #connect(address: string, signal: AbortSignal | undefined): Promise<VirtualConnection> {
    if (!this.isRunning) throw stopped()
    const match = ADDRESS.exec(address)
    const key = this.keyOf(address)
    if (match === null || key === undefined) {
      throw new WattnessError('ADDRESS_INVALID', `not a virtual address: ${address}`, { address })
    }
    if (equalBytes(key, this.self)) throw new WattnessError('DIAL_SELF', `${address} is this node`, { address })
    const keyHex = toHex(key)
    const standing = this.connections.get(keyHex)
    if (standing?.sideOf(this).isOpen === true) return standing
    signal?.throwIfAborted()
    const host = Number(match[1])
    const { timers } = this.platform
    const handshakeMs = this.#network.handshakeMs(this.host, host)
    await sleep(timers, handshakeMs ?? DIAL_TIMEOUT_MS, signal)
    if (!this.isRunning) throw stopped()
    const listener = this.#network.find(host)
    if (handshakeMs === undefined) throw dialFailed(address, `no answer in ${DIAL_TIMEOUT_MS} ms`)
    if (listener?.isRunning !== true || listener.selfHex !== keyHex) throw dialFailed(address, 'nobody listens there')
    const raced = this.connections.get(keyHex)
    if (raced?.sideOf(this).isOpen === true) return raced
    return this.#network.connect(this, listener)
  }

  /** Both sides' consent; the listener's refusal looks to the dialler like any failed dial. */
  admit(listener: VirtualPort): { readonly dialler: Admission; readonly listener: Admission } {
    const dialler = this.#handlers?.admits(listener.self, 'outbound') ?? false
    if (dialler === false) {
      throw new WattnessError('NOT_ADMITTED', `${listener.selfHex} is not admitted here`, { peer: listener.selfHex })
    }
    const listening = listener.#handlers?.admits(this.self, 'inbound') ?? false
    const isFull = listener.connections.size >= MAX_LINKS || this.connections.size >= MAX_LINKS
    if (listening === false || isFull) throw dialFailed(listener.address, 'the connection was refused')
    return { dialler, listener: listening }
  }
}

function stopped(): WattnessError {
  return new WattnessError('NETWORK_STOPPED', 'the network is not running')
}

function dialFailed(address: string, why: string): WattnessError {
  return new WattnessError('DIAL_FAILED', `cannot reach ${address}: ${why}`, { address })
}

function requestFailed(why: string): WattnessError {
  return new WattnessError('REQUEST_FAILED', `request failed: ${why}`)
}
