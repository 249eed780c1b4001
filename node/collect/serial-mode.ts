import type { SourceSpec } from './source.ts'
import { refuseOption } from './source-spec.ts'

/** How a serial line is spoken: `9600`, `8N1`. */
export interface SerialMode {
  readonly baudRate: number
  readonly dataBits: 7 | 8
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

/** What every format that reads serial ports takes beside its own options. */
export const SERIAL_OPTIONS: readonly string[] = ['baud', 'mode']

const MODE_TEXT = /^([78])([NEO])([12])$/
const PARITIES: Readonly<Record<string, SerialMode['parity']>> = { N: 'none', E: 'even', O: 'odd' }

/** What adapters for meters speak at most; the slowest is what optical heads begin with. */
const LEAST_BAUD = 300
const MOST_BAUD = 921_600

/** `8N1` at `baudRate`, for formats to name what their meters speak. */
export function serialMode(baudRate: number, text: string): SerialMode {
  const match = MODE_TEXT.exec(text)
  if (match === null) throw new Error(`no serial mode: ${text}`)
  return {
    baudRate,
    dataBits: match[1] === '7' ? 7 : 8,
    parity: PARITIES[match[2] as string] as SerialMode['parity'],
    stopBits: match[3] === '2' ? 2 : 1,
  }
}

/** The format's mode with what the spec says otherwise: `?baud=9600&mode=7E1`. Throws SOURCE_OPTION_INVALID. */
export function serialModeOf(spec: SourceSpec, preset: SerialMode): SerialMode {
  const baud = spec.options.get('baud')
  const text = spec.options.get('mode')
  const baudRate = baud === undefined ? preset.baudRate : /^\d{3,6}$/.test(baud) ? Number(baud) : 0
  if (baudRate < LEAST_BAUD || baudRate > MOST_BAUD) {
    return refuseOption(spec, 'baud', `expected a rate from ${LEAST_BAUD} to ${MOST_BAUD}, such as 9600 or 115200`)
  }
  if (text === undefined) return { ...preset, baudRate }
  return MODE_TEXT.test(text) ? serialMode(baudRate, text) : refuseOption(spec, 'mode', 'expected 8N1, 8E1, 7E1 or the like')
}
