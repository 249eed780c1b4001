import { actAll, lastMeters, turnInto } from '../attackers/attacker.ts'
import { Spammer } from '../attackers/spammer.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'A fifth of the meters cost others what they can: blocks of the largest size, bad signatures, requests and frames in ' +
    'floods, noise by gossip. What waits stays within its bounds, and everybody else goes on as before.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: turnInto(lastMeters, (world, box) => new Spammer(world, box)),
  acts: [{ at: 0.1, every: 0.04, until: 0.9, what: 'spammers spam', deed: actAll }],
}
