import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance, type FastifyRequest, type FastifySchemaValidationError } from 'fastify'
import { type Genesis, type VerifySignature, WattnessError } from '../../protocol/index.ts'
import type { Timers } from '../platform.ts'
import { type ApiInit, api } from './api.ts'
import { isLoopback } from './host-check.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { PAGE_DIR } from './page-files.ts'
import { refuseConnection, sendProblem } from './problem.ts'
import { refuseStrayRequests } from './routes.ts'
import { tlog } from './tlog.ts'
import type { TlogStore } from './tlog-source.ts'
import { requireToken, Tokens } from './tokens.ts'
import { limitTraffic } from './traffic.ts'
import { type WitnessInit, witness } from './witness.ts'

export interface HttpAppInit extends WitnessInit {
  readonly store: TlogStore
  readonly genesis: Pick<Genesis, 'networkId'>
  readonly verify: VerifySignature
  readonly timers: Timers
  /** What was no fault of the asker. */
  readonly onError: (error: unknown) => void
  readonly limits?: Partial<HttpLimits>
  /** What /v1 and the page are served from; without it chains are served as tiled logs alone. */
  readonly api?: ApiInit | undefined
}

/** Everything that is served, one plugin per noun; not listening yet. */
export function createHttpApp(init: HttpAppInit): FastifyInstance {
  const { store, genesis, verify, timers, onError, addCheckpoint, cosigned } = init
  const limits = { ...HTTP_LIMITS, ...init.limits }
  const app = fastify({
    // Nobody reads a body unless a route says how much of it.
    bodyLimit: 1,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.silenceMs,
    keepAliveTimeout: limits.idleMs,
    forceCloseConnections: 'idle',
    // A proxy on this machine says whom it asks for; anybody else's word on that is none.
    trustProxy: 'loopback',
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, useDefaults: true } },
    // While it closes, what is on its way is answered as ever.
    return503OnClosing: false,
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkMs,
    },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket),
    schemaErrorFormatter: ([first], where) => new Error(faultText(first, where)),
    frameworkErrors: (error, request, reply) => {
      void sendProblem(error, request, reply, onError)
    },
  })
  app.server.maxConnections = limits.connections
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, onError))
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.header('x-content-type-options', 'nosniff')
    done()
  })
  endConnectionsAtClose(app)
  limitTraffic(app, timers, limits)
  refuseStrayRequests(app)
  // Hooks of the root run for what no route takes only where it has a handler of its own.
  app.setNotFoundHandler((request, reply) => {
    const missing = new WattnessError('NO_SUCH_RESOURCE', 'nothing is found under this path')
    return sendProblem(missing, request, reply, onError)
  })
  // Schemas say what is sent; what is not in them is sent all the same, and tests hold the two together.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  void app.register(helmet, SAFE_HEADERS)
  void app.register(rateLimit, {
    max: limits.rate,
    timeWindow: limits.rateMs,
    cache: limits.rateAddresses,
    allowList: isFromHere,
    errorResponseBuilder: (_request, { max, ttl }) =>
      new WattnessError('RATE_LIMITED', `more than ${max} questions from one address: ask again in ${Math.ceil(ttl / 1_000)} s`, {
        limit: max,
        afterMs: ttl,
      }),
  })
  const tokens = init.api?.tokens ?? Tokens.none
  const isReadClosed = init.api?.isReadClosed === true
  void app.register(async (logs) => {
    if (isReadClosed) logs.addHook('onRequest', requireToken(tokens, 'read'))
    await logs.register(tlog, { store, networkId: genesis.networkId, verify })
  })
  void app.register(witness, { addCheckpoint, cosigned })
  if (init.api !== undefined) {
    const { version = 'unknown', names = [], dataDir = '', sources = () => [], pageDir = PAGE_DIR } = init.api
    void app.register(api, {
      ...init.api,
      tokens,
      isReadClosed,
      names,
      version,
      dataDir,
      sources,
      pageDir,
      timers,
      verify,
      limits,
      onError,
    })
  }
  return app
}

/**
 * The page asks nobody but the node that it came from. There is no TLS here: whoever puts a proxy with some in front says there
 * that it is to be kept to.
 */
const SAFE_HEADERS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
} as const

/** Programs on this machine are nobody's to slow down; who comes through a proxy has an address of his own. */
function isFromHere({ ip }: FastifyRequest): boolean {
  return isLoopback(ip)
}

/** Which parameter, what is expected, and what of it was found. */
function faultText(fault: FastifySchemaValidationError | undefined, where: string): string {
  if (fault === undefined) return where
  const { instancePath, message = 'is not valid', params } = fault
  const name = instancePath.replace(/^\//, '').replaceAll('/', '.')
  if (fault.keyword === 'additionalProperties')
    return `${where}: unknown parameter ${JSON.stringify(params['additionalProperty'])}`
  const allowed = Array.isArray(params['allowedValues']) ? `: ${params['allowedValues'].join(', ')}` : ''
  return `${where}${name === '' ? '' : `: ${name}`} ${message}${allowed}`
}

/** Else whoever is answered during the close keeps its connection open for another question. */
function endConnectionsAtClose(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('connection', 'close')
    done(null, payload)
  })
}
