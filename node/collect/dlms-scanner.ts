import { beginsApdu, beginsLlc, lookForRaw, MAX_APDU_BYTES, type RawApdu } from './dlms-apdu.ts'
import { FLAG, type HdlcFault, type HdlcFrame, type Looked, lookForHdlc, MAX_HDLC_BYTES } from './hdlc-frame.ts'
import { lookForMbus, type MbusFault, type MbusFrame } from './mbus-frame.ts'
import { type FaultItem, fault } from './source.ts'

/**
 * Finds frames in a stream of bytes that may begin, break and go on anywhere: HDLC, M-Bus, and messages without a frame.
 *
 * - A frame whose check is wrong is refused, and what it seemed to cover is looked through again for frames, since bytes may be
 *   lost.
 * - A message without a frame has no check: it is only looked for as long as no frame was seen, and behind noise only where
 *   another follows or the input ends. So what is left of a frame without its head, or of a refused one, is not taken for a
 *   message, unless the stream begins at the very byte where the frame's message does: that is what a message without a frame
 *   looks like, and to wait for what follows would hold each of these back until the next.
 */

const CR = 0x0d
const LF = 0x0a
const LLC_BYTES = 3

/** Taken from a chunk at once, so that the buffer has a bound whatever is pushed. */
const PIECE_BYTES = 16_384
const BUFFER_BYTES = PIECE_BYTES + MAX_APDU_BYTES + LLC_BYTES + MAX_HDLC_BYTES

/** Bytes outside any frame that are reported at once, so that endless noise is told and not only at its end. */
const NOISE_REPORT_BYTES = 16_384

export interface DlmsFrame {
  readonly type: 'frame'
  readonly frame: HdlcFrame | MbusFrame | RawApdu
  /** As sent; of an HDLC frame without the closing flag, which may be its neighbour's. */
  readonly bytes: Uint8Array
  /** Where it begins in the stream. */
  readonly position: number
}

export type ScannerItem = DlmsFrame | FaultItem

type Found = HdlcFrame | HdlcFault | MbusFrame | MbusFault | RawApdu

export class DlmsScanner {
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #length = 0
  #at = 0
  /** Where in the stream the buffer begins. */
  #start = 0
  /** Up to here, in the stream, bytes belong to a refused frame: they are no noise, and hold no message without a frame. */
  #refusedTo = 0
  #isFramed = false
  #isFresh = true
  #noise = 0
  #noiseFrom = 0
  #items: ScannerItem[] = []

