import { equalBytes, fromHex, toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import { sleep } from '../platform.ts'
import {
  DIAL_TIMEOUT_MS,
  MAX_CONCURRENT_REQUESTS,
  MAX_GOSSIP_BYTES,
  MAX_LINKS,
  MAX_PEER_REQUESTS,
  MAX_PENDING_PAYLOADS,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  MAX_SEEN_PAYLOADS,
  REQUEST_TIMEOUT_MS,
} from './limits.ts'
import type { Endpoint, Medium, MemoryConnection } from './memory-connection.ts'
import type { Channel, GossipHandler, Link, Network, NetworkHandlers, RequestHandler } from './network.ts'
import { RequestGate } from './request-gate.ts'
import { SeenPayloads } from './seen-payloads.ts'
import { addBounded } from './tables.ts'

/** What a node needs of the hub it hangs on. */
export interface Switchboard extends Medium {
  find(keyHex: string): MemoryNetwork | undefined
  isCut(a: MemoryNetwork, b: MemoryNetwork): boolean
  losesGossip(from: MemoryNetwork, to: MemoryNetwork, topic: string): boolean
  connect(dialler: MemoryNetwork, listener: MemoryNetwork): MemoryConnection
  leave(network: MemoryNetwork): void
}

interface Topic {
  readonly handler: GossipHandler
  pending: number
}

/** One node's end of the hub. */
export class MemoryNetwork implements Network, Endpoint {
  readonly self: Uint8Array
  readonly selfHex: string
  readonly connections = new Map<string, MemoryConnection>()
  readonly #hub: Switchboard
  readonly #topics = new Map<string, Topic>()
  readonly #protocols = new Map<string, { handler: RequestHandler; gate: RequestGate }>()
  readonly #requests = new Map<MemoryConnection, number>()
  readonly #seen: SeenPayloads
  #handlers: NetworkHandlers | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'

  constructor(hub: Switchboard, key: Uint8Array) {
    this.#hub = hub
    this.self = key.slice()
    this.selfHex = toHex(key)
    this.#seen = new SeenPayloads(MAX_SEEN_PAYLOADS)
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  get handlers(): NetworkHandlers {
    if (this.#handlers === undefined || !this.running) throw stopped()
    return this.#handlers
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    if (this.#state !== 'new') throw new WattnessError('NETWORK_STARTED', 'a network starts once')
    this.#handlers = handlers
    this.#state = 'running'
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    for (const connection of this.connections.values()) connection.close(this)
    this.#state = 'stopped'
    this.#hub.leave(this)
  }

  addresses(): string[] {
    return this.running ? [`/memory/${this.selfHex}`] : []
  }

  keyOf(address: string): Uint8Array | undefined {
    return /^\/memory\/[0-9a-f]{64}$/.test(address) ? fromHex(address.slice(8)) : undefined
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
    addBounded(this.#topics, 'TOPIC', topic, { handler, pending: 0 })
  }

  leaveTopic(topic: string): void {
    this.#topics.delete(topic)
  }

  async publish(topic: string, payload: Uint8Array): Promise<number> {
    if (!this.running) throw stopped()
    if (payload.length > MAX_GOSSIP_BYTES) {
      throw new WattnessError(
        'PAYLOAD_TOO_LARGE',
        `a gossip payload has at most ${MAX_GOSSIP_BYTES} bytes, got ${payload.length}`,
      )
    }
    const id = toHex(sha256(payload))
    return this.#seen.add(id) ? this.#spread(topic, payload, id, undefined) : 0
  }

  meshPeers(topic: string): Set<string> {
    return new Set(this.#neighbours(topic).map((connection) => (connection.across(this).endpoint as MemoryNetwork).selfHex))
  }

  serve(protocol: string, handler: RequestHandler): void {
    addBounded(this.#protocols, 'PROTOCOL', protocol, {
      handler,
      gate: new RequestGate(MAX_CONCURRENT_REQUESTS, MAX_PEER_REQUESTS),
    })
  }

  async request(address: string, protocol: string, request: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    if (request.length > MAX_REQUEST_BYTES) {
      throw new WattnessError('REQUEST_TOO_LARGE', `a request has at most ${MAX_REQUEST_BYTES} bytes, got ${request.length}`)
    }
    const connection = await this.#connect(address, signal)
    this.#requests.set(connection, (this.#requests.get(connection) ?? 0) + 1)
    const server = connection.across(this).endpoint as MemoryNetwork
    const answer = Promise.withResolvers<Uint8Array>()
    const timer = this.#hub.timers.set(REQUEST_TIMEOUT_MS, () => {
      answer.reject(new WattnessError('REQUEST_TIMEOUT', `no answer from ${address} in ${REQUEST_TIMEOUT_MS} ms`, { address }))
    })
    const onAbort = (): void => answer.reject(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    const sent = request.slice()
    const ask = async (): Promise<void> => {
      const result = await server.answer(protocol, sent, this.self)
      connection.post(server, () => {
        if (result instanceof Error) answer.reject(result)
        else answer.resolve(result.slice())
      })
    }
    connection.post(this, () => void ask())
    try {
      return await answer.promise
    } finally {
      this.#hub.timers.clear(timer)
      signal?.removeEventListener('abort', onAbort)
      this.#release(connection)
    }
  }

  /** A guest's connection lives as long as its requests. */
  #release(connection: MemoryConnection): void {
    const left = (this.#requests.get(connection) ?? 1) - 1
    if (left > 0) this.#requests.set(connection, left)
    else this.#requests.delete(connection)
    if (left === 0 && !connection.isLink(this)) connection.close(this)
  }

  linked(link: Link): void {
    this.#handlers?.onLink(link)
  }

  unlinked(connection: MemoryConnection): void {
    const { endpoint } = connection.across(this)
    if (this.connections.get(endpoint.selfHex) === connection) this.connections.delete(endpoint.selfHex)
    if (connection.sideOf(this).admission === true) this.#handlers?.onUnlink(endpoint.self)
  }

  channelOpened(channel: Channel): void {
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

  async #connect(address: string, signal: AbortSignal | undefined): Promise<MemoryConnection> {
    if (!this.running) throw stopped()
    const key = this.keyOf(address)
    if (key === undefined) throw new WattnessError('ADDRESS_INVALID', `not a memory address: ${address}`, { address })
    if (equalBytes(key, this.self)) throw new WattnessError('DIAL_SELF', `${address} is this node`, { address })
    const keyHex = toHex(key)
    const standing = this.connections.get(keyHex)
    if (standing?.sideOf(this).open) return standing
    signal?.throwIfAborted()
    await this.#roundTrip(keyHex, address, signal)
    const listener = this.#hub.find(keyHex)
    if (!this.running) throw stopped()
    if (!listener?.running) throw dialFailed(address, 'nobody listens there')
    const raced = this.connections.get(keyHex)
    if (raced?.sideOf(this).open) return raced
    return this.#hub.connect(this, listener)
  }

  async #roundTrip(keyHex: string, address: string, signal: AbortSignal | undefined): Promise<void> {
    const peer = this.#hub.find(keyHex)
    if (peer !== undefined && this.#hub.isCut(this, peer)) {
      await sleep(this.#hub.timers, DIAL_TIMEOUT_MS, signal)
      throw dialFailed(address, `no answer in ${DIAL_TIMEOUT_MS} ms`)
    }
    await sleep(this.#hub.timers, this.#hub.latencyMs() * 2, signal)
  }

  #neighbours(topic: string): MemoryConnection[] {
    const found: MemoryConnection[] = []
    for (const connection of this.connections.values()) {
      if (connection.carriesGossip && (connection.across(this).endpoint as MemoryNetwork).#topics.has(topic))
        found.push(connection)
    }
    return found
  }

  #spread(topic: string, payload: Uint8Array, id: string, except: MemoryNetwork | undefined): number {
    let recipients = 0
    for (const connection of this.#neighbours(topic)) {
      const to = connection.across(this).endpoint as MemoryNetwork
      if (to === except) continue
      recipients++
      if (this.#hub.losesGossip(this, to, topic)) continue
      connection.post(this, () => void to.#hear(topic, payload, id, this))
    }
    return recipients
  }

  async #hear(topic: string, payload: Uint8Array, id: string, from: MemoryNetwork): Promise<void> {
    const joined = this.#topics.get(topic)
    if (joined === undefined || joined.pending >= MAX_PENDING_PAYLOADS || !this.#seen.add(id)) return
    joined.pending++
    try {
      const verdict = await joined.handler(payload.slice(), from.self)
      if (verdict === 'accept' && this.running) this.#spread(topic, payload, id, from)
    } catch {
      // A throw counts as 'ignore'.
    } finally {
      joined.pending--
    }
  }

  /** Both sides' consent; the listener's refusal looks to the dialler like any failed dial. */
  admit(listener: MemoryNetwork): { dialler: true | 'guest'; listener: true | 'guest' } {
    const dialler = this.handlers.admits(listener.self, 'outbound')
    if (dialler === false)
      throw new WattnessError('NOT_ADMITTED', `${listener.selfHex} is not admitted here`, { peer: listener.selfHex })
    const listening = listener.handlers.admits(this.self, 'inbound')
    const full = listener.connections.size >= MAX_LINKS || this.connections.size >= MAX_LINKS
    if (listening === false || full) throw dialFailed(`/memory/${listener.selfHex}`, 'the connection was refused')
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
