import { actAll, lastMeters, turnInto } from '../attackers/attacker.ts'
import { Forger } from '../attackers/forger.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'A fifth of the meters make blocks in the names of other members and of the registrar, and of keys that are no members, ' +
    'attestations in the name of witnesses, and evidence against people who told one story. Nobody takes any of it for true.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: turnInto(lastMeters, (world, box) => new Forger(world, box)),
  acts: [{ at: 0.1, every: 0.02, until: 0.9, what: 'forgers forge', deed: actAll }],
}
