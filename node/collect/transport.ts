import { type ByteInput, fileBytes, pathOf, standardInputBytes, tcpBytes } from './byte-input.ts'
import { type MeterLine, TcpLine } from './meter-line.ts'
import { SerialLine } from './serial-line.ts'
import { SERIAL_OPTIONS, type SerialMode, serialModeOf } from './serial-mode.ts'
import type { SourceDeps, SourceSpec } from './source.ts'
import { refuseOption } from './source-spec.ts'
import { tcpAddress } from './tcp-address.ts'

/** The way to a meter's bytes, by what its spec names: a serial port, `tcp://HOST:PORT`, `-`, or a file. */
export interface Transport {
  readonly kind: 'serial' | 'tcp' | 'standard-input' | 'file'
  readonly input: ByteInput
  /** The end of the bytes is an outage: MeterSource.live. */
  readonly live: boolean
  /** The bytes come from a meter now: its readings may take the node's clock. False for a file. */
  readonly present: boolean
  /** For meters that must be asked; the caller closes it. Absent where nobody could hear. Throws as `input` does. */
  readonly openLine?: (signal: AbortSignal) => Promise<MeterLine>
}

/** Ports are told by their place: a device, and not one of those that stand for the process's own input. */
const PORT = /^(?:\/dev\/(?!stdin$|fd\/)|COM\d{1,3}$)/

/** Elsewhere, as links to ports are, a port is told by a rate or mode that is given with it. */
export function isSerialPort({ target, options }: SourceSpec): boolean {
  if (PORT.test(target)) return true
  return target !== '-' && !target.startsWith('tcp://') && SERIAL_OPTIONS.some((name) => options.has(name))
}

/**
 * `mode` is what meters of the format speak, unless the spec says otherwise. The format lists SERIAL_OPTIONS among its own.
 * Throws SOURCE_SPEC_MALFORMED, SOURCE_OPTION_INVALID.
 */
export function transportOf(spec: SourceSpec, deps: SourceDeps, mode: SerialMode): Transport {
  const { target } = spec
  if (isSerialPort(spec)) {
    const asked = serialModeOf(spec, mode)
    const openLine = (): Promise<SerialLine> => SerialLine.open(target, asked, deps)
    return { kind: 'serial', input: (signal) => lineBytes(openLine, signal), live: true, present: true, openLine }
  }
  for (const name of SERIAL_OPTIONS) if (spec.options.has(name)) return refuseOption(spec, name, 'only a serial port has this')
  if (target === '-') {
    return { kind: 'standard-input', input: (signal) => standardInputBytes(deps, signal), live: false, present: true }
  }
  if (!target.startsWith('tcp://')) {
    return { kind: 'file', input: (signal) => fileBytes(pathOf(target, deps), signal), live: false, present: false }
  }
  const { host, port } = tcpAddress(spec)
  const openLine = (signal: AbortSignal): Promise<TcpLine> => TcpLine.open(host, port, signal)
  return { kind: 'tcp', input: (signal) => tcpBytes(host, port, signal), live: true, present: true, openLine }
}

async function* lineBytes(open: () => Promise<MeterLine>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (signal.aborted) return
  const line = await open()
  try {
    yield* line.bytes(signal)
  } finally {
    await line.close()
  }
}
