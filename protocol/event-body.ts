import { fromUtf8, Reader, toUtf8, Writer } from './bytes.ts'
import { WattnessError } from './errors.ts'
import { MAX_EVENT_DETAIL_BYTES, MAX_EVENTS } from './limits.ts'
import { assertTimeMs, MAX_TIME_MS } from './row-times.ts'

/** The content of a body of kind "event": what happened to a meter, in the order given. Rules R30 to R34. */
export interface MeterEvent {
  /** UTC milliseconds, 0 to 2^52 − 1. */
  readonly time: number
  /** 0 to 255; EVENT_CODES names those that have a meaning, others are kept as they are. */
  readonly code: number
  /** Free text, at most 200 bytes of UTF-8; empty where there is nothing to add. */
  readonly detail: string
}

/** Rule R33. */
export const EVENT_CODES = {
  'power-fail': 1,
  'power-restore': 2,
  'clock-set': 3,
  'cover-opened': 4,
  firmware: 5,
  'source-silent': 6,
  'source-failed': 7,
  'source-back': 8,
  continues: 9,
  'register-back': 10,
  'register-jump': 11,
  'register-overflow': 12,
  'meter-replaced': 13,
  'clock-drift': 14,
} as const

export type EventName = keyof typeof EVENT_CODES

const EVENT_NAMES = new Map(Object.entries(EVENT_CODES).map(([name, code]) => [code as number, name as EventName]))

/** The name of a code, or `event NN` for a code without one. */
export function formatEventCode(code: number): string {
  return EVENT_NAMES.get(code) ?? `event ${code}`
}

/** Throws VALUE_OUT_OF_RANGE (time), OUT_OF_RANGE (code, text that is not Unicode, no event) or LIMIT_EXCEEDED. */
export function encodeEvents(events: readonly MeterEvent[]): Uint8Array {
  if (events.length === 0) throw new WattnessError('OUT_OF_RANGE', 'a body of events holds at least one', { found: 0 })
  if (events.length > MAX_EVENTS) refuseLimit('events', MAX_EVENTS, events.length)
  const writer = new Writer()
  writer.varint(events.length)
  for (const { time, code, detail } of events) {
    assertTimeMs(time, 'time of an event')
    if (!(Number.isInteger(code) && code >= 0 && code <= 255)) {
      throw new WattnessError('OUT_OF_RANGE', `event code: expected 0 to 255, found ${code}`, { code })
    }
    // A lone surrogate has no UTF-8 form: encoding would silently replace it.
    if (!detail.isWellFormed()) throw new WattnessError('OUT_OF_RANGE', 'event detail: text is not well-formed Unicode', {})
    const bytes = toUtf8(detail)
    if (bytes.length > MAX_EVENT_DETAIL_BYTES) refuseLimit('bytes of detail', MAX_EVENT_DETAIL_BYTES, bytes.length)
    writer.varint(time).u8(code).u8(bytes.length).bytes(bytes)
  }
  return writer.finish()
}

/** Throws TRUNCATED, TRAILING_BYTES, NON_CANONICAL (also for text that is no UTF-8), OUT_OF_RANGE or LIMIT_EXCEEDED. */
export function decodeEvents(content: Uint8Array): MeterEvent[] {
  const reader = new Reader(content, 'events')
  const count = reader.varint()
  if (count === 0) reader.fail('OUT_OF_RANGE', 'no event')
  if (count > MAX_EVENTS) refuseLimit('events', MAX_EVENTS, count)
  const events: MeterEvent[] = []
  for (let i = 0; i < count; i++) {
    const time = reader.varint(MAX_TIME_MS)
    const code = reader.u8()
    const length = reader.u8()
    if (length > MAX_EVENT_DETAIL_BYTES) refuseLimit('bytes of detail', MAX_EVENT_DETAIL_BYTES, length)
    events.push({ time, code, detail: fromUtf8(reader.bytes(length), 'event detail') })
  }
  reader.done()
  return events
}

function refuseLimit(what: string, limit: number, found: number): never {
  throw new WattnessError('LIMIT_EXCEEDED', `events: at most ${limit} ${what}, found ${found}`, { what, limit, found })
}
