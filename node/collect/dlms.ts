import type { DeclaredScalers } from './cosem-tables.ts'
import { hasLlc, lookForRaw } from './dlms-apdu.ts'
import { DlmsAssembler } from './dlms-assembler.ts'
import { assertKeyOptions, KEY_OPTIONS, keysOf } from './dlms-keys.ts'
import { type DlmsReading, messageItems } from './dlms-message.ts'
import { DlmsScanner, type ScannerItem } from './dlms-scanner.ts'
import { FLAG, lookForHdlc } from './hdlc-frame.ts'
import { HexDump, isHexDump, undumped } from './hex-dump.ts'
import { lookForMbus } from './mbus-frame.ts'
import { p1Zone } from './p1-zone.ts'
import { SERIAL_OPTIONS, type SerialMode, serialMode } from './serial-mode.ts'
import {
  type MeterSource,
  RECOGNISE_BYTES,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown, refuseOption } from './source-spec.ts'
import { transportOf } from './transport.ts'

/** Norway's and Austria's ports speak 2400 baud with even parity or none; other meters' modes are options of the spec. */
const SERIAL_MODE = serialMode(2_400, '8E1')

/** Messages that meters push in DLMS/COSEM, in the clear or encrypted, in whatever frames; also encrypted P1 telegrams. */
export const dlmsFormat: SourceFormat = {
  name: 'dlms',
  describe: 'DLMS/COSEM pushed in HDLC or M-Bus frames or bare, encrypted ones with a key, encrypted P1; also as a hex dump',
  usage: [
    'dlms:tcp://HOST:PORT',
    'dlms:FILE',
    'dlms:-',
    'dlms:…?key-file=FILE',
    'dlms:…?key=HEX&auth=HEX',
    'dlms:…?zone=Europe/Oslo',
    'dlms:…?energy=0&power=0&voltage=-1&current=-2',
  ],
  quirks: [
    'Kaifa, Iskraemeco, Wiener Netze: lists without codes; tables say what stands where, and a list that fits none is refused',
    'Kaifa: energies are in Wh where its paper says 10 Wh; currents in mA',
    'Kamstrup gives no units: energies are 10 Wh, currents 10 mA (1 mA behind transformers), power factors hundredths',
    'Swedish operators have Kamstrup meters send more decimals, and nothing says so: compare with the display, declare energy=0',
    'currents and voltages without scaler, from a meter of no table, are plain numbers unless voltage= and current= are declared',
    'clocks of Aidon and Kamstrup without deviation run on standard time all year, those of others on wall clock',
    'Iskraemeco announces twelve values and sends fewer: where the frame is whole, the whole values are read',
    'Sagemcom writes attribute descriptors without a type before each value',
    'Landis+Gyr spreads one message over blocks in frames that are not segments',
    'the deviation of a time may have either sign: the one that the zone bears out is taken',
    'times without deviation are wall clock; in the doubled hour the summer bit decides, else they are clock-doubtful',
    'a clock status of FF says nothing, also not that it is summer',
    "Luxembourg's meters share a public authentication key: it is tried where none is given",
    'without the authentication key a message is read unproven: then the frame alone has a check',
  ],
  recognise,
  open: (spec, deps) => openDlms(spec, deps, SERIAL_MODE),
  check: async (spec, deps) => void (await keysOf(spec, deps)),
}

/** Part of a dump's text may be the start of a comment or of a message; its beginning is enough. */
function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const bytes = isHexDump(firstBytes) ? new HexDump().push(firstBytes) : firstBytes
  for (let at = 0; at < bytes.length; at++) {
    const found = bytes[at] === FLAG ? lookForHdlc(bytes, at, bytes.length) : lookForMbus(bytes, at, bytes.length)
    if (typeof found === 'object' && (found.type !== 'fault' || found.code === 'DLMS_FCS_MISMATCH')) return true
  }
  const first = skipLineEnds(bytes)
  const raw = lookForRaw(bytes, first, bytes.length)
  return typeof raw === 'object' || (raw === 'more' && bytes.length > 64 && (hasLlc(bytes, first) || bytes[first + 1] === 8))
}

function skipLineEnds(bytes: Uint8Array): number {
  let at = 0
  while (bytes[at] === 0x0a || bytes[at] === 0x0d) at++
  return at
}

/** `mode` is what meters of the kind speak on a serial port: also P1 ports encrypt. */
export function openDlms(spec: SourceSpec, deps: SourceDeps, mode: SerialMode): MeterSource {
  assertOptionsKnown(spec, ['zone', ...SCALERS, ...KEY_OPTIONS, ...SERIAL_OPTIONS])
  assertKeyOptions(spec)
  const zone = p1Zone(spec)
  const scalers = scalersOf(spec)
  const { input, live, present, kind } = transportOf(spec, deps, mode)
  const isText = kind === 'file' || kind === 'standard-input'
  return {
    spec: spec.text,
    kind: spec.kind,
    live,
    intervalData: false,
    items: async function* (signal) {
      const keys = await keysOf(spec, deps)
      const bytes = isText ? undumped(input(signal), RECOGNISE_BYTES) : input(signal)
      yield* dlmsItems(bytes, {
        zone,
        live: present,
        scalers,
        now: () => deps.clock.now(),
        ...(keys === undefined ? {} : { keys }),
      })
    },
  }
}

const SCALERS = ['energy', 'power', 'voltage', 'current'] as const
const SCALER_TEXT = /^-?[0-6]$/

/** What is declared of values without a scaler. Throws SOURCE_OPTION_INVALID. */
function scalersOf(spec: SourceSpec): DeclaredScalers {
  const said = SCALERS.flatMap((name) => {
    const text = spec.options.get(name)
    if (text === undefined) return []
    return SCALER_TEXT.test(text) ? [[name, Number(text)]] : refuseOption(spec, name, 'expected a power of ten from -6 to 6')
  })
  return Object.fromEntries(said) as DeclaredScalers
}

/** Messages as readings, one row each, with the frames that they came in. */
export async function* dlmsItems(bytes: AsyncIterable<Uint8Array>, how: DlmsReading): AsyncGenerator<SourceItem> {
  const scanner = new DlmsScanner()
  const assembler = new DlmsAssembler()
  for await (const chunk of bytes) yield* itemsOf(scanner.push(chunk), assembler, how)
  yield* itemsOf(scanner.end(), assembler, how)
  for (const item of assembler.end()) if (item.type === 'fault') yield item
}

async function* itemsOf(found: readonly ScannerItem[], assembler: DlmsAssembler, how: DlmsReading): AsyncGenerator<SourceItem> {
  for (const each of found) {
    if (each.type === 'fault') yield each
    for (const item of each.type === 'fault' ? assembler.broken() : assembler.take(each)) {
      if (item.type === 'message') yield* messageItems(item, how)
      else yield item
    }
  }
}
