import { type Bytes, encodeRun, toHex } from '../../protocol/index.ts'
import { type GossipVerdict, type Network, randomFraction } from '../net/index.ts'
import type { Platform, Timer } from '../platform.ts'
import { msToNextRound } from '../rounds.ts'
import type { Sealed } from '../seal/index.ts'
import type { EvidenceOutcome, Outcome } from '../validate/index.ts'
import { type Topics, topicsOf } from './topics.ts'

/**
 * Blocks sealed within this time of the last publication travel together, under the last one's signature: a frame costs
 * more than the blocks in it. A block that comes alone is published at once.
 */
export const LINGER_MS = 20

/** Blocks in one gossip payload: what a peer must check before it passes the payload on. */
export const MAX_GOSSIP_BLOCKS = 64

/** Block bytes in one payload: the largest block fits, and with its envelope stays below what the network takes (131,072). */
export const MAX_PAYLOAD_BYTES = 98_304

/** `sourceHex`: key of the neighbour that passed it on. */
export type TakeAttestation = (attestation: Bytes, sourceHex: string) => Promise<GossipVerdict>

export interface GossipInit {
  readonly network: Network
  readonly networkId: Bytes
  readonly platform: Platform
  readonly submit: (run: Bytes) => Promise<Outcome>
  readonly takeEvidence: (evidence: Bytes, source: string) => Promise<EvidenceOutcome>
  /** A neighbour has passed on evidence that proves nothing. */
  readonly onBadEvidence: (peerHex: string) => void
  readonly onRefused: (peerHex: string, outcome: Exclude<Outcome, { verdict: 'accept' }>) => void
  /** Attestations are gossiped together with blocks; absent: none are heard. */
  readonly takeAttestation?: TakeAttestation
  /** False: this node's own go to neighbours in rounds, and only those of others are heard and passed on. True unless given. */
  readonly publishesAttestations?: boolean
  /** Blocks of others are passed on at the end of rounds of so many milliseconds; absent: at once. */
  readonly holdMs?: number
  /** A neighbour has passed on an attestation that no honest node passes on. */
  readonly onBadAttestation?: (peerHex: string) => void
}

/**
 * Gossip wakes neighbours up: it brings blocks in tens of milliseconds where sync takes seconds, and evidence always.
 * Nothing depends on its delivering.
 */
export class Gossip {
  readonly #init: GossipInit
  readonly #topics: Topics
  #blocksOn = false
  #waiting: Sealed[] = []
  #lastPublishedMs = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  /** Where the rounds of passing on begin, milliseconds: each node has its own. */
  readonly #phaseMs: number
  #passing: { readonly timer: Timer; readonly end: PromiseWithResolvers<void> } | undefined

  constructor(init: GossipInit) {
    this.#init = init
    this.#topics = topicsOf(init.networkId)
    const { holdMs = 0, platform } = init
    this.#phaseMs = holdMs === 0 ? 0 : holdMs * randomFraction(platform.random)
  }

  get blocksOn(): boolean {
    return this.#blocksOn
  }

  meshSize(): number {
    return this.#init.network.meshPeers(this.#blocksOn ? this.#topics.blocks : this.#topics.evidence).size
  }

  /** Neighbours, keys in hex, that gossip brings the attestations that it brings here. */
  attestationMesh(): ReadonlySet<string> {
    return this.#init.network.meshPeers(this.#topics.attestations)
  }

  start(): void {
    this.#init.network.joinTopic(this.#topics.evidence, (payload, from) => this.#onEvidence(payload, from))
  }

  stop(): void {
    this.setBlocks(false)
    this.#init.network.leaveTopic(this.#topics.evidence)
  }

