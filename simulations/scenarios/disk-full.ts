import { cutPowerOnFullDisk, fillDisks, giveRoom } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'The disks of a quarter of the nodes are full for a third of the run, and some of these lose their power meanwhile. They ' +
    'seal nothing and take no reading that they could not keep; with room again they go on, and nothing that was taken is lost.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  acts: [
    { at: 0.3, what: 'disks fill up', deed: fillDisks },
    { at: 0.4, every: 0.1, until: 0.55, what: 'a machine with a full disk loses its power', deed: cutPowerOnFullDisk },
    { at: 0.6, what: 'there is room again', deed: giveRoom },
  ],
}
