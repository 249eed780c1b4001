import { isWattnessError } from '../../protocol/errors.ts'
import { crc16Kermit, crc16X25, formatCrc16 } from './crc16.ts'
import { SML_TYPE, SmlCursor } from './sml-cursor.ts'

/**
 * The messages of one SML file, each with a CRC of its own. Lists of values (GetList.Res) are taken apart; other messages are
 * only checked. A message that is damaged is refused and the next one read.
 */

export interface SmlEntry {
  /** Six bytes. */
  readonly name: Uint8Array
  readonly time: SmlTime | undefined
  /** DLMS unit code. */
  readonly unit: number | undefined
  readonly scaler: number
  readonly value: SmlValue
  readonly signature: Uint8Array | undefined
}

export type SmlValue =
  | { readonly type: 'integer' | 'unsigned'; readonly value: number; readonly width: number; readonly at: number }
  | { readonly type: 'octets'; readonly octets: Uint8Array }
  /** Not there, of a type that is none of a measurement, or beyond 2^53. */
  | { readonly type: 'none' | 'beyond' }

/** `index`: seconds that the meter runs, which is no time. `timestamp`: Unix seconds, of UTC. */
export interface SmlTime {
  readonly type: 'index' | 'timestamp'
  readonly seconds: number
}

export interface SmlList {
  readonly serverId: Uint8Array | undefined
  readonly name: Uint8Array | undefined
  readonly time: SmlTime | undefined
  readonly entries: readonly SmlEntry[]
  readonly signature: Uint8Array | undefined
}

export interface SmlContent {
  readonly lists: readonly SmlList[]
  readonly faults: readonly { readonly code: string; readonly message: string }[]
}

/** Messages of one file: meters push three. */
export const MAX_MESSAGES = 256

/** Places tried as the next message's beginning behind one that is broken: bounds the work on hostile input. */
export const MAX_RESUMES = 64

const GET_LIST_RESPONSE = 0x0701
const MESSAGE_FIELD = 0x76
const END_OF_MESSAGE = 0x00
const NAME_BYTES = 6

export function parseMessages(content: Uint8Array): SmlContent {
  const lists: SmlList[] = []
  const faults: { code: string; message: string }[] = []
  const refuse = (code: string, at: number, why: string): void => {
    faults.push({ code, message: `SML message at byte ${at} of its file: ${why}` })
  }
  let resumes = 0
  let messages = 0
  for (let at = 0; at < content.length; messages++) {
    // Between messages and behind the last one.
    while (content[at] === END_OF_MESSAGE) at++
    if (at >= content.length) break
    if (messages >= MAX_MESSAGES) {
      refuse('SML_MESSAGE_MALFORMED', at, `expected at most ${MAX_MESSAGES} messages in a file`)
      break
    }
    const cursor = new SmlCursor(content, at)
    const found = message(cursor, at)
    if (found.list !== undefined) lists.push(found.list)
    if (found.fault === undefined) {
      at = cursor.at
      continue
    }
    refuse(found.fault.code, at, found.fault.why)
    const next = resumes < MAX_RESUMES ? resume(content, at + 1) : undefined
    resumes++
    if (next === undefined) break
    at = next
  }
  return { lists, faults }
}

interface Found {
  readonly list?: SmlList
  readonly fault?: { readonly code: string; readonly why: string }
}

