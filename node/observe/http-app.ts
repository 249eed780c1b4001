import fastify, { type FastifyInstance } from 'fastify'
import type { Genesis, VerifySignature } from '../../protocol/index.ts'
import type { Timers } from '../platform.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { refuseConnection, sendProblem } from './problem.ts'
import { refuseStrayRequests } from './routes.ts'
import { tlog } from './tlog.ts'
import type { TlogStore } from './tlog-source.ts'
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
    // While it closes, what is on its way is answered as ever.
    return503OnClosing: false,
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkMs,
    },
    clientErrorHandler: (error, socket) => refuseConnection(error, socket),
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
  app.setNotFoundHandler((_request, reply) => reply.send())
  void app.register(tlog, { store, networkId: genesis.networkId, verify })
  void app.register(witness, { addCheckpoint, cosigned })
  return app
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
