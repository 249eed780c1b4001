import { restartInTurn } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'A new version is installed: every node is stopped in order and started again, one after the other. Nobody else notices: ' +
    'blocks go on becoming final all the time.',
  settings: { meters: 40, forMs: 6 * 3_600_000, restartMs: 10_000 },
  acts: [{ at: 0.1, what: 'every node is restarted, one after the other', deed: restartInTurn }],
}