/** SML_Message: transaction, group, abort-on-error, body of tag and content, CRC, end. */
function message(cursor: SmlCursor, from: number): Found {
  try {
    cursor.list(6, 'a message')
    cursor.octets('a transaction id')
    cursor.number('a group number')
    cursor.number('what to do on errors')
    cursor.list(2, 'a body')
    const tag = cursor.number('a tag')
    const list = tag === GET_LIST_RESPONSE ? listOf(cursor) : undefined
    if (list === undefined) cursor.skip()
    const to = cursor.at
    const sent = cursor.number('a CRC')
    if (cursor.bytes[cursor.at] !== END_OF_MESSAGE) cursor.refuse('expected the end of a message', cursor.at)
    cursor.at++
    if (sent === undefined) return { fault: { code: 'SML_MESSAGE_CRC_MISMATCH', why: 'it has no CRC' } }
    // Sent low byte first, as a number of high byte first; a zero in front may be left out.
    const expected = ((sent & 0xff) << 8) | (sent >> 8)
    const computed = crc16X25(cursor.bytes, from, to)
    if (computed === expected || crc16Kermit(cursor.bytes, from, to) === expected) return list === undefined ? {} : { list }
    const why = `CRC found ${formatCrc16(expected)}, computed ${formatCrc16(computed)}`
    return { fault: { code: 'SML_MESSAGE_CRC_MISMATCH', why } }
  } catch (error) {
    if (!isWattnessError(error, 'SML_MESSAGE_MALFORMED')) throw error
    return { fault: { code: 'SML_MESSAGE_MALFORMED', why: error.message } }
  }
}

/** The next place where a message may begin: behind the end of another one. */
function resume(content: Uint8Array, from: number): number | undefined {
  for (let at = from; at < content.length; at++) {
    if (content[at] === MESSAGE_FIELD && content[at - 1] === END_OF_MESSAGE) return at
  }
  return undefined
}

/** SML_GetList.Res: client, server, name, sensor's time, values, signature, gateway's time. */
function listOf(cursor: SmlCursor): SmlList {
  cursor.list(7, 'a list of values')
  cursor.octets('a client id')
  const serverId = cursor.octets('a server id')
  const name = cursor.octets('a list name')
  const time = timeOf(cursor)
  const from = cursor.at
  cursor.next()
  if (cursor.type !== SML_TYPE.list) cursor.refuse('expected values: a list', from)
  const entries: SmlEntry[] = []
  for (let left = cursor.length; left > 0; left--) entries.push(entryOf(cursor))
  const signature = cursor.octets('a signature')
  timeOf(cursor)
  return { serverId, name, time, entries, signature }
}

/** SML_ListEntry: name, status, time, unit, scaler, value, signature. */
function entryOf(cursor: SmlCursor): SmlEntry {
  cursor.list(7, 'a value')
  const from = cursor.at
  const name = cursor.octets('a name')
  if (name?.length !== NAME_BYTES) return cursor.refuse('expected a name of six bytes', from)
  cursor.skip()
  const time = timeOf(cursor)
  const unit = cursor.number('a unit')
  const scaler = cursor.number('a scaler') ?? 0
  const value = valueOf(cursor)
  const signature = cursor.octets('a signature')
  return { name, time, unit, scaler, value, signature }
}

function valueOf(cursor: SmlCursor): SmlValue {
  if (cursor.absent()) return { type: 'none' }
  cursor.next()
  const { type, length: width, at } = cursor
  if (type === SML_TYPE.octets) return { type: 'octets', octets: cursor.content() }
  if (type === SML_TYPE.integer || type === SML_TYPE.unsigned) {
    const value = cursor.numeral()
    return value === undefined
      ? { type: 'beyond' }
      : { type: type === SML_TYPE.integer ? 'integer' : 'unsigned', value, width, at }
  }
  cursor.leave()
  return { type: 'none' }
}

/** SML_Time: 1 index, 2 timestamp, 3 timestamp with the local offsets. Some meters send the index alone. */
function timeOf(cursor: SmlCursor): SmlTime | undefined {
  if (cursor.absent()) return undefined
  const from = cursor.at
  cursor.next()
  if (cursor.type === SML_TYPE.unsigned) return seconds('index', cursor.numeral())
  if (cursor.type !== SML_TYPE.list || cursor.length !== 2) cursor.refuse('expected a time: a list of 2', from)
  const tag = cursor.number('the kind of a time')
  if (tag !== 3) return seconds(tag === 2 ? 'timestamp' : 'index', cursor.number('seconds'))
  cursor.list(3, 'a local time')
  // The timestamp is UTC's; offsets and season say what a wall clock shows.
  const time = seconds('timestamp', cursor.number('seconds'))
  cursor.skip()
  cursor.skip()
  return time
}

function seconds(type: SmlTime['type'], value: number | undefined): SmlTime | undefined {
  return value === undefined ? undefined : { type, seconds: value }
}
