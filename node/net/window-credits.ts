/** Bytes of a yamux frame's header; a window update is nothing else. */
const HEADER_BYTES = 12
const WINDOW_UPDATE = 1

/** Credit held back at most for all streams of a connection: a quarter of the smallest window, so that no sender runs dry. */
export const MAX_HELD_CREDIT_BYTES = 65_536

/**
 * The muxer grants new credit for every frame it reads. Alone each grant is a write of its own, as dear as the frame that it
 * answers; here they wait for something else to travel with, or until they are many bytes together.
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
    return this.#bytes >= MAX_HELD_CREDIT_BYTES
  }

  /** One window update for each stream; none is held afterwards. */
  release(): Uint8Array[] {
    if (this.#bytes === 0) return []
    const frames: Uint8Array[] = []
    for (const [stream, credit] of this.#streams) {
      const frame = new Uint8Array(HEADER_BYTES)
      const view = new DataView(frame.buffer)
      frame[1] = WINDOW_UPDATE
      view.setUint32(4, stream)
      view.setUint32(8, credit)
      frames.push(frame)
    }
    this.#streams.clear()
    this.#bytes = 0
    return frames
  }
}
