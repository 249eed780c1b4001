import { sha256 } from '../../../protocol/hash.ts'
import { createLibp2pNetwork } from '../../net/index.ts'
import { sleep, systemPlatform, systemTimers } from '../../platform.ts'
import { networkContract } from './contract.ts'
import { text, type World } from './world.ts'

const realWorld = async (): Promise<World> => ({
  create: (number) => createLibp2pNetwork({ seed: sha256(text(`seed ${number}`)), platform: systemPlatform }),
  until: async (holds, what) => {
    for (let turn = 0; !holds(); turn++) {
      if (turn > 1_800) throw new Error(`${what}: not so after 9 s`)
      await sleep(systemTimers, 5)
    }
  },
  calm: () => sleep(systemTimers, 120),
  wait: (promise) => promise,
  end: async () => undefined,
})

networkContract('libp2p', realWorld)
