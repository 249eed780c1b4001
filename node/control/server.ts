import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { isAbsolute } from 'node:path'
import { isWattnessError, type VerifySignature, WattnessError } from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import { type ArchiveOrder, archiveLines } from './archive-lines.ts'
import { blockQueryOf, readBlockLines } from './block-lines.ts'
import { readEvidenceLines } from './evidence-lines.ts'
import { frameOrderOf, readFrameLines } from './frame-lines.ts'
import { type AdmitOrder, admitMember, changeRoles, revokeMember } from './membership-desk.ts'
import { type ProveOrder, proveBlock } from './proof-desk.ts'
import { type PruneOrder, pruneLines } from './prune-desk.ts'
import { readingOrderOf, readReadingLines } from './reading-lines.ts'
import { type ReplaceOrder, replaceMember } from './replacement-desk.ts'
import { placeSocket, type SocketPlace } from './socket-path.ts'
import { type ControlledNode, describeMembers, describeRunning, describeStatus, type RunningNode } from './status.ts'
import { verifyLines } from './verify-lines.ts'

/**
 * Not imported: an import reads every name that a module has, and behind one of these (`WebSocket`) Node keeps a whole HTTP
 * client, which it would load. 8 MiB of a meter's node, for nothing.
 */
const { createServer } = process.getBuiltinModule('node:http')

/** Operators at once; a screen that refreshes and a few commands. */
const MAX_CONNECTIONS = 16
/** A pasted request, as JSON. */
const MAX_BODY_BYTES = 65_536
const BODY_MS = 10_000

export interface ControlInit {
  /** DIR/control.sock. */
  readonly socket: string
  readonly node: ControlledNode
  readonly platform: Platform
  readonly verify: VerifySignature
  readonly sources: () => RunningNode['sources']
  /** Takes the readings of a file, line by line of its progress; a node without it answers NO_SUCH_ROUTE. */
  readonly importFile?: (order: Readonly<Record<string, unknown>>) => AsyncIterable<object>
  /** What was no fault of the asker. */
  readonly onError: (error: unknown) => void
}

type Answer = object | AsyncIterable<object>
type Route = (url: URL, body: () => Promise<Readonly<Record<string, unknown>>>) => Promise<Answer> | Answer

/**
 * Answers the commands of the one user that may open the socket, by HTTP/1.1: JSON for one thing, a line of JSON for each of
 * many. Errors carry `{"code","message","data"}`.
 */
export class ControlServer {
  readonly #init: ControlInit
  readonly #routes: ReadonlyMap<string, Route>
  #server: Server | undefined
  #place: SocketPlace | undefined

  constructor(init: ControlInit) {
    this.#init = init
    const { node, platform, verify, socket } = init
    const { clock, random } = platform
    this.#routes = new Map<string, Route>([
      ['GET /status', () => describeStatus(node, describeRunning(node, init.sources()))],
      ['GET /members', () => describeMembers(node)],
      ['GET /blocks', (url) => readBlockLines(node, blockQueryOf(parametersOf(url)))],
      ['GET /readings', ({ searchParams }) => readReadingLines(node, readingOrderOf(searchParams))],
      ['GET /frames', ({ searchParams }) => readFrameLines(node, platform, frameOrderOf(searchParams))],
      ['GET /evidence', ({ searchParams }) => readEvidenceLines(node, verify, searchParams.get('member') ?? undefined)],
      [
        'GET /verify',
        ({ searchParams }) => verifyLines(node, { platform, verify, allSignatures: searchParams.get('signatures') === 'all' }),
      ],
      ['POST /members/admit', async (_, body) => admitMember(node, random, orderOf(await body()))],
      ['POST /members/revoke', async (_, body) => revokeMember(node, textOf(await body(), 'member'))],
      [
        'POST /members/role',
        async (_, body) => {
          const order = await body()
          return changeRoles(node, textOf(order, 'member'), textOf(order, 'roles'))
        },
      ],
      ['POST /members/replace', async (_, body) => replaceMember(node, { random, clock, verify }, replacementOf(await body()))],
      ['POST /archive', async (_, body) => archiveLines(node, { platform, verify, socket }, archiveOrderOf(await body()))],
      ['POST /prune', async (_, body) => pruneLines(node, platform, pruneOrderOf(await body()))],
      ...importRoute(init),
      ['POST /prove', async (_, body) => proveBlock(node, verify, proofOf(await body()))],
    ])
  }

  /** The process must hold the directory's lock. Throws SOCKET_PATH_TOO_LONG, and what listening throws. */
  async start(): Promise<void> {
    this.#place = await placeSocket(this.#init.socket)
    const server = createServer({ requestTimeout: BODY_MS, headersTimeout: BODY_MS }, (request, response) => {
      void this.#answer(request, response)
    })
    server.maxConnections = MAX_CONNECTIONS
    this.#server = server
    // The socket appears with the right mode: made first and closed to others later, it would be open for a moment.
    const mask = process.umask(0o177)
    try {
      server.listen(this.#place.path)
    } finally {
      process.umask(mask)
    }
    await once(server, 'listening')
    await chmod(this.#place.path, 0o600)
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server !== undefined) {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    }
    await this.#place?.remove()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'http://control')
      const route = this.#routes.get(`${request.method} ${url.pathname}`)
      if (route === undefined)
        throw new WattnessError('NO_SUCH_ROUTE', `${request.method} ${url.pathname}: nothing answers there`)
      const answer = await route(url, () => readBody(request))
      if (Symbol.asyncIterator in answer) await sendLines(response, answer)
      else send(response, 200, answer)
    } catch (error) {
      this.#refuse(response, error)
    }
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (!isWattnessError(error)) this.#init.onError(error)
    const code = isWattnessError(error) ? error.code : 'UNEXPECTED'
    const message = error instanceof Error ? error.message : String(error)
    const data = isWattnessError(error) ? error.data : {}
    if (!response.headersSent)
      return send(response, code === 'NO_SUCH_ROUTE' ? 404 : code === 'UNEXPECTED' ? 500 : 400, { code, message, data })
    // In the middle of the lines: the last one says why there are no more.
    response.end(`${JSON.stringify({ error: { code, message, data } })}\n`)
  }
}

