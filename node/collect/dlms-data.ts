import { WattnessError } from '../../protocol/errors.ts'

/**
 * Data of COSEM in A-XDR (IEC 62056-6-2 section 4.1.5): a tag, and what it says. Nothing is interpreted here.
 *
 * Quirk: Sagemcom meters write attribute descriptors (class, code, attribute: nine bytes) without a tag as the first element of
 * a pair.
 */

export type DlmsData =
  | { readonly type: 'null' }
  | { readonly type: 'number'; readonly value: number | bigint; readonly tag: number }
  | { readonly type: 'float'; readonly text: string }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array; readonly tag: number }
  | { readonly type: 'list'; readonly items: readonly DlmsData[] }
  | { readonly type: 'descriptor'; readonly classId: number; readonly obis: Uint8Array; readonly attribute: number }

export const TAG = {
  null: 0,
  array: 1,
  structure: 2,
  boolean: 3,
  bitString: 4,
  int32: 5,
  uint32: 6,
  octetString: 9,
  visibleString: 10,
  utf8String: 12,
  bcd: 13,
  int8: 15,
  int16: 16,
  uint8: 17,
  uint16: 18,
  int64: 20,
  uint64: 21,
  enumeration: 22,
  float32: 23,
  float64: 24,
  dateTime: 25,
  date: 26,
  time: 27,
} as const

/** Lists inside lists; real ones go four deep. */
export const MAX_DATA_DEPTH = 8
/** Values of one message, at all depths; the longest real lists have some three hundred. */
export const MAX_DATA_ITEMS = 2_048
/** One text or octet string: serial numbers have below forty. */
const MAX_STRING_BYTES = 1_024

const DESCRIPTOR_BYTES = 9

export interface DecodedData {
  readonly data: DlmsData
  /** Where the bytes behind it begin. */
  readonly end: number
  /** The outermost list says that it has more items than are there; only where `mayBeShort`. */
  readonly isShort: boolean
}

/** Throws DLMS_DATA_TRUNCATED where the bytes end within it, DLMS_DATA_MALFORMED where they are none. */
export function decodeData(bytes: Uint8Array, from: number, mayBeShort = false): DecodedData {
  const decoder = new Decoder(bytes, from, mayBeShort)
  const data = decoder.value(0)
  return { data, end: decoder.at, isShort: decoder.isShort }
}

class Decoder {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #mayBeShort: boolean
  #items = 0
  at: number
  isShort = false

