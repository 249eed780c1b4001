import { openOneWay, stageSiege } from '../attackers/withholder.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    "All of one meter's links lead to attackers, who tell it nothing and pass on nothing of it. One honest link later it holds " +
    'everything, and everybody holds what it has sealed.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: stageSiege(true),
  acts: [{ at: 0.6, what: 'one honest neighbour finds the way', deed: openOneWay }],
}
