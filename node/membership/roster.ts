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
  type LabelRecord,
  type Membership,
  type MembershipOperation,
  toHex,
  type VoidOperation,
  verifyLabel,
  WattnessError,
  witnessesOf,
} from '../../protocol/index.ts'
import { keptKey, type LedgerStore } from '../store/index.ts'

/** Blocks of the registrar's chain read at once while the roster is built. */
const READ_BLOCKS = 256

export interface RosterOptions {
  /** Blocks of the registrar's chain that are final; unless given, whatever is held counts. */
  readonly finalSize?: number
  /** Told of each state that begins to count, one a block and in their order, those found at the start included. */
  readonly onCounted?: (membership: Membership) => void
}

/**
 * Who belongs to the network, as the stored registrar's chain says: built once at start, then kept up block by block. A block
 * counts once it is final; where the members that count name no witness, once it is held (rule M7). What is held and does not
 * count yet is known as well: the registrar decides by it, or it would let two in by one invitation.
 */
export class Roster {
  readonly #genesis: Genesis
  readonly #store: LedgerStore
  readonly #onCounted: (membership: Membership) => void
  #counted: Membership
  #held: Membership
  /** Operations of the blocks held above those that count: as many lists as blocks, most of them empty. */
  #waiting: (readonly MembershipOperation[])[] = []
  /** Labels of members that do not count yet, by key. */
  readonly #waitingLabels = new Map<string, LabelRecord>()
  #finalSize: number
  /** Counts operations: most of a registrar's blocks may hold none. */
  #changes = 0

  private constructor(genesis: Genesis, store: LedgerStore, options: RosterOptions) {
    this.#genesis = genesis
    this.#store = store
    this.#finalSize = options.finalSize ?? Number.POSITIVE_INFINITY
    this.#onCounted = options.onCounted ?? (() => undefined)
    this.#counted = initialMembership(genesis)
    this.#held = this.#counted
  }

  static async load(genesis: Genesis, store: LedgerStore, options: RosterOptions = {}): Promise<Roster> {
    const roster = new Roster(genesis, store, options)
    const size = store.head(genesis.registrar)?.size ?? 0
    for (let from = 0; from < size; from += READ_BLOCKS) {
      const blocks = await store.readBlocks(genesis.registrar, from, READ_BLOCKS)
      for (const { bytes } of blocks) roster.#hold(bytes)
      roster.#count()
    }
    await roster.#loadLabels()
    return roster
  }

  /** Operations that count so far. */
  get changes(): number {
    return this.#changes
  }

  /** The state that counts: by it rights are judged, blocks sealed and frontiers ordered. It never goes back. */
  get membership(): Membership {
    return this.#counted
  }

  /** The state after every block that is held. */
  get held(): Membership {
    return this.#held
  }