  constructor(bytes: Uint8Array, from: number, mayBeShort: boolean) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.at = from
    this.#mayBeShort = mayBeShort
  }

  value(depth: number): DlmsData {
    const tag = this.#bytes[this.#take(1)] as number
    if (++this.#items > MAX_DATA_ITEMS) return malformed(this.at - 1, `more than ${MAX_DATA_ITEMS} values`)
    switch (tag) {
      case TAG.null:
        return { type: 'null' }
      case TAG.array:
      case TAG.structure:
        return this.#list(depth)
      case TAG.boolean:
      case TAG.uint8:
      case TAG.enumeration:
        return number(tag, this.#view.getUint8(this.#take(1)))
      case TAG.int8:
        return number(tag, this.#view.getInt8(this.#take(1)))
      case TAG.int16:
        return number(tag, this.#view.getInt16(this.#take(2)))
      case TAG.uint16:
        return number(tag, this.#view.getUint16(this.#take(2)))
      case TAG.int32:
        return number(tag, this.#view.getInt32(this.#take(4)))
      case TAG.uint32:
        return number(tag, this.#view.getUint32(this.#take(4)))
      case TAG.int64:
        return number(tag, narrowed(this.#view.getBigInt64(this.#take(8))))
      case TAG.uint64:
        return number(tag, narrowed(this.#view.getBigUint64(this.#take(8))))
      case TAG.float32:
        return { type: 'float', text: shortest32(this.#view.getFloat32(this.#take(4))) }
      case TAG.float64:
        return { type: 'float', text: String(this.#view.getFloat64(this.#take(8))) }
      case TAG.octetString:
      case TAG.visibleString:
      case TAG.utf8String:
        return this.#string(tag, this.#length(MAX_STRING_BYTES))
      case TAG.bitString:
        return this.#string(tag, Math.ceil(this.#length(MAX_STRING_BYTES * 8) / 8))
      case TAG.bcd:
        return this.#string(tag, 1)
      case TAG.dateTime:
        return this.#string(tag, 12)
      case TAG.date:
        return this.#string(tag, 5)
      case TAG.time:
        return this.#string(tag, 4)
      default:
        return malformed(this.at - 1, `type ${tag} is none that meters send, or not read here`)
    }
  }

  #list(depth: number): DlmsData {
    if (depth >= MAX_DATA_DEPTH) return malformed(this.at - 1, `lists more than ${MAX_DATA_DEPTH} deep`)
    const count = this.#length(MAX_DATA_ITEMS)
    const items: DlmsData[] = []
    for (let index = 0; index < count; index++) {
      if (depth === 0 && this.#mayBeShort) {
        const item = this.#itemIfWhole(depth)
        if (item === undefined) break
        items.push(item)
      } else {
        items.push(index === 0 && count === 2 && this.#isDescriptor() ? this.#descriptor() : this.value(depth + 1))
      }
    }
    return { type: 'list', items }
  }

  #itemIfWhole(depth: number): DlmsData | undefined {
    const from = this.at
    try {
      return this.value(depth + 1)
    } catch (error) {
      if (!(error instanceof WattnessError) || error.code !== 'DLMS_DATA_TRUNCATED') throw error
      this.at = from
      this.isShort = true
      return undefined
    }
  }

  /** A null would begin with the same byte: what tells is a class below 256, an attribute below 32, and F = 255. */
  #isDescriptor(): boolean {
    const { at } = this
    if (at + DESCRIPTOR_BYTES >= this.#bytes.length) return false
    const attribute = this.#bytes[at + 8] as number
    const isClass = this.#bytes[at] === 0 && this.#bytes[at + 1] !== 0
    return isClass && this.#bytes[at + 7] === 0xff && attribute > 0 && attribute < 32
  }

  #descriptor(): DlmsData {
    const at = this.#take(DESCRIPTOR_BYTES)
    return {
      type: 'descriptor',
      classId: this.#view.getUint16(at),
      obis: this.#bytes.slice(at + 2, at + 8),
      attribute: this.#view.getInt8(at + 8),
    }
  }

  #string(tag: number, length: number): DlmsData {
    const at = this.#take(length)
    return { type: 'bytes', bytes: this.#bytes.slice(at, at + length), tag }
  }

  #length(most: number): number {
    const { length, at } = decodeLength(this.#bytes, this.#take(1))
    this.at = at
    return length <= most ? length : malformed(at, `a length of ${length}, at most ${most} is taken`)
  }

  #take(count: number): number {
    const { at } = this
    if (at + count > this.#bytes.length) return truncated(at)
    this.at = at + count
    return at
  }
}

/** A length or count: below 128 as it is, else 81, 82 … and so many bytes. Throws DLMS_DATA_TRUNCATED, DLMS_DATA_MALFORMED. */
export function decodeLength(bytes: Uint8Array, from: number): { length: number; at: number } {
  const first = bytes[from]
  if (first === undefined) return truncated(from)
  if (first < 0x80) return { length: first, at: from + 1 }
  const count = first & 0x7f
  if (count === 0 || count > 3) return malformed(from, `a length of ${count} bytes`)
  let length = 0
  for (let index = 1; index <= count; index++) length = length * 256 + (bytes[from + index] ?? truncated(from + index))
  return { length, at: from + 1 + count }
}

function number(tag: number, value: number | bigint): DlmsData {
  return { type: 'number', value, tag }
}

function narrowed(value: bigint): number | bigint {
  const small = Number(value)
  return Number.isSafeInteger(small) ? small : value
}

/** The fewest digits that name this single-precision number: 0.1 is sent as 0.10000000149… and means 0.1. */
export function shortest32(value: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = String(Number(value.toPrecision(digits)))
    if (Math.fround(Number(text)) === value) return text
  }
  return String(value)
}

function truncated(at: number): never {
  throw new WattnessError('DLMS_DATA_TRUNCATED', `the data ends at its byte ${at}, within a value`, { at })
}

function malformed(at: number, what: string): never {
  throw new WattnessError('DLMS_DATA_MALFORMED', `the data holds at its byte ${at} ${what}`, { at })
}
