import {
  type Bytes,
  EMPTY_CHAIN,
  equalBytes,
  headsRoot,
  type Holdings,
  type LeavesFrame,
  type Membership,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import type { LocalView } from './local-view.ts'
import type { Agreement } from './session.ts'

/**
 * Compares a neighbour's heads root with this node's own chains at the neighbour's frontier: 'behind' while this node lacks
 * some of it. This finds every difference in every block of every chain, whatever gossip lost.
 */
export async function compareHeads(view: LocalView, store: LedgerStore, theirs: Holdings): Promise<Agreement> {
  const { membership } = view
  if (theirs.frontier.length > membership.members.length) return 'behind'
  if (theirs.named.length === 0 && isSameFrontier(view.frontier, theirs.frontier)) {
    return equalBytes(view.headsRoot(), theirs.headsRoot) ? 'equal' : 'different'
  }
  const named = new Map(theirs.named.map((leaf) => [leaf.index, leaf]))
  const leaves = []
  for (let index = 0; index < theirs.frontier.length; index++) {
    const member = membership.members[index] as Membership['members'][number]
    const size = theirs.frontier[index] as number
    const leaf = named.get(index)
    if (leaf !== undefined) {
      leaves.push({ member: member.key, size: leaf.size, root: leaf.root })
      continue
    }
    if (size > view.sizeOf(index)) return 'behind'
    leaves.push({ member: member.key, size, root: await rootOf(store, member.key, size) })
  }
  return equalBytes(headsRoot(leaves), theirs.headsRoot) ? 'equal' : 'different'
}

/** The chains in which a neighbour's leaves differ from this node's own at the same size. */
export async function differingChains(view: LocalView, store: LedgerStore, theirs: LeavesFrame): Promise<number[]> {
  const differing: number[] = []
  for (const [index, leaf] of theirs.leaves.entries()) {
    const member = view.membership.members[index]
    if (member === undefined || leaf.size === 0 || leaf.size > view.sizeOf(index)) continue
    if (!equalBytes(await rootOf(store, member.key, leaf.size), leaf.root)) differing.push(index)
  }
  return differing
}

async function rootOf(store: LedgerStore, key: Bytes, size: number): Promise<Bytes> {
  const head = store.head(key) ?? EMPTY_CHAIN
  // Callers ask within what is held.
  return size === head.size ? head.root : ((await store.rootAt(key, size)) as Bytes)
}

function isSameFrontier(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index])
}
