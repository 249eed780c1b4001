import { WattnessError } from '../../protocol/errors.ts'
import { FRAME_PREFIX_BYTES } from './limits.ts'

/**
 * Cuts a stream of bytes into frames: 4 bytes of length, big-endian, then that many bytes. Each byte is copied once, into
 * the frame's own array; room for a large frame is taken as its bytes come, not when a peer merely announces it.
 */
export class FrameReader {
  readonly #maxBytes: number
  readonly #peerHex: string
  readonly #onFrame: (frame: Uint8Array) => void
  #prefix = 0
  #prefixBytes = 0
  #size = 0
  #frame: Uint8Array | undefined
  #filled = 0

  /** `peerHex` is who to blame in errors. */
  constructor(maxBytes: number, peerHex: string, onFrame: (frame: Uint8Array) => void) {
    this.#maxBytes = maxBytes
    this.#peerHex = peerHex
    this.#onFrame = onFrame
  }

  /** Throws FRAME_TOO_LARGE as soon as the length is known. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#frame === undefined) {
        this.#prefix = this.#prefix * 256 + (chunk[at++] as number)
        if (++this.#prefixBytes < FRAME_PREFIX_BYTES) continue
        at = this.#begin(chunk, at)
      } else {
        at = this.#fill(this.#frame, chunk, at)
      }
    }
  }

  /** Throws FRAME_TRUNCATED when the bytes end within a frame. */
  end(): void {
    if (this.#prefixBytes === 0) return
    const held =
      this.#frame === undefined
        ? `${this.#prefixBytes} of ${FRAME_PREFIX_BYTES} length bytes`
        : `${this.#filled} of ${this.#size} bytes`
    throw new WattnessError('FRAME_TRUNCATED', `${this.#peerHex} ended in the middle of a frame, after ${held}`, {
      peer: this.#peerHex,
    })
  }

  #begin(chunk: Uint8Array, at: number): number {
    this.#size = this.#prefix
    if (this.#size > this.#maxBytes) {
      const detail = `${this.#peerHex} announced a frame of ${this.#size} bytes, at most ${this.#maxBytes} allowed`
      throw new WattnessError('FRAME_TOO_LARGE', detail, { peer: this.#peerHex, bytes: this.#size, max: this.#maxBytes })
    }
    const end = at + this.#size
    if (end <= chunk.length) {
      this.#deliver(chunk.slice(at, end))
      return end
    }
    this.#frame = new Uint8Array(Math.min(this.#size, Math.max(65_536, (chunk.length - at) * 2)))
    this.#filled = 0
    return at
  }

  #fill(frame: Uint8Array, chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#size - this.#filled, chunk.length - at)
    let target = frame
    if (this.#filled + take > frame.length) {
      target = new Uint8Array(this.#size)
      target.set(frame.subarray(0, this.#filled))
      this.#frame = target
    }
    target.set(take === chunk.length ? chunk : chunk.subarray(at, at + take), this.#filled)
    this.#filled += take
    if (this.#filled === this.#size) this.#deliver(target)
    return at + take
  }

  #deliver(frame: Uint8Array): void {
    this.#frame = undefined
    this.#prefix = 0
    this.#prefixBytes = 0
    this.#onFrame(frame)
  }
}
