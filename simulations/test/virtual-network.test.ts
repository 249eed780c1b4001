import { networkContract } from '../../node/test/net/contract.ts'
import { sha256, toUtf8 } from '../../protocol/index.ts'
import { VirtualNetwork } from '../network/virtual-network.ts'
import { SeededRandom } from '../seeded-random.ts'
import { Machine, VirtualTime } from '../time/virtual-time.ts'

networkContract('virtual', async () => {
  const time = new VirtualTime(0)
  const random = new SeededRandom('contract')
  const network = new VirtualNetwork({ time, random: random.stream('network'), conditions: { latencyMs: 5, jitterMs: 3 } })
  return {
    create: async (number) => {
      const { platform } = new Machine(time, random.stream(`node ${number}`))
      return network.port(number, sha256(toUtf8(`key ${number}`)), platform)
    },
    until: async (holds, what) => {
      await time.runUntil(time.elapsedMs + 600_000, holds)
      if (!holds()) throw new Error(`never came: ${what}`)
    },
    calm: () => time.runUntil(time.elapsedMs + 100),
    wait: (promise) => time.wait(promise),
    end: async () => undefined,
  }
})
