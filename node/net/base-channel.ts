import { WattnessError } from '../../protocol/errors.ts'
import { MAX_FRAME_BYTES } from '../../protocol/limits.ts'
import { CHANNEL_LOW_WATER_BYTES, MAX_CHANNEL_QUEUE_BYTES } from './limits.ts'
import type { Channel } from './network.ts'

/**
 * What every channel does alike: holding frames until someone reads, pausing in the middle of a burst, one end, told
 * once. Moving the bytes is left to the implementation.
 */
export abstract class BaseChannel implements Channel {
  readonly peer: Uint8Array
  readonly peerHex: string
  #onFrame: ((frame: Uint8Array) => void) | undefined
  #onClose: ((error?: Error) => void) | undefined
  #inbox: Uint8Array[] = []
  #inboxAt = 0
  #paused = false
  #delivering = false
  #remoteEnded = false
  #closing = false
  #ended = false
  #error: Error | undefined
  #told = false
  #room: PromiseWithResolvers<void> | undefined

  constructor(peer: Uint8Array, peerHex: string) {
    this.peer = peer
    this.peerHex = peerHex
  }

  abstract readonly queuedBytes: number
  /** Takes a frame of a legal size for sending; false when the high-water mark is reached. */
  protected abstract take(frame: Uint8Array): boolean
  /** The reader takes frames (again), or does not. */
  protected abstract flow(flowing: boolean): void
  /** A held or fresh frame was handed to the reader. */
  protected abstract consumed(bytes: number): void
  /** Hand over what was taken, then call `end`. */
  protected abstract shut(): void
  /** The channel has ended: let go of everything. With an error, tell the peer by a reset. */
  protected abstract release(error: Error | undefined): void

  get ended(): boolean {
    return this.#ended
  }

  send(frame: Uint8Array): boolean {
    if (frame.length > MAX_FRAME_BYTES) {
      throw new WattnessError('FRAME_TOO_LARGE', `a frame has at most ${MAX_FRAME_BYTES} bytes, got ${frame.length}`, {
        bytes: frame.length,
        max: MAX_FRAME_BYTES,
      })
    }
    if (this.#ended || this.#closing) return false
    const room = this.take(frame)
    if (room || this.queuedBytes <= MAX_CHANNEL_QUEUE_BYTES) return room
    const detail = `${this.queuedBytes} bytes queued for ${this.peerHex}, at most ${MAX_CHANNEL_QUEUE_BYTES} allowed`
    this.end(new WattnessError('CHANNEL_OVERFLOW', detail, { peer: this.peerHex, bytes: this.queuedBytes }))
    return false
  }

  drained(): Promise<void> {
    if (this.#ended || this.#closing) return Promise.reject(closedError(this.peerHex))
    if (this.queuedBytes <= CHANNEL_LOW_WATER_BYTES) return Promise.resolve()
    if (this.#room === undefined) {
      this.#room = Promise.withResolvers()
      // Nobody need wait for it any more when the channel ends.
      this.#room.promise.catch(() => undefined)
    }
    return this.#room.promise
  }

  get onFrame(): (frame: Uint8Array) => void {
    return this.#onFrame ?? noFrame
  }

  set onFrame(handler: (frame: Uint8Array) => void) {
    const first = this.#onFrame === undefined
    this.#onFrame = handler
    // Not before the caller has assigned onClose too.
    if (first) queueMicrotask(() => this.#flowOn())
  }

  get onClose(): (error?: Error) => void {
    return this.#onClose ?? noClose
  }

  set onClose(handler: (error?: Error) => void) {
    this.#onClose = handler
    if (this.#ended) this.#tell()
  }

  pause(): void {
    if (this.#paused || this.#ended) return
    this.#paused = true
    this.flow(false)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#flowOn()
  }

  close(): void {
    if (this.#ended || this.#closing) return
    this.#closing = true
    const dropped = this.#inbox.slice(this.#inboxAt)
    this.#inbox = []
    for (const frame of dropped) this.consumed(frame.length)
    this.#room?.reject(closedError(this.peerHex))
    this.#room = undefined
    this.shut()
  }

  /** True while frames may be handed to the reader at once. */
  protected get flowing(): boolean {
    return !this.#paused && this.#onFrame !== undefined && this.#inbox.length === 0
  }

  protected receive(frame: Uint8Array): void {
    if (this.#ended || this.#remoteEnded) return
    if (this.#closing) return this.consumed(frame.length)
    if (this.flowing && !this.#delivering) return this.#hand(frame)
    this.#inbox.push(frame)
  }

  /** The peer closed: what it sent before is still handed over. */
  protected remoteEnd(): void {
    if (this.#ended || this.#remoteEnded) return
    this.#remoteEnded = true
    if (this.#inbox.length === 0 || this.#closing) this.end()
  }

  /** Bytes left the queue: wakes who waits for room. */
  protected freed(): void {
    if (this.#room === undefined || this.queuedBytes > CHANNEL_LOW_WATER_BYTES) return
    this.#room.resolve()
    this.#room = undefined
  }

  /** Ends the channel now; only the first call counts. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#inbox = []
    this.#room?.reject(closedError(this.peerHex, error))
    this.#room = undefined
    this.release(error)
    this.#tell()
  }

  #flowOn(): void {
    if (this.#ended || this.#paused || this.#delivering || this.#onFrame === undefined) return
    this.#delivering = true
    while (this.#inboxAt < this.#inbox.length && !this.#paused && !this.#ended) {
      this.#hand(this.#inbox[this.#inboxAt++] as Uint8Array)
    }
    this.#delivering = false
    if (this.#inboxAt >= this.#inbox.length) {
      this.#inbox = []
      this.#inboxAt = 0
      if (this.#remoteEnded) return this.end()
      if (!this.#paused && !this.#ended) this.flow(true)
    }
  }

  #hand(frame: Uint8Array): void {
    try {
      this.#onFrame?.(frame)
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)))
      return
    }
    if (!this.#ended) this.consumed(frame.length)
  }

  /** Never inside the call that ended the channel: its caller may be in the middle of something. */
  #tell(): void {
    queueMicrotask(() => {
      if (this.#told || this.#onClose === undefined) return
      this.#told = true
      if (this.#error === undefined) this.#onClose()
      else this.#onClose(this.#error)
    })
  }
}

function noFrame(): void {}
function noClose(): void {}

function closedError(peerHex: string, cause?: Error): WattnessError {
  return new WattnessError('CHANNEL_CLOSED', `the channel to ${peerHex} is closed`, { peer: peerHex }, { cause })
}
