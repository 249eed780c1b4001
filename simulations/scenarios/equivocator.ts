import { heal, turnLiars } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'Some witnesses run twice, from copies of one disk, while the network is in two halves that each see one of the two: two ' +
    'histories under one key. Afterwards every honest node holds the proof, and no two of them are final on different blocks.',
  settings: { meters: 40, forMs: 6 * 3_600_000, liars: 1 },
  acts: [
    { at: 0.3, what: 'liars tell each half another story', deed: turnLiars },
    { at: 0.6, what: 'all ways are open again', deed: heal },
  ],
}
