import { type FaultItem, fault } from './source.ts'

/**
 * Finds read-outs of IEC 62056-21 in a stream of bytes that may begin, break and go on anywhere:
 *
 *     /ISk5MT174-0001 CR LF              identification, of modes A to C the answer to a request
 *     STX … ! CR LF ETX BCC              data block; BCC is the XOR of all behind STX, ETX with it
 *
 * Mode D pushes the same without STX, ETX and BCC: its read-out ends behind `!`, and nothing in it can be checked. Requests and
 * acknowledgements, as optical heads echo them, are gone over. A dump may hold the data lines alone: that counts where they are
 * all there is, since the end of a cut read-out looks the same.
 */

/** The longest read-out accepted: lists with two years of monthly values stay below 24 KiB. */
export const MAX_READOUT_BYTES = 65_536

/** Three letters, a baud rate's character, sixteen characters; some makers print more. */
const MAX_IDENTIFICATION_BYTES = 64

/** Bytes outside any read-out that are reported at once, so that endless noise is told and not only at its end. */
const NOISE_REPORT_BYTES = 16_384

const STX = 0x02
const ETX = 0x03
/** Ends a block that is not the last one. */
const EOT = 0x04
const ACK = 0x06
const LF = 0x0a
const CR = 0x0d
const BANG = 0x21
const OPEN = 0x28
const CLOSE = 0x29
const SLASH = 0x2f
const SEVEN_BITS = 0x7f
/** ETX and BCC. */
const BLOCK_END_BYTES = 2
const IDENTIFICATION = /^\/[A-Za-z]{3}[^()\r\n]*\r?\n$/
const REQUEST = /^\/\?/

export interface IecFrame {
  readonly type: 'frame'
  /** As sent, from the identification or STX to the BCC or the end of the `!` line. */
  readonly bytes: Uint8Array
  /** `/ISk5MT174-0001` without its line end; empty where there was none. */
  readonly identification: string
  /** The data sets. */
  readonly text: string
  readonly position: number
  /** 'none' for mode D and dumps. */
  readonly check: 'ok' | 'none'
}

export type IecFramerItem = IecFrame | FaultItem

type Place = 'outside' | 'identification' | 'identified' | 'block' | 'bcc' | 'lines' | 'last-line' | 'skipped-line'

export class IecFramer {
  readonly #buffer = new Uint8Array(MAX_READOUT_BYTES)
  /** A file may hold data lines alone. */
  readonly #mayBeBare: boolean
  #length = 0
  #place: Place = 'outside'
  /** Where the data begins, and where the identification ends. */
  #data = 0
  #identified = 0
  #isBare = false
  #inValue = false
  #previous = LF
  #taken = 0
  #start = 0
  #noise = 0
  #noiseFrom = 0
  #noiseEnds = false
  #isFresh = true
  /** Kept until the end tells whether it is all there is. */
  #bare: IecFrame | undefined
  #items: IecFramerItem[] = []

  constructor(mayBeBare: boolean) {
    this.#mayBeBare = mayBeBare
  }

  push(chunk: Uint8Array): IecFramerItem[] {
    for (const byte of chunk) {
      this.#step(byte)
      this.#previous = byte
      this.#taken++
    }
    return this.#take()
  }

