import { describeRunning } from '../control/index.ts'
import { CachedAnswer } from './answers.ts'
import type { Noun } from './api.ts'
import type { ObservedNode } from './observed-node.ts'
import { routeSchema } from './route-schema.ts'
import { PeersAnswer } from './schemas/index.ts'

/** `/v1/peers`. */
export const peers: Noun = (app, { node, changes, clock, limits }, done) => {
  const cached = new CachedAnswer({ make: () => peersOf(node), version: () => changes.neighbours, clock, limits })

  app.get(
    '/v1/peers',
    {
      schema: routeSchema({
        noun: 'peers',
        id: 'listPeers',
        summary: 'Neighbours that this node is connected to',
        answer: PeersAnswer,
      }),
    },
    (request, reply) => cached.send(request, reply),
  )
  done()
}

function peersOf(node: ObservedNode): PeersAnswer {
  const indices = new Map(node.membership.members.map(({ keyHex, index }) => [keyHex, index]))
  return {
    peers: describeRunning(node, []).peers.map(({ key, name, address, direction, agreement }) => ({
      key,
      name,
      index: indices.get(key) ?? null,
      address,
      direction: direction === 'inbound' ? 'inbound' : 'outbound',
      agreement,
    })),
  }
}
