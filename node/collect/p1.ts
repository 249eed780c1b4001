import { openDlms } from './dlms.ts'
import { KEY_OPTIONS, keysOf } from './dlms-keys.ts'
import { p1Items } from './p1-items.ts'
import { p1Zone } from './p1-zone.ts'
import { SERIAL_OPTIONS, serialMode } from './serial-mode.ts'
import type { MeterSource, SourceDeps, SourceFormat, SourceSpec } from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'
import { transportOf } from './transport.ts'

/** DSMR, ESMR, eMUCS and mode-D telegrams: the P1 port of meters in the Netherlands, Belgium, Luxembourg, Sweden, Hungary … */
export const p1Format: SourceFormat = {
  name: 'p1',
  describe: 'DSMR P1 telegrams (also eMUCS, ESMR and Nordic ones), CRC checked',
  usage: ['p1:/dev/ttyUSB0', 'p1:tcp://HOST:PORT', 'p1:FILE', 'p1:-', 'p1:…?zone=Europe/Budapest', 'p1:…?key-file=FILE'],
  quirks: [
    'version 3 prints the gas value on the line behind its object: the two are read as one',
    'versions 2 and 3 have no CRC: their readings say crc none',
    'stamps of versions 2 and 3 have no S or W: in the doubled hour they are clock-doubtful',
    'some meters write group F behind a full stop (1-0:31.7.0.255) or &: taken as *',
    'Luxembourg sends telegrams encrypted: with a key they are read as DLMS messages, which is also how they are recognised',
  ],
  recognise,
  open,
  check: async (spec, deps) => void (await keysOf(spec, deps)),
}

const OBJECT_LINE = /^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}[^\r\n]*\(/m

/** An object line says P1; it stands within the first lines also where the file begins in the middle of a telegram. */
function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  return OBJECT_LINE.test(Buffer.from(firstBytes.buffer, firstBytes.byteOffset, firstBytes.length).toString('latin1'))
}

/** From version 4 on; meters of versions 2 and 3 speak `?baud=9600&mode=7E1`. */
const SERIAL_MODE = serialMode(115_200, '8N1')

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  // A telegram that is sent encrypted is the content of a DLMS message, which knows how to open it.
  if (KEY_OPTIONS.some((name) => spec.options.has(name))) return openDlms(spec, deps, SERIAL_MODE)
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
