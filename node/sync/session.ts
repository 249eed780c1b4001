import { type Bytes, decodeFrame, encodeFrame, type Frame, type HelloFrame, type KnownFrame } from '../../protocol/index.ts'
import type { Channel } from '../net/index.ts'
import type { Clock } from '../platform.ts'
import { MAX_OUTSTANDING, WANT_BYTES } from './bounds.ts'
import type { Fault } from './conduct.ts'

/** How a neighbour's ledger compares with this node's, by heads root at the neighbour's own frontier. */
export type Agreement = 'unknown' | 'equal' | 'behind' | 'different'

/** Frames a neighbour may send in one go, and per second for ever: 256 chains each announced once a second, with room. */
const FRAME_BURST = 4_096
const FRAMES_PER_SECOND = 1_024

/**
 * Frames that cost more to answer than to send count for as many: sixteen a second and 64 in one go, where honest neighbours
 * send one in many seconds.
 */
const FRAME_CREDITS: { readonly [T in Frame['type']]?: number } = {
  hello: 64,
  status: 64,
  'ask-leaves': 64,
  leaves: 64,
  'want-checkpoint': 32,
  checkpoint: 32,
  evidence: 32,
  peers: 32,
  labels: 64,
  // Up to 64 signatures to check; at greeting a neighbour may tell all that it holds in 23 of them.
  attestations: 32,
  // Many chains may differ at once, in as many attestations: the asker keeps below this by itself.
  'ask-attested-leaves': 16,
  'attested-leaves': 16,
  'want-branch': 4,
  closings: 64,
  'ask-closings': 64,
  // Up to 352 names to be looked up.
  attested: 16,
  // Bytes of up to 64 attestations; asked once a round of each neighbour at most.
  'want-attestations': 64,
}

/** One neighbour on its channel: what it says it holds, and what it was told and asked. */
export class Session {
  readonly channel: Channel
  readonly openedMs: number
  /** By member index: blocks that the neighbour says it holds. */
  readonly remote: number[] = []
  /** By member index: what this node has told it to hold. */
  readonly #told: number[] = []
  /** By member index, of those that it was asked for: the highest block of which it has dropped the body. */
  readonly #pruned = new Map<number, number>()
  hello: Pick<HelloFrame, 'observer' | 'pruned' | 'known' | 'agent'> | undefined
  agreement: Agreement = 'unknown'
  /** How far its clock is ahead of this node's monotonic one, which never steps: a step of this node's clock counts at once. */
  #clockLeadMs: number | undefined
  /** Requests sent and not answered. */
  outstanding = 0
  /** When the last answer came, when silence was last charged, and how many silences there were in a row. */
  answeredMs = Number.NEGATIVE_INFINITY
  silenceChargedMs = Number.NEGATIVE_INFINITY
  silences = 0
  /** Bytes that it is asked for at once: less for a link that is too slow for more. */
  wantBytes = WANT_BYTES
  isOpen = true
  #frameCredit = FRAME_BURST
  #creditAtMs: number

  constructor(channel: Channel, nowMs: number) {
    this.channel = channel
    this.openedMs = nowMs
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

  /** The frame; or what is held against the neighbour for it, where it is none, or comes too soon. */
  read(bytes: Bytes, nowMs: number): Frame | { readonly fault: Fault; readonly detail: string } {
    if (!this.takeFrameCredit(nowMs)) return { fault: 'flood', detail: 'frames come faster than any ledger grows' }
    try {
      const frame = decodeFrame(bytes)
      if (!this.takeTypeCredit(frame.type)) {
        return { fault: 'flood', detail: `${frame.type} frames come faster than any neighbour needs` }
      }
      const isInOrder = this.hello !== undefined || frame.type === 'hello'
      return isInOrder ? frame : { fault: 'malformed', detail: `${frame.type} before hello` }
    } catch (error) {
      return { fault: 'malformed', detail: error instanceof Error ? error.message : String(error) }
    }
  }

  /** Who fell silent is asked for one thing at a time until it answers: who boasts of all chains takes no turn of each. */
  get isAskable(): boolean {
    return this.outstanding < (this.silences > 0 ? 1 : MAX_OUTSTANDING)
  }

  remoteSize(index: number): number {
    return this.remote[index] ?? 0
  }

  /** It holds at least this much. */
  learn(index: number, size: number): void {
    if (size > this.remoteSize(index)) this.#setRemote(index, size)
  }

  /** It says what it holds, all of it: its last word counts, since a store can lose blocks. */
  setFrontier(frontier: readonly number[]): void {
    frontier.forEach((size, index) => this.#setRemote(index, size))
  }

  /** It was asked for block `size` and does not hold it. */
  missed(index: number, size: number): void {
    if (size < this.remoteSize(index)) this.#setRemote(index, size)
  }

  /** It was asked for block `height`, and holds it without its body (rule S27): so of all blocks below. */
  notePruned(index: number, height: number): void {
    this.#pruned.set(index, Math.max(height, this.#pruned.get(index) ?? 0))
  }

  hasPruned(index: number, height: number): boolean {
    return height <= (this.#pruned.get(index) ?? -1)
  }

  /** As far as it has said. */
  canGive(index: number, height: number): boolean {
    return this.isOpen && this.remoteSize(index) > height && !this.hasPruned(index, height)
  }

  #setRemote(index: number, size: number): void {
    while (this.remote.length <= index) this.remote.push(0)
    this.remote[index] = size
  }

  answered(nowMs: number): void {
    this.answeredMs = nowMs
    this.silences = 0
  }

  told(index: number): number {
    return this.#told[index] ?? 0
  }

  tell(index: number, size: number): void {
    while (this.#told.length <= index) this.#told.push(0)
    this.#told[index] = size
  }

  /** The whole frontier is on its way to it. */
  tellAll(frontier: readonly number[]): void {
    frontier.forEach((size, index) => this.tell(index, size))
  }

  hearClock(timeMs: number, clock: Clock): void {
    this.#clockLeadMs = timeMs - clock.monotonicMs()
  }

  /** How far its clock is ahead of this node's, milliseconds, travel time included. */
  clockOffsetMs(clock: Clock): number | undefined {
    return this.#clockLeadMs === undefined ? undefined : Math.round(this.#clockLeadMs + clock.monotonicMs() - clock.now())
  }

  /** False when frames come faster than any honest neighbour sends them. */
  takeFrameCredit(nowMs: number): boolean {
    const earned = ((nowMs - this.#creditAtMs) / 1000) * FRAMES_PER_SECOND
    this.#frameCredit = Math.min(FRAME_BURST, this.#frameCredit + earned)
    this.#creditAtMs = nowMs
    return this.#pay(1)
  }

  /** The same for what a frame of this type costs beyond being read. */
  takeTypeCredit(type: Frame['type']): boolean {
    return this.#pay((FRAME_CREDITS[type] ?? 1) - 1)
  }

  #pay(credits: number): boolean {
    if (this.#frameCredit < credits) return false
    this.#frameCredit -= credits
    return true
  }
}

/** One frame to many neighbours, encoded once. */
export function sendToAll(sessions: Iterable<Session>, frame: KnownFrame): void {
  const bytes = encodeFrame(frame)
  for (const { isOpen, channel } of sessions) if (isOpen) channel.send(bytes)
}
