import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { WattnessError } from '../../protocol/errors.ts'
import { MAX_FRAME_BYTES } from '../../protocol/limits.ts'
import type { Platform, Timer } from '../platform.ts'
import { BaseChannel } from './base-channel.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { CHANNEL_CLOSE_MS, CHANNEL_HIGH_WATER_BYTES, PIECE_BYTES } from './limits.ts'

/** A channel on a libp2p stream. */
export class StreamChannel extends BaseChannel {
  readonly #stream: Stream
  readonly #platform: Pick<Platform, 'clock' | 'timers'>
  readonly #onEnd: (channel: StreamChannel) => void
  readonly #writer = new FrameWriter(PIECE_BYTES)
  readonly #reader: FrameReader
  #flushing = false
  #shutting = false
  #closeTimer: Timer | undefined

  /** When something last came, monotonic milliseconds. */
  heardMs = Number.NEGATIVE_INFINITY

  constructor(
    peer: Uint8Array,
    peerHex: string,
    stream: Stream,
    platform: Pick<Platform, 'clock' | 'timers'>,
    onEnd: (channel: StreamChannel) => void,
  ) {
    super(peer, peerHex)
    this.#stream = stream
    this.#platform = platform
    this.#onEnd = onEnd
    this.#reader = new FrameReader(MAX_FRAME_BYTES, peerHex, (frame) => this.receive(frame))
    // Nothing flows before a reader is assigned; until then the stream's window holds the sender back.
    stream.pause()
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('end', this.#onRemoteEnd)
    stream.addEventListener('close', this.#onStreamClose)
  }

  get queuedBytes(): number {
    return this.#writer.queuedBytes + this.#stream.writeBufferLength
  }

  protected take(frame: Uint8Array): boolean {
    this.#writer.push(frame)
    if (this.#writer.queuedBytes >= PIECE_BYTES) this.#flush()
    else if (!this.#flushing) {
      this.#flushing = true
      setImmediate(this.#flushLater)
    }
    return this.queuedBytes < CHANNEL_HIGH_WATER_BYTES
  }

  protected flow(flowing: boolean): void {
    if (this.#stream.readStatus !== (flowing ? 'paused' : 'readable')) return
    if (flowing) this.#stream.resume()
    else this.#stream.pause()
  }

  protected consumed(): void {
    // The stream gives the sender new room as it hands bytes over.
  }

  protected shut(): void {
    this.#shutting = true
    // Read on: a peer whose frames are not taken might never come to our end of the stream.
    this.flow(true)
    this.#closeTimer = this.#platform.timers.set(CHANNEL_CLOSE_MS, () =>
      this.#stream.abort(new Error('channel did not close in time')),
    )
    this.#flush()
  }

  protected release(error: Error | undefined): void {
    this.#writer.clear()
    this.#stream.removeEventListener('drain', this.#onDrain)
    if (error === undefined) {
      this.#closeTimer ??= this.#platform.timers.set(CHANNEL_CLOSE_MS, () =>
        this.#stream.abort(new Error('stream did not close in time')),
      )
      void this.#closeStream()
    } else this.#stream.abort(error)
    if (this.#stream.status !== 'open') this.#forget()
    this.#onEnd(this)
  }

  readonly #flushLater = (): void => {
    this.#flushing = false
    this.#flush()
  }

  #flush(): void {
    try {
      while (!this.ended && !this.#stream.writableNeedsDrain) {
        const piece = this.#writer.next()
        if (piece === undefined) break
        if (!this.#stream.send(piece)) break
      }
    } catch {
      // The stream closed under us; its 'close' event says why.
      return
    }
    this.freed()
    if (this.#shutting && this.queuedBytes === 0) this.end()
  }

  readonly #onDrain = (): void => this.#flush()

  readonly #onMessage = (event: StreamMessageEvent): void => {
    if (this.ended) return
    this.heardMs = this.#platform.clock.monotonicMs()
    try {
      if (event.data instanceof Uint8Array) this.#reader.push(event.data)
      else for (const chunk of event.data) this.#reader.push(chunk)
    } catch (error) {
      this.end(error as Error)
    }
  }

  /** The peer's last byte was handed over, or the stream broke. */
  readonly #onRemoteEnd = (): void => {
    if (this.ended || this.#stream.status === 'aborted' || this.#stream.status === 'reset') return
    try {
      this.#reader.end()
      this.remoteEnd()
    } catch (error) {
      this.end(error as Error)
    }
  }

  readonly #onStreamClose = (event: StreamCloseEvent): void => {
    this.#forget()
    if (event.error === undefined) {
      this.#onRemoteEnd()
      this.remoteEnd()
    }
    const detail = `the stream to ${this.peerHex} broke: ${event.error?.message ?? 'closed'}`
    this.end(new WattnessError('CHANNEL_RESET', detail, { peer: this.peerHex }, { cause: event.error }))
  }

  #forget(): void {
    if (this.#closeTimer !== undefined) this.#platform.timers.clear(this.#closeTimer)
    this.#closeTimer = undefined
    this.#stream.removeEventListener('close', this.#onStreamClose)
  }

  async #closeStream(): Promise<void> {
    try {
      await this.#stream.close()
    } catch (error) {
      this.#stream.abort(error as Error)
    }
  }
}
