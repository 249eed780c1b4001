import { deserialize, serialize } from 'node:v8'

/** What a node holds in the end, of 255 chains with a reading a minute for a week, is a tenth of it. */
export const MAX_FRAME_BYTES = 64 * 1_048_576

const LENGTH_BYTES = 4

/** A structured clone behind its length, big-endian. */
export function encodeFrame(message: unknown): Buffer {
  const body = serialize(message)
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length)
  frame.writeUInt32BE(body.length)
  frame.set(body, LENGTH_BYTES)
  return frame
}

/** Frames out of pieces of any size; holds what came of one frame at most, and one piece. */
export class FrameReader {
  #pieces: Buffer[] = []
  #bytes = 0

  /** Messages that are whole with this piece. Throws RangeError for a frame beyond MAX_FRAME_BYTES. */
  read(piece: Buffer): unknown[] {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    const messages: unknown[] = []
    while (this.#bytes >= LENGTH_BYTES) {
      const length = this.#take(LENGTH_BYTES, false).readUInt32BE()
      if (length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${length} bytes: at most ${MAX_FRAME_BYTES}`)
      if (this.#bytes < LENGTH_BYTES + length) break
      messages.push(deserialize(this.#take(LENGTH_BYTES + length, true).subarray(LENGTH_BYTES)))
    }
    return messages
  }

  /** Joins pieces only when that many bytes are there: a large frame is copied once. */
  #take(count: number, isTaken: boolean): Buffer {
    let first = this.#pieces[0] as Buffer
    if (first.length < count) {
      const joined: Buffer[] = []
      for (let bytes = 0; bytes < count; bytes += (joined.at(-1) as Buffer).length) joined.push(this.#pieces.shift() as Buffer)
      first = Buffer.concat(joined)
      this.#pieces.unshift(first)
    }
    if (isTaken) {
      this.#pieces[0] = first.subarray(count)
      this.#bytes -= count
    }
    return first.subarray(0, count)
  }
}
