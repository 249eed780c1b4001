import { bringStrangers, strangersDial } from '../attackers/stranger.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'Anybody may come and read, and keys cost nothing: many strangers dial everybody, again and again, to take all places, and ' +
    'boast of blocks that there are not. Members find each other as before.',
  settings: { meters: 40, forMs: 6 * 3_600_000, observers: 'open' },
  stage: bringStrangers,
  acts: [{ at: 0.0, every: 0.02, until: 0.9, what: 'strangers dial', deed: strangersDial }],
}
