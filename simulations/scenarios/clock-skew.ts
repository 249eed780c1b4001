import { drift, setClocksWrong, stepClocks, stepOneFar } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'No clock is right: all are some seconds off, go too fast or too slow, and now and then a few step forward or back by 20 ' +
    "minutes; one is set to another year. A clock ahead of its neighbours' median seals nothing, one behind takes nothing from " +
    'them, until they are put right. Nobody is accused, and no chain is stopped by a block from the future.',
  settings: { meters: 40, forMs: 6 * 3_600_000, skewMs: 20_000, driftPpm: 50, stepMs: 1_200_000 },
  stage: setClocksWrong,
  acts: [
    { at: 0, what: 'clocks go too fast or too slow', deed: drift },
    { at: 0.2, every: 0.15, until: 0.8, what: 'some clocks step', deed: stepClocks },
    { at: 0.5, what: 'a clock is set to another year', deed: stepOneFar },
  ],
}
