import { isWattnessError } from '../../protocol/errors.ts'
import type { CosemContext } from './cosem-reading.ts'
import { HexDump, isHexDump, undumped } from './hex-dump.ts'
import { readingsOf } from './mbus-reading.ts'
import { type MbusAnswer, MbusScanner } from './mbus-scanner.ts'
import { decodeTelegram, isAnswer } from './mbus-telegram.ts'
import { p1Zone } from './p1-zone.ts'
import { SERIAL_OPTIONS, serialMode } from './serial-mode.ts'
import {
  fault,
  type MeterSource,
  RECOGNISE_BYTES,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'
import { transportOf } from './transport.ts'

/** What a master usually asks with. */
const SERIAL_MODE = serialMode(2_400, '8E1')

/** Answers of wired M-Bus meters: heat, cold, water, gas, electricity. The master that asks for them is another device. */
export const mbusFormat: SourceFormat = {
  name: 'mbus',
  describe: 'answers of wired M-Bus meters (EN 13757-3), as a master or a gateway hears them; also as a hex dump',
  usage: ['mbus:FILE', 'mbus:-', 'mbus:tcp://HOST:PORT', 'mbus:…?zone=+01:00'],
  quirks: [
    'most M-Bus clocks know no summer time: zone=+01:00 says so; without it they are wall clock of Central Europe',
    'what stands twice, or has an extension of the maker, gets a code of its own: group D from 129 on, in the order it is sent',
    'stored values carry their storage number in group F, maxima D = 6, minima D = 3, values of error times D = 128',
    'digits that are none (DDDD) are how meters say that there is no value: it is missing',
    "records behind 0F or 1F are the maker's own and not read; neither are extensions that add to a value",
    'gateways decrypt and leave the mode as it was: two fillers at the beginning say that the rest is plain',
  ],
  recognise,
  open,
}

function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const bytes = isHexDump(firstBytes) ? new HexDump().push(firstBytes) : firstBytes
  return new MbusScanner().push(bytes).some((item) => item.type === 'frame' && isAnswer(item.bytes))
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['zone', ...SERIAL_OPTIONS])
  const zone = p1Zone(spec)
  const { input, live, present, kind } = transportOf(spec, deps, SERIAL_MODE)
  const isText = kind === 'file' || kind === 'standard-input'
  return {
    spec: spec.text,
    kind: spec.kind,
    live,
    intervalData: false,
    items: (signal) => {
      const bytes = isText ? undumped(input(signal), RECOGNISE_BYTES) : input(signal)
      return mbusItems(bytes, { zone, live: present, now: () => deps.clock.now() })
    },
  }
}

export interface MbusReading extends Omit<CosemContext, 'nowMs'> {
  now(): number
}

/** Answers as readings, one row each, with their frames. What masters send is passed over. */
export async function* mbusItems(bytes: AsyncIterable<Uint8Array>, how: MbusReading): AsyncGenerator<SourceItem> {
  const scanner = new MbusScanner()
  for await (const chunk of bytes) {
    for (const item of scanner.push(chunk)) yield* item.type === 'fault' ? [item] : answerItems(item, how)
  }
  for (const item of scanner.end()) yield* item.type === 'fault' ? [item] : answerItems(item, how)
}

function answerItems({ bytes, position }: MbusAnswer, how: MbusReading): SourceItem[] {
  if (!isAnswer(bytes)) return []
  const where = `byte ${position}`
  const refused = (code: string, why: string): SourceItem => fault(code, `M-Bus answer at ${where}: ${why}`, where)
  try {
    const telegram = decodeTelegram(bytes)
    const { readings, faults } = readingsOf(telegram, { zone: how.zone, live: how.live, nowMs: how.now() })
    const items: SourceItem[] = readings.map((reading, index) => ({
      type: 'reading',
      reading,
      crc: 'ok',
      exponents: reading.values.map(() => 0),
      // The frame belongs to the answer once, not to each of its rows.
      ...(index === 0 ? { frame: bytes, ...(telegram.meter === undefined ? {} : { meter: telegram.meter }) } : {}),
    }))
    return [...items, ...faults.map(({ code, message }) => refused(code, message))]
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return [refused(error.code, error.message)]
  }
}
