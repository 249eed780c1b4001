import type { GossipVerdict } from '../../node/index.ts'
import type { Bytes } from '../../protocol/index.ts'
import { Attacker } from './attacker.ts'

/** Frames and payloads that it keeps: a sample of all that ever passed. */
const KEPT = 512

/** Sent again each time, to each neighbour, and by gossip. */
const FRAMES = 12
const PAYLOADS = 6

/** Sends again what was sent before, by itself and others, in this session and in earlier ones: each byte of it was true once. */
export class Replayer extends Attacker {
  readonly #frames: Bytes[] = []
  readonly #payloads: { readonly topic: string; readonly payload: Bytes }[] = []

  override outgoing(bytes: Bytes): readonly Bytes[] {
    this.#keep(this.#frames, bytes.slice())
    return [bytes]
  }

  override incoming(bytes: Bytes): boolean {
    this.#keep(this.#frames, bytes.slice())
    return true
  }

  override heard(topic: string, payload: Bytes, verdict: GossipVerdict): GossipVerdict {
    this.#keep(this.#payloads, { topic, payload })
    return verdict
  }

  override publishing(topic: string, payload: Bytes): readonly Bytes[] {
    this.#keep(this.#payloads, { topic, payload: payload.slice() })
    return [payload]
  }

  #keep<T>(all: T[], one: T): void {
    if (all.length < KEPT) all.push(one)
    else all[this.random.below(KEPT)] = one
  }

  override act(): void {
    for (const peerHex of [...this.channels.keys()]) {
      for (const frame of this.random.sample(this.#frames, FRAMES)) {
        this.note('frame')
        this.sendBytes(frame, peerHex)
      }
    }
    for (const { topic, payload } of this.random.sample(this.#payloads, PAYLOADS)) {
      this.note('payload')
      this.gossip(topic, payload)
    }
  }
}