function importRoute({ importFile }: ControlInit): [string, Route][] {
  return importFile === undefined ? [] : [['POST /import', async (_, body) => importFile(await body())]]
}

function send(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(value)}\n`)
}

/** Waits while the asker is slow; ends when it has gone. */
async function sendLines(response: ServerResponse, lines: AsyncIterable<object>): Promise<void> {
  let begun = false
  for await (const line of lines) {
    // Only now: what is wrong with the question shows at the first line, and is answered as such.
    if (!begun) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    begun = true
    if (!response.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(response, 'drain'), once(response, 'close')])
    if (response.destroyed) return
  }
  if (!begun) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.end()
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_BODY_BYTES) throw new WattnessError('QUERY_INVALID', `the question is longer than ${MAX_BODY_BYTES} bytes`)
    parts.push(part)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below: there is one thing to expect.
  }
  throw new WattnessError('QUERY_INVALID', 'the question is not a JSON object')
}

function parametersOf({ searchParams }: URL): { member?: string; from?: string; limit?: string } {
  return Object.fromEntries([...searchParams].filter(([name]) => ['member', 'from', 'limit'].includes(name)))
}

function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name]
  if (typeof value === 'string') return value
  throw new WattnessError('QUERY_INVALID', `${name}: expected text`, { name })
}

function orderOf(body: Readonly<Record<string, unknown>>): AdmitOrder {
  return { who: textOf(body, 'who'), ...optional(body, 'label'), ...optional(body, 'roles') }
}

function replacementOf(body: Readonly<Record<string, unknown>>): ReplaceOrder {
  return { member: textOf(body, 'member'), by: textOf(body, 'by'), ...optional(body, 'label') }
}

function archiveOrderOf(body: Readonly<Record<string, unknown>>): ArchiveOrder {
  const out = textOf(body, 'out')
  // The node stands in another directory than whoever asks.
  if (!isAbsolute(out)) throw new WattnessError('QUERY_INVALID', `out: found ${JSON.stringify(out)}, expected an absolute path`)
  return { out, withPrivateKey: body['withPrivateKey'] === true }
}

function pruneOrderOf(body: Readonly<Record<string, unknown>>): PruneOrder {
  const { beforeMs, dropValues, withoutWitnesses } = body
  if (typeof beforeMs === 'number' && Number.isFinite(beforeMs)) {
    return { beforeMs, dropValues: dropValues === true, withoutWitnesses: withoutWitnesses === true }
  }
  throw new WattnessError('QUERY_INVALID', 'beforeMs: expected a number', { name: 'beforeMs' })
}

function proofOf(body: Readonly<Record<string, unknown>>): ProveOrder {
  return { member: textOf(body, 'member'), ...optional(body, 'height'), ...optional(body, 'time') }
}

function optional<N extends string>(body: Readonly<Record<string, unknown>>, name: N): { readonly [name in N]?: string } {
  return body[name] === undefined ? {} : ({ [name]: textOf(body, name) } as { readonly [name in N]: string })
}
