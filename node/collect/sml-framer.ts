import { crc16X25, formatCrc16 } from './crc16.ts'
import { type FaultItem, fault } from './source.ts'

/**
 * Finds SML files in a stream of bytes that may begin, break and go on anywhere (SML transport protocol, version 1):
 *
 *     1b 1b 1b 1b 01 01 01 01   begin
 *     …                         messages; four bytes 1b of their own are sent twice
 *     00 …                      padding to a multiple of four
 *     1b 1b 1b 1b 1a PP CC CC   end: how many bytes of padding, CRC-16/X-25 from the begin to PP, low byte first
 *
 * Bytes 1b may stand right before an escape, so runs of them are counted: eight stand for four, and of what is left the last
 * four are the escape. Files need not begin at a multiple of four of the stream.
 */

/** The longest file accepted; what meters push is below 1 KiB, and other readers stop at 8 KiB. */
export const MAX_FILE_BYTES = 32_768

/** Bytes outside any file that are reported at once, so that endless noise is told and not only at its end. */
const NOISE_REPORT_BYTES = 16_384

const ESCAPE_BYTES = 4
const BEGIN_BYTES = 8
const END_BYTES = 8
const ONE = 0x1b
const END = 0x1a
const BEGIN_MARK = 0x01
const MAX_PADDING = 3
const ESCAPE = Buffer.from([ONE, ONE, ONE, ONE])
const BEGIN = Buffer.from([ONE, ONE, ONE, ONE, BEGIN_MARK, BEGIN_MARK, BEGIN_MARK, BEGIN_MARK])

export interface SmlFrame {
  readonly type: 'frame'
  /** From the first escape to the CRC, as sent. */
  readonly bytes: Uint8Array
  /** The messages: without escapes, begin, padding and end. */
  readonly content: Uint8Array
  /** Where it begins in the stream. */
  readonly position: number
}

export type SmlFramerItem = SmlFrame | FaultItem

/** True where a file of SML begins somewhere in these bytes. */
export function holdsSmlBegin(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(BEGIN)
}

export class SmlFramer {
  /** Holds a file of the greatest length and as much again, so that bytes are moved rarely. */
  readonly #buffer = Buffer.allocUnsafe(2 * MAX_FILE_BYTES)
  #length = 0
  /** Where in the stream the buffer begins. */
  #start = 0
  /** Offset of the open file; undefined outside. */
  #file: number | undefined
  /** Up to here nothing more is to be found: of noise, or of the open file. */
  #seen = 0
  /** Bytes before it are told of already. */
  #accounted = 0
  /** Runs of eight or more in the open file: it holds escaped bytes. */
  #escaped = false
  #noise = 0
  #noiseFrom = 0
  /** No file begun yet, and nothing told. */
  #isFresh = true
  #items: SmlFramerItem[] = []

  /** Takes the next bytes, cut anywhere; returns what became complete. */
  push(chunk: Uint8Array): SmlFramerItem[] {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + this.#buffer.length - this.#length)
      this.#buffer.set(part, this.#length)
      this.#length += part.length
      at += part.length
      while (this.#step());
      this.#compact()
    }
    return this.#take()
  }

  /** The stream is over: what is begun and not complete is a fault. */
  end(): SmlFramerItem[] {
    if (this.#file !== undefined) this.#truncated(this.#file, this.#length)
    else this.#skip(this.#length)
    this.#tellNoise()
    this.#start += this.#length
    this.#length = 0
    this.#seen = 0
    this.#accounted = 0
    this.#file = undefined
    return this.#take()
  }

  #take(): SmlFramerItem[] {
    const items = this.#items
    this.#items = []
    return items
  }

