import {
  type Bytes,
  EMPTY_CHAIN,
  HeadsTree,
  headLeafSize,
  type Leaf,
  type Member,
  type Membership,
  type NamedLeaf,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

/** What this node holds, in the order of member index: its frontier, and the heads root over it, kept up to date. */
export class LocalView {
  readonly #store: LedgerStore
  #membership: Membership
  #sizes: number[] = []
  #tree = HeadsTree.empty()

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

  /** One chain has grown. */
  update(key: Bytes): Member | undefined {
    const member = this.#membership.member(key)
    if (member !== undefined) this.#place(member)
    return member
  }

  /** Leaves of the chains that are quarantined here: two nodes may have kept different branches of them. */
  named(): NamedLeaf[] {
    const named: NamedLeaf[] = []
    for (const member of this.#membership.members) {
      if (!this.#store.quarantined(member.key)) continue
      const { size, root } = this.#leafOf(member)
      named.push({ index: member.index, size, root })
    }
    return named
  }

  /** Every leaf of the heads root. */
  leaves(): Leaf[] {
    return this.#membership.members.map((member) => this.#leafOf(member))
  }

  #rebuild(): void {
    this.#sizes = []
    this.#tree = HeadsTree.empty()
    for (const member of this.#membership.members) this.#place(member)
  }

  #place(member: Member): void {
    const { size, root } = this.#leafOf(member)
    this.#sizes[member.index] = size
    this.#tree.set(member.index, { member: member.key, size, root })
  }

  /** A revoked chain counts up to the end that its revocation names, whose root stands there too. */
  #leafOf(member: Member): Leaf {
    const head = this.#store.head(member.key) ?? EMPTY_CHAIN
    const size = headLeafSize(member, head.size)
    if (size === head.size || member.revoked === undefined) return { size, root: head.root }
    return { size, root: member.revoked.endRoot }
  }
}
