import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { isWattnessError, WattnessError } from '../../protocol/index.ts'

/** Not imported: see node/control/server.ts. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/**
 * Errors leave as problem details (RFC 9457): the type says no more than the status does, `code` is the stable one of
 * docs/errors.md, `detail` its message.
 */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly data?: Readonly<Record<string, unknown>>
}

export const PROBLEM_TYPE = 'application/problem+json'

/** Statuses by code; what is not named here is a fault of this side. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['PATH_MALFORMED', 400],
  ['REQUEST_MALFORMED', 400],
  ['QUERY_INVALID', 400],
  ['CURSOR_INVALID', 400],
  ['ZONE_UNKNOWN', 400],
  ['MALFORMED_OBIS', 400],
  ['UNKNOWN_UNIT', 400],
  ['QUERY_TOO_LARGE', 400],
  ['QUERY_TOO_DENSE', 400],
  ['READINGS_MALFORMED', 400],
  ['MEMBER_AMBIGUOUS', 400],
  ['BLOCK_AMBIGUOUS', 400],
  ['TOKEN_MISSING', 401],
  ['TOKEN_UNKNOWN', 401],
  ['TOKEN_INSUFFICIENT', 403],
  ['HOST_REFUSED', 403],
  ['NOT_A_METER', 403],
  ['NO_SUCH_RESOURCE', 404],
  ['MEMBER_UNKNOWN', 404],
  ['BLOCK_UNKNOWN', 404],
  ['CHAIN_UNKNOWN', 404],
  ['CHECKPOINT_UNKNOWN', 404],
  ['TILE_UNKNOWN', 404],
  ['REGISTER_UNKNOWN', 404],
  ['METHOD_NOT_ALLOWED', 405],
  ['REQUEST_SLOW', 408],
  ['NO_WITNESSES', 409],
  ['NOT_FINAL', 409],
  ['BODY_TOO_LARGE', 413],
  ['TYPE_UNSUPPORTED', 415],
  ['RATE_LIMITED', 429],
  ['SPOOL_FULL', 429],
  ['HEADERS_TOO_LARGE', 431],
  ['LISTENERS_FULL', 503],
  ['PROVING_BUSY', 503],
  ['QUORUM_MISSING', 503],
  ['SERVER_BUSY', 503],
  ['DISK_FULL', 503],
  ['STORE_BUSY', 503],
  ['STORE_CLOSED', 503],
  ['STORE_CONFLICT', 503],
  ['STORE_UNSETTLED', 503],
])

const BUSY_SECONDS = 1

/** What a browser asks its user for, and what a program sends. */
const CHALLENGE = 'Basic realm="wattness", charset="UTF-8", Bearer realm="wattness"'

/** The problem that an error is to whoever asked. What nobody foresaw says nothing of this node's inside. */
export function problemOf(error: unknown): Problem {
  if (!isWattnessError(error)) {
    return problem(500, 'UNEXPECTED', 'something failed here; the log of this node says more')
  }
  const { code, message, data } = error
  return problem(STATUSES.get(code) ?? 500, code, message, data)
}

function problem(status: number, code: string, detail: string, data: Readonly<Record<string, unknown>> = {}): Problem {
  const title = STATUS_CODES[status] ?? 'Error'
  return { type: 'about:blank', title, status, code, detail, ...(Object.keys(data).length === 0 ? {} : { data }) }
}

/** Errors of the framework under codes of this project. */
export function ownError(error: unknown): unknown {
  const { code, statusCode, message, validationContext } = error as Partial<FastifyError>
  if (isWattnessError(error) || typeof statusCode !== 'number' || statusCode >= 500) return error
  if (statusCode === 413) return new WattnessError('BODY_TOO_LARGE', 'the body is larger than this resource takes')
  if (statusCode === 415) return new WattnessError('TYPE_UNSUPPORTED', 'this resource takes no body of that type')
  if (validationContext !== undefined) return new WattnessError('QUERY_INVALID', String(message), { where: validationContext })
  return new WattnessError('REQUEST_MALFORMED', `the request cannot be read: ${message}`, { fault: code })
}

/** Answers with the error's problem; `onError` hears of those that are no fault of the asker. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  onError: (error: unknown) => void,
): FastifyReply {
  const own = ownError(error)
  const problem = problemOf(own)
  if (problem.status >= 500 && problem.code !== 'SERVER_BUSY') onError(own)
  if (problem.status === 503 && !reply.hasHeader('retry-after')) void reply.header('retry-after', BUSY_SECONDS)
  if (problem.status === 401) void reply.header('www-authenticate', CHALLENGE)
  // What of the body has not been read would be taken for the next request's.
  if (hasBody(request)) void reply.header('connection', 'close')
  void reply.code(problem.status).header('content-type', PROBLEM_TYPE)
  void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  return reply.send(Buffer.from(`${JSON.stringify(problem)}\n`))
}

export function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length'])
}

/** What came was no request, or not in time: node:http hands over the bare connection. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new WattnessError('REQUEST_SLOW', 'the request did not come to its end in time')
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? new WattnessError('HEADERS_TOO_LARGE', 'the headers are longer than this server reads')
        : new WattnessError('REQUEST_MALFORMED', 'this is no HTTP/1.1 request', { fault: error.code })
  const problem = problemOf(refusal)
  const body = `${JSON.stringify(problem)}\n`
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
