import { parseUnit } from '../../protocol/units.ts'
import { sleep } from '../platform.ts'
import { type IecFrame, IecFramer } from './iec62056-framer.ts'
import { iecRows } from './iec62056-reading.ts'
import { readOut } from './iec62056-session.ts'
import type { P1Zone } from './p1-time.ts'
import { p1Zone } from './p1-zone.ts'
import { SERIAL_OPTIONS, type SerialMode, serialMode, serialModeOf } from './serial-mode.ts'
import { fault, type MeterSource, type SourceDeps, type SourceFormat, type SourceItem, type SourceSpec } from './source.ts'
import { assertOptionsKnown, durationOption, refuseOption } from './source-spec.ts'
import { isSerialPort, type Transport, transportOf } from './transport.ts'

/** IEC 62056-21 (once 1107), modes A to D: read-outs in text, of electricity and heat meters, through their optical port. */
export const iecFormat: SourceFormat = {
  name: 'iec62056',
  describe: 'IEC 62056-21 read-outs, modes A to D, BCC checked',
  usage: [
    'iec62056:/dev/ttyUSB0?ask=1m',
    'iec62056:tcp://HOST:PORT?ask=1m',
    'iec62056:/dev/ttyUSB0?baud=2400',
    'iec62056:FILE',
    'iec62056:-',
  ],
  quirks: [
    'mode D has no BCC: its readings say crc none; a dump may lack the identification too',
    'several data sets may stand on a line, and line ends within them',
    'codes come without medium and channel (1.8.0), with letters (C.1.0, F.F), and of heat meters in two parts (6.8, 9.4)',
    'heat meters print C for °C and m for minutes, and several values with & between them: they are numbered by group E',
    'old meters print energies without unit: marked unit-missing; ?unit=kWh says what they are',
    'values of earlier months (*01, *02 …) are readings of the end of their month, where the read-out says when that was',
    'the season stands before date and time as 0, 1 or 2; without it the wall clock is taken',
  ],
  recognise,
  open,
}

/** The first rate of every meter that is asked. */
const ASKED_MODE = serialMode(300, '7E1')
/** What mode D pushes with. */
const PUSHED_MODE = serialMode(2_400, '7E1')
const ADDRESS = /^[0-9A-Za-z ]{0,32}$/

/** A file that is no read-out may be full of STX. */
const MOST_BLOCKS = 8

/** A code without medium, or an energy without unit, or a block: P1 telegrams have none of them. */
const REDUCED_CODE = /(?:^|[\n)])(?:\d{1,2}|[CFL])\.(?:\d{1,2}|F)(?:\.\d{1,2})?(?:[*&]\d{1,3})?\([^()\r\n]*\)/
const DATA_SET = /^[0-9A-Z.:*&-]{1,32}\([^()\r\n]*\)/
const STX = '\u0002'
const BARE_ENERGY = /^1-0:[12]\.8\.\d(?:\*255)?\(\d+[.,]\d+\)/m

function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const text = Buffer.from(firstBytes.buffer, firstBytes.byteOffset, firstBytes.length).toString('latin1')
  const hasBlock = text.split(STX, MOST_BLOCKS).some((part, index) => index > 0 && DATA_SET.test(part))
  return REDUCED_CODE.test(text) || BARE_ENERGY.test(text) || hasBlock
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['zone', 'ask', 'address', 'unit', ...SERIAL_OPTIONS])
  const zone = p1Zone(spec)
  const energyUnit = unitOption(spec)
  const askMs = durationOption(spec, 'ask')
  const address = spec.options.get('address') ?? ''
  if (!ADDRESS.test(address)) refuseOption(spec, 'address', 'expected up to 32 letters and digits')
  const preset = askMs === undefined ? PUSHED_MODE : ASKED_MODE
  const transport = transportOf(spec, deps, preset)
  if (askMs !== undefined && transport.openLine === undefined) refuseOption(spec, 'ask', 'only a line to a meter can be asked')
  const how: IecReading = { zone, energyUnit, live: transport.present, now: () => deps.clock.now() }
  const mode = isSerialPort(spec) ? serialModeOf(spec, preset) : preset
  return {
    spec: spec.text,
    kind: spec.kind,
    live: transport.live,
    intervalData: false,
    items: (signal) =>
      askMs === undefined
        ? iecItems(transport.input(signal), how, transport.kind === 'file')
        : askedItems({ transport, deps, how, address, askMs, mode }, signal),
  }
}

function unitOption(spec: SourceSpec): string | undefined {
  const unit = spec.options.get('unit')
  if (unit === undefined) return undefined
  try {
    parseUnit(unit)
    return unit
  } catch {
    return refuseOption(spec, 'unit', 'expected a unit such as kWh')
  }
}

export interface IecReading {
  readonly zone: P1Zone
  readonly energyUnit?: string | undefined
  readonly live: boolean
  now(): number
}

/** What comes by itself: mode D, and what somebody else asked for. */
export async function* iecItems(
  bytes: AsyncIterable<Uint8Array>,
  how: IecReading,
  mayBeBare: boolean,
): AsyncGenerator<SourceItem> {
  const framer = new IecFramer(mayBeBare)
  for await (const chunk of bytes) {
    for (const item of framer.push(chunk)) yield* item.type === 'fault' ? [item] : iecFrameItems(item, how)
  }
  for (const item of framer.end()) yield* item.type === 'fault' ? [item] : iecFrameItems(item, how)
}

interface Asking {
  readonly transport: Transport
  readonly deps: SourceDeps
  readonly how: IecReading
  readonly address: string
  readonly askMs: number
  readonly mode: SerialMode
}

/** Asks again and again, on a line of its own each time: a head that was pulled off is found again so. */
async function* askedItems(
  { transport, deps, how, address, askMs, mode }: Asking,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  while (!signal.aborted) {
    const line = await transport.openLine?.(signal)
    if (line === undefined) return
    try {
      const { baudRate } = mode
      const init = { line, timers: deps.timers, address, baudRate, canSwitch: transport.kind === 'serial' }
      for (const item of await readOut(init, signal)) yield* item.type === 'fault' ? [item] : iecFrameItems(item, how)
    } finally {
      await line.close()
    }
    // Ends with the signal, which the loop looks at.
    await sleep(deps.timers, askMs, signal).catch(() => undefined)
  }
}

export function iecFrameItems(frame: IecFrame, how: IecReading): SourceItem[] {
  const where = `byte ${frame.position}`
  const { zone, live, energyUnit } = how
  const { items: readings, meter, faults } = iecRows(frame.text, { zone, live, energyUnit, nowMs: how.now() })
  const named = meter === undefined ? {} : { meter }
  const items: SourceItem[] = readings.map((item, index) =>
    // The frame belongs to the read-out once, not to each of its rows.
    index === 0 ? { ...item, crc: frame.check, frame: frame.bytes, ...named } : { ...item, crc: frame.check },
  )
  for (const { code, message } of faults) items.push(fault(code, `read-out at ${where}: ${message}`, where))
  if (readings.length === 0) items.push(fault('IEC_READOUT_EMPTY', `read-out at ${where} holds no measurement`, where))
  return items
}
