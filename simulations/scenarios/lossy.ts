import { breakSomeWays, heal, slowSome } from '../deeds.ts'
import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story:
    'Bad links everywhere: a twentieth of all messages is lost, gossip comes twice or is overtaken, nobody sends more than 32 ' +
    'kilobytes a second, an eighth of the nodes hang on slow radio, and all the time some links pass nothing one way. All is ' +
    'later, and nothing is missing.',
  settings: {
    meters: 40,
    forMs: 6 * 3_600_000,
    gossip: 'on',
    loss: 0.05,
    duplication: 0.05,
    reordering: 0.1,
    jitterMs: 40,
    bytesPerSecond: 32_000,
  },
  acts: [
    { at: 0.05, what: 'some nodes have slow ways', deed: slowSome },
    { at: 0.1, every: 0.05, until: 0.85, what: 'some links pass nothing one way', deed: breakSomeWays },
    { at: 0.9, what: 'all ways are open again', deed: heal },
  ],
}
