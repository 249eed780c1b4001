import type { IncomingMessage } from 'node:http'
import { WattnessError } from '../../protocol/index.ts'
import { findSocket } from './socket-path.ts'

/** Not imported: see server.ts. */
const { request: httpRequest } = process.getBuiltinModule('node:http')

/** `undefined`: nobody answers at the socket, so no node runs (or it was killed and left its socket behind). */
export type ControlAnswer<T> = T | undefined

/** A running node answers at once, unless it seals a membership block on a slow disk. */
const ANSWER_MS = 30_000
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'])

/** Asks the running node. Throws what the node refuses with, CONTROL_FAILED where it does not answer as it should. */
export async function askControl<T>(socket: string, method: string, path: string, body?: object): Promise<ControlAnswer<T>> {
  const response = await open(socket, method, path, body)
  if (response === undefined) return undefined
  return valueOf(await textOf(response)) as T
}

/** Lines of JSON as they come. With an `order` something is done, without one only asked. */
export async function streamControl<T>(socket: string, path: string, order?: object): Promise<ControlAnswer<AsyncIterable<T>>> {
  const response = await open(socket, order === undefined ? 'GET' : 'POST', path, order)
  return response === undefined ? undefined : linesOf<T>(response)
}

async function* linesOf<T>(response: IncomingMessage): AsyncGenerator<T> {
  // Asked by commands alone, and the running node has this file too.
  const { createInterface } = await import('node:readline')
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      const value = valueOf(line)
      const { error } = value as { error?: unknown }
      if (isRefusal(error)) throw refusal(error)
      yield value as T
    }
  } catch (error) {
    throw brokenOff(error)
  }
  if (!response.complete) throw brokenOff(undefined)
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  try {
    for await (const part of response as AsyncIterable<string>) text += part
  } catch (error) {
    throw brokenOff(error)
  }
  return text
}

function brokenOff(cause: unknown): unknown {
  if (cause instanceof WattnessError) return cause
  return new WattnessError('CONTROL_FAILED', 'the running node broke off in the middle of its answer', {}, { cause })
}

async function open(
  wanted: string,
  method: string,
  path: string,
  body: object | undefined,
): Promise<IncomingMessage | undefined> {
  const socketPath = await findSocket(wanted)
  const text = body === undefined ? undefined : JSON.stringify(body)
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      const asked = httpRequest({ socketPath, method, path, headers, timeout: ANSWER_MS }, resolve)
      asked.on('error', reject)
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`)))
      asked.end(text)
    })
    if (response.statusCode === 200) return response
    throw await refusalOf(response)
  } catch (error) {
    if (error instanceof WattnessError) throw error
    if (NOBODY.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    const reason = error instanceof Error ? error.message : String(error)
    throw new WattnessError(
      'CONTROL_FAILED',
      `${wanted}: the running node cannot be asked: ${reason}`,
      { socket: wanted },
      { cause: error },
    )
  }
}

interface Refusal {
  readonly code: string
  readonly message: string
  readonly data?: Readonly<Record<string, unknown>>
}

async function refusalOf(response: IncomingMessage): Promise<WattnessError> {
  const value = valueOf(await textOf(response))
  if (isRefusal(value)) return refusal(value)
  return new WattnessError('CONTROL_FAILED', `the running node answered with status ${response.statusCode}`)
}

function isRefusal(value: unknown): value is Refusal {
  const { code, message } = (value ?? {}) as Partial<Refusal>
  return typeof code === 'string' && typeof message === 'string'
}

function refusal({ code, message, data }: Refusal): WattnessError {
  if (code === 'NO_SUCH_ROUTE') {
    const what = `the running node is of another version and cannot do this (${message})`
    return new WattnessError(code, `${what}: use the wattness command that it was started with`, data ?? {})
  }
  return new WattnessError(code, message, data ?? {})
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new WattnessError('CONTROL_FAILED', `the running node's answer is not JSON: ${JSON.stringify(text.slice(0, 80))}`)
  }
}
