import { quorumOf } from '../quiet.ts'
import type { Checker } from '../scenario.ts'

export const checker: Checker = {
  rule: 'With a quorum of honest witnesses every block of an honest chain becomes final everywhere in the end.',

  watch(world, violate) {
    return () => {
      const { witnesses } = world.settings
      const able = world.witnesses.filter(({ isHonest }) => isHonest).length
      if (witnesses === 0 || able < quorumOf(witnesses)) return
      for (const node of world.honest) {
        let missing = 0
        for (const { key, member, isHonest } of world.nodes) {
          if (!isHonest || !world.isHonestMember(member)) continue
          const size = node.store?.head(key)?.size ?? 0
          missing += size - Math.min(size, node.node?.finalOf(key)?.size ?? 0)
        }
        if (missing > 0) violate(`${node.name} holds ${missing} blocks that are not final`)
      }
    }
  },

  breakage: {
    what: 'witnesses that take no signature for right, one more than can be borne',
    settings: { witnesses: 4 },
    stage: (world) => {
      for (const witness of world.meters.slice(0, 2)) witness.altered.verify = () => false
    },
  },
}
