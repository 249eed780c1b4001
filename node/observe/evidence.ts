import { readEvidenceLines } from '../control/index.ts'
import { CachedAnswer } from './answers.ts'
import type { Noun } from './api.ts'
import { routeSchema } from './route-schema.ts'
import { EvidenceAnswer, type EvidenceLine } from './schemas/index.ts'

/** Each is proven once more when the list is made: labels that came later wait so long. */
const STALE_MS = 30_000

/** `/v1/evidence`. */
export const evidence: Noun = (app, { node, verify, changes, clock, limits }, done) => {
  const cached = new CachedAnswer({
    make: async () => {
      const lines: EvidenceLine[] = []
      // Two for each member at most.
      for await (const line of readEvidenceLines(node, verify)) lines.push(line)
      return { evidence: lines }
    },
    version: () => changes.evidence,
    clock,
    limits: { freshMs: limits.freshMs, staleMs: Math.max(limits.staleMs, STALE_MS) },
  })

  app.get(
    '/v1/evidence',
    {
      schema: routeSchema({
        noun: 'evidence',
        id: 'listEvidence',
        summary: 'Proofs that members told two stories',
        answer: EvidenceAnswer,
      }),
    },
    (request, reply) => cached.send(request, reply),
  )
  done()
}
