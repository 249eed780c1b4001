import { actAll, lastMeters, turnInto } from '../attackers/attacker.ts'
import { Replayer } from '../attackers/replayer.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'A fifth of the meters send again whatever they have heard or said before: blocks, checkpoints, attestations, greetings of ' +
    'earlier sessions. Every byte was true once; nothing goes back, and nobody honest comes to harm.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: turnInto(lastMeters, (world, box) => new Replayer(world, box)),
  acts: [{ at: 0.1, every: 0.02, until: 0.9, what: 'replayers repeat', deed: actAll }],
}
