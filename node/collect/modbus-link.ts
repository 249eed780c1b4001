import { EventEmitter } from 'node:events'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { SerialLine } from './serial-line.ts'
import { SERIAL_OPTIONS, serialMode, serialModeOf } from './serial-mode.ts'
import type { SourceDeps, SourceSpec } from './source.ts'
import { durationOption, refuseOption } from './source-spec.ts'
import { tcpAddress } from './tcp-address.ts'
import { isSerialPort } from './transport.ts'

/** One device behind Modbus TCP or RTU, read register by register. Framing and time-outs are the package modbus-serial's. */

export type ModbusTable = 'holding' | 'input'

export interface ModbusLink {
  /** `count` registers, at most 125. Throws MODBUS_NO_ANSWER, MODBUS_REFUSED. */
  read(table: ModbusTable, address: number, count: number): Promise<readonly number[]>
  close(): void
}

export const MODBUS_OPTIONS: readonly string[] = ['unit', 'poll', 'timeout', ...SERIAL_OPTIONS]
export const MOST_REGISTERS = 125

const DEFAULT_PORT = 502
const MODE = serialMode(9_600, '8N1')
const MOST_UNITS = 247
const DEFAULT_UNIT = 1
const DEFAULT_POLL_MS = 10_000
const DEFAULT_TIMEOUT_MS = 3_000
const MOST_TIMEOUT_MS = 60_000

/** Answers: unit, function, then count and data, or an exception's code, then CRC. */
const SHORTEST_ANSWER = 5
const EXCEPTION = 0x80

export interface ModbusInit {
  readonly unit: number
  readonly pollMs: number
  readonly timeoutMs: number
  open(signal: AbortSignal): Promise<ModbusLink>
}

/** What the spec says of the device; nothing is opened. Throws SOURCE_SPEC_MALFORMED, SOURCE_OPTION_INVALID. */
export function modbusOf(spec: SourceSpec, deps: SourceDeps): ModbusInit {
  const unitText = spec.options.get('unit') ?? String(DEFAULT_UNIT)
  const unit = /^\d{1,3}$/.test(unitText) ? Number(unitText) : MOST_UNITS + 1
  if (unit > MOST_UNITS) return refuseOption(spec, 'unit', `expected 0 to ${MOST_UNITS}`)
  const pollMs = durationOption(spec, 'poll') ?? DEFAULT_POLL_MS
  const timeoutMs = durationOption(spec, 'timeout') ?? DEFAULT_TIMEOUT_MS
  if (timeoutMs > MOST_TIMEOUT_MS) return refuseOption(spec, 'timeout', `expected at most ${MOST_TIMEOUT_MS / 1_000}s`)
  if (isSerialPort(spec)) {
    const mode = serialModeOf(spec, MODE)
    const openPort = async (): Promise<LinePort> => new LinePort(await SerialLine.open(spec.target, mode, deps))
    return { unit, pollMs, timeoutMs, open: () => openRtu(openPort, spec.target, unit, timeoutMs) }
  }
  for (const name of SERIAL_OPTIONS) if (spec.options.has(name)) return refuseOption(spec, name, 'only a serial port has this')
  const { host, port } = tcpAddress(withPort(spec))
  return { unit, pollMs, timeoutMs, open: (signal) => openTcp(host, port, unit, timeoutMs, signal) }
}

function withPort(spec: SourceSpec): SourceSpec {
  const bare = /^tcp:\/\/([^:/[\]]+|\[[^\]]+\])\/?$/.exec(spec.target)
  return bare === null ? spec : { ...spec, target: `tcp://${bare[1] as string}:${DEFAULT_PORT}` }
}

