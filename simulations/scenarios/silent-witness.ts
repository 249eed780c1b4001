import { bearableWitnesses, mostLiars } from '../attackers/attacker.ts'
import { restartWitnesses, silence } from '../attackers/silence.ts'
import type { Scenario } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** One more than can be borne, with those that are silent all along. */
function oneTooMany({ witnesses, settings }: World): readonly VirtualNode[] {
  return witnesses.slice(mostLiars(settings.witnesses), mostLiars(settings.witnesses) + 1)
}

export const scenario: Scenario = {
  story:
    'As many witnesses as can be borne sign nothing, all along: everything becomes final without them. For a while one more is ' +
    'silent: nothing becomes final, and nothing wrong; once that one is back it goes on.',
  settings: { meters: 40, forMs: 6 * 3_600_000, liars: 5 },
  stage: (world) => {
    for (const witness of bearableWitnesses(world)) {
      world.turn(witness)
      silence(witness)
    }
  },
  acts: [
    { at: 0.4, what: 'one witness too many falls silent', deed: restartWitnesses(oneTooMany, true) },
    { at: 0.7, what: 'it is back', deed: restartWitnesses(oneTooMany, false) },
  ],
}
