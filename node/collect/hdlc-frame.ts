import { hdlcCrc } from './hdlc-crc.ts'

/**
 * HDLC frames of format type 3 (IEC 62056-46 section 6.4): flag, format with length, two addresses, control, HCS, information,
 * FCS, flag. The length decides where a frame ends: nothing is escaped, and a flag's value may stand inside.
 *
 * Quirks: neighbours may share one flag, or several stand between frames; a frame whose closing flag was lost is whole where its
 * FCS is right; addresses have one, two or four bytes, told by their last bit.
 */

export const FLAG = 0x7e
/** What the eleven bits of the length can say, and the two flags. */
export const MAX_HDLC_BYTES = 0x7ff + 2

const FORMAT_TYPE = 0xa0
const SEGMENTED = 0x08
const MAX_ADDRESS_BYTES = 4
const CHECK_BYTES = 2

/** 'more': what there is may become a frame. 'none': no frame begins here. */
export type Looked<T> = T | 'more' | 'none'

export interface HdlcFrame {
  readonly type: 'hdlc'
  /** From the opening flag up to, and without, the closing one. */
  readonly size: number
  readonly payload: Uint8Array
  /** More segments of the same message follow. */
  readonly isSegmented: boolean
}

/** A header that reads well with a check that is wrong: either noise, or a frame that was damaged there. */
export interface HdlcFault {
  readonly type: 'fault'
  readonly code: 'DLMS_HCS_MISMATCH' | 'DLMS_FCS_MISMATCH'
  readonly found: number
  readonly computed: number
  readonly size: number
}

/** Looks at the flag at `at`. */
export function lookForHdlc(bytes: Uint8Array, at: number, end: number): Looked<HdlcFrame | HdlcFault> {
  if (bytes[at] !== FLAG) return 'none'
  if (at + 2 >= end) return at + 1 < end && !isFormat(bytes[at + 1] as number) ? 'none' : 'more'
  const format = bytes[at + 1] as number
  if (!isFormat(format)) return 'none'
  const length = ((format & 0x07) << 8) | (bytes[at + 2] as number)
  const control = afterAddresses(bytes, at + 3, end)
  if (typeof control === 'string') return control
  const header = control + 1 + CHECK_BYTES
  // Frames without information carry one check only; they hold no readings.
  if (at + 1 + length < header + CHECK_BYTES) return 'none'
  if (header > end) return 'more'
  const size = 1 + length
  const hcs = check(bytes, at + 1, control + 1)
  if (hcs.found !== hcs.computed) return { type: 'fault', code: 'DLMS_HCS_MISMATCH', ...hcs, size }
  if (at + size > end) return 'more'
  const fcs = check(bytes, at + 1, at + size - CHECK_BYTES)
  if (fcs.found !== fcs.computed) return { type: 'fault', code: 'DLMS_FCS_MISMATCH', ...fcs, size }
  return {
    type: 'hdlc',
    size,
    payload: bytes.slice(header, at + size - CHECK_BYTES),
    isSegmented: (format & SEGMENTED) !== 0,
  }
}

function isFormat(byte: number): boolean {
  return (byte & 0xf0) === FORMAT_TYPE
}

/** Where the control byte stands: behind two addresses, each of which ends with a byte whose lowest bit is set. */
function afterAddresses(bytes: Uint8Array, from: number, end: number): Looked<number> {
  let at = from
  for (let address = 0; address < 2; address++) {
    let length = 1
    for (; ; at++, length++) {
      if (length > MAX_ADDRESS_BYTES) return 'none'
      if (at >= end) return 'more'
      if (((bytes[at] as number) & 1) === 1) break
    }
    at++
  }
  return at
}

function check(bytes: Uint8Array, from: number, at: number): { found: number; computed: number } {
  return { found: (bytes[at] as number) | ((bytes[at + 1] as number) << 8), computed: hdlcCrc(bytes, from, at) }
}
