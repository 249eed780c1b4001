import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { toHex } from '../../protocol/bytes.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Timers } from '../platform.ts'
import { deadline } from './deadline.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import {
  FRAME_PREFIX_BYTES,
  MAX_CONCURRENT_REQUESTS,
  MAX_PEER_REQUESTS,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  REQUEST_TIMEOUT_MS,
} from './limits.ts'
import type { RequestHandler } from './network.ts'
import { keyOfPeer } from './peer-keys.ts'
import { RequestGate } from './request-gate.ts'

/**
 * One request and one response on a stream of their own, each one frame. The response's first byte says how it went: 0 and
 * the answer, or alone 1 (failed), 2 (the answer was too large).
 */
const OK = 0
const FAILED = 1
const TOO_LARGE = 2

/** A stream handler that serves one protocol. */
export function requestServer(
  handler: RequestHandler,
  timers: Timers,
): (stream: Stream, connection: Connection) => Promise<void> {
  const gate = new RequestGate(MAX_CONCURRENT_REQUESTS, MAX_PEER_REQUESTS)
  return async (stream, connection) => {
    const from = keyOfPeer(connection.remotePeer)
    const fromHex = from === undefined ? '' : toHex(from)
    if (from === undefined || !gate.enter(fromHex)) return stream.abort(new Error('busy'))
    const limit = deadline(timers, REQUEST_TIMEOUT_MS, timedOut)
    try {
      const request = await readFrame(stream, MAX_REQUEST_BYTES, fromHex, limit.signal)
      await writeFrame(stream, await answer(handler, request, from), limit.signal)
    } catch (error) {
      stream.abort(error as Error)
    } finally {
      limit.clear()
      gate.leave(fromHex)
    }
  }
}

async function answer(handler: RequestHandler, request: Uint8Array, from: Uint8Array): Promise<Uint8Array> {
  try {
    const response = await handler(request, from)
    if (response.length > MAX_RESPONSE_BYTES) return Uint8Array.of(TOO_LARGE)
    const framed = new Uint8Array(1 + response.length)
    framed[0] = OK
    framed.set(response, 1)
    return framed
  } catch {
    return Uint8Array.of(FAILED)
  }
}

/** Asks over a connection that stands. */
export async function askOver(
  connection: Connection,
  protocol: string,
  request: Uint8Array,
  timers: Timers,
  parent?: AbortSignal,
): Promise<Uint8Array> {
  const limit = deadline(timers, REQUEST_TIMEOUT_MS, timedOut, parent)
  let stream: Stream | undefined
  try {
    stream = await connection.newStream(protocol, { signal: limit.signal, runOnLimitedConnection: true })
    const response = readFrame(stream, MAX_RESPONSE_BYTES + 1, connection.remotePeer.toString(), limit.signal)
    await Promise.all([response, writeFrame(stream, request, limit.signal)])
    return unwrap(await response)
  } catch (error) {
    stream?.abort(error as Error)
    if (limit.signal.aborted) throw limit.signal.reason
    if (isWattnessError(error)) throw error
    throw new WattnessError('REQUEST_FAILED', `${protocol} failed: ${(error as Error).message}`, { protocol }, { cause: error })
  } finally {
    limit.clear()
  }
}

function unwrap(response: Uint8Array): Uint8Array {
  if (response[0] === OK) return response.subarray(1)
  if (response[0] !== TOO_LARGE) throw new WattnessError('REQUEST_FAILED', 'request failed: the other side failed')
  throw new WattnessError('RESPONSE_TOO_LARGE', `a response has at most ${MAX_RESPONSE_BYTES} bytes`, { max: MAX_RESPONSE_BYTES })
}

function timedOut(): WattnessError {
  return new WattnessError('REQUEST_TIMEOUT', `no answer in ${REQUEST_TIMEOUT_MS} ms`)
}

async function writeFrame(stream: Stream, frame: Uint8Array, signal: AbortSignal): Promise<void> {
  const writer = new FrameWriter(FRAME_PREFIX_BYTES + frame.length)
  writer.push(frame)
  stream.send(writer.next() as Uint8Array)
  await stream.close({ signal })
}

/** The one frame that the other side sends. */
function readFrame(stream: Stream, maxBytes: number, peerHex: string, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const reader = new FrameReader(maxBytes, peerHex, (frame) => settle(() => resolve(frame)))
    const settle = (how: () => void): void => {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('close', onClose)
      stream.removeEventListener('end', onEnd)
      signal.removeEventListener('abort', onAbort)
      how()
    }
    const broken = (cause?: Error): void =>
      settle(() =>
        reject(
          new WattnessError(
            'REQUEST_FAILED',
            `${peerHex} broke off: ${cause?.message ?? 'closed'}`,
            { peer: peerHex },
            { cause },
          ),
        ),
      )
    const onMessage = (event: StreamMessageEvent): void => {
      try {
        if (event.data instanceof Uint8Array) reader.push(event.data)
        else for (const chunk of event.data) reader.push(chunk)
      } catch (error) {
        broken(error as Error)
      }
    }
    const onClose = (event: StreamCloseEvent): void => broken(event.error)
    const onEnd = (): void => broken()
    const onAbort = (): void => settle(() => reject(signal.reason as Error))
    stream.addEventListener('message', onMessage)
    stream.addEventListener('close', onClose)
    stream.addEventListener('end', onEnd)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
