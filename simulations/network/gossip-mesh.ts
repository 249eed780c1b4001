import {
  addBounded,
  DEFAULT_GOSSIP_DEGREE,
  type GossipHandler,
  type GossipVerdict,
  networkLimits,
  REJECTS_TO_GREYLIST,
  RejectLedger,
  SeenPayloads,
} from '../../node/index.ts'
import { sha256, toHex, WattnessError } from '../../protocol/index.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Entry } from '../time/agenda.ts'
import type { VirtualTime } from '../time/virtual-time.ts'

const { MAX_GOSSIP_BYTES, MAX_PENDING_PAYLOADS, MAX_SEEN_PAYLOADS } = networkLimits

/** As gossipsub has them (v1.1 specification and its defaults), where the node does not set them otherwise. */
const HEARTBEAT_MS = 1_000
const PRUNE_BACKOFF_MS = 60_000
const CONTROL_BYTES = 48

/** A neighbour's router, over its connection. */
export interface MeshPeer {
  readonly name: string
  readonly key: Uint8Array
  /** In order and whole. */
  control(bytes: number, deliver: (to: GossipMesh, from: MeshPeer) => void): void
  /** May get lost, come twice or late. */
  payload(bytes: number, deliver: (to: GossipMesh, from: MeshPeer) => void): void
}

export interface GossipMeshInit {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly degree?: number
}

export interface GossipCounts {
  heard: number
  duplicates: number
  rejected: number
  ignored: number
}

interface Topic {
  readonly name: string
  readonly handler: GossipHandler
  pending: number
  readonly mesh: Set<MeshPeer>
}

/**
 * One node's router: a mesh of some neighbours for each topic, to which every accepted payload goes at once. Nobody is told
 * ids of what went by, as the node sets gossipsub. It beats only while there is something to do, which makes no difference to
 * what it does.
 */
export class GossipMesh {
  readonly #init: GossipMeshInit
  readonly #degree: number
  readonly #topics = new Map<string, Topic>()
  readonly #peers = new Map<string, { readonly peer: MeshPeer; readonly topics: Set<string> }>()
  readonly #backoff = new Map<string, number>()
  readonly #seen = new SeenPayloads(MAX_SEEN_PAYLOADS)
  /** Who else sent a payload while its handler judges it, by id: it is not sent back to them. */
  readonly #senders = new Map<string, Set<string>>()
  readonly #rejects: RejectLedger
  readonly counts: GossipCounts = { heard: 0, duplicates: 0, rejected: 0, ignored: 0 }
  #heartbeat: Entry | undefined
  #isStopped = false

  constructor(init: GossipMeshInit) {
    this.#init = init
    this.#degree = init.degree ?? DEFAULT_GOSSIP_DEGREE
    this.#rejects = new RejectLedger({ now: () => init.time.nowMs, monotonicMs: () => init.time.elapsedMs })
  }

