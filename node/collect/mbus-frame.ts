import type { Looked } from './hdlc-frame.ts'

/**
 * Long M-Bus frames (EN 13757-2) as Austrian customer ports push them (EN 13757-3 annex H, IEC 62056-7-3): 68 L L 68, control,
 * address, control information, two transport addresses, data, sum, 16. Control information 00 to 1F numbers the segments of
 * one message: the low four bits count, bit 4 marks the last. Read-outs of M-Bus meters (72 and above) are another protocol.
 */

const START = 0x68
const STOP = 0x16
/** Send user data, with either frame count bit. */
const SEND_USER_DATA = new Set([0x53, 0x73])
const LAST_SEGMENT = 0x10
const HEADER_BYTES = 4
/** Behind the header: control, address, control information, two transport addresses. */
const FIELD_BYTES = 5

export const MAX_MBUS_BYTES = 255 + 6

export interface MbusFrame {
  readonly type: 'mbus'
  readonly size: number
  readonly payload: Uint8Array
  /** Of the segments of one message, from 0. */
  readonly number: number
  readonly isLast: boolean
}

export interface MbusFault {
  readonly type: 'fault'
  readonly code: 'DLMS_CHECKSUM_MISMATCH'
  readonly found: number
  readonly computed: number
  readonly size: number
}

export function lookForMbus(bytes: Uint8Array, at: number, end: number): Looked<MbusFrame | MbusFault> {
  if (bytes[at] !== START) return 'none'
  if (at + 1 >= end) return 'more'
  const length = bytes[at + 1] as number
  if (length < FIELD_BYTES + 1) return 'none'
  for (const [offset, allowed] of [
    [2, (byte: number) => byte === length],
    [3, (byte: number) => byte === START],
    [4, (byte: number) => SEND_USER_DATA.has(byte)],
    [6, (byte: number) => byte <= 0x1f],
  ] as const) {
    if (at + offset >= end) return 'more'
    if (!allowed(bytes[at + offset] as number)) return 'none'
  }
  const size = HEADER_BYTES + length + 2
  if (at + size > end) return 'more'
  const sumAt = at + HEADER_BYTES + length
  let computed = 0
  for (let each = at + HEADER_BYTES; each < sumAt; each++) computed = (computed + (bytes[each] as number)) & 0xff
  const found = bytes[sumAt] as number
  if (found !== computed || bytes[sumAt + 1] !== STOP)
    return { type: 'fault', code: 'DLMS_CHECKSUM_MISMATCH', found, computed, size }
  const information = bytes[at + 6] as number
  return {
    type: 'mbus',
    size,
    payload: bytes.slice(at + HEADER_BYTES + FIELD_BYTES, sumAt),
    number: information & 0x0f,
    isLast: (information & LAST_SEGMENT) !== 0,
  }
}
