import { BaseChannel, networkLimits, type Timer, type Timers } from '../../node/index.ts'
import { WattnessError } from '../../protocol/index.ts'

const { CHANNEL_CLOSE_MS, CHANNEL_HIGH_WATER_BYTES, CHANNEL_WINDOW_BYTES, FRAME_PREFIX_BYTES } = networkLimits

/** Hands something of so many bytes to the other side, behind everything that was sent before it. */
export type Send = (bytes: number, deliver: () => void) => void

/** A window update on the wire. */
const CREDIT_BYTES = 12

export interface VirtualChannelInit {
  readonly peer: Uint8Array
  readonly peerHex: string
  readonly send: Send
  /** Whether the receiver has each frame for its own, to keep and to change. */
  readonly isCopying: boolean
  readonly timers: Timers
  readonly onEnd: () => void
}

/** One end of a channel. The window works as a stream multiplexer's: what the reader holds is not sent again. */
export class VirtualChannel extends BaseChannel {
  readonly #init: VirtualChannelInit
  #other: VirtualChannel | undefined
  #queue: Uint8Array[] = []
  #queueAt = 0
  #queuedBytes = 0
  #outstandingBytes = 0
  /** Read by this side and not granted again yet. */
  #heldCredit = 0
  #isShutting = false
  #closeTimer: Timer | undefined

  constructor(init: VirtualChannelInit) {
    super(init.peer, init.peerHex)
    this.#init = init
  }

  static join(one: VirtualChannel, two: VirtualChannel): void {
    one.#other = two
    two.#other = one
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  protected take(frame: Uint8Array): boolean {
    const bytes = frame.length + FRAME_PREFIX_BYTES
    if (this.#queue.length === 0 && this.#hasRoomFor(bytes)) {
      this.#transmit(frame, bytes)
      return true
    }
    this.#queue.push(frame)
    this.#queuedBytes += bytes
    this.#pump()
    return this.#queuedBytes < CHANNEL_HIGH_WATER_BYTES
  }

  #pump(): void {
    while (this.#queueAt < this.#queue.length) {
      const frame = this.#queue[this.#queueAt] as Uint8Array
      const bytes = frame.length + FRAME_PREFIX_BYTES
      if (!this.#hasRoomFor(bytes)) break
      this.#queueAt++
      this.#queuedBytes -= bytes
      this.#transmit(frame, bytes)
    }
    if (this.#queueAt >= this.#queue.length) {
      this.#queue = []
      this.#queueAt = 0
    }
    this.freed()
    if (this.#isShutting && this.#queue.length === 0) this.#finish()
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#outstandingBytes === 0 || this.#outstandingBytes + bytes <= CHANNEL_WINDOW_BYTES
  }

  #transmit(frame: Uint8Array, bytes: number): void {
    const { send, isCopying } = this.#init
    this.#outstandingBytes += bytes
    send(bytes, () => this.#other?.receive(isCopying ? frame.slice() : frame))
  }

  protected flow(): void {
    // The window alone holds the sender back.
  }

  /** Granted again in large pieces: a message for each frame would cost as much as the frames. */
  protected consumed(bytes: number): void {
    this.#heldCredit += bytes + FRAME_PREFIX_BYTES
    if (this.#heldCredit * 4 < CHANNEL_WINDOW_BYTES) return
    const credit = this.#heldCredit
    this.#heldCredit = 0
    this.#init.send(CREDIT_BYTES, () => this.#other?.grant(credit))
  }

  protected grant(bytes: number): void {
    if (this.ended) return
    this.#outstandingBytes -= bytes
    this.#pump()
  }

  protected shut(): void {
    this.#isShutting = true
    if (this.#queue.length === 0) return this.#finish()
    this.#closeTimer = this.#init.timers.set(CHANNEL_CLOSE_MS, () => this.#finish())
  }

  #finish(): void {
    if (this.ended) return
    const other = this.#other
    this.#init.send(0, () => other?.remoteEnd())
    this.end()
  }

  protected release(error: Error | undefined): void {
    if (this.#closeTimer !== undefined) this.#init.timers.clear(this.#closeTimer)
    this.#queue = []
    this.#queuedBytes = 0
    const other = this.#other
    if (error !== undefined) {
      this.#init.send(0, () =>
        other?.end(new WattnessError('CHANNEL_RESET', `${other.peerHex} reset the channel`, { peer: other.peerHex })),
      )
    }
    this.#init.onEnd()
  }
}
