import { round } from './histogram.ts'
import type { Tally } from './tally.ts'
import type { VirtualNode } from './world/virtual-node.ts'
import type { World } from './world/world.ts'

/** Links that a report tells of: more than a drawing can show anyway. */
export const MAX_LINKS_TOLD = 8_000

/** One machine of the run, as a report tells of it. */
export interface NodeFigures {
  readonly name: string
  /** `liar`: who followed an attacker's orders. */
  readonly role: 'registrar' | 'witness' | 'meter' | 'liar'
  readonly isUp: boolean
  readonly starts: number
  readonly sentBytes: number
  readonly sentMessages: number
  /** Gossiped payloads that were new to it, and those that it had already. */
  readonly heard: number
  readonly duplicates: number
  readonly storedMiB: number
  readonly held: number
  readonly final: number
}

export function nodeFigures(world: World, tally: Tally): NodeFigures[] {
  const witnesses = new Set(world.witnesses)
  return world.nodes.map((node) => {
    const { host, name, isUp, starts, disk } = node
    const traffic = world.network.traffic.get(host)
    const gossip = gossipOf(world, node)
    return {
      name,
      role: node.isHonest ? (host === 0 ? 'registrar' : witnesses.has(node) ? 'witness' : 'meter') : 'liar',
      isUp,
      starts,
      sentBytes: traffic?.bytes ?? 0,
      sentMessages: traffic?.messages ?? 0,
      heard: gossip.heard,
      duplicates: gossip.duplicates,
      storedMiB: round(disk.usedBytes / 1_048_576),
      held: tally.heldBy(node),
      final: tally.finalOn(node),
    }
  })
}

/** Of all its starts. */
function gossipOf({ network }: World, { host, port }: VirtualNode): { readonly heard: number; readonly duplicates: number } {
  const gone = network.gossipOf.get(host)
  const { heard = 0, duplicates = 0 } = port?.gossip ?? {}
  return { heard: heard + (gone?.heard ?? 0), duplicates: duplicates + (gone?.duplicates ?? 0) }
}

/** Places in its nodes of two that are linked, the lower one first. */
export type Link = readonly [from: number, to: number]

/** All links that there are now. */
export function linksOf({ nodes }: World): Link[] {
  const links: Link[] = []
  for (const { host, port } of nodes) {
    for (const connection of port?.connections.values() ?? []) {
      if (port === undefined || !connection.isLink(port) || links.length >= MAX_LINKS_TOLD) continue
      const other = connection.across(port).endpoint.host
      if (host < other) links.push([host, other])
    }
  }
  return links
}