  /** Takes the next bytes, cut anywhere; returns what became complete. */
  push(chunk: Uint8Array): ScannerItem[] {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
      const piece = chunk.subarray(from, from + PIECE_BYTES)
      this.#buffer.set(piece, this.#length)
      this.#length += piece.length
      this.#scan(false)
      this.#compact()
    }
    return this.#take()
  }

  /** The stream is over: what is begun and not complete is a fault. */
  end(): ScannerItem[] {
    this.#scan(true)
    this.#compact()
    this.#reportNoise()
    return this.#take()
  }

  #take(): ScannerItem[] {
    const items = this.#items
    this.#items = []
    return items
  }

  #compact(): void {
    this.#buffer.copyWithin(0, this.#at, this.#length)
    this.#start += this.#at
    this.#length -= this.#at
    this.#at = 0
  }

  #scan(isEnd: boolean): void {
    while (this.#at < this.#length) {
      const found = this.#look(isEnd)
      if (found === 'more') {
        if (!isEnd) return
        this.#cutShort()
      } else if (found === 'none') this.#pass()
      else if (found.type === 'fault') this.#refuse(found)
      else this.#accept(found)
    }
  }

  #look(isEnd: boolean): Looked<Found> {
    const byte = this.#buffer[this.#at] as number
    if (byte === FLAG) return lookForHdlc(this.#buffer, this.#at, this.#length)
    const mbus = lookForMbus(this.#buffer, this.#at, this.#length)
    if (mbus !== 'none') return mbus
    return this.#isFramed || this.#start + this.#at < this.#refusedTo ? 'none' : this.#lookForRaw(isEnd)
  }

  #lookForRaw(isEnd: boolean): Looked<RawApdu> {
    const found = lookForRaw(this.#buffer, this.#at, this.#length)
    if (found === 'none' || found === 'more') return found
    const behind = this.#at + found.size
    if (this.#noise === 0 || (isEnd && behind === this.#length)) return found
    if (behind === this.#length) return 'more'
    return beginsLlc(this.#buffer, behind) || beginsApdu(this.#buffer, behind) ? found : 'none'
  }

  /** A byte that begins nothing. */
  #pass(): void {
    const position = this.#start + this.#at
    const byte = this.#buffer[this.#at]
    this.#at++
    // Flags between frames and line ends that a gateway adds are nobody's fault.
    if (position < this.#refusedTo || (this.#noise === 0 && (byte === FLAG || byte === CR || byte === LF))) return
    if (this.#noise === 0) this.#noiseFrom = position
    this.#noise++
    if (this.#noise >= NOISE_REPORT_BYTES) this.#reportNoise()
  }

  #accept(frame: HdlcFrame | MbusFrame | RawApdu): void {
    const position = this.#start + this.#at
    if (this.#isFresh && this.#noise > 0 && this.#noise < MAX_HDLC_BYTES) this.#reportMidway()
    else this.#reportNoise()
    this.#isFresh = false
    if (frame.type !== 'raw') this.#isFramed = true
    const bytes = this.#buffer.slice(this.#at, this.#at + frame.size)
    this.#items.push({ type: 'frame', frame, bytes, position })
    this.#at += frame.size
  }

  #refuse({ code, found, computed, size }: HdlcFault | MbusFault): void {
    // A header's check is wrong in noise again and again: it is only told where a frame was to be expected.
    if (code === 'DLMS_HCS_MISMATCH' && this.#noise > 0) return this.#pass()
    this.#reportNoise()
    this.#isFresh = false
    const position = this.#start + this.#at
    if (position >= this.#refusedTo || code !== 'DLMS_HCS_MISMATCH') {
      const message = `DLMS frame at byte ${position}: check found ${hex(found)}, computed ${hex(computed)}`
      this.#items.push(fault(code, message, `byte ${position}`))
    }
    if (code !== 'DLMS_HCS_MISMATCH') this.#isFramed = true
    this.#refusedTo = Math.max(this.#refusedTo, position + size)
    this.#at++
  }

  /** The input ends within what may be a frame. A lone flag closes the one before. */
  #cutShort(): void {
    const position = this.#start + this.#at
    const left = this.#length - this.#at
    if (this.#noise > 0 || position < this.#refusedTo || left < LLC_BYTES) return this.#pass()
    const message = `DLMS frame at byte ${position}: the input ends after ${left} bytes of it`
    this.#items.push(fault('DLMS_FRAME_TRUNCATED', message, `byte ${position}`))
    this.#isFresh = false
    this.#refusedTo = this.#start + this.#length
    this.#at++
  }

  #reportNoise(): void {
    this.#tellNoise('DLMS_BYTES_SKIPPED', `${this.#noise} bytes from byte ${this.#noiseFrom} on belong to no DLMS frame`)
  }

  /** Whoever connects to a meter, or begins a capture, does so in the middle of a frame. */
  #reportMidway(): void {
    this.#tellNoise('DLMS_STREAM_MIDWAY', `the stream begins in the middle of a frame: ${this.#noise} bytes of it are left out`)
  }

  #tellNoise(code: string, message: string): void {
    if (this.#noise === 0) return
    this.#items.push(fault(code, message, `byte ${this.#noiseFrom}`))
    this.#noise = 0
    this.#isFresh = false
  }
}

function hex(check: number): string {
  return check.toString(16).toUpperCase().padStart(4, '0')
}
