import { heal, splitInHalves } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'For a third of the run the network falls into two halves that do not see each other. Each half goes on sealing; nothing ' +
    'that needs a quorum becomes final; once the ways are open again all agree.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  acts: [
    { at: 0.3, what: 'the network falls into two halves', deed: splitInHalves },
    { at: 0.6, what: 'all ways are open again', deed: heal },
  ],
}
