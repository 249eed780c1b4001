import { crashAgainAndAgain, crashAtWrite, crashOne, failWrite } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'Machines lose their power, some in the middle of a write, some again at each new start; what was not synced may be gone. ' +
    'Disks refuse writes that they stored or did not. No sealed block and no reading that was taken is lost, and nobody honest ' +
    'tells two stories.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  acts: [
    { at: 0.1, every: 0.02, until: 0.9, what: 'a machine loses its power', deed: crashOne },
    { at: 0.11, every: 0.02, until: 0.9, what: 'a machine will lose its power in a write', deed: crashAtWrite },
    { at: 0.3, every: 0.2, until: 0.8, what: 'a machine will lose its power again and again', deed: crashAgainAndAgain },
    { at: 0.105, every: 0.04, until: 0.9, what: 'a disk will fail a write', deed: failWrite },
  ],
}
