import { type FaultItem, fault } from './source.ts'

/**
 * Finds the long frames in which wired M-Bus meters answer (EN 13757-2 section 5): 68 L L 68, L bytes, their sum, 16. What
 * masters send (10 … 16) and acknowledgements (E5) are passed over.
 */

const START = 0x68
const STOP = 0x16
const SHORT_START = 0x10
const SHORT_BYTES = 5
const ACKNOWLEDGE = 0xe5
const BLANKS = new Set([ACKNOWLEDGE, 0x0d, 0x0a, 0x20])
const HEADER_BYTES = 4
/** Control, address, control information. */
const MIN_LENGTH = 3

/** A frame at its longest; so much and one chunk's piece are held. */
export const MAX_FRAME_BYTES = HEADER_BYTES + 255 + 2
const PIECE_BYTES = 16_384
const NOISE_REPORT_BYTES = 16_384

export interface MbusAnswer {
  readonly type: 'frame'
  readonly bytes: Uint8Array
  readonly position: number
}

export class MbusScanner {
  readonly #buffer = new Uint8Array(PIECE_BYTES + MAX_FRAME_BYTES)
  #length = 0
  #at = 0
  #start = 0
  #refusedTo = 0
  #noise = 0
  #noiseFrom = 0
  #items: (MbusAnswer | FaultItem)[] = []

  push(chunk: Uint8Array): (MbusAnswer | FaultItem)[] {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
      const piece = chunk.subarray(from, from + PIECE_BYTES)
      this.#buffer.set(piece, this.#length)
      this.#length += piece.length
      this.#scan(false)
    }
    return this.#take()
  }

  /** The stream is over: what is begun and not complete is a fault. */
  end(): (MbusAnswer | FaultItem)[] {
    this.#scan(true)
    this.#reportNoise()
    return this.#take()
  }

  #take(): (MbusAnswer | FaultItem)[] {
    const items = this.#items
    this.#items = []
    return items
  }

  #scan(isEnd: boolean): void {
    while (this.#at < this.#length) {
      const size = frameSize(this.#buffer, this.#at, this.#length)
      if (size === undefined) this.#pass()
      else if (this.#at + size <= this.#length) this.#close(size)
      else if (isEnd) this.#cutShort()
      else break
    }
    this.#buffer.copyWithin(0, this.#at, this.#length)
    this.#start += this.#at
    this.#length -= this.#at
    this.#at = 0
  }

  #close(size: number): void {
    const bytes = this.#buffer.slice(this.#at, this.#at + size)
    const position = this.#start + this.#at
    if (bytes[0] === SHORT_START) {
      this.#at += size
      return
    }
    const computed = bytes.subarray(HEADER_BYTES, -2).reduce((sum, byte) => (sum + byte) & 0xff, 0)
    const found = bytes[size - 2] as number
    this.#reportNoise()
    if (found !== computed || bytes[size - 1] !== STOP) {
      const message = `M-Bus frame at byte ${position}: sum found ${hex(found)}, computed ${hex(computed)}`
      this.#items.push(fault('MBUS_CHECKSUM_MISMATCH', message, `byte ${position}`))
      this.#refusedTo = position + size
      this.#at++
      return
    }
    this.#items.push({ type: 'frame', bytes, position })
    this.#at += size
  }

  /** A byte that begins nothing; what a refused frame seemed to cover is told already. */
  #pass(): void {
    const position = this.#start + this.#at
    const byte = this.#buffer[this.#at] as number
    this.#at++
    if (position < this.#refusedTo || (this.#noise === 0 && BLANKS.has(byte))) return
    if (this.#noise === 0) this.#noiseFrom = position
    this.#noise++
    if (this.#noise >= NOISE_REPORT_BYTES) this.#reportNoise()
  }

  #cutShort(): void {
    const position = this.#start + this.#at
    if (this.#noise > 0 || position < this.#refusedTo) return this.#pass()
    const message = `M-Bus frame at byte ${position}: the input ends after ${this.#length - this.#at} bytes of it`
    this.#items.push(fault('MBUS_FRAME_TRUNCATED', message, `byte ${position}`))
    this.#refusedTo = this.#start + this.#length
    this.#at++
  }

  #reportNoise(): void {
    if (this.#noise === 0) return
    const message = `${this.#noise} bytes from byte ${this.#noiseFrom} on belong to no M-Bus frame`
    this.#items.push(fault('MBUS_BYTES_SKIPPED', message, `byte ${this.#noiseFrom}`))
    this.#noise = 0
  }
}

/** How long the frame at `at` is, as far as its beginning is there; undefined where none begins. */
export function frameSize(bytes: Uint8Array, at: number, end: number): number | undefined {
  const length = bytes[at + 1] as number
  if (bytes[at] === SHORT_START) {
    if (at + SHORT_BYTES > end) return SHORT_BYTES
    const sum = ((bytes[at + 1] as number) + (bytes[at + 2] as number)) & 0xff
    return bytes[at + 3] === sum && bytes[at + 4] === STOP ? SHORT_BYTES : undefined
  }
  if (bytes[at] !== START) return undefined
  if (at + 1 < end && length < MIN_LENGTH) return undefined
  if (at + 2 < end && bytes[at + 2] !== length) return undefined
  if (at + 3 < end && bytes[at + 3] !== START) return undefined
  return HEADER_BYTES + 2 + (at + 1 < end ? length : MIN_LENGTH)
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}
