import { lastMeters, turnInto } from '../attackers/attacker.ts'
import { Tamperer } from '../attackers/tamperer.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'A fifth of the meters pass on blocks and attestations of others with bytes changed: in header, body or signature, in ' +
    'another order, cut short. No honest node keeps any of it, blames anybody but who sent it, or stays without the true blocks.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  stage: turnInto(lastMeters, (world, box) => new Tamperer(world, box)),
}
