import { actAll, bearableWitnesses, turnInto } from '../attackers/attacker.ts'
import { LyingWitness } from '../attackers/lying-witness.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'As many witnesses as can be borne sign leaves that nobody holds, another to each neighbour, more blocks than there are, ' +
    'and roots of no leaves at all. None of it becomes final, all that is true does, and each is proven to contradict itself.',
  settings: { meters: 40, forMs: 6 * 3_600_000, liars: 5 },
  stage: turnInto(bearableWitnesses, (world, box) => new LyingWitness(world, box)),
  acts: [{ at: 0.1, every: 0.1, until: 0.9, what: 'witnesses lie', deed: actAll }],
}
