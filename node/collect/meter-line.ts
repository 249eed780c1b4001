import type { Socket } from 'node:net'
import { connectTcp, unreadable } from './byte-input.ts'

/** A line to a meter that speaks when it is asked: both ways, until it is closed. */
export interface MeterLine {
  /** What the meter says, until the line is closed or `signal` is aborted. Throws SOURCE_UNREADABLE where it breaks. */
  bytes(signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Resolves when it is out. */
  write(bytes: Uint8Array): Promise<void>
  /** Of serial ports; a network adapter has the rate it was set to. */
  setBaudRate(baudRate: number): Promise<void>
  close(): Promise<void>
}

/** A serial port behind a network adapter. */
export class TcpLine implements MeterLine {
  readonly #socket: Socket
  readonly #where: string

  private constructor(socket: Socket, where: string) {
    this.#socket = socket
    this.#where = where
    // An error between two uses is met at the next one.
    socket.on('error', () => undefined)
  }

  /** Throws SOURCE_UNREADABLE. */
  static async open(host: string, port: number, signal: AbortSignal): Promise<TcpLine> {
    const where = `tcp://${host}:${port}`
    const socket = connectTcp(host, port)
    const stop = (): void => void socket.destroy(new Error('stopped'))
    signal.addEventListener('abort', stop, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
      })
      return new TcpLine(socket, where)
    } catch (error) {
      socket.destroy()
      throw unreadable(where, error)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async *bytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const stop = (): void => void this.#socket.destroy()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      for await (const chunk of this.#socket as AsyncIterable<Uint8Array>) yield chunk
    } catch (error) {
      if (!signal.aborted) throw unreadable(this.#where, error)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(unreadable(this.#where, error)) : resolve()))
    })
  }

  setBaudRate(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#socket.destroy()
    return Promise.resolve()
  }
}
