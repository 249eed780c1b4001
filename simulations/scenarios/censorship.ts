import { openOneWay, stageSiege } from '../attackers/withholder.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'All neighbours of one meter give it everything and pass none of its blocks on. It goes on sealing; one honest link later ' +
    'everybody holds its blocks.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: stageSiege(false),
  acts: [{ at: 0.6, what: 'one honest neighbour finds the way', deed: openOneWay }],
}
