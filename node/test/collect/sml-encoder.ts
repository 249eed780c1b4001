import { crc16Kermit, crc16X25 } from '../../collect/crc16.ts'

/** Makes SML as meters send it, byte for byte, so that tests need nobody's captures. */

export type Element = Uint8Array

export interface EntryInit {
  /** Six numbers. */
  readonly name: readonly number[]
  readonly unit?: number
  readonly scaler?: number
  readonly value: Element
  readonly time?: Element
  readonly signature?: Element
}

export interface ListInit {
  readonly serverId?: readonly number[]
  readonly listName?: readonly number[]
  readonly time?: Element
  readonly signature?: Element
}

export const ABSENT: Element = Uint8Array.of(0x01)
const END_OF_MESSAGE = 0x00
const ESCAPE = [0x1b, 0x1b, 0x1b, 0x1b]

export function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)))
}

/** Type and length: the length of a list counts elements, any other one counts itself. */
function field(type: number, length: number): number[] {
  for (let own = type === 7 ? 0 : 1; ; own++) {
    const total = type === 7 ? length : length + own
    const digits = Array.from(total.toString(16), (digit) => Number.parseInt(digit, 16))
    if (type !== 7 && digits.length !== own) continue
    return digits.map((digit, at) => digit | (at === 0 ? type << 4 : 0) | (at < digits.length - 1 ? 0x80 : 0))
  }
}

export function octets(content: readonly number[] | Uint8Array): Element {
  return join(field(0, content.length), content)
}

/** Big-endian two's complement of so many bytes. */
export function number(value: number | bigint, width: number, signed = false): Element {
  const bits = BigInt.asUintN(8 * width, BigInt(value))
  const content = Array.from({ length: width }, (_, at) => Number((bits >> BigInt(8 * (width - 1 - at))) & 0xffn))
  return join(field(signed ? 5 : 6, width), content)
}

export function list(...elements: readonly Element[]): Element {
  return join(field(7, elements.length), ...elements)
}

export const boolean = (value: boolean): Element => join(field(4, 1), [value ? 1 : 0])
export const index = (seconds: number): Element => list(number(1, 1), number(seconds, 4))
export const timestamp = (seconds: number): Element => list(number(2, 1), number(seconds, 4))
export const localTime = (seconds: number, offset: number, season: number): Element =>
  list(number(3, 1), list(number(seconds, 4), number(offset, 2, true), number(season, 2, true)))

export function entry({ name, unit, scaler, value, time = ABSENT, signature = ABSENT }: EntryInit): Element {
  return list(
    octets(name),
    ABSENT,
    time,
    unit === undefined ? ABSENT : number(unit, 1),
    scaler === undefined ? ABSENT : number(scaler, 1, true),
    value,
    signature,
  )
}

export function getList(entries: readonly Element[], init: ListInit = {}): Element {
  const { serverId = [1, 2, 3], listName = [1, 0, 98, 10, 255, 255], time = index(7), signature = ABSENT } = init
  return list(number(0x0701, 2), list(ABSENT, octets(serverId), octets(listName), time, list(...entries), signature, ABSENT))
}

export const openResponse: Element = list(number(0x0101, 2), list(ABSENT, ABSENT, octets([1]), octets([1, 2, 3]), ABSENT, ABSENT))
export const closeResponse: Element = list(number(0x0201, 2), list(ABSENT))

export type CrcOf = (bytes: Uint8Array) => number
export { crc16Kermit as kermit }

/** A message with its CRC and end. */
export function message(body: Element, crcOf: CrcOf = crc16X25): Uint8Array {
  const open = join(field(7, 6), octets([9, 9]), number(0, 1), number(0, 1), body)
  const crc = crcOf(open)
  return join(open, number(((crc & 0xff) << 8) | (crc >> 8), 2), [END_OF_MESSAGE])
}

/** The messages as a file of the transport protocol. */
export function file(...messages: readonly Uint8Array[]): Uint8Array {
  const content = join(...messages)
  const padding = (4 - (content.length % 4)) % 4
  const begin = join(ESCAPE, [1, 1, 1, 1])
  const bytes = join(begin, escaped(content), new Uint8Array(padding), ESCAPE, [0x1a, padding])
  const crc = crc16X25(bytes)
  return join(bytes, [crc & 0xff, crc >> 8])
}

function escaped(content: Uint8Array): Uint8Array {
  const out: number[] = []
  let run = 0
  for (const byte of content) {
    out.push(byte)
    run = byte === 0x1b ? run + 1 : 0
    if (run === 4) {
      out.push(...ESCAPE)
      run = 0
    }
  }
  return Uint8Array.from(out)
}

/** A file as a meter with PIN pushes it. */
export function meterFile(wattHoursTenths: number, watts: number): Uint8Array {
  const entries = [
    entry({ name: [1, 0, 96, 1, 0, 255], value: octets([0x0a, 1, 0x54, 0x53, 0x54, 0, 0, 0, 0, 1]) }),
    entry({ name: [1, 0, 1, 8, 0, 255], unit: 30, scaler: -1, value: number(wattHoursTenths, 8) }),
    entry({ name: [1, 0, 16, 7, 0, 255], unit: 27, scaler: 0, value: number(watts, 4, true) }),
  ]
  return file(message(openResponse), message(getList(entries)), message(closeResponse))
}
