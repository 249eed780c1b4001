import { heal } from '../deeds.ts'
import type { Checker } from '../scenario.ts'
import { checker as honesty } from './honesty.ts'

export const checker: Checker = {
  rule: 'Whoever sealed two stories that honest nodes saw is proven to have done so on every honest node at the end.',

  watch(world, violate) {
    // By member: roots that honest nodes have held of it, by size.
    const stories = new Map<string, Map<number, string>>()
    const forked = new Set<string>()
    world.on('stored', (node, { member, state, own }) => {
      if (!node.isHonest || own || world.nodes.length === world.settings.meters + 1) return
      const roots = stories.get(member) ?? new Map<number, string>()
      stories.set(member, roots)
      const root = Buffer.from(state.root).toString('hex')
      const first = roots.get(state.size)
      if (first === undefined) roots.set(state.size, root)
      else if (first !== root) forked.add(member)
    })
    return () => {
      for (const member of forked) {
        const key = Uint8Array.from(Buffer.from(member, 'hex'))
        const accused = world.nodes.find(({ keyHex }) => keyHex === member)?.name ?? member
        const without = world.honest.filter(({ store }) => store?.evidence.has(key) !== true).map(({ name }) => name)
        if (without.length === 0) continue
        violate(`${accused} told two stories: no proof on ${without.length} honest nodes (${without.slice(0, 5).join(', ')})`)
      }
    }
  },

  breakage: {
    what: 'a key that runs twice, and a node that takes no signature for right: it comes by no proof',
    acts: [
      ...(honesty.breakage.acts ?? []).slice(0, 1),
      {
        at: 0.5,
        what: 'a node believes nobody any more',
        deed: (world) =>
          world.run('starting a node that believes nobody', async () => {
            const doubter = world.meters[0]
            await doubter?.stop()
            if (doubter !== undefined) doubter.altered.verify = () => false
            await doubter?.start()
          }),
      },
      { at: 0.7, what: 'all ways are open again', deed: heal },
    ],
  },
}
