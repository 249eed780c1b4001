import { keepSomeOff, startLatecomers } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'After a blackout in the night of the installation all nodes start within two seconds with empty stores; meters read at ' +
    'once. A quarter of the nodes, by which others were to find the network, are off for half of the run. The others find each ' +
    'other all the same, seal and make final; those that come later catch up.',
  settings: { meters: 40, forMs: 6 * 3_600_000, startUpMs: 2_000, offShare: 0.25 },
  stage: keepSomeOff,
  acts: [{ at: 0.5, what: 'the others are switched on', deed: startLatecomers }],
}
