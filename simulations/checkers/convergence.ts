import { differingFrom } from '../quiet.ts'
import type { Checker } from '../scenario.ts'

export const checker: Checker = {
  rule: 'Once nothing new is sealed, every honest node holds every honest chain, to its end.',

  watch(world, violate) {
    return () => {
      for (const node of world.honest) {
        const differing = differingFrom(world, node)
        if (differing.length === 0) continue
        const some = differing.slice(0, 5).join(', ')
        violate(`${node.name} ${node.isUp ? `differs in ${differing.length} chains (${some})` : 'is not running'}`)
      }
    }
  },

  breakage: {
    what: 'a node that takes no signature for right',
    stage: (world) => {
      const doubter = world.meters.at(-1)
      if (doubter !== undefined) doubter.altered.verify = () => false
    },
  },
}
