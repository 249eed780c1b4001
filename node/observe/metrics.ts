import Type from 'typebox'
import type { Noun } from './api.ts'
import { chainMetrics } from './chain-metrics.ts'
import { finalityMetrics } from './finality-metrics.ts'
import { MetricRegistry } from './metric-registry.ts'
import { neighbourMetrics } from './neighbour-metrics.ts'
import { processMetrics } from './process-metrics.ts'
import { routeSchema } from './route-schema.ts'

/** However many collect them: with 256 members a look costs some 10 ms, and two at once would count twice. */
const LOOK_MS = 1_000

/** `/metrics`, for Prometheus: what an operator asks, with the unit in the name. Values are read when they are asked for. */
export const metrics: Noun = (app, context, done) => {
  const { clock } = context
  const all = new MetricRegistry()
  const parts = [processMetrics, chainMetrics, finalityMetrics, neighbourMetrics].map((part) => part(all, context))
  let text: Promise<string> | undefined
  let atMs = 0
  const look = async (): Promise<string> => {
    for (const part of parts) await part.look()
    return all.registry.metrics()
  }
  const read = (): Promise<string> => {
    const nowMs = clock.monotonicMs()
    if (text !== undefined && nowMs - atMs < LOOK_MS) return text
    atMs = nowMs
    const before = text?.catch(() => '') ?? Promise.resolve('')
    text = before.then(look)
    return text
  }
  app.addHook('onClose', (_app, closed) => {
    for (const part of parts) part.end?.()
    closed()
  })
  app.get(
    '/metrics',
    {
      schema: routeSchema({
        noun: 'metrics',
        id: 'getMetrics',
        summary: 'What an operator watches, in the text format of Prometheus',
        answer: Type.String(),
        answerType: 'text/plain',
      }),
    },
    async (_request, reply) => {
      return reply
        .header('content-type', all.registry.contentType)
        .header('cache-control', 'no-store')
        .send(await read())
    },
  )
  done()
}
