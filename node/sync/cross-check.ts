import {
  type Bytes,
  compareBytes,
  equalBytes,
  type HeadChange,
  type Holdings,
  headsRoot,
  type Leaf,
  type LeavesFrame,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import type { LocalView } from './local-view.ts'
import type { Agreement } from './session.ts'

/** Whose turn it is to say what it holds: of two members that of the lower key in even rounds, the other's in odd ones. */
export function isTurnOf(key: Bytes, other: Bytes, round: number): boolean {
  return compareBytes(key, other) < 0 === (round % 2 === 0)
}

/**
 * Compares a neighbour's heads root with this node's own chains at the neighbour's frontier: 'behind' while this node lacks
 * some of it. This finds every difference in every block of every chain, whatever gossip lost.
 */
export async function compareHeads(view: LocalView, store: LedgerStore, theirs: Holdings): Promise<Agreement> {
  if (theirs.frontier.length > view.membership.members.length) return 'behind'
  if (theirs.named.length === 0 && isSameFrontier(view.frontier, theirs.frontier)) {
    return equalBytes(view.headsRoot(), theirs.headsRoot) ? 'equal' : 'different'
  }
  const { ownRoots } = view
  if (theirs.named.length === 0 && ownRoots.has(theirs.headsRoot, theirs.frontier)) return 'equal'
  const named = new Map(theirs.named.map((leaf) => [leaf.index, leaf]))
  // Seen before anything is read: a node that catches up asks this after every batch.
  const { frontier } = theirs
  for (let index = 0; index < frontier.length; index++) {
    const isNamed = named.has(index)
    // A neighbour's own word on a leaf counts only where this node knows why: until then it lacks the evidence.
    if (isNamed ? !store.quarantined(keyAt(view, index)) : (frontier[index] as number) > view.sizeOf(index)) return 'behind'
  }
  // Read at once, before anything is awaited: only where the two differ is a leaf put in place of this node's own.
  const tree = view.ownTree()
  const sizes = [...view.frontier]
  const changes: HeadChange[] = []
  for (let index = 0; index < frontier.length; index++) {
    const size = frontier[index] as number
    if (!named.has(index) && sizes[index] === size) continue
    const leaf = named.get(index) ?? { size, root: await view.rootAt(index, size) }
    changes.push({ index, leaf: { member: keyAt(view, index), size: leaf.size, root: leaf.root } })
  }
  if (!equalBytes(tree.become(changes, theirs.frontier.length), theirs.headsRoot)) return 'different'
  if (theirs.named.length === 0) ownRoots.add(theirs.headsRoot, theirs.frontier)
  return 'equal'
}

export interface LeavesComparison {
  /** Chains in which the neighbour's leaf differs from this node's own root at the same size. */
  readonly differing: readonly number[]
  /** True where no chain of the neighbour's is beyond what this node can compare. */
  readonly isWhole: boolean
}

/** Compares chain by chain what a heads root compares at once. */
export async function compareLeaves(view: LocalView, theirs: readonly Leaf[]): Promise<LeavesComparison> {
  const differing: number[] = []
  let isWhole = theirs.length <= view.membership.members.length
  for (const [index, leaf] of theirs.entries()) {
    if (leaf.size > view.sizeOf(index)) isWhole = false
    else if (leaf.size > 0 && !equalBytes(await view.rootAt(index, leaf.size), leaf.root)) differing.push(index)
  }
  return { differing, isWhole }
}

/** False for leaves that do not make the heads root that came with them; a list with unknown members cannot be told. */
export function leavesMakeRoot(view: LocalView, { leaves, headsRoot: root }: LeavesFrame): boolean {
  if (leaves.length > view.membership.members.length) return true
  return equalBytes(headsRoot(leaves.map(({ size, root }, index) => ({ member: keyAt(view, index), size, root }))), root)
}

function keyAt(view: LocalView, index: number): Bytes {
  return view.membership.at(index)?.key as Bytes
}

function isSameFrontier(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index])
}
