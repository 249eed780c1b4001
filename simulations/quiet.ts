import { equalBytes } from '../protocol/index.ts'
import type { VirtualNode } from './world/virtual-node.ts'
import type { World } from './world/world.ts'

/** Of n witnesses n − ⌊(n − 1) / 3⌋: those whose word makes final. */
export function quorumOf(witnesses: number): number {
  return witnesses - Math.floor((witnesses - 1) / 3)
}

/** Names of the honest chains of which a node holds others blocks, or fewer, than their authors do. */
export function differingFrom(world: World, { store, node }: VirtualNode): string[] {
  return world.nodes
    .filter(({ isHonest, member }) => isHonest && world.isHonestMember(member))
    .filter((author) => {
      const own = author.store?.head(author.key)
      const held = node === undefined ? undefined : store?.head(author.key)
      if (own === undefined || held === undefined) return node === undefined || own?.size !== held?.size
      return own.size !== held.size || !equalBytes(own.root, held.root)
    })
    .map(({ name }) => name)
}

/** Whether there is nothing left to wait for: all is sealed, held by everybody honest, and final where there are witnesses. */
export function isQuiet(world: World): boolean {
  const { honest } = world
  if (honest.some(({ isUp, store }) => !isUp || (store?.spool.size ?? 0) > 0)) return false
  const able = world.witnesses.filter(({ isHonest }) => isHonest).length
  const hasQuorum = world.settings.witnesses > 0 && able >= quorumOf(world.settings.witnesses)
  return honest.every((each) => {
    if (differingFrom(world, each).length > 0) return false
    if (!hasQuorum) return true
    return honest.every(({ key, member }) => {
      if (!world.isHonestMember(member)) return true
      return (each.store?.head(key)?.size ?? 0) === (each.node?.finalOf(key)?.size ?? 0)
    })
  })
}