  /** Turns gossip of blocks and attestations on or off; sync carries everything either way. */
  setBlocks(on: boolean): void {
    if (on === this.#blocksOn) return
    this.#blocksOn = on
    const { network, takeAttestation } = this.#init
    if (on) {
      network.joinTopic(this.#topics.blocks, (payload, from) => this.#onBlocks(payload, from))
      if (takeAttestation !== undefined) {
        network.joinTopic(this.#topics.attestations, (payload, from) => this.#onAttestation(takeAttestation, payload, from))
      }
      return
    }
    network.leaveTopic(this.#topics.blocks)
    if (takeAttestation !== undefined) network.leaveTopic(this.#topics.attestations)
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
    this.#waiting = []
    this.#passOn()
  }

  /** Publishes blocks of this node's own, which are on disk already. */
  publish(sealed: Sealed): void {
    if (!this.#blocksOn) return
    this.#waiting.push(sealed)
    const { clock, timers } = this.#init.platform
    const wait = this.#lastPublishedMs + LINGER_MS - clock.monotonicMs()
    if (wait <= 0) this.#flush()
    else this.#timer ??= timers.set(wait, () => this.#flush())
  }

  publishEvidence(evidence: Bytes): void {
    this.#publish(this.#topics.evidence, evidence)
  }

  /** Attestations go by gossip at present. */
  get attestationsOn(): boolean {
    return this.#blocksOn && this.#init.publishesAttestations !== false
  }

  /** Publishes an attestation of this node's own, which is recorded already. */
  publishAttestation(attestation: Bytes): void {
    if (this.attestationsOn) this.#publish(this.#topics.attestations, attestation)
  }

  /** What a network that is stopping, or full, does not take comes to neighbours by sync. */
  #publish(topic: string, payload: Bytes): void {
    this.#init.network.publish(topic, payload).catch(() => undefined)
  }

  #flush(): void {
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
    this.#lastPublishedMs = this.#init.platform.clock.monotonicMs()
    const waiting = this.#waiting
    this.#waiting = []
    for (const payload of toPayloads(waiting)) this.#publish(this.#topics.blocks, payload)
  }

  async #onBlocks(payload: Bytes, from: Bytes): Promise<GossipVerdict> {
    const outcome = await this.#init.submit(payload)
    if (outcome.verdict !== 'accept' && outcome.code !== 'DUPLICATE') this.#init.onRefused(toHex(from), outcome)
    if (outcome.verdict === 'accept') await this.#untilPassed()
    return outcome.verdict
  }

  /** The verdict is what passes a payload on. It is stored by then: nothing but its way to others waits. */
  #untilPassed(): Promise<void> | undefined {
    const { holdMs = 0, platform } = this.#init
    if (holdMs === 0 || !this.#blocksOn) return undefined
    if (this.#passing === undefined) {
      const waitMs = msToNextRound(platform.clock.monotonicMs(), holdMs, this.#phaseMs)
      this.#passing = { timer: platform.timers.set(waitMs, () => this.#passOn()), end: Promise.withResolvers() }
    }
    return this.#passing.end.promise
  }

  #passOn(): void {
    const passing = this.#passing
    if (passing === undefined) return
    this.#passing = undefined
    this.#init.platform.timers.clear(passing.timer)
    passing.end.resolve()
  }

  async #onEvidence(payload: Bytes, from: Bytes): Promise<GossipVerdict> {
    const outcome = await this.#init.takeEvidence(payload, toHex(from))
    if (outcome === 'reject') this.#init.onBadEvidence(toHex(from))
    return outcome
  }

  async #onAttestation(take: TakeAttestation, payload: Bytes, from: Bytes): Promise<GossipVerdict> {
    const verdict = await take(payload, toHex(from))
    if (verdict === 'reject') this.#init.onBadAttestation?.(toHex(from))
    return verdict
  }
}

/** Consecutive blocks as runs, each under the signature of its last block. */
export function toPayloads(sealed: readonly Sealed[]): Bytes[] {
  const payloads: Bytes[] = []
  let part: Sealed[] = []
  let bytes = 0
  const close = (): void => {
    const last = part.at(-1)
    if (last === undefined) return
    const blocks = part.map(({ block }) => block)
    payloads.push(encodeRun(blocks, { type: 'signed', root: last.root, signature: last.signature }))
    part = []
    bytes = 0
  }
  for (const one of sealed) {
    const isNext = one.height === (part.at(-1)?.height ?? one.height - 1) + 1
    if (!isNext || part.length >= MAX_GOSSIP_BLOCKS || bytes + one.block.length > MAX_PAYLOAD_BYTES) close()
    part.push(one)
    bytes += one.block.length
  }
  close()
  return payloads
}
