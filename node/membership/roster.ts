import {
  applyMembership,
  type Bytes,
  bodyContent,
  decodeBlock,
  decodeMembershipBody,
  equalBytes,
  type Genesis,
  initialMembership,
  type KeyLabel,
  KIND_MEMBERSHIP,
  type Membership,
  type MembershipOperation,
  type VoidOperation,
  verifyLabel,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

/** Blocks of the registrar's chain read at once while the roster is built. */
const READ_BLOCKS = 256

/** Who belongs to the network, as the stored registrar's chain says: built once at start, then kept up block by block. */
export class Roster {
  readonly #genesis: Genesis
  readonly #store: LedgerStore
  #membership: Membership
  /** Counts operations: most of a registrar's blocks may hold none. */
  #changes = 0

  private constructor(genesis: Genesis, store: LedgerStore) {
    this.#genesis = genesis
    this.#store = store
    this.#membership = initialMembership(genesis)
  }

  static async load(genesis: Genesis, store: LedgerStore): Promise<Roster> {
    const roster = new Roster(genesis, store)
    const size = store.head(genesis.registrar)?.size ?? 0
    for (let from = 0; from < size; from += READ_BLOCKS) {
      const blocks = await store.readBlocks(genesis.registrar, from, READ_BLOCKS)
      roster.#apply(blocks.map((block) => block.bytes))
    }
    await roster.#loadLabels()
    return roster
  }

  get changes(): number {
    return this.#changes
  }

  get membership(): Membership {
    return this.#membership
  }

  /** Blocks of the registrar's chain that were just stored. Returns the operations that had no effect. */
  onStored(member: Bytes, blocks: readonly Bytes[]): readonly VoidOperation[] | undefined {
    if (!equalBytes(member, this.#genesis.registrar)) return undefined
    return this.#apply(blocks)
  }

  #apply(blocks: readonly Bytes[]): VoidOperation[] {
    const voided: VoidOperation[] = []
    for (const bytes of blocks) {
      const { header, body } = decodeBlock(bytes)
      const operations: MembershipOperation[] = header.kind === KIND_MEMBERSHIP ? decodeMembershipBody(bodyContent(body)) : []
      this.#changes += operations.length
      const applied = applyMembership(this.#membership, operations)
      this.#membership = applied.membership
      voided.push(...applied.voided)
    }
    return voided
  }

  /** Keeps a label whose hash stands in the registrar's chain; false for one that is known or has no place yet. */
  async learnLabel(key: Bytes, record: Bytes): Promise<boolean> {
    const member = this.#membership.member(key)
    if (member === undefined || member.label !== undefined || member.labelHash === undefined) return false
    this.#membership = this.#membership.withLabel(key, record)
    await this.#store.labels.put(key, record)
    return true
  }

  /** A member's label as it travels; undefined where it is not known. Throws STORE_DAMAGED. */
  async labelRecord(index: number): Promise<KeyLabel | undefined> {
    const key = this.#membership.at(index)?.key
    const record = key !== undefined && this.#store.labels.has(key) ? await this.#store.labels.get(key) : undefined
    return key === undefined || record === undefined ? undefined : { key, record }
  }

  async #loadLabels(): Promise<void> {
    for (const { key, labelHash } of this.#membership.members) {
      if (labelHash === undefined || !this.#store.labels.has(key)) continue
      // Damaged, it is as good as not there: neighbours tell it again.
      const record = await this.#store.labels.get(key).catch(() => undefined)
      if (record !== undefined && verifyLabel(record, labelHash)) this.#membership = this.#membership.withLabel(key, record)
    }
  }
}