  stop(): void {
    this.#isStopped = true
    if (this.#heartbeat !== undefined) this.#init.time.cancel(this.#heartbeat)
  }

  join(name: string, handler: GossipHandler): void {
    const topic: Topic = { name, handler, pending: 0, mesh: new Set() }
    addBounded(this.#topics, 'TOPIC', name, topic)
    for (const { peer } of this.#peers.values()) this.#tellTopics(peer, [name], true)
    this.#graft(topic)
    this.#wake()
  }

  leave(name: string): void {
    if (!this.#topics.delete(name)) return
    for (const { peer } of this.#peers.values()) this.#tellTopics(peer, [name], false)
  }

  /** A neighbour was linked; both sides call it. */
  addPeer(peer: MeshPeer): void {
    this.#peers.set(peer.name, { peer, topics: new Set() })
    if (this.#topics.size > 0) this.#tellTopics(peer, [...this.#topics.keys()], true)
  }

  removePeer(name: string): void {
    const known = this.#peers.get(name)
    if (known === undefined) return
    this.#peers.delete(name)
    for (const { mesh } of this.#topics.values()) mesh.delete(known.peer)
    this.#wake()
  }

  meshPeers(name: string): Set<string> {
    return new Set([...(this.#topics.get(name)?.mesh ?? [])].map(({ key }) => toHex(key)))
  }

  /** The number of neighbours that it was handed to. */
  publish(name: string, payload: Uint8Array): number {
    if (payload.length > MAX_GOSSIP_BYTES) {
      const found = payload.length
      throw new WattnessError('PAYLOAD_TOO_LARGE', `a gossip payload has at most ${MAX_GOSSIP_BYTES} bytes, got ${found}`)
    }
    const id = toHex(sha256(payload))
    if (!this.#seen.add(id)) return 0
    const to = new Set(this.#topics.get(name)?.mesh)
    // Own payloads go to as many as a full mesh has, also while it is forming.
    if (to.size < this.#degree) for (const peer of this.#choose(name, this.#degree - to.size, to)) to.add(peer)
    for (const peer of to) this.#send(peer, name, id, payload)
    return to.size
  }

  #send(peer: MeshPeer, topic: string, id: string, payload: Uint8Array): void {
    peer.payload(payload.length + CONTROL_BYTES, (to, from) => void to.hear(from, topic, id, payload))
  }

  #tellTopics(peer: MeshPeer, names: readonly string[], isJoined: boolean): void {
    peer.control(CONTROL_BYTES * names.length, (to, from) => to.onTopics(from, names, isJoined))
  }

  onTopics(from: MeshPeer, names: readonly string[], isJoined: boolean): void {
    const known = this.#peers.get(from.name)
    if (known === undefined) return
    for (const name of names) {
      if (isJoined) known.topics.add(name)
      else {
        known.topics.delete(name)
        this.#topics.get(name)?.mesh.delete(known.peer)
      }
    }
    this.#wake()
  }

  onGraft(from: MeshPeer, name: string): void {
    const topic = this.#topics.get(name)
    const known = this.#peers.get(from.name)
    if (topic === undefined || known === undefined) return
    const isWelcome = topic.mesh.size < this.#degree + 2 && !this.#isBackedOff(name, from.name)
    if (isWelcome) topic.mesh.add(known.peer)
    else this.#prune(known.peer, name)
  }

  onPrune(from: MeshPeer, name: string): void {
    const known = this.#peers.get(from.name)
    if (known !== undefined) this.#topics.get(name)?.mesh.delete(known.peer)
    this.#backoff.set(`${name}/${from.name}`, this.#init.time.elapsedMs + PRUNE_BACKOFF_MS)
    this.#wake()
  }

  #prune(peer: MeshPeer, name: string): void {
    this.#backoff.set(`${name}/${peer.name}`, this.#init.time.elapsedMs + PRUNE_BACKOFF_MS)
    peer.control(CONTROL_BYTES, (to, self) => to.onPrune(self, name))
  }

  /** A payload came: judged by the topic's handler, and passed on only where it was accepted. */
  async hear(from: MeshPeer, name: string, id: string, payload: Uint8Array): Promise<void> {
    const topic = this.#topics.get(name)
    if (topic === undefined || this.#isStopped || this.#isGreylisted(from)) return
    if (!this.#seen.add(id)) {
      this.counts.duplicates++
      this.#senders.get(id)?.add(from.name)
      return
    }
    if (topic.pending >= MAX_PENDING_PAYLOADS) return
    this.counts.heard++
    topic.pending++
    const senders = new Set([from.name])
    this.#senders.set(id, senders)
    let verdict: GossipVerdict = 'ignore'
    try {
      verdict = await topic.handler(payload.slice(), from.key)
    } catch {
      // An unexpected failure says nothing about the sender: ignore.
    } finally {
      topic.pending--
      this.#senders.delete(id)
    }
    if (verdict === 'ignore') this.counts.ignored++
    if (verdict === 'reject') {
      this.counts.rejected++
      this.#rejects.add(from.name)
    }
    if (verdict !== 'accept' || this.#isStopped) return
    for (const peer of topic.mesh) if (!senders.has(peer.name)) this.#send(peer, name, id, payload)
  }

  #isGreylisted(from: MeshPeer): boolean {
    return this.#rejects.size > 0 && this.#rejects.of(from.name) >= REJECTS_TO_GREYLIST - 0.5
  }

  #isBackedOff(topic: string, peer: string): boolean {
    const untilMs = this.#backoff.get(`${topic}/${peer}`)
    return untilMs !== undefined && this.#init.time.elapsedMs < untilMs
  }

  /** Neighbours with the topic, at random, those excepted. */
  #choose(topic: string, count: number, except: ReadonlySet<MeshPeer>): MeshPeer[] {
    const found: MeshPeer[] = []
    for (const { peer, topics } of this.#peers.values()) if (topics.has(topic) && !except.has(peer)) found.push(peer)
    return this.#init.random.sample(found, count)
  }

  #graft(topic: Topic): void {
    const wanted = this.#degree - topic.mesh.size
    if (topic.mesh.size >= Math.max(1, this.#degree - 1)) return
    const able: MeshPeer[] = []
    for (const { peer, topics } of this.#peers.values()) {
      if (topics.has(topic.name) && !topic.mesh.has(peer) && !this.#isBackedOff(topic.name, peer.name)) able.push(peer)
    }
    for (const peer of this.#init.random.sample(able, wanted)) {
      topic.mesh.add(peer)
      peer.control(CONTROL_BYTES, (to, self) => to.onGraft(self, topic.name))
    }
  }

  #wake(): void {
    if (this.#heartbeat !== undefined || this.#isStopped) return
    this.#heartbeat = this.#init.time.after(HEARTBEAT_MS, () => this.#onHeartbeat())
  }

  #onHeartbeat(): void {
    this.#heartbeat = undefined
    let isShort = false
    for (const topic of this.#topics.values()) {
      this.#graft(topic)
      if (topic.mesh.size > this.#degree + 2) {
        for (const peer of this.#init.random.sample([...topic.mesh], topic.mesh.size - this.#degree)) {
          topic.mesh.delete(peer)
          this.#prune(peer, topic.name)
        }
      }
      isShort ||= topic.mesh.size < Math.min(this.#degree - 1, this.#peers.size) && this.#backoff.size > 0
    }
    this.#forgetBackoffs()
    if (isShort) this.#wake()
  }

  #forgetBackoffs(): void {
    for (const [name, untilMs] of this.#backoff) if (untilMs <= this.#init.time.elapsedMs) this.#backoff.delete(name)
  }
}
