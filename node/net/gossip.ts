import { hash } from 'node:crypto'
import {
  type GossipSub,
  type GossipSubComponents,
  type GossipsubMessage,
  gossipsub,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub'
import type { Connection, PeerId, Topology } from '@libp2p/interface'
import { toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Clock } from '../platform.ts'
import { gossipOptions, gossipProtocols } from './gossip-options.ts'
import { MAX_GOSSIP_BYTES, MAX_PENDING_PAYLOADS } from './limits.ts'
import type { GossipHandler, GossipVerdict } from './network.ts'
import { keyOfPeer } from './peer-keys.ts'
import { RejectLedger } from './reject-ledger.ts'
import { addBounded } from './tables.ts'

const RESULT: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

/** Two methods of the class that its published interface leaves out. */
interface GossipWorkings {
  getMeshPeers(topic: string): string[]
  reportMessageValidationResult(msgId: string, propagationSource: string, acceptance: TopicValidatorResult): void
}

interface Topic {
  readonly handler: GossipHandler
  pending: number
}

/** Gossipsub for members only, with our own verdicts, ids and ledger of liars. */
export class Gossip {
  readonly #degree: number
  readonly #isMember: (connection: Connection) => boolean
  readonly #ledger: RejectLedger
  readonly #topics = new Map<string, Topic>()
  /** The connection that gossip with a peer goes over. */
  readonly #attached = new Map<string, Connection>()
  #topology: Topology | undefined
  #router: (GossipSub & GossipWorkings) | undefined
  #running = false
  #lastData: Uint8Array | undefined
  #lastId = ''

  constructor(degree: number, clock: Clock, isMember: (connection: Connection) => boolean) {
    this.#degree = degree
    this.#isMember = isMember
    this.#ledger = new RejectLedger(clock)
  }

  /** The service for libp2p to start and stop. */
  readonly service = (components: GossipSubComponents): GossipSub => {
    const { privateKey, peerId, peerStore, connectionManager, logger } = components
    const registrar = this.#guard(components.registrar)
    const options = gossipOptions(this.#degree, {
      idOf: (data) => this.#idOf(data),
      penaltyOf: (peer) => this.#ledger.of(peer),
    })
    const router = gossipsub(options)({ privateKey, peerId, peerStore, connectionManager, logger, registrar })
    this.#router = router as GossipSub & GossipWorkings
    router.addEventListener('gossipsub:message', (event) => this.#onMessage(event.detail))
    return router
  }

  started(): void {
    this.#running = true
    for (const topic of this.#topics.keys()) this.#router?.subscribe(topic)
  }

  stopped(): void {
    this.#running = false
  }

  join(topic: string, handler: GossipHandler): void {
    addBounded(this.#topics, 'TOPIC', topic, { handler, pending: 0 })
    if (this.#running) this.#router?.subscribe(topic)
  }

  leave(topic: string): void {
    if (this.#topics.delete(topic) && this.#running) this.#router?.unsubscribe(topic)
  }

  async publish(topic: string, payload: Uint8Array): Promise<number> {
    if (payload.length > MAX_GOSSIP_BYTES) {
      throw new WattnessError(
        'PAYLOAD_TOO_LARGE',
        `a gossip payload has at most ${MAX_GOSSIP_BYTES} bytes, got ${payload.length}`,
      )
    }
    if (!this.#running || this.#router === undefined) throw new WattnessError('NETWORK_STOPPED', 'the network is not running')
    const { recipients } = await this.#router.publish(topic, payload)
    return recipients.length
  }

  meshPeers(topic: string): Set<string> {
    const keys = new Set<string>()
    for (const peer of this.#running ? (this.#router?.getMeshPeers(topic) ?? []) : []) {
      const attached = this.#attached.get(peer)
      const key = attached === undefined ? undefined : keyOfPeer(attached.remotePeer)
      if (key !== undefined) keys.add(toHex(key))
    }
    return keys
  }

  /**
   * Gossips with a member over one of its connections, the one that carries the channel: both sides know which that is.
   * Left to itself gossipsub takes any connection, opens its stream once, and after the loss of one of two connections
   * forgets a peer that goes on thinking it is known.
   */
  attach(peer: PeerId, connection: Connection): void {
    const name = peer.toString()
    const attached = this.#attached.get(name)
    if (!this.#running || attached === connection) return
    if (attached !== undefined) this.detach(peer, attached)
    this.#attached.set(name, connection)
    void this.#topology?.onConnect?.(peer, connection)
  }

  detach(peer: PeerId, connection: Connection): void {
    const name = peer.toString()
    if (this.#attached.get(name) !== connection) return
    this.#attached.delete(name)
    void this.#topology?.onDisconnect?.(peer)
  }

  /** Opens the stream again where it was lost: a neighbour that did not read for too long, for one. */
  mend(peer: PeerId, connection: Connection): void {
    if (!this.#running || this.#attached.get(peer.toString()) !== connection || connection.status !== 'open') return
    const speaks = connection.streams.some(
      ({ direction, protocol, writeStatus }) =>
        direction === 'outbound' && writeStatus === 'writable' && gossipProtocols.has(protocol),
    )
    if (!speaks) void this.#topology?.onConnect?.(peer, connection)
  }

  /** The router hears of peers from us alone. */
  #guard(registrar: GossipSubComponents['registrar']): GossipSubComponents['registrar'] {
    const guarded: Pick<typeof registrar, 'handle' | 'unhandle' | 'register' | 'unregister'> = {
      handle: (protocol, handler, options) =>
        registrar.handle(
          protocol,
          (stream, connection) => {
            const attached = this.#attached.get(connection.remotePeer.toString())
            if (attached === undefined && this.#isMember(connection)) this.attach(connection.remotePeer, connection)
            else if (attached !== connection) return stream.abort(new Error('no gossip on this connection'))
            return handler(stream, connection)
          },
          options,
        ),
      unhandle: (protocol, options) => registrar.unhandle(protocol, options),
      register: async (protocol, topology) => {
        this.#topology = topology
        return protocol
      },
      unregister: () => undefined,
    }
    return guarded as typeof registrar
  }

  /** SHA-256 of the payload, a character a byte. The router asks twice for each payload: once to look, once to keep. */
  #idOf(data: Uint8Array): string {
    if (data !== this.#lastData) {
      this.#lastId = hash('sha256', data, 'binary')
      this.#lastData = data
    }
    return this.#lastId
  }

  #onMessage({ propagationSource, msgId, msg }: GossipsubMessage): void {
    const topic = this.#topics.get(msg.topic)
    if (topic === undefined || topic.pending >= MAX_PENDING_PAYLOADS) return this.#report(msgId, propagationSource, 'ignore')
    if (msg.data.length > MAX_GOSSIP_BYTES) return this.#report(msgId, propagationSource, 'reject')
    topic.pending++
    void this.#judge(topic, msgId, propagationSource, msg.data)
  }

  async #judge(topic: Topic, msgId: string, source: PeerId, data: Uint8Array): Promise<void> {
    let verdict: GossipVerdict = 'ignore'
    try {
      const from = keyOfPeer(source)
      if (from !== undefined) verdict = await topic.handler(data.slice(), from)
    } catch {
      // An unexpected failure says nothing about the sender: ignore.
    } finally {
      topic.pending--
    }
    this.#report(msgId, source, verdict)
  }

  #report(msgId: string, source: PeerId, verdict: GossipVerdict): void {
    const peer = source.toString()
    if (verdict === 'reject') this.#ledger.add(peer)
    if (this.#running) this.#router?.reportMessageValidationResult(msgId, peer, RESULT[verdict])
  }
}