  /** The states after each block that is held and does not count yet, in order; the last one is `held`. */
  waitingStates(): Membership[] {
    let state = this.#counted
    return this.#waiting.map((operations) => {
      state = applyMembership(state, operations).membership
      return state
    })
  }

  /**
   * Blocks that were just stored. Undefined where they are not the registrar's; else the operations without effect, of those
   * that began to count.
   */
  onStored(member: Bytes, blocks: readonly Bytes[]): readonly VoidOperation[] | undefined {
    if (!equalBytes(member, this.#genesis.registrar)) return undefined
    // Blocks that were known before come again where the chain was damaged and cut back.
    for (const bytes of blocks) if (decodeBlock(bytes).header.height >= this.#held.size) this.#hold(bytes)
    const voided = this.#count()
    // Of a key that the operator named, the label was kept before the block that admits it.
    if (this.#lackingLabels().length > 0) void this.#loadLabels()
    return voided
  }

  /** The registrar's chain is final up to `size`. Returns as `onStored` does. */
  onFinal(size: number): readonly VoidOperation[] {
    this.#finalSize = Math.max(this.#finalSize, size)
    return this.#count()
  }

  /**
   * Blocks from `size` on are held no more: another branch takes their place, and is told to `onStored`. Throws FINAL_CONFLICT
   * where they count already.
   */
  onCut(size: number): void {
    if (size < this.#counted.size) {
      throw new WattnessError('FINAL_CONFLICT', `registrar's chain cut to ${size} blocks, of which ${this.#counted.size} count`, {
        size,
        counted: this.#counted.size,
      })
    }
    this.#waiting = this.#waiting.slice(0, size - this.#counted.size)
    this.#held = this.waitingStates().at(-1) ?? this.#counted
    for (const [keyHex, record] of this.#waitingLabels) {
      const member = this.#held.members.find((each) => each.keyHex === keyHex)
      if (member?.labelHash === undefined || !verifyLabel(record, member.labelHash)) this.#waitingLabels.delete(keyHex)
      else this.#held = this.#held.withLabel(member.key, record)
    }
  }

  /** Keeps a label whose hash stands in the registrar's chain; false for one that is known or has no place yet. */
  async learnLabel(key: Bytes, record: Bytes): Promise<boolean> {
    if (!this.#isLacking(key)) return false
    this.#setLabel(key, record)
    await this.#store.labels.put(key, record)
    return true
  }

  /** A member's label as it travels; undefined where it is not known. Throws STORE_DAMAGED. */
  async labelRecord(index: number): Promise<KeyLabel | undefined> {
    const key = this.#counted.at(index)?.key
    const record = key !== undefined && this.#store.labels.has(key) ? await this.#store.labels.get(key) : undefined
    return key === undefined || record === undefined ? undefined : { key, record }
  }

  #hold(bytes: Bytes): void {
    const { header, body } = decodeBlock(bytes)
    const operations = header.kind === KIND_MEMBERSHIP ? decodeMembershipBody(bodyContent(body)).map(withKeptKey) : []
    this.#waiting.push(operations)
    this.#held = applyMembership(this.#held, operations).membership
  }

  #count(): VoidOperation[] {
    const voided: VoidOperation[] = []
    let taken = 0
    for (const operations of this.#waiting) {
      if (witnessesOf(this.#counted).length > 0 && this.#counted.size >= this.#finalSize) break
      const applied = applyMembership(this.#counted, operations)
      this.#counted = applied.membership
      this.#changes += operations.length
      voided.push(...applied.voided)
      for (const operation of operations) this.#countLabel(operation)
      this.#onCounted(this.#counted)
      taken++
    }
    this.#waiting = this.#waiting.slice(taken)
    return voided
  }

  #countLabel(operation: MembershipOperation): void {
    if (operation.type !== 'admit' && operation.type !== 'replace-key') return
    const key = operation.type === 'admit' ? operation.key : operation.newKey
    const record = this.#waitingLabels.get(toHex(key))
    if (record === undefined || this.#counted.member(key) === undefined) return
    this.#waitingLabels.delete(toHex(key))
    this.#counted = this.#counted.withLabel(key, record)
  }

  /** Throws as Membership.withLabel does. */
  #setLabel(key: Bytes, record: LabelRecord): void {
    this.#held = this.#held.withLabel(key, record)
    if (this.#counted.member(key) === undefined) this.#waitingLabels.set(toHex(key), record)
    else this.#counted = this.#counted.withLabel(key, record)
  }

  #isLacking(key: Bytes): boolean {
    const member = this.#held.member(key)
    return member?.labelHash !== undefined && member.label === undefined
  }

  /** Members without a label of which the store has one. */
  #lackingLabels(): readonly Bytes[] {
    const { labels } = this.#store
    return this.#held.members.flatMap(({ key }) => (this.#isLacking(key) && labels.has(key) ? [key] : []))
  }

  async #loadLabels(): Promise<void> {
    for (const key of this.#lackingLabels()) {
      // Damaged, it is as good as not there: neighbours tell it again.
      const record = await this.#store.labels.get(key).catch(() => undefined)
      const hash = this.#held.member(key)?.labelHash
      if (record === undefined || hash === undefined || !this.#isLacking(key)) continue
      if (verifyLabel(record, hash)) this.#setLabel(key, record)
    }
  }
}

/** Every record of the ledger names these keys: one array for each, not one for each node of a process. */
function withKeptKey(operation: MembershipOperation): MembershipOperation {
  const key = keptKey(operation.key)
  return operation.type === 'replace-key' ? { ...operation, key, newKey: keptKey(operation.newKey) } : { ...operation, key }
}
