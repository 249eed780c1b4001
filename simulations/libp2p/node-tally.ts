import { Histogram } from '../histogram.ts'
import type { Sealed } from './messages.ts'

/** Arrivals that wait for word of when their block was sealed; that comes within moments, so these are many. */
const MAX_WAITING = 262_144

interface Arrival {
  readonly member: number
  readonly height: number
  readonly atMs: number
  readonly isFinal: boolean
}

/** Counts what the nodes of one worker are delivered, and how fast: all processes of a machine share its clock. */
export class NodeTally {
  /** From sealing to another node's having stored the block. */
  readonly delivery = new Histogram()
  /** From sealing to its being final on a node, each node for itself. */
  readonly finality = new Histogram()
  deliveries = 0
  finals = 0
  attestations = 0
  readonly #sealedMs: number[][]
  #waiting: Arrival[] = []

  constructor(sealedMs: readonly (readonly number[])[]) {
    this.#sealedMs = sealedMs.map((heights) => [...heights])
  }

  onSealed(blocks: readonly Sealed[]): void {
    for (const { member, from, count, atMs } of blocks) {
      const heights = (this.#sealedMs[member] ??= [])
      for (let height = from; height < from + count; height++) heights[height] ??= atMs
    }
    const waiting = this.#waiting
    this.#waiting = []
    for (const arrival of waiting) this.#note(arrival)
  }

  onStored(member: number, from: number, count: number, atMs: number): void {
    this.deliveries += count
    for (let height = from; height < from + count; height++) this.#note({ member, height, atMs, isFinal: false })
  }

  onFinal(member: number, from: number, to: number, atMs: number): void {
    this.finals += to - from
    for (let height = from; height < to; height++) this.#note({ member, height, atMs, isFinal: true })
  }

  #note(arrival: Arrival): void {
    const sealedMs = this.#sealedMs[arrival.member]?.[arrival.height]
    if (sealedMs === undefined) {
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(arrival)
      return
    }
    const histogram = arrival.isFinal ? this.finality : this.delivery
    histogram.add(Math.max(0, arrival.atMs - sealedMs))
  }
}
