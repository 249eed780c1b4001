import { fallApart, heal } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'For a third of the run the network falls apart: into two halves, of which neither has a quorum of witnesses, or as the ' +
    'setting partition says. Every part goes on sealing; only where there is a quorum blocks become final. Once the ways are ' +
    'open again all agree.',
  settings: { meters: 40, forMs: 6 * 3_600_000, partition: 'halves' },
  acts: [
    { at: 0.3, what: 'the network falls apart', deed: fallApart },
    { at: 0.6, what: 'all ways are open again', deed: heal },
  ],
}
