import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { type DlmsData, decodeData, decodeLength, TAG } from './dlms-data.ts'
import type { Looked } from './hdlc-frame.ts'

/**
 * The application layer of pushed messages (IEC 62056-5-3): data notifications, the ciphered ones around them, and the blocks
 * that long ones are sent in. In front of it HDLC carries three bytes of link control.
 */

export const APDU = { dataNotification: 0x0f, generalGlo: 0xdb, generalDed: 0xdc, blockTransfer: 0xe0 } as const

/** The longest message taken: an encrypted P1 telegram with all its texts has some 5 KiB. */
export const MAX_APDU_BYTES = 16_384

const LLC_BYTES = 3
const LLC_FIRST = 0xe6
const INVOKE_ID_BYTES = 4
export const DATE_TIME_BYTES = 12
const DATE_TIME_TAGS = { none: 0, raw: DATE_TIME_BYTES, octetString: 0x09 }
const SYSTEM_TITLE_BYTES = 8
const COUNTER_BYTES = 4
/** Security control: bits 0-3 suite, 4 authenticated, 5 encrypted, 6 broadcast key, 7 compressed. */
const MAX_SUITE = 2
export const AUTHENTICATED = 0x10
export const ENCRYPTED = 0x20
export const COMPRESSED = 0x80

export interface DataNotification {
  /** The date and time of the message, twelve bytes, where it has one. */
  readonly dateTime?: Uint8Array
  readonly data: DlmsData
  readonly isShort: boolean
  readonly end: number
}

/** Whether link control bytes stand there: E6 E7 00 from the meter, E6 E6 00 to it. */
export function hasLlc(bytes: Uint8Array, at = 0): boolean {
  return beginsLlc(bytes, at) && (bytes[at + 1] === 0xe7 || bytes[at + 1] === 0xe6) && bytes[at + 2] === 0
}

export function beginsLlc(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === LLC_FIRST
}

export function withoutLlc(bytes: Uint8Array): Uint8Array {
  return hasLlc(bytes) ? bytes.subarray(LLC_BYTES) : bytes
}

export function beginsApdu(bytes: Uint8Array, at = 0): boolean {
  return Object.values<number | undefined>(APDU).includes(bytes[at])
}

/** Throws DLMS_DATA_TRUNCATED, DLMS_DATA_MALFORMED. `from` is where its tag stands. */
export function decodeNotification(bytes: Uint8Array, from: number, mayBeShort = false): DataNotification {
  let at = from + 1 + INVOKE_ID_BYTES
  const tag = bytes[at++]
  if (tag === undefined) return truncated(at)
  let dateTime: Uint8Array | undefined
  if (tag !== DATE_TIME_TAGS.none) {
    if (tag === DATE_TIME_TAGS.octetString && (bytes[at++] ?? truncated(at)) !== DATE_TIME_BYTES) return noNotification(at)
    else if (tag !== DATE_TIME_TAGS.octetString && tag !== DATE_TIME_TAGS.raw) return noNotification(at)
    if (at + DATE_TIME_BYTES > bytes.length) return truncated(at)
    dateTime = bytes.slice(at, at + DATE_TIME_BYTES)
    at += DATE_TIME_BYTES
  }
  const { data, isShort, end } = decodeData(bytes, at, mayBeShort)
  return { ...(dateTime === undefined ? {} : { dateTime }), data, isShort, end }
}

export interface CipheredApdu {
  readonly systemTitle: Uint8Array
  readonly securityControl: number
  readonly counter: Uint8Array
  /** Encrypted content, and the tag where it is authenticated. */
  readonly content: Uint8Array
  readonly end: number
}

