import { turnRegistrar } from '../attackers/registrar.ts'
import { heal } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'The registrar tells two halves of the network of two different admissions. No two honest nodes ever count both, everybody ' +
    'holds the proof in the end, and what meters seal becomes final all the same.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  acts: [
    { at: 0.3, what: 'the registrar tells two stories', deed: turnRegistrar },
    { at: 0.6, what: 'all ways are open again', deed: heal },
  ],
}
