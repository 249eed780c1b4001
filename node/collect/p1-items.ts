import { type P1Frame, P1Framer } from './p1-framer.ts'
import { P1Reader } from './p1-reading.ts'
import type { P1Zone } from './p1-time.ts'
import { fault, type SourceItem } from './source.ts'

export interface P1Reading {
  readonly zone: P1Zone
  readonly live: boolean
  now(): number
}

/** Telegrams as readings: the telegram's own row with its frame, then one row for each value with a time of its own. */
export async function* p1Items(bytes: AsyncIterable<Uint8Array>, how: P1Reading): AsyncGenerator<SourceItem> {
  const framer = new P1Framer()
  const reader = new P1Reader(how.zone)
  for await (const chunk of bytes) {
    for (const item of framer.push(chunk)) yield* item.type === 'fault' ? [item] : frameItems(item, how, reader)
  }
  for (const item of framer.end()) yield* item.type === 'fault' ? [item] : frameItems(item, how, reader)
}

/** `reader` belongs to the stream, and is made anew for a telegram that comes alone. */
export function frameItems(frame: P1Frame, how: P1Reading, reader = new P1Reader(how.zone)): SourceItem[] {
  const where = `byte ${frame.position}`
  const { rows, faults } = reader.read(frame.bytes, { live: how.live, nowMs: how.now() })
  const items: SourceItem[] = rows.map(({ reading, exponents }, index) => {
    const item = { type: 'reading' as const, reading, crc: frame.crc, exponents }
    // The frame belongs to the telegram once, not to each of its rows.
    return index === 0 ? { ...item, frame: frame.bytes, ...meterOf(frame.bytes) } : item
  })
  for (const { code, message } of faults) items.push(fault(code, message, where))
  if (rows.length === 0) items.push(fault('P1_TELEGRAM_EMPTY', `P1 telegram at ${where} holds no measurement`, where))
  return items
}

/** The electricity meter's own number, as the telegram has it: hexadecimal digits of its characters. */
const IDENTITY = Buffer.from('\n0-0:96.1.1(')
const MOST_IDENTITY_BYTES = 96

function meterOf(bytes: Uint8Array): { readonly meter?: string } {
  const telegram = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const at = telegram.indexOf(IDENTITY)
  if (at < 0) return {}
  const from = at + IDENTITY.length
  const end = telegram.indexOf(')', from)
  return end > from && end - from <= MOST_IDENTITY_BYTES ? { meter: telegram.toString('latin1', from, end) } : {}
}
