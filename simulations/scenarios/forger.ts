import { actAll, lastMeters } from '../attackers/attacker.ts'
import { Forger } from '../attackers/forger.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    "A fifth of the meters make blocks in other members' names, the registrar's too, and of keys that are no members, attestations" +
    ' in the name of witnesses, and evidence against people who told one story. Nobody honest takes any of it for true.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: (world) => {
    for (const meter of lastMeters(world)) new Forger(world, meter)
  },
  acts: [{ at: 0.1, every: 0.02, until: 0.9, what: 'forgers forge', deed: actAll }],
}
