import { crc16, formatCrc16 } from './crc16.ts'
import { type FaultItem, fault } from './source.ts'

/**
 * Finds telegrams in a stream of bytes that may begin, break and go on anywhere. A telegram runs from `/` over `!` to the
 * end of that line, where versions from 4 on print a CRC16. A `/` may also stand inside a unit (`m3/h`), so every one is
 * kept as a possible beginning: the earliest one whose CRC is right wins, and what lies before it was cut short.
 */

/** The longest telegram accepted; the standard's largest is below 4 KiB, with four meters and full text messages. */
export const MAX_TELEGRAM_BYTES = 16_384

/** Possible beginnings remembered at once; a telegram has one and rarely a few slashes in units. */
const MAX_BEGINNINGS = 64

/** `!`, four digits, CR, LF, and some room for padding. */
const MAX_CRC_LINE_BYTES = 12

/** Bytes outside any telegram that are reported at once, so that endless noise is told and not only at its end. */
const NOISE_REPORT_BYTES = 16_384

/** What is left of a telegram's end may begin within its CRC. */
const CRC_DIGITS = 4

const SLASH = 0x2f
const BANG = 0x21
const LF = 0x0a
const CRC_LINE = /^([0-9A-Fa-f]{0,4})[ \r\n]*$/
const IDENTIFICATION = /^\/[A-Za-z]{3}[^()!]*\r?\n/

export interface P1Frame {
  readonly type: 'frame'
  /** From `/` to the end of the CRC line, as sent. */
  readonly bytes: Uint8Array
  /** Where it begins in the stream. */
  readonly position: number
  readonly crc: 'ok' | 'none'
}

export type FramerItem = P1Frame | FaultItem

type Place = 'outside' | 'inside' | 'crc-line'

export class P1Framer {
  readonly #buffer = new Uint8Array(MAX_TELEGRAM_BYTES + MAX_CRC_LINE_BYTES)
  #length = 0
  /** Offsets in the buffer of the slashes met; the first is always 0. */
  #beginnings: number[] = []
  #bang = 0
  #place: Place = 'outside'
  /** Bytes of the stream taken so far. */
  #taken = 0
  /** Where in the stream the buffer begins. */
  #start = 0
  #noiseFrom = 0
  #noise = 0
  /** The noise holds what a telegram ends with. */
  #noiseEnds = false
  /** Nothing was told yet of this stream, and no telegram begun. */
  #isFresh = true
  #items: FramerItem[] = []

  /** Takes the next bytes, cut anywhere; returns what became complete. */
  push(chunk: Uint8Array): FramerItem[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const taken = this.#taken
    for (let at = 0; at < bytes.length; ) {
      const plain = this.#place === 'inside' ? this.#plain(bytes, at) : 0
      at += plain
      this.#taken = taken + at
      if (at >= bytes.length) break
      this.#step(bytes[at] as number)
      at++
      this.#taken = taken + at
    }
    return this.#take()
  }

  /** Takes the bytes of a telegram up to one that may mean something, at once: most of a stream. Returns how many. */
  #plain(bytes: Buffer, from: number): number {
    const bang = bytes.indexOf(BANG, from)
    let to = Math.min(bang < 0 ? bytes.length : bang, from + MAX_TELEGRAM_BYTES - this.#length)
    if (to <= from) return 0
    const slash = bytes.subarray(from, to).indexOf(SLASH)
    if (slash >= 0) to = from + slash
    this.#buffer.set(bytes.subarray(from, to), this.#length)
    this.#length += to - from
    return to - from
  }

