import { parseZone } from './local-time.ts'
import { type P1Frame, P1Framer } from './p1-framer.ts'
import { P1Reader } from './p1-reading.ts'
import type { P1Zone } from './p1-time.ts'
import { SERIAL_OPTIONS, serialMode } from './serial-mode.ts'
import { fault, type MeterSource, type SourceDeps, type SourceFormat, type SourceItem, type SourceSpec } from './source.ts'
import { assertOptionsKnown, refuseOption } from './source-spec.ts'
import { transportOf } from './transport.ts'

/** DSMR, ESMR, eMUCS and mode-D telegrams: the P1 port of meters in the Netherlands, Belgium, Luxembourg, Sweden, Hungary … */
export const p1Format: SourceFormat = {
  name: 'p1',
  describe: 'DSMR P1 telegrams (also eMUCS, ESMR and Nordic ones), CRC checked',
  usage: ['p1:/dev/ttyUSB0', 'p1:tcp://HOST:PORT', 'p1:FILE', 'p1:-', 'p1:…?zone=Europe/Budapest'],
  quirks: [
    'version 3 prints the gas value on the line behind its object: the two are read as one',
    'versions 2 and 3 have no CRC: their readings say crc none',
    'stamps of versions 2 and 3 have no S or W: in the doubled hour they are clock-doubtful',
    'some meters write group F behind a full stop (1-0:31.7.0.255) or &: taken as *',
  ],
  recognise,
  open,
}

const OBJECT_LINE = /^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}[^\r\n]*\(/m

/** An object line says P1; it stands within the first lines also where the file begins in the middle of a telegram. */
function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  return OBJECT_LINE.test(Buffer.from(firstBytes.buffer, firstBytes.byteOffset, firstBytes.length).toString('latin1'))
}

const DEFAULT_ZONE = 'Europe/Amsterdam'

/** From version 4 on; meters of versions 2 and 3 speak `?baud=9600&mode=7E1`. */
const SERIAL_MODE = serialMode(115_200, '8N1')

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['zone', ...SERIAL_OPTIONS])
  const zone = p1Zone(spec)
  const { input, live, present } = transportOf(spec, deps, SERIAL_MODE)
  return {
    spec: spec.text,
    kind: spec.kind,
    live,
    intervalData: false,
    items: (signal) => p1Items(input(signal), { zone, live: present, now: () => deps.clock.now() }),
  }
}

export function p1Zone(spec: SourceSpec): P1Zone {
  const name = spec.options.get('zone') ?? DEFAULT_ZONE
  try {
    const zone = parseZone(name)
    // Standard time is what the clock shows in a January on the northern half, where P1 is spoken.
    const january = Date.UTC(2020, 0, 15)
    return { zone, standardOffsetMs: january - (zone.utcOf(january)[0] as number) }
  } catch {
    return refuseOption(spec, 'zone', 'expected UTC, an offset such as +02:00 or a name such as Europe/Vilnius')
  }
}

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