/** Throws DLMS_DATA_TRUNCATED, DLMS_DATA_MALFORMED. */
export function decodeCiphered(bytes: Uint8Array, from: number): CipheredApdu {
  const titleAt = from + 2
  const titleLength = bytes[from + 1] ?? truncated(from)
  if (titleLength !== SYSTEM_TITLE_BYTES) return refuse(`a system title of ${titleLength} bytes, expected ${SYSTEM_TITLE_BYTES}`)
  const { length, at } = decodeLength(bytes, titleAt + SYSTEM_TITLE_BYTES)
  const header = 1 + COUNTER_BYTES
  if (length <= header || length > MAX_APDU_BYTES) return refuse(`ciphered content of ${length} bytes`)
  const securityControl = bytes[at] ?? truncated(at)
  if ((securityControl & 0x0f) > MAX_SUITE) return refuse(`security suite ${securityControl & 0x0f}`)
  if (at + length > bytes.length) return truncated(bytes.length)
  return {
    systemTitle: bytes.slice(titleAt, titleAt + SYSTEM_TITLE_BYTES),
    securityControl,
    counter: bytes.slice(at + 1, at + header),
    content: bytes.slice(at + header, at + length),
    end: at + length,
  }
}

export interface Block {
  readonly number: number
  readonly isLast: boolean
  readonly content: Uint8Array
}

/** One block of general block transfer. Throws DLMS_DATA_TRUNCATED, DLMS_DATA_MALFORMED. */
export function decodeBlock(bytes: Uint8Array): Block {
  if (bytes.length < 6) return truncated(bytes.length)
  const { length, at } = decodeLength(bytes, 6)
  if (at + length > bytes.length) return truncated(bytes.length)
  return {
    number: ((bytes[2] as number) << 8) | (bytes[3] as number),
    isLast: ((bytes[1] as number) & 0x80) !== 0,
    content: bytes.slice(at, at + length),
  }
}

export interface RawApdu {
  readonly type: 'raw'
  readonly size: number
  readonly payload: Uint8Array
}

/** A message without any frame: its own structure says where it ends. `limit`: where the bytes at hand end. */
export function lookForRaw(bytes: Uint8Array, from: number, limit: number): Looked<RawApdu> {
  const isLlc = beginsLlc(bytes, from)
  if (isLlc && limit - from <= LLC_BYTES) return 'more'
  if (isLlc && !hasLlc(bytes, from)) return 'none'
  const at = isLlc ? from + LLC_BYTES : from
  const tag = bytes[at]
  if (tag !== APDU.dataNotification && tag !== APDU.generalGlo && tag !== APDU.generalDed) return 'none'
  if (!couldBegin(bytes, at, limit)) return 'none'
  // At most one message's bytes are looked at: a length that claims more is none.
  const end = Math.min(limit, at + MAX_APDU_BYTES)
  try {
    const size = sizeOf(bytes.subarray(at, end), tag)
    return { type: 'raw', size: at - from + size, payload: bytes.slice(at, at + size) }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return error.code === 'DLMS_DATA_TRUNCATED' && end === limit ? 'more' : 'none'
  }
}

/** What most noise fails at, without the cost of an error. */
function couldBegin(bytes: Uint8Array, at: number, limit: number): boolean {
  if (bytes[at] !== APDU.dataNotification) return at + 1 >= limit || bytes[at + 1] === SYSTEM_TITLE_BYTES
  const stampAt = at + 1 + INVOKE_ID_BYTES
  if (stampAt >= limit) return true
  const stamp = bytes[stampAt]
  const size = stamp === DATE_TIME_TAGS.none ? 1 : stamp === DATE_TIME_TAGS.raw ? 1 + DATE_TIME_BYTES : 2 + DATE_TIME_BYTES
  if (size === 2 + DATE_TIME_BYTES && stamp !== DATE_TIME_TAGS.octetString) return false
  return stampAt + size >= limit || bytes[stampAt + size] === TAG.array || bytes[stampAt + size] === TAG.structure
}

function sizeOf(bytes: Uint8Array, tag: number): number {
  if (tag !== APDU.dataNotification) return decodeCiphered(bytes, 0).end
  const { data, end } = decodeNotification(bytes, 0)
  // Every pushed message is a list: a lone number would be found in any noise.
  return data.type === 'list' && data.items.length > 0 ? end : noNotification(0)
}

function noNotification(at: number): never {
  return refuse(`no data notification at its byte ${at}`)
}

function refuse(what: string): never {
  throw new WattnessError('DLMS_DATA_MALFORMED', `the message holds ${what}`)
}

function truncated(at: number): never {
  throw new WattnessError('DLMS_DATA_TRUNCATED', `the message ends at its byte ${at}`, { at })
}
