import { equalBytes, toHex } from '../../protocol/index.ts'
import { heal } from '../deeds.ts'
import type { Checker } from '../scenario.ts'
import type { World } from '../world/world.ts'

interface Claim {
  readonly root: Uint8Array
  readonly by: string
}

export const checker: Checker = {
  rule: 'No two honest nodes are ever final on different blocks.',

  watch(world, violate) {
    // By member, then by size: what the first one said that called it final.
    const claims = new Map<string, Map<number, Claim>>()
    world.on('final', (node, { member, size, root }) => {
      if (!node.isHonest) return
      const sizes = claims.get(member) ?? new Map<number, Claim>()
      claims.set(member, sizes)
      const first = sizes.get(size)
      if (first === undefined) sizes.set(size, { root, by: node.name })
      else if (!equalBytes(first.root, root)) {
        violate(`${nameOf(world, member)} has other ${size} blocks that are final on ${node.name} than on ${first.by}`)
      }
    })
    // Sizes differ from node to node: at the end each one's chain is asked for the root at the others' sizes. One root stands
    // for all the blocks below: of nodes that end at the same one, the first answers for all.
    return async () => {
      const asked = new Set<string>()
      for (const { name, store } of world.honest) {
        for (const [member, sizes] of claims) {
          if (store === undefined) continue
          const key = Uint8Array.from(Buffer.from(member, 'hex'))
          const own = store.witness.final(key)
          if (own === undefined || asked.has(toHex(own.root))) continue
          asked.add(toHex(own.root))
          for (const [size, { root, by }] of sizes) {
            if (size > own.size) continue
            const held = await store.rootAt(key, size)
            if (held === undefined || equalBytes(held, root)) continue
            violate(`${nameOf(world, member)} has other ${size} blocks below what is final on ${name} than those final on ${by}`)
          }
        }
      }
    }
  },

  breakage: {
    what: 'two of four witnesses run twice, one more than can be borne: each half makes one of their stories final',
    settings: { witnesses: 4 },
    acts: [
      {
        at: 0.3,
        what: 'two of four witnesses run twice',
        deed: (world) => {
          for (const liar of world.meters.slice(0, 2)) {
            const twin = world.addTwin(liar)
            world.run(`${twin.name} starts`, () => twin.start())
          }
          splitHonestWitnesses(world)
        },
      },
      { at: 0.8, what: 'all ways are open again', deed: heal },
    ],
  },
}

/** Two halves with both of the liars in each, and one of the two honest witnesses: a quorum on either side. */
function splitHonestWitnesses(world: World): void {
  const twins = world.nodes.slice(world.settings.meters + 1).map(({ host }) => host)
  const one = world.nodes.filter(({ host }) => host % 2 === 1 && !twins.includes(host)).map(({ host }) => host)
  const liars = world.meters.slice(0, 2).map(({ host }) => host)
  const first = [...new Set([...one, ...liars])]
  const second = world.nodes.map(({ host }) => host).filter((host) => !first.includes(host))
  world.network.partition([first, second])
}

function nameOf(world: World, member: string): string {
  return world.nodes.find(({ keyHex }) => keyHex === member)?.name ?? member
}