  /** The stream is over: what is begun and not complete is a fault. */
  end(): IecFramerItem[] {
    if (this.#place === 'last-line') this.#closeLines()
    if (this.#place === 'block' || this.#place === 'bcc' || this.#place === 'lines') this.#truncated()
    this.#leave()
    if (this.#bare !== undefined) this.#items.push(this.#bare)
    this.#bare = undefined
    this.#tellNoise()
    return this.#take()
  }

  #take(): IecFramerItem[] {
    const items = this.#items
    this.#items = []
    return items
  }

  #step(byte: number): void {
    if (this.#place === 'outside') return this.#outside(byte)
    if (this.#place === 'skipped-line') return byte === LF ? this.#unskip() : undefined
    if (this.#place === 'bcc') return this.#closeBlock(byte)
    if (this.#place === 'identified' && byte === ACK) {
      this.#place = 'skipped-line'
      return undefined
    }
    // A new read-out within this one; `/` also stands in units, but at no line's beginning.
    if (byte === STX && this.#place !== 'identified') return this.#restart(byte)
    if (byte === SLASH && this.#previous === LF && this.#place !== 'last-line') return this.#restart(byte)
    if (this.#length >= MAX_READOUT_BYTES) return this.#tooLong(byte)
    this.#buffer[this.#length++] = byte
    if (this.#place === 'identification') this.#identification(byte)
    else if (this.#place === 'identified') this.#first(byte)
    else if (this.#place === 'block' && (byte === ETX || byte === EOT)) this.#place = 'bcc'
    else if (this.#place === 'lines') this.#line(byte)
    else if (this.#place === 'last-line' && byte === LF) this.#closeLines()
  }

  /** Behind an acknowledgement, which stands between the identification and its data. */
  #unskip(): void {
    if (this.#length > 0) this.#place = 'identified'
    else this.#leave()
  }

  #outside(byte: number): void {
    if (byte === SLASH || byte === STX) return this.#begin(byte)
    if (byte === ACK) {
      this.#place = 'skipped-line'
      return undefined
    }
    if (this.#mayBeBare && this.#isFresh && this.#noise === 0 && isWordByte(byte)) {
      this.#begin(byte)
      this.#isBare = true
      this.#data = 0
      this.#place = 'lines'
      return undefined
    }
    this.#skip(byte)
  }

  #skip(byte: number): void {
    // Line ends, blanks and the zeros that wake a battery meter are nobody's fault.
    if (byte === CR || byte === LF || byte === 0x20 || byte === 0x00 || byte === 0x7f) return
    if (this.#noise === 0) this.#noiseFrom = this.#taken
    this.#noise++
    if (byte === BANG || byte === ETX) this.#noiseEnds = true
    if (this.#noise >= NOISE_REPORT_BYTES) this.#tellNoise()
  }

  #begin(byte: number): void {
    // Noise has slashes too: what is none is told when an identification is whole.
    if (byte !== SLASH) this.#tellBefore()
    this.#isBare = false
    this.#inValue = false
    this.#identified = 0
    this.#start = this.#taken
    this.#buffer[0] = byte
    this.#length = 1
    this.#data = 1
    this.#place = byte === SLASH ? 'identification' : 'block'
  }

  #tellBefore(): void {
    this.#tellNoise(this.#isFresh && this.#noiseEnds)
    this.#isFresh = false
  }

  /** What was begun was cut short by this byte, which begins another read-out. */
  #restart(byte: number): void {
    if (this.#place !== 'identification') this.#truncated()
    else this.#tellLost()
    this.#begin(byte)
  }

  #identification(byte: number): void {
    if (byte !== LF && this.#length < MAX_IDENTIFICATION_BYTES) return
    const line = this.#text(0, this.#length)
    if (IDENTIFICATION.test(line) && !REQUEST.test(line)) {
      this.#tellBefore()
      this.#identified = this.#length
      this.#place = 'identified'
      return
    }
    if (!REQUEST.test(line) || byte !== LF) this.#tellLost()
    this.#leave()
  }

  /** The first byte behind the identification tells a block from lines without one. */
  #first(byte: number): void {
    if (byte === CR || byte === LF) return
    this.#data = byte === STX ? this.#length : this.#length - 1
    this.#place = byte === STX ? 'block' : 'lines'
    if (byte !== STX) this.#line(byte)
  }

  #line(byte: number): void {
    if (byte === OPEN) this.#inValue = true
    else if (byte === CLOSE || byte === LF) this.#inValue = false
    else if (byte === BANG && !this.#inValue) this.#place = 'last-line'
  }

  #closeLines(): void {
    const frame = this.#frame(this.#length, 'none')
    if (this.#isBare) this.#bare = frame
    else this.#accept(frame)
    this.#leave()
  }

  #closeBlock(found: number): void {
    let computed = 0
    let bits = 0
    for (let at = this.#data; at < this.#length; at++) {
      computed ^= this.#buffer[at] as number
      bits |= this.#buffer[at] as number
    }
    const position = this.#start
    // Data has seven bits: an eighth is the line's parity, read as data by an adapter that was set so.
    const mask = bits > SEVEN_BITS ? SEVEN_BITS : 0xff
    if ((computed & mask) === (found & mask)) {
      if (this.#length < MAX_READOUT_BYTES) this.#buffer[this.#length++] = found
      this.#accept(this.#frame(this.#length - BLOCK_END_BYTES, 'ok'))
    } else {
      const message = `read-out at byte ${position}: BCC found ${hex(found)}, computed ${hex(computed)}`
      this.#items.push(fault('IEC_BCC_MISMATCH', message, `byte ${position}`))
    }
    this.#leave()
  }

  #frame(to: number, check: 'ok' | 'none'): IecFrame {
    const bytes = this.#buffer.slice(0, this.#length)
    const identification = this.#text(0, this.#identified).trimEnd()
    return { type: 'frame', bytes, identification, text: this.#text(this.#data, to), position: this.#start, check }
  }

  #accept(frame: IecFrame): void {
    if (this.#bare !== undefined) this.#cutBare(this.#bare)
    this.#items.push(frame)
  }

  /** Lines without a beginning, and whole read-outs behind them: the stream came midway. */
  #cutBare({ bytes, position }: IecFrame): void {
    const message = `the stream begins in the middle of a read-out: ${bytes.length} bytes of its end are left out`
    this.#items.push(fault('IEC_STREAM_MIDWAY', message, `byte ${position}`))
    this.#bare = undefined
  }

  #leave(): void {
    this.#place = 'outside'
    this.#length = 0
  }

  #tooLong(byte: number): void {
    const position = this.#start
    const message = `read-out at byte ${position}: no end within ${MAX_READOUT_BYTES} bytes`
    this.#items.push(fault('IEC_READOUT_TOO_LONG', message, `byte ${position}`))
    this.#leave()
    this.#outside(byte)
  }

  #truncated(): void {
    const position = this.#start
    const message = `read-out at byte ${position}: cut short after ${this.#length} bytes, no end of its own`
    this.#items.push(fault('IEC_READOUT_TRUNCATED', message, `byte ${position}`))
  }

  /** What began as an identification and is none. */
  #tellLost(): void {
    if (this.#noise === 0) this.#noiseFrom = this.#start
    this.#noise += this.#length
    if (this.#noise >= NOISE_REPORT_BYTES) this.#tellNoise()
  }

  #tellNoise(midway = false): void {
    if (this.#noise === 0) return
    const message = midway
      ? `the stream begins in the middle of a read-out: ${this.#noise} bytes of its end are left out`
      : `${this.#noise} bytes from byte ${this.#noiseFrom} on belong to no read-out`
    this.#items.push(fault(midway ? 'IEC_STREAM_MIDWAY' : 'IEC_BYTES_SKIPPED', message, `byte ${this.#noiseFrom}`))
    this.#noise = 0
    this.#noiseEnds = false
    this.#isFresh = false
  }

  #text(from: number, to: number): string {
    // Without the parity bit, where it was read as data.
    return (
      String.fromCharCode(...this.#buffer.subarray(from, Math.min(to, from + TEXT_PIECE)).map((byte) => byte & SEVEN_BITS)) +
      (to - from > TEXT_PIECE ? this.#text(from + TEXT_PIECE, to) : '')
    )
  }
}

/** As many arguments as a call takes anywhere. */
const TEXT_PIECE = 8_192

function isWordByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a)
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}