  /** Goes on as far as the bytes allow; true where there may be more to do. */
  #step(): boolean {
    return this.#file === undefined ? this.#outside() : this.#inside(this.#file)
  }

  #outside(): boolean {
    const found = this.#find(BEGIN, this.#seen)
    if (found < 0) {
      // A begin may lie across the end of what is here.
      this.#skip(Math.max(this.#seen, this.#length - BEGIN_BYTES + 1))
      return false
    }
    this.#skip(found)
    this.#tellNoise(this.#isFresh && (found < END_BYTES || this.#endsBefore(found)))
    this.#begin(found)
    return true
  }

  #begin(at: number): void {
    this.#isFresh = false
    this.#file = at
    this.#seen = at + BEGIN_BYTES
    this.#escaped = false
  }

  #inside(file: number): boolean {
    const found = this.#find(ESCAPE, this.#seen)
    if ((found < 0 ? this.#length : found) - file > MAX_FILE_BYTES) return this.#tooLong(file)
    if (found < 0) {
      this.#seen = Math.max(this.#seen, this.#length - ESCAPE_BYTES + 1)
      return false
    }
    let end = found + ESCAPE_BYTES
    while (end < this.#length && this.#buffer[end] === ONE) end++
    if (end - file > MAX_FILE_BYTES) return this.#tooLong(file)
    // The run may go on, and what it means is told by four bytes behind it.
    if (end + ESCAPE_BYTES > this.#length) return false
    const run = end - found
    if (run >= 2 * ESCAPE_BYTES) this.#escaped = true
    this.#seen = end
    if (run % (2 * ESCAPE_BYTES) >= ESCAPE_BYTES) this.#escape(file, end - ESCAPE_BYTES)
    return true
  }

  /** Four bytes 1b that mean something: the end, or a file that begins within another. */
  #escape(file: number, at: number): void {
    const word = this.#buffer.subarray(at + ESCAPE_BYTES, at + END_BYTES)
    if (word[0] === END && (word[1] as number) <= MAX_PADDING) return this.#close(file, at)
    this.#truncated(file, at)
    if (word.every((byte) => byte === BEGIN_MARK)) return this.#begin(at)
    this.#leave(at)
  }

  #close(file: number, at: number): void {
    const to = at + END_BYTES
    const found = (this.#buffer[to - 2] as number) | ((this.#buffer[to - 1] as number) << 8)
    const computed = crc16X25(this.#buffer, file, to - 2)
    const position = this.#start + file
    const padding = this.#buffer[at + ESCAPE_BYTES + 1] as number
    if (found === computed && at - file >= BEGIN_BYTES + padding) {
      const bytes = Uint8Array.prototype.slice.call(this.#buffer, file, to)
      const content = bytes.subarray(BEGIN_BYTES, at - file - padding)
      this.#items.push({ type: 'frame', bytes, content: this.#escaped ? unescaped(content) : content, position })
    } else if (found === computed) {
      const message = `SML file at byte ${position}: says ${padding} bytes of padding and has no room for them`
      this.#items.push(fault('SML_FILE_MALFORMED', message, `byte ${position}`))
    } else {
      const message = `SML file at byte ${position}: CRC found ${formatCrc16(found)}, computed ${formatCrc16(computed)}`
      this.#items.push(fault('SML_FILE_CRC_MISMATCH', message, `byte ${position}`))
      return this.#leave(this.#resume(file, to))
    }
    this.#leave(to)
  }

  /**
   * Where bytes were lost, the next file may have begun within what was taken for this one. Only once: a begin that was found so
   * and is none either would make the work grow with the square of the bytes.
   */
  #resume(file: number, to: number): number {
    const isFirst = file >= this.#accounted
    this.#accounted = to
    const within = isFirst ? this.#buffer.subarray(0, to).indexOf(BEGIN, file + BEGIN_BYTES) : -1
    return within < 0 ? to - BEGIN_BYTES + 1 : within
  }

  #leave(at: number): void {
    this.#file = undefined
    this.#seen = at
  }

  #tooLong(file: number): boolean {
    const position = this.#start + file
    const message = `SML file at byte ${position}: no end within ${MAX_FILE_BYTES} bytes`
    this.#items.push(fault('SML_FILE_TOO_LONG', message, `byte ${position}`))
    this.#leave(Math.min(this.#length, file + MAX_FILE_BYTES))
    return true
  }

  #truncated(file: number, to: number): void {
    const position = this.#start + file
    const message = `SML file at byte ${position}: cut short after ${to - file} bytes, no end of its own`
    this.#items.push(fault('SML_FILE_TRUNCATED', message, `byte ${position}`))
  }

  /** Of the buffer's bytes only those that were received. */
  #find(what: Buffer, from: number): number {
    return this.#buffer.subarray(0, this.#length).indexOf(what, from)
  }

  /** Bytes up to there belong to no file. */
  #skip(to: number): void {
    for (let at = Math.max(this.#seen, this.#accounted); at < to; ) {
      if (this.#noise === 0) this.#noiseFrom = this.#start + at
      const count = Math.min(to - at, NOISE_REPORT_BYTES - this.#noise)
      this.#noise += count
      at += count
      if (this.#noise >= NOISE_REPORT_BYTES) this.#tellNoise()
    }
    this.#seen = to
  }

  /** Whoever connects to a meter does so in the middle of a file nine times of ten: `midway`. */
  #tellNoise(midway = false): void {
    if (this.#noise === 0) return
    const where = `byte ${this.#noiseFrom}`
    const message = midway
      ? `the stream begins in the middle of an SML file: ${this.#noise} bytes of its end are left out`
      : `${this.#noise} bytes from byte ${this.#noiseFrom} on belong to no SML file`
    this.#items.push(fault(midway ? 'SML_STREAM_MIDWAY' : 'SML_BYTES_SKIPPED', message, where))
    this.#noise = 0
    this.#isFresh = false
  }

  /** True where the end of a file stands right before. */
  #endsBefore(at: number): boolean {
    const mark = at - END_BYTES + ESCAPE_BYTES
    return this.#buffer[mark] === END && this.#buffer.subarray(at - END_BYTES, mark).every((byte) => byte === ONE)
  }

  /** What is done with leaves the buffer, when it is more than half full. */
  #compact(): void {
    // What stands right before a begin tells whether the stream came midway.
    const from = this.#file ?? Math.max(0, this.#seen - END_BYTES)
    if (this.#length < this.#buffer.length / 2) return
    this.#buffer.copyWithin(0, from, this.#length)
    this.#start += from
    this.#length -= from
    this.#seen -= from
    this.#accounted = Math.max(0, this.#accounted - from)
    if (this.#file !== undefined) this.#file -= from
  }
}

/** Eight bytes 1b in a row stand for four. */
function unescaped(content: Uint8Array): Uint8Array {
  const plain = new Uint8Array(content.length)
  let length = 0
  let run = 0
  for (let at = 0; at < content.length; at++) {
    const byte = content[at] as number
    plain[length++] = byte
    run = byte === ONE ? run + 1 : 0
    if (run === 2 * ESCAPE_BYTES) {
      length -= ESCAPE_BYTES
      run = 0
    }
  }
  return plain.subarray(0, length)
}
