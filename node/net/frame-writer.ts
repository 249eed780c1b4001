import { FRAME_PREFIX_BYTES } from './limits.ts'

/**
 * Frames on their way out, cut into pieces for the stream. Small frames are packed together: what costs is the number of
 * writes, not their bytes (each becomes a muxer frame, a Noise message and two socket writes).
 */
export class FrameWriter {
  readonly #pieceBytes: number
  #frames: Uint8Array[] = []
  #at = 0
  /** Bytes of the first frame, prefix included, that are in earlier pieces. */
  #sent = 0
  #queuedBytes = 0

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes
  }

  /** Prefixes included. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#queuedBytes += FRAME_PREFIX_BYTES + frame.length
  }

  /** The next piece, of at most `pieceBytes`; undefined when there is nothing left. */
  next(): Uint8Array | undefined {
    if (this.#queuedBytes === 0) return undefined
    const piece = new Uint8Array(Math.min(this.#pieceBytes, this.#queuedBytes))
    let filled = 0
    while (filled < piece.length) {
      const frame = this.#frames[this.#at] as Uint8Array
      while (this.#sent < FRAME_PREFIX_BYTES && filled < piece.length) {
        piece[filled++] = (frame.length >>> (8 * (FRAME_PREFIX_BYTES - 1 - this.#sent))) & 0xff
        this.#sent++
      }
      const from = this.#sent - FRAME_PREFIX_BYTES
      const take = Math.min(frame.length - from, piece.length - filled)
      if (take > 0) {
        piece.set(take === frame.length ? frame : frame.subarray(from, from + take), filled)
        filled += take
        this.#sent += take
      }
      if (this.#sent === FRAME_PREFIX_BYTES + frame.length) {
        this.#frames[this.#at++] = NOTHING
        this.#sent = 0
      }
    }
    this.#queuedBytes -= piece.length
    if (this.#queuedBytes === 0) this.clear()
    return piece
  }

  clear(): void {
    this.#frames = []
    this.#at = 0
    this.#sent = 0
    this.#queuedBytes = 0
  }
}

const NOTHING = new Uint8Array(0)
