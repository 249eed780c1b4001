import {
  type Bytes,
  EMPTY_CHAIN,
  equalBytes,
  HeadsTree,
  headLeafSize,
  type Leaf,
  type Member,
  type Membership,
  type NamedLeaf,
  type OwnLeaves,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import { OwnRoots } from './own-roots.ts'

/** What this node holds, in the order of member index: its frontier, and the heads root over it, kept up to date. */
export class LocalView {
  readonly #store: LedgerStore
  #membership: Membership
  #sizes: number[] = []
  /**
   * What the tree is made of. Never read anew from the store for an answer: a batch may just have been written of which this
   * view is told in a moment, and a neighbour must not be shown a frontier, leaves and a root of two moments.
   */
  #leaves: Leaf[] = []
  #tree = HeadsTree.empty()
  #keys: { readonly of: Membership | undefined; readonly keys: readonly Bytes[] } = { of: undefined, keys: [] }
  /** By member index: this node's own root at the end that a revocation names, where it was looked up. */
  readonly #endRoots = new Map<number, Bytes>()
  /** Begun afresh where another branch is held of a chain: what is still being compared is noted in the one before. */
  ownRoots = new OwnRoots()

  constructor(store: LedgerStore, membership: Membership) {
    this.#store = store
    this.#membership = membership
    this.#rebuild()
  }

  get membership(): Membership {
    return this.#membership
  }

  get frontier(): readonly number[] {
    return this.#sizes
  }

  headsRoot(): Bytes {
    return this.#tree.root()
  }

  sizeOf(index: number): number {
    return this.#sizes[index] ?? 0
  }

  setMembership(membership: Membership): void {
    this.#membership = membership
    this.#rebuild()
  }

  /** Places anew what the store holds otherwise than it did: a damaged chain may have been cut back. */
  refresh(): void {
    for (const member of this.#membership.members) {
      const head = this.#store.head(member.key) ?? EMPTY_CHAIN
      if (headLeafSize(member, head.size) !== this.sizeOf(member.index)) this.#place(member)
    }
  }

  /**
   * Looks up where chains that go on beyond the end of their revocation stand at that end: one that holds another history
   * there must not pass for the one that was revoked. True where there was something to correct.
   */
  async readEnds(): Promise<boolean> {
    let isCorrected = false
    for (const { index, key, revoked } of this.#membership.members) {
      if (revoked === undefined || this.#endRoots.has(index)) continue
      const root =
        (this.#store.head(key)?.size ?? 0) > revoked.endSize ? await this.#store.rootAt(key, revoked.endSize) : undefined
      if (root === undefined) continue
      this.#endRoots.set(index, root)
      const member = this.#membership.at(index)
      if (member === undefined || equalBytes(root, revoked.endRoot)) continue
      this.#place(member)
      isCorrected = true
    }
    return isCorrected
  }

  /** Another branch of a chain is held: where it stands at the end of its revocation is to be looked up anew. */
  forgetEnd(key: Bytes): void {
    const member = this.#membership.member(key)
    if (member !== undefined) this.#endRoots.delete(member.index)
    this.ownRoots = new OwnRoots()
  }

  /** This node's own root of chain `index` at `size`, which it holds and which is in its frontier. */
  async rootAt(index: number, size: number): Promise<Bytes> {
    const member = this.#membership.at(index) as Member
    const leaf = this.#leaves[index] as Leaf
    return size === leaf.size ? leaf.root : ((await this.#store.rootAt(member.key, size)) ?? EMPTY_CHAIN.root)
  }

  /** One chain has grown. */
  update(key: Bytes): Member | undefined {
    const member = this.#membership.member(key)
    if (member !== undefined) this.#place(member)
    return member
  }

  /** Leaves of the chains that are quarantined here: two nodes may have kept different branches of them. */
  named(): NamedLeaf[] {
    const named: NamedLeaf[] = []
    if (this.#store.evidence.size === 0) return named
    for (const member of this.#membership.members) {
      if (!this.#store.quarantined(member.key)) continue
      const { size, root } = this.#leaves[member.index] as Leaf
      named.push({ index: member.index, size, root })
    }
    return named
  }

  /** What attestations are held against (rule A6): `held` names also the members that do not count yet. */
  ownLeaves(held: Membership): OwnLeaves {
    return {
      tree: this.#tree,
      keys: this.#keysOf(held),
      sizes: this.#sizes,
      known: this.ownRoots,
      rootAt: (index, size) => this.rootAt(index, size),
    }
  }

  /** Each attestation asks, and members come a few times a year. */
  #keysOf(held: Membership): readonly Bytes[] {
    if (this.#keys.of !== held) this.#keys = { of: held, keys: held.members.map(({ key }) => key) }
    return this.#keys.keys
  }

  /** The heads tree as it is now. */
  ownTree(): HeadsTree {
    return this.#tree.clone()
  }

  /** Every leaf of the heads root. */
  leaves(): Leaf[] {
    return [...this.#leaves]
  }

  #rebuild(): void {
    this.ownRoots = new OwnRoots()
    this.#sizes = []
    this.#leaves = []
    this.#tree = HeadsTree.empty()
    for (const member of this.#membership.members) this.#place(member)
  }

  #place(member: Member): void {
    const { size, root } = this.#leafOf(member)
    // Shorter, or another at the same size: what was said of it before does not hold any more.
    const before = this.#leaves[member.index]
    const isOther = before !== undefined && (size === before.size ? !equalBytes(root, before.root) : size < before.size)
    if (isOther) this.ownRoots = new OwnRoots()
    this.#sizes[member.index] = size
    this.#leaves[member.index] = { size, root }
    this.#tree.set(member.index, { member: member.key, size, root })
  }

  /** A revoked chain counts up to the end that its revocation names, whose root stands there too. */
  #leafOf(member: Member): Leaf {
    const head = this.#store.head(member.key) ?? EMPTY_CHAIN
    const size = headLeafSize(member, head.size)
    if (size === head.size || member.revoked === undefined) return { size, root: head.root }
    return { size, root: this.#endRoots.get(member.index) ?? member.revoked.endRoot }
  }
}
