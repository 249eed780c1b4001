import type { SortedMap } from '../disk/sorted-map.ts'
import type { Checker } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

export const checker: Checker = {
  rule: 'What a node has called final stays final on it, through restarts and crashes.',

  watch(world, violate) {
    // By host, then by member.
    const known = new Map<number, Map<string, number>>()
    const sizesOf = ({ host }: VirtualNode): Map<string, number> => {
      const sizes = known.get(host) ?? new Map<string, number>()
      known.set(host, sizes)
      return sizes
    }
    world.on('final', (node, { member, size }) => {
      const before = sizesOf(node).get(member) ?? 0
      if (node.isHonest && size < before) violate(`${node.name}: ${size} blocks of a chain are final, ${before} were`)
      sizesOf(node).set(member, Math.max(before, size))
    })
    const compare = (node: VirtualNode, when: string): void => {
      if (!node.isHonest) return
      for (const each of world.nodes) {
        const before = sizesOf(node).get(each.keyHex) ?? 0
        const size = node.node?.finalOf(each.key)?.size ?? 0
        if (size < before) violate(`${node.name} ${when}: ${size} blocks of ${each.name} are final, ${before} were`)
      }
    }
    world.on('started', (node) => compare(node, 'after its start'))
    return () => {
      for (const node of world.nodes) if (node.isUp) compare(node, 'at the end')
    }
  },

  breakage: {
    what: 'a node whose disk is put back to an older copy',
    acts: [
      { at: 0.3, what: 'a disk is copied', deed: (world) => void images.set(world, victimOf(world).disk.image()) },
      {
        at: 0.7,
        what: 'a node goes on with the older copy of its disk',
        deed: (world) =>
          world.run('restoring', async () => {
            const victim = victimOf(world)
            await victim.stop()
            victim.disk.restore(images.get(world) as SortedMap)
            await victim.start()
          }),
      },
    ],
  },
}

const images = new WeakMap<World, SortedMap>()

/** No witness: one that is restored from a copy halts by itself. */
function victimOf(world: World): VirtualNode {
  return world.meters.at(-1) as VirtualNode
}
