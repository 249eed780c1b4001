import { type Bytes, decodeFrame, encodeFrame, type Frame, type HelloFrame, type KnownFrame } from '../../protocol/index.ts'
import type { Channel } from '../net/index.ts'

/** How a neighbour's ledger compares with this node's, by heads root at the neighbour's own frontier. */
export type Agreement = 'unknown' | 'equal' | 'behind' | 'different'

/** What a neighbour is charged for; the sum ends the link. */
export type Fault =
  | 'malformed'
  | 'wrong-network'
  | 'rejected-run'
  | 'unasked'
  | 'no-answer'
  | 'flood'
  | 'false-heads'
  | 'bad-proof'

/** Points per fault. A neighbour is hung up on at FAULT_LIMIT: at once for what no honest node can send. */
const FAULT_POINTS: Readonly<Record<Fault, number>> = {
  malformed: 100,
  'wrong-network': 100,
  // One lie about signed bytes could be a damaged disk; five are a habit.
  'rejected-run': 20,
  unasked: 20,
  // Slow is not dishonest: a weak link may time out for minutes.
  'no-answer': 4,
  flood: 100,
  'false-heads': 20,
  'bad-proof': 20,
}
export const FAULT_LIMIT = 100

/** Frames a neighbour may send in one go, and per second for ever: 256 chains each announced once a second, with room. */
const FRAME_BURST = 4_096
const FRAMES_PER_SECOND = 1_024

/** One neighbour on its channel: what it says it holds, what it owes and what it is charged with. */
export class Session {
  readonly channel: Channel
  /** By member index: blocks that the neighbour says it holds. */
  readonly remote: number[] = []
  /** By member index: what this node has told it to hold. */
  readonly #told: number[] = []
  hello: HelloFrame | undefined
  agreement: Agreement = 'unknown'
  /** How far its clock is ahead of this node's, milliseconds, travel time included. */
  clockOffsetMs: number | undefined
  /** Requests sent and not answered. */
  outstanding = 0
  points = 0
  isOpen = true
  #frameCredit = FRAME_BURST
  #creditAtMs: number

  constructor(channel: Channel, nowMs: number) {
    this.channel = channel
    this.#creditAtMs = nowMs
  }

  get peer(): Bytes {
    return this.channel.peer
  }

  get peerHex(): string {
    return this.channel.peerHex
  }

  send(frame: KnownFrame): boolean {
    return this.isOpen ? this.channel.send(encodeFrame(frame)) : false
  }

  /** Throws a protocol error for a frame that is none. */
  decode(bytes: Bytes): Frame {
    return decodeFrame(bytes)
  }

  remoteSize(index: number): number {
    return this.remote[index] ?? 0
  }

  learn(index: number, size: number): void {
    while (this.remote.length <= index) this.remote.push(0)
    if (size > (this.remote[index] as number)) this.remote[index] = size
  }

  told(index: number): number {
    return this.#told[index] ?? 0
  }

  tell(index: number, size: number): void {
    while (this.#told.length <= index) this.#told.push(0)
    this.#told[index] = size
  }

  /** True once the neighbour has been charged too much to stay. */
  charge(fault: Fault): boolean {
    this.points += FAULT_POINTS[fault]
    return this.points >= FAULT_LIMIT
  }

  /** False when frames come faster than any honest neighbour sends them. */
  takeFrameCredit(nowMs: number): boolean {
    const earned = ((nowMs - this.#creditAtMs) / 1000) * FRAMES_PER_SECOND
    this.#frameCredit = Math.min(FRAME_BURST, this.#frameCredit + earned)
    this.#creditAtMs = nowMs
    if (this.#frameCredit < 1) return false
    this.#frameCredit--
    return true
  }
}
