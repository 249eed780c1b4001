import type { Member, Membership } from '../../protocol/index.ts'
import type { CountedChain } from './row-reader.ts'

/**
 * The chains whose blocks count for a member: its own, up to its end where its registrar ended it; with `follow` those of the
 * keys before it as well, each up to its end, the oldest first. `membership` is what counts: an end that is not final is none
 * yet, while the member may be one that does not count yet.
 */
export function countedChains(membership: Membership, member: Member, follow: boolean): CountedChain[] {
  const chains: CountedChain[] = []
  for (let each: Member | undefined = member; each !== undefined; ) {
    const end = membership.at(each.index)?.revoked
    chains.unshift(end === undefined ? { member: each.key } : { member: each.key, endSize: end.endSize })
    // Always one that was admitted before.
    each = follow && each.replaces !== undefined ? membership.at(each.replaces) : undefined
  }
  return chains
}
