import { createReadStream } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { WattnessError } from '../../protocol/errors.ts'
import type { SourceDeps } from './source.ts'

/** Opening what a source is read from: a file (also gzipped), standard input, or a TCP address. All as chunks of bytes. */

/** Read at once from a file: large enough to be quick, small enough for a small box. */
const CHUNK_BYTES = 65_536

/** A TCP peer that takes longer than this to answer the connection counts as gone. */
const CONNECT_TIMEOUT_MS = 20_000

const GZIP_MAGIC_0 = 0x1f
const GZIP_MAGIC_1 = 0x8b

export type ByteInput = (signal: AbortSignal) => AsyncIterable<Uint8Array>

/** The path of a file that a source names. */
export function pathOf(name: string, { directory }: SourceDeps): string {
  return directory === undefined ? name : resolve(directory, name)
}

/** The file's bytes; decompressed where they begin as gzip does, whatever the name. Throws SOURCE_UNREADABLE. */
export async function* fileBytes(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  try {
    yield* decompressed(file, signal)
  } catch (error) {
    throw unreadable(path, error)
  } finally {
    file.destroy()
  }
}

/** The process's standard input (or what stands in for it), decompressed like a file. */
export async function* standardInputBytes(deps: SourceDeps, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const input = deps.standardInput?.() ?? (process.stdin as AsyncIterable<Uint8Array>)
  const stop = (): void => {
    if (input === (process.stdin as AsyncIterable<Uint8Array>)) process.stdin.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    yield* decompressed(input, signal)
  } catch (error) {
    if (!signal.aborted) throw unreadable('standard input', error)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** What the peer sends until it closes. Throws SOURCE_UNREADABLE where it cannot be reached or the connection breaks. */
export async function* tcpBytes(host: string, port: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (signal.aborted) return
  const where = `tcp://${host}:${port}`
  const socket = connectTcp(host, port)
  const stop = (): void => void socket.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of socket as AsyncIterable<Uint8Array>) yield chunk
  } catch (error) {
    if (!signal.aborted) throw unreadable(where, error)
  } finally {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
}

/** A socket that gives up where nobody answers; the caller destroys it. */
export function connectTcp(host: string, port: number): Socket {
  const socket = connect({ host, port, keepAlive: true, keepAliveInitialDelay: CONNECT_TIMEOUT_MS })
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
    if (socket.connecting) socket.destroy(new Error(`no answer in ${CONNECT_TIMEOUT_MS} ms`))
  })
  return socket
}

/** Looks at the first bytes: two of them say gzip or not. */
async function* decompressed(input: AsyncIterable<Uint8Array>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let firstLength = 0
  while (firstLength < 2) {
    const next = await iterator.next()
    if (next.done === true) break
    first.push(next.value)
    firstLength += next.value.length
  }
  const rest = concatenated(first, iterator, signal)
  const beginning = first.flatMap((chunk) => Array.from(chunk.subarray(0, 2)))
  if (beginning[0] !== GZIP_MAGIC_0 || beginning[1] !== GZIP_MAGIC_1) return yield* rest
  const gunzip = createGunzip()
  // The callback form: an error of either side reaches the reader through `gunzip` itself.
  pipeline(rest, gunzip, () => undefined)
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) yield chunk
  } finally {
    gunzip.destroy()
  }
}

async function* concatenated(
  first: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for (const chunk of first) yield chunk
    for (;;) {
      if (signal?.aborted === true) return
      const next = await rest.next()
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await rest.return?.()
  }
}

export function unreadable(where: string, error: unknown): WattnessError {
  if (error instanceof WattnessError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new WattnessError('SOURCE_UNREADABLE', `${where} cannot be read: ${reason}`, { where, reason }, { cause: error })
}
