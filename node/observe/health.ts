import { describeRunning } from '../control/index.ts'
import type { Noun } from './api.ts'
import type { ObservedNode } from './observed-node.ts'
import { routeSchema } from './route-schema.ts'
import { HealthAnswer } from './schemas/index.ts'

/** `/healthz`: this process answers. `/readyz`: what it answers is what its neighbours hold. Open whatever else is closed. */
export const health: Noun = (app, { node }, done) => {
  app.get(
    '/healthz',
    {
      schema: routeSchema({
        noun: 'health',
        id: 'getHealth',
        summary: 'Whether this process answers',
        answer: HealthAnswer,
        isOpen: true,
      }),
    },
    (_request, reply) => reply.header('cache-control', 'no-store').send({ ok: true, reasons: [] }),
  )
  app.get(
    '/readyz',
    {
      schema: routeSchema({
        noun: 'health',
        id: 'getReadiness',
        summary: 'Whether what this node serves is what its neighbours hold',
        description: '503 with the reasons where it is not.',
        answer: HealthAnswer,
        isOpen: true,
      }),
    },
    (_request, reply) => {
      const reasons = whatIsWrong(node)
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ ok: reasons.length === 0, reasons })
    },
  )
  done()
}

function whatIsWrong(node: ObservedNode): string[] {
  const { peers, caughtUp } = describeRunning(node, [])
  const reasons: string[] = []
  if (peers.length === 0) reasons.push('no neighbour is connected')
  else if (!caughtUp && !isLeftByAll(node)) reasons.push('a neighbour holds more than this node')
  if (node.store.witness.halted !== undefined) reasons.push('this key must not witness any more')
  return reasons
}

/** All that is lacking was pruned by whoever holds it: waiting brings none of it, and `status` names it. */
function isLeftByAll({ sync }: ObservedNode): boolean {
  const lacks = [...sync.lacks()]
  return lacks.length > 0 && lacks.every(({ isPruned }) => isPruned)
}
