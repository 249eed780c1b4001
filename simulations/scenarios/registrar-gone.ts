import type { Scenario } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'

export const scenario: Scenario = {
  story:
    'The registrar is off from soon after the start to the end. Nobody can be admitted or appointed; reading, sealing and ' +
    'becoming final go on as if nothing had happened.',
  settings: { meters: 40, forMs: 6 * 3_600_000 },
  acts: [
    {
      at: 0.1,
      what: 'the registrar is switched off',
      deed: (world) => world.run('switching the registrar off', () => (world.nodes[0] as VirtualNode).stop()),
    },
  ],
}
