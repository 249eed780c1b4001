import { concat, fromUtf8, Reader, toUtf8, Writer } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { MeterEvent } from '../../protocol/event-body.ts'
import { sha256 } from '../../protocol/hash.ts'
import { MAX_EVENT_DETAIL_BYTES, MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import { formatObis } from '../../protocol/obis.ts'
import { QUALITIES, type Reading, type Register, type RegisterValue, TIME_SOURCES } from '../../protocol/reading.ts'

/** A reading on its way into a block, with the raw frame that it was read from where there is one. */
export interface SpoolReading {
  /** The meter source's own name, at most 255 bytes of UTF-8: readings of two sources are never the same. */
  readonly source: string
  readonly reading: Reading
  readonly frame?: Uint8Array
  /**
   * What makes two readings of one source and time the same: their content unless given; else each register alone, whatever
   * its value: of those the first counts, and the others are taken.
   */
  readonly sameBy?: 'register'
  /** The frame is a record that somebody signed, and one of its own whatever its readings say: it goes with this reading. */
  readonly signed?: SignedBy
}

export interface SignedBy {
  /** The public key that it was checked with, as text; at most 1,024 bytes. */
  readonly publicKey?: string
}

export interface SpoolEvent {
  readonly source: string
  readonly event: MeterEvent
}

export type SpoolItem = SpoolReading | SpoolEvent

export const MAX_SOURCE_BYTES = 255
/** A DLMS or P1 telegram is a few kilobytes; beyond this it is no frame of a meter. */
export const MAX_FRAME_BYTES = 65_535

const KIND_READING = 0
const KIND_READING_WITH_FRAME = 1
const KIND_EVENT = 2
const KIND_SIGNED = 3
/** No curve of OCMF needs half of it. */
export const MAX_PUBLIC_KEY_BYTES = 1_024

export const timeOfItem = (item: SpoolItem): number => ('reading' in item ? item.reading.time : item.event.time)

/** Of a register whatever its value and decimals: see SpoolReading.sameBy. */
export const registerContent = ({ obis, unit }: Register): Uint8Array => toUtf8(`register ${formatObis(obis)}/${unit}`)

/** What an entry says beside its source. Throws OUT_OF_RANGE, LIMIT_EXCEEDED. */
export function encodeContent(item: SpoolItem): Uint8Array {
  const writer = new Writer(128)
  if ('reading' in item) {
    if (item.frame !== undefined && item.frame.length > MAX_FRAME_BYTES)
      refuse('bytes of a frame', MAX_FRAME_BYTES, item.frame.length)
    const { frame, signed } = item
    writer.u8(frame === undefined ? KIND_READING : signed === undefined ? KIND_READING_WITH_FRAME : KIND_SIGNED)
    writeReading(writer, item.reading)
    if (frame !== undefined && signed !== undefined) {
      const key = toUtf8(signed.publicKey ?? '')
      if (key.length > MAX_PUBLIC_KEY_BYTES) refuse('bytes of a public key', MAX_PUBLIC_KEY_BYTES, key.length)
      writer.varint(key.length).bytes(key)
    }
  } else {
    const detail = toUtf8(item.event.detail)
    if (detail.length > MAX_EVENT_DETAIL_BYTES) refuse('bytes of detail', MAX_EVENT_DETAIL_BYTES, detail.length)
    writer.u8(KIND_EVENT).varint(item.event.time).u8(item.event.code).u8(detail.length).bytes(detail)
  }
  return writer.finish()
}

/**
 * What makes two items the same, beside source and time, unless said otherwise: what they say, and of a signed record its bytes.
 * Two records of one charge may say the same, and each is somebody's word; with which key one was checked makes no other of it.
 */
export function sameContent(item: SpoolItem): Uint8Array {
  if (!('reading' in item) || item.signed === undefined || item.frame === undefined) return encodeContent(item)
  const { source, reading, frame } = item
  return concat(encodeContent({ source, reading, frame }), sha256(frame))
}

function refuse(what: string, limit: number, found: number): never {
  throw new WattnessError('LIMIT_EXCEEDED', `spool: at most ${limit} ${what}, found ${found}`, { what, limit, found })
}

function writeReading(writer: Writer, reading: Reading): void {
  const { values } = reading
  if (values.length === 0 || values.length > MAX_TABLE_REGISTERS)
    refuse('registers of a reading', MAX_TABLE_REGISTERS, values.length)
  writer.varint(reading.time).varint(reading.intervalMs).u8(TIME_SOURCES.indexOf(reading.timeSource)).u8(values.length)
  for (const { register, value, quality } of values) {
    const { a, b, c, d, e, f } = register.obis
    writer
      .u8(a)
      .u8(b)
      .u8(c)
      .u8(d)
      .u8(e)
      .u8(f)
      .u8(register.unit)
      .u8(register.scaler & 0xff)
      .u8(QUALITIES.indexOf(quality))
    if (quality !== 'missing') {
      if (value === null) throw new WattnessError('OUT_OF_RANGE', 'spool: a value is null and its quality not "missing"')
      writer.signed(value)
    }
  }
}

/** Source and content as one record, without its checksum. */
export function encodeEntry(source: string, content: Uint8Array): Uint8Array {
  const name = toUtf8(source)
  if (name.length > MAX_SOURCE_BYTES) refuse('bytes of a source name', MAX_SOURCE_BYTES, name.length)
  const entry = new Uint8Array(1 + name.length + content.length)
  entry[0] = name.length
  entry.set(name, 1)
  entry.set(content, 1 + name.length)
  return entry
}

/** An item as it was stored; `hasFrame` says that its frame is kept under its own key. Throws what a Reader throws. */
export function decodeEntry(bytes: Uint8Array): { readonly item: SpoolItem; readonly hasFrame: boolean } {
  const reader = new Reader(bytes, 'spool entry')
  const source = fromUtf8(reader.bytes(reader.u8()), 'spool source')
  const kind = reader.u8()
  if (kind > KIND_SIGNED) reader.fail('OUT_OF_RANGE', `kind ${kind}`)
  const item: SpoolItem =
    kind === KIND_EVENT
      ? { source, event: readEvent(reader) }
      : { source, reading: readReading(reader), ...(kind === KIND_SIGNED ? { signed: readSigned(reader) } : {}) }
  reader.done()
  return { item, hasFrame: kind === KIND_READING_WITH_FRAME || kind === KIND_SIGNED }
}

function readEvent(reader: Reader): MeterEvent {
  const time = reader.varint()
  const code = reader.u8()
  return { time, code, detail: fromUtf8(reader.bytes(reader.u8()), 'event detail') }
}

function readSigned(reader: Reader): SignedBy {
  const publicKey = fromUtf8(reader.bytes(reader.varint()), 'public key')
  return publicKey === '' ? {} : { publicKey }
}

function readReading(reader: Reader): Reading {
  const time = reader.varint()
  const intervalMs = reader.varint()
  const timeSource = TIME_SOURCES[reader.u8()] ?? reader.fail('OUT_OF_RANGE', 'unknown time source')
  const count = reader.u8()
  const values: RegisterValue[] = []
  for (let i = 0; i < count; i++) {
    const [a, b, c, d, e, f] = reader.bytes(6) as unknown as [number, number, number, number, number, number]
    const unit = reader.u8()
    const scaler = (reader.u8() << 24) >> 24
    const quality = QUALITIES[reader.u8()] ?? reader.fail('OUT_OF_RANGE', 'unknown quality')
    const value = quality === 'missing' ? null : reader.signed()
    values.push({ register: { obis: { a, b, c, d, e, f }, unit, scaler }, value, quality })
  }
  return { time, intervalMs, timeSource, values }
}
