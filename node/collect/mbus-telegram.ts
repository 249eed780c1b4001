import { WattnessError } from '../../protocol/errors.ts'
import { decodeFixed, type FixedCounter } from './mbus-fixed.ts'
import { measuredBy } from './mbus-quantity.ts'
import { decodeRecords, type MbusRecord } from './mbus-record.ts'

/**
 * An answer of an M-Bus meter (EN 13757-3 section 4): control information 72 with a long header, 7A with a short one, 73 for the
 * fixed structure, 70 for an error of its application. Multi-byte values come with their lowest byte first.
 */

const FIELDS_AT = 4
const RECORDS = { long: 0x72, fixed: 0x73, short: 0x7a, error: 0x70 }
/** Behind control, address and control information. */
const LONG_HEADER_BYTES = 12
const SHORT_HEADER_BYTES = 4
const MEDIUM_AT = 7
/** Answer of a meter, whatever its access demand and data flow bits say. */
const ANSWER = 0x08
const ANSWER_MASK = 0xcf
const OTHER_MEDIUM = 0x0f
/** Configuration field, bits 8 to 12: security modes that encrypt. */
const ENCRYPTING_MODES = new Set([5, 7, 13])

const ERRORS: readonly string[] = [
  'unspecified error',
  'unimplemented control information',
  'buffer too long',
  'too many records',
  'premature end of record',
  'more than ten DIFE',
  'more than ten VIFE',
  'reserved',
  'too busy',
  'too many read-outs',
]

export interface MbusTelegram {
  /** Maker, number, version and medium, which together name one meter; a short header says nothing of it. */
  readonly meter?: string
  readonly medium: number
  readonly records: readonly MbusRecord[]
  /** Those of them that are measurements, with what they measure. */
  readonly measured: readonly FixedCounter[]
}

export function isAnswer(frame: Uint8Array): boolean {
  return ((frame[FIELDS_AT] as number) & ANSWER_MASK) === ANSWER
}

/** Takes a whole frame. Throws MBUS_RECORD_MALFORMED, MBUS_TELEGRAM_UNKNOWN, MBUS_APPLICATION_ERROR, MBUS_ENCRYPTED. */
export function decodeTelegram(frame: Uint8Array): MbusTelegram {
  const information = frame[FIELDS_AT + 2] as number
  const content = frame.subarray(FIELDS_AT + 3, -2)
  if (information === RECORDS.error) {
    const code = content[0] ?? 0
    throw new WattnessError('MBUS_APPLICATION_ERROR', `the meter reports error ${code}: ${ERRORS[code] ?? 'reserved'}`, { code })
  }
  if (information === RECORDS.fixed) {
    const { medium, counters } = decodeFixed(content)
    return { medium, records: [], measured: counters, meter: numberOf(content) }
  }
  const size = information === RECORDS.long ? LONG_HEADER_BYTES : information === RECORDS.short ? SHORT_HEADER_BYTES : undefined
  if (size === undefined) {
    const found = information.toString(16).padStart(2, '0')
    throw new WattnessError('MBUS_TELEGRAM_UNKNOWN', `control information ${found}, expected 72, 73, 7a or 70`, { found })
  }
  if (content.length < size)
    throw new WattnessError('MBUS_RECORD_MALFORMED', `a header of ${content.length} bytes, expected ${size}`)
  const mode = (content[size - 1] as number) & 0x1f
  if (ENCRYPTING_MODES.has(mode) && !isPlain(content, size)) {
    throw new WattnessError('MBUS_ENCRYPTED', `security mode ${mode}: encrypted M-Bus answers are not read`, { mode })
  }
  const medium = size === LONG_HEADER_BYTES ? (content[MEDIUM_AT] as number) : OTHER_MEDIUM
  const records = decodeRecords(content, size)
  const measured = records.flatMap((record) => {
    const found = record.value.type === 'bytes' ? undefined : measuredBy(record)
    return found === undefined ? [] : [{ record, measured: found }]
  })
  return { medium, records, measured, ...(size === LONG_HEADER_BYTES ? { meter: nameOf(content) } : {}) }
}

const NUMBER_BYTES = 4
const A = 0x40
const LETTER = 0x1f

function numberOf(content: Uint8Array): string {
  return Buffer.from(content.subarray(0, NUMBER_BYTES)).reverse().toString('hex')
}

/** `KAM-17677731-0102`: three letters of five bits, the number, version and medium. */
function nameOf(content: Uint8Array): string {
  const maker = (content[NUMBER_BYTES] as number) | ((content[NUMBER_BYTES + 1] as number) << 8)
  const letters = [10, 5, 0].map((shift) => String.fromCharCode(A + ((maker >> shift) & LETTER))).join('')
  return `${letters}-${numberOf(content)}-${Buffer.from(content.subarray(MEDIUM_AT - 1, MEDIUM_AT + 1)).toString('hex')}`
}

/** Gateways decrypt and leave the mode as it was; then the two fillers stand there that encryption begins with. */
function isPlain(content: Uint8Array, at: number): boolean {
  return content[at] === 0x2f && content[at + 1] === 0x2f
}
