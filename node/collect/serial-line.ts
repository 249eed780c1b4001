import { read } from 'node:fs'
import { WattnessError } from '../../protocol/errors.ts'
import { sleep, type Timers } from '../platform.ts'
import type { MeterLine } from './meter-line.ts'
import type { SerialMode } from './serial-mode.ts'

/**
 * A serial port as bytes. Opening and the line's parameters are the package serialport's; reading is done here, because its own
 * read asks again for ever where a port that was unplugged answers with nothing, and because bytes are gathered: at 115,200 baud
 * a telegram comes in dozens of pieces, and each would cost a turn through everything.
 */

/** Read at once: more than comes in one gathering at any rate. */
const CHUNK_BYTES = 16_384

/** Time for more bytes to come before they are read; the system holds 4 KiB, which at 921,600 baud come in 44 ms. */
const GATHER_MS = 40

/** The part of a port of the package that is used; the poller is there wherever ports are files. */
export interface OpenPort {
  readonly fd?: number | null
  readonly poller?: { once(event: 'readable', heard: (error: Error | null) => void): unknown }
  readonly isOpen: boolean
  read(buffer: Buffer, offset: number, length: number): Promise<{ bytesRead: number }>
  write(buffer: Buffer): Promise<void>
  drain(): Promise<void>
  update(options: { baudRate: number }): Promise<void>
  close(): Promise<void>
}

export type OpenSerial = (options: SerialMode & { path: string }) => Promise<OpenPort>

/** Loaded where a serial port is asked for, and nowhere else. */
export const openNative: OpenSerial = async (options) => {
  const { SerialPort } = await import('serialport')
  return SerialPort.binding.open({ ...options, lock: true })
}

export interface SerialDeps {
  readonly timers: Timers
  /** The package's way unless given. */
  readonly openSerial?: OpenSerial
}

export class SerialLine implements MeterLine {
  readonly path: string
  readonly #port: OpenPort
  readonly #timers: Timers

  private constructor(path: string, port: OpenPort, timers: Timers) {
    this.path = path
    this.#port = port
    this.#timers = timers
  }

  /** Throws SERIAL_PORT_ABSENT, SERIAL_PORT_REFUSED, SERIAL_PORT_BUSY or SOURCE_UNREADABLE. */
  static async open(path: string, mode: SerialMode, { timers, openSerial = openNative }: SerialDeps): Promise<SerialLine> {
    try {
      return new SerialLine(path, await openSerial({ path, ...mode }), timers)
    } catch (error) {
      throw notOpened(path, error)
    }
  }

  /** What the line says until it is closed or `signal` is aborted. Throws SOURCE_UNREADABLE where the adapter is gone. */
  async *bytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    const stop = (): void => void this.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (this.#port.isOpen && !signal.aborted) {
        const length = await this.#read(buffer)
        if (length === 0) throw new Error('the adapter is gone')
        yield Uint8Array.prototype.slice.call(buffer, 0, length)
        await sleep(this.#timers, GATHER_MS, signal)
      }
    } catch (error) {
      if (signal.aborted || !this.#port.isOpen) return
      const reason = error instanceof Error ? error.message : String(error)
      const message = `${this.path} broke off: ${reason}`
      throw new WattnessError('SOURCE_UNREADABLE', message, { where: this.path, reason }, { cause: error })
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#port.write(Buffer.from(bytes))
    // A rate may only change, and an answer only come, when the last bit is out.
    await this.#port.drain()
  }

  async setBaudRate(baudRate: number): Promise<void> {
    await this.#port.update({ baudRate })
  }

  async close(): Promise<void> {
    if (this.#port.isOpen) await this.#port.close().catch(() => undefined)
  }

  /** Bytes read, at least one; 0 where the line hung up. */
  async #read(buffer: Buffer): Promise<number> {
    const { fd, poller } = this.#port
    if (typeof fd !== 'number' || poller === undefined) return (await this.#port.read(buffer, 0, buffer.length)).bytesRead
    for (;;) {
      const length = await readNow(fd, buffer)
      if (length !== undefined) return length
      await new Promise<void>((resolve, reject) => {
        poller.once('readable', (error) => (error === null ? resolve() : reject(error)))
      })
    }
  }
}

/** Undefined where nothing is there yet. */
function readNow(fd: number, buffer: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, length) => {
      if (error === null) resolve(length)
      else if (error.code === 'EAGAIN' || error.code === 'EINTR') resolve(undefined)
      else reject(error)
    })
  })
}

const LOCKED = /lock|busy|EBUSY|EAGAIN|temporarily unavailable|Access denied/i

/** What keeps a port from opening, with what to do about it. */
function notOpened(path: string, error: unknown): WattnessError {
  const reason = error instanceof Error ? error.message : String(error)
  const data = { where: path, reason }
  if (/no such file|ENOENT|ENXIO|ENODEV|no such device|file not found/i.test(reason)) {
    const message = `${path}: no such port. Is the adapter plugged in? Lasting names are in /dev/serial/by-id`
    return new WattnessError('SERIAL_PORT_ABSENT', message, data, { cause: error })
  }
  if (/permission denied|EACCES|EPERM|not permitted/i.test(reason)) {
    const message =
      `${path}: this user may not open it. Put the user into the group that owns the port (usermod -a -G dialout USER, then ` +
      'log in again), or install docker/systemd/70-wattness-meters.rules'
    return new WattnessError('SERIAL_PORT_REFUSED', message, data, { cause: error })
  }
  if (LOCKED.test(reason)) {
    const message = `${path}: another program has it open. "fuser ${path}" names it`
    return new WattnessError('SERIAL_PORT_BUSY', message, data, { cause: error })
  }
  return new WattnessError('SOURCE_UNREADABLE', `${path} cannot be opened: ${reason}`, data, { cause: error })
}