async function openTcp(host: string, port: number, unit: number, timeoutMs: number, signal: AbortSignal): Promise<ModbusLink> {
  const ModbusRTU = (await import('modbus-serial')).default.default
  const client = new ModbusRTU()
  const where = `tcp://${host}:${port}`
  // Errors of the socket come through the promises as well.
  client.on('error', () => undefined)
  try {
    await withSignal(client.connectTCP(host, { port, timeout: timeoutMs }), signal)
  } catch (error) {
    client.destroy(() => undefined)
    const reason = messageOf(error)
    throw new WattnessError('SOURCE_UNREADABLE', `${where} cannot be read: ${reason}`, { where, reason }, { cause: error })
  }
  client.setID(unit)
  client.setTimeout(timeoutMs)
  return linkOf(client, where, unit, () => client.destroy(() => undefined))
}

async function openRtu(openPort: () => Promise<LinePort>, where: string, unit: number, timeoutMs: number): Promise<ModbusLink> {
  const ModbusRTU = (await import('modbus-serial')).default.default
  const port = await openPort()
  const client = new ModbusRTU(port)
  client.on('error', () => undefined)
  await new Promise<void>((resolve) => client.open(() => resolve()))
  client.setID(unit)
  client.setTimeout(timeoutMs)
  return linkOf(client, where, unit, () => port.close())
}

interface Client {
  readHoldingRegisters(address: number, count: number): Promise<{ data: number[] }>
  readInputRegisters(address: number, count: number): Promise<{ data: number[] }>
}

function linkOf(client: Client, where: string, unit: number, close: () => void): ModbusLink {
  return {
    close,
    async read(table, address, count) {
      try {
        const answer = await (table === 'holding'
          ? client.readHoldingRegisters(address, count)
          : client.readInputRegisters(address, count))
        if (answer.data.length === count) return answer.data
        throw new Error(`asked for ${count} registers, got ${answer.data.length}`)
      } catch (error) {
        throw refused(error, `${where}, unit ${unit}, ${table} register ${address}`)
      }
    },
  }
}

function refused(error: unknown, where: string): WattnessError {
  if (isWattnessError(error)) return error
  const code = (error as { modbusCode?: unknown }).modbusCode
  if (typeof code === 'number') {
    return new WattnessError('MODBUS_REFUSED', `${where}: the device answers with exception ${code}`, { where, exception: code })
  }
  const reason = messageOf(error)
  return new WattnessError('MODBUS_NO_ANSWER', `${where}: ${reason}`, { where, reason }, { cause: error })
}

/** Some of the package's errors are plain objects. */
function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | undefined)?.message
  return typeof message === 'string' ? message : String(error)
}

async function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: () => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('stopped'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => undefined)
  }
}

/**
 * What the package takes for a serial port: whole answers as 'data'. Its own ports read through `serialport`, whose reading does
 * not end where an adapter is pulled out.
 */
class LinePort extends EventEmitter {
  isOpen = true
  readonly #line: SerialLine
  readonly #stop = new AbortController()
  #answer: Buffer = Buffer.alloc(0)

  constructor(line: SerialLine) {
    super()
    this.#line = line
  }

  open(done: (error?: Error) => void): void {
    void this.#listen()
    done()
  }

  close(done?: () => void): void {
    this.isOpen = false
    this.#stop.abort()
    void this.#line.close()
    done?.()
  }

  write(request: Buffer): void {
    // What came late of an answer that nobody waits for any more.
    this.#answer = Buffer.alloc(0)
    this.#line.write(request).catch((error: unknown) => this.emit('error', error))
  }

  async #listen(): Promise<void> {
    try {
      for await (const chunk of this.#line.bytes(this.#stop.signal)) this.#hear(chunk)
    } catch (error) {
      this.emit('error', error)
    }
    this.isOpen = false
    this.emit('close')
  }

  #hear(chunk: Uint8Array): void {
    this.#answer = Buffer.concat([this.#answer, chunk]).subarray(-512)
    const [, code = 0, count = 0] = this.#answer
    const length = (code & EXCEPTION) === 0 ? SHORTEST_ANSWER + count : SHORTEST_ANSWER
    if (this.#answer.length < Math.max(length, SHORTEST_ANSWER)) return
    const answer = this.#answer.subarray(0, length)
    this.#answer = this.#answer.subarray(length)
    this.emit('data', answer)
  }
}
