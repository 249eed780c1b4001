import { startLatecomers } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

/** A twentieth of the meters, one at least: the last ones. */
const SHARE = 20

export const scenario: Scenario = {
  story:
    'Some meters are switched on for the first time when most of the run has passed (of --for 30d: after 24 days). ' +
    'They fetch everything from their neighbours, call final what is, and seal what they read.',
  settings: { meters: 40, forMs: 12 * 3_600_000 },
  stage: (world) => {
    for (const meter of world.meters.slice(-Math.ceil(world.meters.length / SHARE))) world.latecomers.add(meter)
  },
  acts: [{ at: 0.8, what: 'latecomers are switched on', deed: startLatecomers }],
}
