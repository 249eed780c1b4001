/** Bytes of a yamux frame's header; a window update is nothing else. */
const HEADER_BYTES = 12
const WINDOW_UPDATE = 1

/** Credit held back at most for all streams of a connection: a quarter of the smallest window, so that no sender runs dry. */
export const MAX_HELD_CREDIT_BYTES = 65_536

/** Credit of one stream that is worth a header beside what is sent anyway: one for every small frame doubles the headers. */
export const LEAST_CARRIED_CREDIT_BYTES = 16_384

/** Streams with credit held back at most: those that have ended still have some. */
export const MAX_HELD_STREAMS = 64

/**
 * The muxer grants new credit for every frame it reads. Alone each grant is a write of its own, as dear as the frame that it
 * answers; here those that have grown to some size wait for something else to travel with, and all of them until they are many
 * bytes together.
 */
export class WindowCredits {
  readonly #streams = new Map<number, number>()
  #bytes = 0

  /** Takes a bare window update (no stream opened or ended by it) and says so; everything else is left alone. */
  take(data: { readonly byteLength: number }): boolean {
    if (!(data instanceof Uint8Array) || data.length !== HEADER_BYTES || data[1] !== WINDOW_UPDATE) return false
    if (data[2] !== 0 || data[3] !== 0) return false
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    const stream = view.getUint32(4)
    const credit = view.getUint32(8)
    this.#streams.set(stream, (this.#streams.get(stream) ?? 0) + credit)
    this.#bytes += credit
    return true
  }

  get isDue(): boolean {
    return this.#bytes >= MAX_HELD_CREDIT_BYTES || this.#streams.size >= MAX_HELD_STREAMS
  }

  /** One window update for each stream whose credit is worth one; where credit is due, for each, and none is held afterwards. */
  release(): Uint8Array[] {
    if (this.#bytes < LEAST_CARRIED_CREDIT_BYTES && !this.isDue) return []
    const { isDue } = this
    const frames: Uint8Array[] = []
    for (const [stream, credit] of this.#streams) {
      if (!isDue && credit < LEAST_CARRIED_CREDIT_BYTES) continue
      this.#streams.delete(stream)
      this.#bytes -= credit
      const frame = new Uint8Array(HEADER_BYTES)
      const view = new DataView(frame.buffer)
      frame[1] = WINDOW_UPDATE
      view.setUint32(4, stream)
      view.setUint32(8, credit)
      frames.push(frame)
    }
    return frames
  }
}
