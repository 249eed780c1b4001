import { describeRunning, describeStatus } from '../control/index.ts'
import { CachedAnswer } from './answers.ts'
import type { ApiContext, Noun } from './api.ts'
import { routeSchema } from './route-schema.ts'
import { GenesisAnswer, StatusAnswer } from './schemas/index.ts'

/** `/v1/status` and `/v1/genesis`. */
export const status: Noun = (app, context, done) => {
  const { node, changes, clock, limits } = context
  const cached = new CachedAnswer({ make: () => statusOf(context), version: () => changes.all, clock, limits })

  app.get(
    '/v1/status',
    {
      schema: routeSchema({
        noun: 'status',
        id: 'getStatus',
        summary: 'This node and its ledger in short',
        answer: StatusAnswer,
      }),
    },
    (request, reply) => cached.send(request, reply),
  )

  app.get(
    '/v1/genesis',
    {
      schema: routeSchema({
        noun: 'status',
        id: 'getGenesis',
        summary: "The network's genesis, byte by byte: its SHA-256 is the network id",
        answer: GenesisAnswer,
      }),
    },
    (_request, reply) =>
      reply
        .header('content-type', 'application/json')
        .header('cache-control', 'max-age=86400')
        .send(Buffer.from(node.genesis.bytes)),
  )
  done()
}

/** What `status` says, with sums in place of lists that have a place of their own. */
async function statusOf({ node, version }: ApiContext): Promise<StatusAnswer> {
  const { peers, caughtUp, lacks, refusedBy, gossip, heldBack } = describeRunning(node, [])
  const { network, self, chains, frontier, headsRoot, finality, waiting, setAside, damage } = await describeStatus(node, null)
  const { store, membership } = node
  const accused = membership.members.filter(({ key }) => store.evidence.has(key)).length
  const contradicted = membership.members.filter(({ key }) => store.witnessEvidence.has(key)).length
  return {
    network,
    self,
    version,
    running: { peers: peers.length, caughtUp, lacks: [...lacks], refusedBy: [...refusedBy], gossip, heldBack },
    members: membership.members.length,
    membershipSize: membership.size,
    blocks: sum(frontier),
    final: sum(chains.map(({ final }) => final)),
    frontier: [...frontier],
    headsRoot,
    finality: { ...finality, attestations: [...finality.attestations] },
    waiting,
    setAside,
    damage: [...damage],
    evidence: accused + contradicted,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