  /** The stream is over: what is begun and not complete is a fault. */
  end(): FramerItem[] {
    if (this.#place === 'crc-line') this.#closeTelegram()
    else if (this.#place === 'inside') this.#truncated(0, this.#length)
    this.#reset()
    this.#reportNoise()
    return this.#take()
  }

  #take(): FramerItem[] {
    const items = this.#items
    this.#items = []
    return items
  }

  #step(byte: number): void {
    if (this.#place === 'outside') return byte === SLASH ? this.#begin() : this.#outside(byte)
    if (this.#place === 'inside') return this.#inside(byte)
    // A new telegram right behind the CRC, without a line end between them.
    if (byte === SLASH) {
      this.#closeTelegram()
      this.#reset()
      return this.#begin()
    }
    this.#append(byte)
    if (byte === LF || this.#length - this.#bang > MAX_CRC_LINE_BYTES) {
      this.#closeTelegram()
      this.#reset()
    }
  }

  #outside(byte: number): void {
    // Line ends and blanks between telegrams are nobody's fault.
    const blank = byte === 0x20 || byte === 0x0d || byte === LF || byte === 0x09 || byte === 0
    if (blank) return
    if (this.#noise === 0) this.#noiseFrom = this.#taken
    this.#noise++
    if (byte === BANG) this.#noiseEnds = true
    if (this.#noise >= NOISE_REPORT_BYTES) this.#reportNoise()
  }

  #begin(): void {
    if (this.#isFresh && this.#noise > 0 && (this.#noiseEnds || this.#noise <= CRC_DIGITS)) this.#reportMidway()
    else this.#reportNoise()
    this.#isFresh = false
    this.#place = 'inside'
    this.#start = this.#taken
    this.#beginnings = [0]
    this.#append(SLASH)
  }

  #inside(byte: number): void {
    if (byte === SLASH) {
      if (this.#beginnings.length === MAX_BEGINNINGS) this.#dropFirst('P1_TELEGRAM_TRUNCATED', 'cut by too many new beginnings')
      this.#beginnings.push(this.#length)
    }
    if (this.#length >= MAX_TELEGRAM_BYTES) {
      this.#dropFirst('P1_TELEGRAM_TOO_LONG', `no end within ${MAX_TELEGRAM_BYTES} bytes`)
      if (this.#place === 'outside') return this.#outside(byte)
    }
    if (byte === BANG) {
      this.#bang = this.#length
      this.#place = 'crc-line'
    }
    this.#append(byte)
  }

  #append(byte: number): void {
    this.#buffer[this.#length] = byte
    this.#length++
  }

  /** Gives up the first beginning and goes on from the next one, if there is any. */
  #dropFirst(code: string, why: string): void {
    const position = this.#start
    this.#items.push(fault(code, `P1 telegram at byte ${position}: ${why}`, `byte ${position}`))
    const next = this.#beginnings[1]
    if (next === undefined) return this.#reset()
    this.#buffer.copyWithin(0, next, this.#length)
    this.#length -= next
    this.#start += next
    this.#beginnings = this.#beginnings.slice(1).map((offset) => offset - next)
  }

  #reset(): void {
    this.#place = 'outside'
    this.#length = 0
    this.#beginnings = []
  }

  #closeTelegram(): void {
    const line = latin1(this.#buffer.subarray(this.#bang + 1, this.#length))
    const match = CRC_LINE.exec(line)
    if (match === null) {
      const position = this.#start
      const found = JSON.stringify(line.trimEnd())
      const message = `P1 telegram at byte ${position}: expected nothing or four hexadecimal digits behind "!", found ${found}`
      this.#items.push(fault('P1_CRC_MALFORMED', message, `byte ${position}`))
      return
    }
    const digits = match[1] as string
    if (digits === '') this.#closeWithoutCrc()
    else this.#closeWithCrc(digits)
  }

  #closeWithCrc(digits: string): void {
    const expected = Number.parseInt(digits, 16)
    for (const beginning of this.#beginnings) {
      if (crc16(this.#buffer, beginning, this.#bang + 1) === expected) return this.#accept(beginning, 'ok')
    }
    const beginning = this.#likelyBeginning()
    if (beginning > 0) this.#truncated(0, beginning)
    const position = this.#start + beginning
    const computed = formatCrc16(crc16(this.#buffer, beginning, this.#bang + 1))
    const message = `P1 telegram at byte ${position}: CRC found ${digits}, computed ${computed}`
    this.#items.push(fault('P1_CRC_MISMATCH', message, `byte ${position}`))
  }

  /** Versions 2 and 3: nothing to check, so the last beginning that reads as an identification line counts. */
  #closeWithoutCrc(): void {
    this.#accept(this.#likelyBeginning(), 'none')
  }

  #likelyBeginning(): number {
    const beginning = this.#beginnings.findLast((offset) =>
      IDENTIFICATION.test(latin1(this.#buffer.subarray(offset, this.#bang))),
    )
    return beginning ?? 0
  }

  #accept(beginning: number, crc: 'ok' | 'none'): void {
    if (beginning > 0) this.#truncated(0, beginning)
    const bytes = this.#buffer.slice(beginning, this.#length)
    this.#items.push({ type: 'frame', bytes, position: this.#start + beginning, crc })
  }

  #truncated(from: number, to: number): void {
    const position = this.#start + from
    const message = `P1 telegram at byte ${position}: cut short after ${to - from} bytes, no "!" of its own`
    this.#items.push(fault('P1_TELEGRAM_TRUNCATED', message, `byte ${position}`))
  }

  #reportNoise(): void {
    this.#tellNoise('P1_BYTES_SKIPPED', `${this.#noise} bytes from byte ${this.#noiseFrom} on belong to no telegram`)
  }

  /** Whoever connects to a meter, or begins a capture, does so in the middle of a telegram nine times of ten. */
  #reportMidway(): void {
    const message = `the stream begins in the middle of a telegram: ${this.#noise} bytes of its end are left out`
    this.#tellNoise('P1_STREAM_MIDWAY', message)
  }

  #tellNoise(code: string, message: string): void {
    if (this.#noise === 0) return
    this.#items.push(fault(code, message, `byte ${this.#noiseFrom}`))
    this.#noise = 0
    this.#noiseEnds = false
    this.#isFresh = false
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
