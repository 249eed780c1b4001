import { appoint } from '../attackers/registrar.ts'
import type { Scenario } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** The first meter that is no witness at the start. */
const next = ({ settings }: World): number => settings.witnesses + 1

/** A witness that stays one throughout. */
const sleeper = (world: World): VirtualNode => world.witnesses.at(-1) as VirtualNode

export const scenario: Scenario = {
  story:
    'While the network runs, witnesses are appointed and dismissed, one of them off for some of it: one epoch follows another. ' +
    'No two nodes are ever final on different blocks, and everything becomes final through all changes.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  acts: [
    { at: 0.2, what: 'a witness is appointed', deed: appoint((world) => ({ witnesses: [next(world)] })) },
    { at: 0.3, what: 'a witness is switched off', deed: (world) => world.run('switching off', () => sleeper(world).stop()) },
    { at: 0.4, what: 'a witness is dismissed', deed: appoint(() => ({ meters: [1] })) },
    { at: 0.55, what: 'one takes the place of another', deed: appoint((world) => ({ witnesses: [1], meters: [next(world)] })) },
    { at: 0.65, what: 'it is switched on again', deed: (world) => world.run('switching on', () => sleeper(world).start()) },
    {
      at: 0.75,
      what: 'two take the places of two',
      deed: appoint((world) => ({ witnesses: [next(world), next(world) + 1], meters: [2, 3] })),
    },
  ],
}
