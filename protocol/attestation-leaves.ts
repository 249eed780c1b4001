import type { Attestation } from './attestation.ts'
import { equalBytes } from './bytes.ts'
import type { ChainSize, Leaf } from './frames.ts'
import { EMPTY_ROOT } from './hash.ts'
import { type HeadChange, type HeadsTree, headsRoot } from './heads.ts'

/**
 * An attestation held against one's own chains (rules A6–A8). Only members whose size in the frontier is not the own one
 * cost anything: their root at that size, and the hashes above their leaf.
 */
export interface OwnLeaves {
  /** Over this node's own leaves, in member order. It may know fewer members than `keys`. */
  readonly tree: HeadsTree
  /** Of all members that the held registrar's chain names, counted or not, in member order (rule A6). */
  readonly keys: readonly Uint8Array[]
  /** The sizes in `tree`; where it has none, the member has none here. */
  readonly sizes: readonly number[]
  /** Heads roots found to be this node's own at their frontiers, no leaf being named: until a chain is replaced. */
  readonly known?: {
    has(headsRoot: Uint8Array, frontier: readonly number[]): boolean
    add(headsRoot: Uint8Array, frontier: readonly number[]): void
  }
  /** This node's own root of a chain at a size of 1 or more that it holds. */
  rootAt(index: number, size: number): Uint8Array | Promise<Uint8Array>
}

export type LeavesAnswer =
  /** Every leaf that is not named is this node's own root at that size. */
  | { readonly type: 'equal' }
  /** A branch that this node does not hold, or a root of nothing: the list of leaves tells where (rule A7). */
  | { readonly type: 'different' }
  /** Chains to be fetched up to these sizes first; with an index beyond `keys`, the registrar's chain before all. */
  | { readonly type: 'lacking'; readonly chains: readonly ChainSize[] }

/** Rule A6: chains that are not named and of which the frontier has more than this node, ascending. Hashes nothing. */
export function lackingChains({ frontier, named }: Attestation, { sizes, keys }: OwnLeaves): ChainSize[] {
  const lacking: ChainSize[] = []
  let next = 0
  for (let index = 0; index < frontier.length; index++) {
    const size = frontier[index] as number
    const isNamed = named[next]?.index === index
    if (isNamed) next++
    if (index >= keys.length || (!isNamed && size > (sizes[index] ?? 0))) lacking.push({ index, size })
  }
  return lacking
}

/** Rule A6. */
export async function attestationLeaves(attestation: Attestation, own: OwnLeaves): Promise<LeavesAnswer> {
  const chains = lackingChains(attestation, own)
  if (chains.length > 0) return { type: 'lacking', chains }
  const { frontier, named, headsRoot: signed } = attestation
  if (named.length === 0 && own.known?.has(signed, frontier)) return { type: 'equal' }
  const changes: HeadChange[] = []
  let next = 0
  for (let index = 0; index < frontier.length; index++) {
    const size = frontier[index] as number
    const leaf = named[next]
    const isNamed = leaf?.index === index
    if (isNamed) next++
    else if (size === own.sizes[index]) continue
    const root = isNamed ? leaf.root : size === 0 ? EMPTY_ROOT : await own.rootAt(index, size)
    changes.push({ index, leaf: { member: own.keys[index] as Uint8Array, size, root } })
  }
  if (!equalBytes(own.tree.rootWith(changes, frontier.length), signed)) return { type: 'different' }
  if (named.length === 0) own.known?.add(signed, frontier)
  return { type: 'equal' }
}

/**
 * Rule A7: whether a list of leaves, whoever supplied it, is the one that the witness signed: sizes as in the frontier,
 * named roots as named, and the heads root over them the signed one. False too where a member's key is not known here.
 */
export function leavesMatch(attestation: Attestation, keys: readonly Uint8Array[], leaves: readonly Leaf[]): boolean {
  const { frontier, named, headsRoot: signed } = attestation
  if (leaves.length !== frontier.length || keys.length < frontier.length) return false
  if (leaves.some(({ size }, index) => size !== frontier[index])) return false
  if (named.some(({ index, root }) => !equalBytes(root, (leaves[index] as Leaf).root))) return false
  const heads = leaves.map(({ size, root }, index) => ({ member: keys[index] as Uint8Array, size, root }))
  return equalBytes(headsRoot(heads), signed)
}

/** Where a leaf stands to the chain as held here: on it, on another branch, or beyond it. */
export type LeafStanding = 'own' | 'other' | 'ahead'

/** Rule A8: each leaf counts or not for its own member, by its root. */
export async function leafStanding(index: number, { size, root }: Leaf, own: OwnLeaves): Promise<LeafStanding> {
  if (size > (own.sizes[index] ?? 0)) return 'ahead'
  // No branch can differ before its first block.
  if (size === 0) return 'own'
  return equalBytes(await own.rootAt(index, size), root) ? 'own' : 'other'
}
