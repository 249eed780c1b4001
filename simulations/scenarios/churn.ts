import { churn } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'Meters come and go, a Poisson process each: stopped in order after an hour in the mean, started again after ten minutes. ' +
    'Whoever comes back fetches what it missed and goes on where it stopped; nothing that was taken is lost.',
  settings: { meters: 40, forMs: 6 * 3_600_000, meanUpMs: 3_600_000, meanDownMs: 600_000 },
  acts: [{ at: 0.05, what: 'meters begin to come and go', deed: churn }],
}
