import { WattnessError } from '../../protocol/errors.ts'
import type { Timer, Timers } from '../platform.ts'
import { BaseChannel } from './base-channel.ts'
import { CHANNEL_CLOSE_MS, CHANNEL_HIGH_WATER_BYTES, CHANNEL_WINDOW_BYTES, FRAME_PREFIX_BYTES } from './limits.ts'

/** Hands something to the other side later, after everything that was posted before it. */
export type Post = (deliver: () => void) => void

/** One end of a channel in memory. The window works as a stream multiplexer's: what the reader holds is not sent again. */
export class MemoryChannel extends BaseChannel {
  readonly #post: Post
  readonly #timers: Timers
  readonly #onEnd: (error: Error | undefined) => void
  #other: MemoryChannel | undefined
  #queue: Uint8Array[] = []
  #queueAt = 0
  #queuedBytes = 0
  #outstandingBytes = 0
  #shutting = false
  #closeTimer: Timer | undefined

  constructor(peer: Uint8Array, peerHex: string, post: Post, timers: Timers, onEnd: (error: Error | undefined) => void) {
    super(peer, peerHex)
    this.#post = post
    this.#timers = timers
    this.#onEnd = onEnd
  }

  static pair(one: MemoryChannel, two: MemoryChannel): void {
    one.#other = two
    two.#other = one
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  protected take(frame: Uint8Array): boolean {
    this.#queue.push(frame.slice())
    this.#queuedBytes += frame.length + FRAME_PREFIX_BYTES
    this.#pump()
    return this.#queuedBytes < CHANNEL_HIGH_WATER_BYTES
  }

  #pump(): void {
    while (this.#queueAt < this.#queue.length) {
      const frame = this.#queue[this.#queueAt] as Uint8Array
      const bytes = frame.length + FRAME_PREFIX_BYTES
      if (this.#outstandingBytes > 0 && this.#outstandingBytes + bytes > CHANNEL_WINDOW_BYTES) break
      this.#queueAt++
      this.#queuedBytes -= bytes
      this.#outstandingBytes += bytes
      this.#post(() => this.#other?.receive(frame))
    }
    if (this.#queueAt >= this.#queue.length) {
      this.#queue = []
      this.#queueAt = 0
    }
    this.freed()
    if (this.#shutting && this.#queue.length === 0) this.#finish()
  }

  protected flow(): void {
    // The window alone holds the sender back.
  }

  protected consumed(bytes: number): void {
    this.#other?.credit(bytes + FRAME_PREFIX_BYTES)
  }

  protected credit(bytes: number): void {
    if (this.ended) return
    this.#outstandingBytes -= bytes
    this.#pump()
  }

  protected shut(): void {
    this.#shutting = true
    if (this.#queue.length === 0) return this.#finish()
    this.#closeTimer = this.#timers.set(CHANNEL_CLOSE_MS, () => this.#finish())
  }

  #finish(): void {
    if (this.ended) return
    const other = this.#other
    this.#post(() => other?.remoteEnd())
    this.end()
  }

  protected release(error: Error | undefined): void {
    if (this.#closeTimer !== undefined) this.#timers.clear(this.#closeTimer)
    this.#queue = []
    this.#queuedBytes = 0
    const other = this.#other
    if (error !== undefined) {
      this.#post(() =>
        other?.end(new WattnessError('CHANNEL_RESET', `${other.peerHex} reset the channel`, { peer: other.peerHex })),
      )
    }
    this.#onEnd(error)
  }
}
