import { SERIAL_OPTIONS, serialMode } from './serial-mode.ts'
import { holdsSmlBegin, type SmlFrame, SmlFramer } from './sml-framer.ts'
import { parseMessages } from './sml-message.ts'
import { rowsOf } from './sml-reading.ts'
import {
  fault,
  type MeterSource,
  type NamedOctets,
  type ReadingItem,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'
import { transportOf } from './transport.ts'

/** SML (EN 62056-5-3, BSI TR-03109): what German meters push through their optical port, once or several times a second. */
export const smlFormat: SourceFormat = {
  name: 'sml',
  describe: 'SML files of German meters, file and message CRCs checked',
  usage: ['sml:/dev/ttyUSB0', 'sml:tcp://HOST:PORT', 'sml:FILE', 'sml:-'],
  quirks: [
    "most meters know no time, only the seconds since their start: the node's clock is taken",
    'without PIN, meters send whole kilowatt-hours and no power: these values are marked coarse',
    'DZG DVS-74 of certain serials send powers of 327.68 to 655.35 W as negative: read as positive, estimated, sign-assumed',
    'Holley DTZ541 sends the seconds index without its kind, and CRC-16/KERMIT for messages: both are taken',
    'numbers come in any width from one to eight bytes, also of three, five or six, and CRCs without a zero in front',
    'files need not begin at a multiple of four bytes, and their own bytes 1b may touch an escape',
  ],
  recognise: (_fileName, firstBytes) => holdsSmlBegin(firstBytes),
  open,
}

/** FNN's specification of the basic meter: 9,600 baud, 8N1. */
const SERIAL_MODE = serialMode(9_600, '8N1')

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, SERIAL_OPTIONS)
  const { input, live, present } = transportOf(spec, deps, SERIAL_MODE)
  return {
    spec: spec.text,
    kind: spec.kind,
    live,
    intervalData: false,
    items: (signal) => smlItems(input(signal), { live: present, now: () => deps.clock.now() }),
  }
}

export interface SmlContextOf {
  readonly live: boolean
  now(): number
}

/** Files as readings: each list's row, with the frame at the file's first. */
export async function* smlItems(bytes: AsyncIterable<Uint8Array>, how: SmlContextOf): AsyncGenerator<SourceItem> {
  const framer = new SmlFramer()
  for await (const chunk of bytes) {
    for (const item of framer.push(chunk)) yield* item.type === 'fault' ? [item] : smlFileItems(item, how)
  }
  for (const item of framer.end()) yield* item.type === 'fault' ? [item] : smlFileItems(item, how)
}

export function smlFileItems(frame: SmlFrame, how: SmlContextOf): SourceItem[] {
  const where = `byte ${frame.position}`
  const { lists, faults } = parseMessages(frame.content)
  const items: SourceItem[] = []
  const octets: NamedOctets[] = []
  const found: ReadingItem[] = []
  for (const list of lists) {
    const rows = rowsOf(list, { nowMs: how.now(), live: how.live })
    found.push(...rows.items)
    octets.push(...rows.octets)
    for (const { code, message } of rows.faults) items.push(fault(code, message, where))
  }
  for (const { code, message } of faults) items.push(fault(code, `SML file at ${where}: ${message}`, where))
  if (found.length === 0 && items.length === 0) {
    items.push(fault('SML_FILE_EMPTY', `SML file at ${where} holds no measurement`, where))
  }
  const serverId = lists.find((list) => list.serverId !== undefined && list.serverId.length > 0)?.serverId
  const meter = serverId === undefined ? {} : { meter: Buffer.from(serverId).toString('hex') }
  const readings = found.map((item, index) =>
    // The frame belongs to the file once, not to each of its rows.
    index === 0 ? { ...item, crc: 'ok' as const, frame: frame.bytes, octets, ...meter } : { ...item, crc: 'ok' as const },
  )
  return [...readings, ...items]
}
