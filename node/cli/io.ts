import type { Readable, Writable } from 'node:stream'
import { type Platform, systemEnvironment, systemPlatform } from '../platform.ts'

/** Everything a command takes from the process it runs in, so that tests run it in theirs. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** True where a person reads `stdout`. */
  readonly isTerminal: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly platform: Platform
  /** Aborted when the process is to stop: SIGINT, SIGTERM. */
  readonly stopped: AbortSignal
}

/** Waits where the stream is full. What nobody reads any more is dropped. */
export function write(stream: Writable, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve())
  })
}

/** The process's own. `end` takes the signal handlers away. */
export function processIo(): { readonly io: Io; end(): void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort(new Error('stopped by a signal'))
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, stop)
  // `wattness blocks | head`: whoever read has seen enough.
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  }
  process.stdout.on('error', onError)
  const io: Io = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    isTerminal: process.stdout.isTTY,
    environment: systemEnvironment(),
    platform: systemPlatform,
    stopped: controller.signal,
  }
  const end = (): void => {
    for (const signal of signals) process.off(signal, stop)
    process.stdout.off('error', onError)
  }
  return { io, end }
}
