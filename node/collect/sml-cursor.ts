import { WattnessError } from '../../protocol/errors.ts'

/**
 * Reads SML's type-length fields (SML 1.04, section 6.3): high bit "another length byte follows", three bits of type, four of
 * length. The length of octets and numbers counts the field itself, that of a list counts its elements.
 */

export const SML_TYPE = { octets: 0, boolean: 4, integer: 5, unsigned: 6, list: 7 } as const

/** Lists in lists: a list of values has five; hostile input has as many as it has bytes. */
export const MAX_DEPTH = 16

/** More length bytes than these describe more than a file may hold. */
const MAX_LENGTH_BYTES = 4

const MORE = 0x80
/** Octets of no length: an optional element that is not there. */
const ABSENT = 0x01
const WORD = 0x1_0000_0000

export class SmlCursor {
  readonly bytes: Uint8Array
  at: number
  /** Of the element whose field was read last. */
  type = 0
  /** Bytes of its content, or elements of a list. */
  length = 0

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /** Reads the next field. Throws SML_MESSAGE_MALFORMED where it, or what it announces, goes beyond the end. */
  next(): void {
    const from = this.at
    let byte = this.#byte(from)
    let length = byte & 0x0f
    this.type = (byte >> 4) & 0x07
    this.at++
    while ((byte & MORE) !== 0) {
      if (this.at - from >= MAX_LENGTH_BYTES) this.refuse('expected a length of at most four bytes', from)
      byte = this.#byte(this.at)
      length = length * 16 + (byte & 0x0f)
      this.at++
    }
    if (this.type !== SML_TYPE.list) length -= this.at - from
    // An element of a list takes a byte at least.
    if (length < 0 || this.at + length > this.bytes.length) this.refuse('expected a length within the file', from)
    this.length = length
  }

  /** True, and gone over, where an optional element is not there. */
  absent(): boolean {
    if (this.bytes[this.at] !== ABSENT) return false
    this.at++
    return true
  }

  /** Goes over the content of the element whose field was read last. */
  leave(depth = 0): void {
    if (this.type !== SML_TYPE.list) {
      this.at += this.length
      return
    }
    if (depth >= MAX_DEPTH) this.refuse(`expected at most ${MAX_DEPTH} lists in each other`, this.at)
    for (let left = this.length; left > 0; left--) {
      this.next()
      this.leave(depth + 1)
    }
  }

  skip(): void {
    this.next()
    this.leave()
  }

  /** A list of exactly so many elements. */
  list(length: number, what: string): void {
    const from = this.at
    this.next()
    if (this.type !== SML_TYPE.list || this.length !== length) this.refuse(`expected ${what}: a list of ${length}`, from)
  }

  /** Octets, or undefined where they are not there. */
  octets(what: string): Uint8Array | undefined {
    if (this.absent()) return undefined
    const from = this.at
    this.next()
    if (this.type !== SML_TYPE.octets) this.refuse(`expected ${what}: octets`, from)
    return this.content()
  }

  /** The content of octets whose field was read last. */
  content(): Uint8Array {
    this.at += this.length
    return this.bytes.subarray(this.at - this.length, this.at)
  }

  /** An unsigned or signed number of any width, or undefined where it is not there. */
  number(what: string): number | undefined {
    if (this.absent()) return undefined
    const from = this.at
    this.next()
    const value = this.type === SML_TYPE.integer || this.type === SML_TYPE.unsigned ? this.numeral() : undefined
    return value ?? this.refuse(`expected ${what}: a number`, from)
  }

  /** The content of a number whose field was read last; undefined where it has no or more than 8 bytes or is not below 2^53. */
  numeral(): number | undefined {
    const to = this.at + this.length
    const width = this.length
    let high = 0
    let low = 0
    const middle = to - 4
    for (let at = this.at; at < to; at++) {
      if (at < middle) high = high * 256 + (this.bytes[at] as number)
      else low = low * 256 + (this.bytes[at] as number)
    }
    const isNegative = this.type === SML_TYPE.integer && width > 0 && (this.bytes[this.at] as number) > 0x7f
    this.at = to
    if (width < 1 || width > 8) return undefined
    // Below zero the missing upper bytes are ones: two's complement of that width.
    if (isNegative && width <= 4) low -= 2 ** (8 * width)
    else if (isNegative) high -= 2 ** (8 * (width - 4))
    const value = high * WORD + low
    return Number.isSafeInteger(value) ? value : undefined
  }

  refuse(expected: string, at: number): never {
    const found = Buffer.from(this.bytes.subarray(at, at + 8)).toString('hex')
    throw new WattnessError('SML_MESSAGE_MALFORMED', `${expected}, found ${found === '' ? 'the end' : found}`, { at, found })
  }

  #byte(at: number): number {
    return this.bytes[at] ?? this.refuse('expected another element', at)
  }
}
