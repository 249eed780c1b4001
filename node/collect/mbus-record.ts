import { WattnessError } from '../../protocol/errors.ts'

/**
 * The records of an M-Bus answer taken apart (EN 13757-3 section 6): what is said of the value (DIF and DIFE), what it is (VIF
 * and VIFE), and its bytes. Nothing is interpreted here.
 */

export type MbusFunction = 'instantaneous' | 'maximum' | 'minimum' | 'error'

export interface MbusRecord {
  readonly function: MbusFunction
  readonly storage: number
  readonly tariff: number
  readonly subunit: number
  /** The value information: FD and FB lead to tables of their own, as `fd 48`. */
  readonly table: 'primary' | 'fb' | 'fd' | 'text' | 'manufacturer'
  readonly vif: number
  /** The unit in plain text, where the table is 'text'. */
  readonly text: string
  /** What follows the value information and changes its meaning, without the bit that says that more follows. */
  readonly extensions: readonly number[]
  readonly value: MbusValue
}

export type MbusValue =
  | { readonly type: 'integer'; readonly value: number | bigint; readonly bytes: Uint8Array }
  | { readonly type: 'real'; readonly value: number }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** Digits that are none: how meters say that they have no value. */
  | { readonly type: 'invalid' }

const FUNCTIONS: readonly MbusFunction[] = ['instantaneous', 'maximum', 'minimum', 'error']
const MORE = 0x80
const MAX_EXTENSIONS = 10
const MANUFACTURER_DATA = new Set([0x0f, 0x1f])
const FILLER = 0x2f

const VIF = { text: 0x7c, fb: 0xfb, fd: 0xfd, manufacturer: 0x7f }
/** Bytes of the data types of fixed length; D is of variable length, 8 asks and answers nothing. */
const SIZES: readonly number[] = [0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, -1, 6, 0]
const REAL = 5
const FIRST_BCD = 9
const VARIABLE = 0x0d

/** All records up to where manufacturer specific data begins. Throws MBUS_RECORD_MALFORMED. */
export function decodeRecords(bytes: Uint8Array, from: number): MbusRecord[] {
  const reader = new RecordReader(bytes, from)
  const records: MbusRecord[] = []
  while (!reader.isAtEnd) {
    const dif = reader.byte()
    if (MANUFACTURER_DATA.has(dif)) break
    if (dif !== FILLER) records.push(reader.record(dif))
  }
  return records
}

class RecordReader {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes
    this.#at = from
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? this.#refuse('the telegram ends within a record')
  }

  record(dif: number): MbusRecord {
    const type = dif & 0x0f
    if (type === 0x0f) return this.#refuse(`DIF ${hex(dif)} is none of a record`)
    let [storage, tariff, subunit] = [(dif >> 6) & 1, 0, 0]
    for (const [index, dife] of this.#extensions(dif).entries()) {
      storage += (dife & 0x0f) * 2 ** (4 * index + 1)
      tariff += ((dife >> 4) & 0x03) * 4 ** index
      subunit += ((dife >> 6) & 0x01) * 2 ** index
    }
    const information = this.#information()
    return {
      function: FUNCTIONS[(dif >> 4) & 0x03] as MbusFunction,
      storage,
      tariff,
      subunit,
      ...information,
      value: this.#value(type),
    }
  }

  /** The bytes that follow while each says that one more does, itself included or not. */
  #extensions(first: number): number[] {
    const found: number[] = []
    for (let byte = first; (byte & MORE) !== 0; ) {
      if (found.length === MAX_EXTENSIONS) return this.#refuse(`more than ${MAX_EXTENSIONS} extensions of DIF or VIF`)
      byte = this.byte()
      found.push(byte & ~MORE)
    }
    return found
  }

  #information(): Pick<MbusRecord, 'table' | 'vif' | 'text' | 'extensions'> {
    const vif = this.byte()
    const plain = vif & ~MORE
    if (plain === VIF.text) {
      // The text stands between the VIF and its extensions, its last letter first.
      const text = Array.from(this.#take(this.byte()), (byte) => String.fromCharCode(byte))
        .reverse()
        .join('')
      return { table: 'text', vif: plain, text, extensions: this.#extensions(vif) }
    }
    const extensions = this.#extensions(vif)
    if (vif === VIF.fb || vif === VIF.fd) {
      const [second, ...rest] = extensions
      return { table: vif === VIF.fb ? 'fb' : 'fd', vif: second as number, text: '', extensions: rest }
    }
    return { table: plain === VIF.manufacturer ? 'manufacturer' : 'primary', vif: plain, text: '', extensions }
  }

  #value(type: number): MbusValue {
    if (type === VARIABLE) return this.#variable()
    const bytes = this.#take(SIZES[type] as number)
    if (bytes.length === 0) return { type: 'bytes', bytes }
    if (type === REAL) return { type: 'real', value: new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true) }
    return type >= FIRST_BCD ? decodeBcd(bytes) : decodeInteger(bytes)
  }

  /**
   * Below C0 text; C0 to CF and D0 to DF digits, positive and negative; E0 to EF an integer; from F0 on four bytes' multiples.
   */
  #variable(): MbusValue {
    const size = this.byte()
    if (size < 0xc0) return { type: 'bytes', bytes: this.#take(size) }
    if (size < 0xd0) return decodeBcd(this.#take(size - 0xc0))
    if (size < 0xe0) return negative(decodeBcd(this.#take(size - 0xd0)))
    if (size < 0xf0) {
      const bytes = this.#take(size - 0xe0)
      return bytes.length === 0 || bytes.length > 8 ? { type: 'bytes', bytes } : decodeInteger(bytes)
    }
    if (size > 0xf6) return this.#refuse(`a length ${hex(size)} that is reserved`)
    return { type: 'bytes', bytes: this.#take(size <= 0xf4 ? 4 * (size - 0xec) : size === 0xf5 ? 48 : 64) }
  }

  #take(size: number): Uint8Array {
    const from = this.#at
    if (from + size > this.#bytes.length) return this.#refuse('the telegram ends within a value')
    this.#at += size
    return this.#bytes.slice(from, this.#at)
  }

  #refuse(what: string): never {
    throw new WattnessError('MBUS_RECORD_MALFORMED', `at its byte ${this.#at}: ${what}`, { at: this.#at })
  }
}

/** Two's complement, lowest byte first. */
export function decodeInteger(bytes: Uint8Array): MbusValue {
  let value = 0n
  for (const byte of bytes.toReversed()) value = value * 256n + BigInt(byte)
  const signed = BigInt.asIntN(bytes.length * 8, value)
  return { type: 'integer', value: narrowed(signed), bytes }
}

/** Digits, lowest first; F in the highest place is a minus. */
export function decodeBcd(bytes: Uint8Array): MbusValue {
  let value = 0n
  const digits = Array.from(bytes.toReversed(), (byte) => [byte >> 4, byte & 0x0f]).flat()
  const isNegative = digits[0] === 0x0f
  for (const digit of isNegative ? digits.slice(1) : digits) {
    if (digit > 9) return { type: 'invalid' }
    value = value * 10n + BigInt(digit)
  }
  return { type: 'integer', value: narrowed(isNegative ? -value : value), bytes }
}

function negative(found: MbusValue): MbusValue {
  return found.type === 'integer' ? { ...found, value: narrowed(-BigInt(found.value)) } : found
}

function narrowed(value: bigint): number | bigint {
  const small = Number(value)
  return Number.isSafeInteger(small) ? (small === 0 ? 0 : small) : value
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
