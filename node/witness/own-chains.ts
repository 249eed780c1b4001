import {
  type Bytes,
  type ChainState,
  EMPTY_CHAIN,
  EMPTY_ROOT,
  type Epochs,
  equalBytes,
  type Leaf,
  type Membership,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

/** A leaf of a chain as held; its epoch is undefined where blocks say it. */
export interface HeldLeaf {
  readonly root: Bytes
  readonly epoch: number | undefined
}

/** Chains and their epochs as this node holds them, by member index, for whoever places leaves against them. */
export class OwnChains {
  readonly #store: LedgerStore
  readonly #held: () => Membership
  readonly #epochs: () => Epochs
  /** By member index and epoch: the first height that names the epoch's first registrar size or a later one. */
  readonly #starts = new Map<number, Map<number, number>>()

  constructor(store: LedgerStore, held: () => Membership, epochs: () => Epochs) {
    this.#store = store
    this.#held = held
    this.#epochs = epochs
  }

  key(index: number): Bytes | undefined {
    return this.#held().at(index)?.key
  }

  size(index: number): number {
    const key = this.key(index)
    return key === undefined ? 0 : (this.#store.head(key)?.size ?? 0)
  }

  /** Undefined where fewer blocks are held. */
  async rootAt(index: number, size: number): Promise<Bytes | undefined> {
    const known = this.rootInMemory(index, size)
    if (known !== undefined) return known
    const key = this.key(index)
    return key === undefined ? undefined : this.#store.rootAt(key, size)
  }

  /** The same where memory has it, as for the newest sizes of a chain. Undefined says nothing about what is held. */
  rootInMemory(index: number, size: number): Bytes | undefined {
    if (size === 0) return EMPTY_ROOT
    const key = this.key(index)
    return key === undefined ? undefined : this.#store.rootInMemory(key, size)
  }

  /** A leaf of size 1 or more of the chain as held, with its epoch where no block has to be looked at for it. */
  leafInMemory(index: number, size: number): HeldLeaf | undefined {
    const key = this.key(index)
    const end = key === undefined ? undefined : this.#store.endInMemory(key, size)
    return end && { root: end.root, epoch: this.#epochBy(end.head, index, size) }
  }

  /** Whether the first `leaf.size` blocks held are those of the leaf; undefined where fewer are held. */
  async isOn(index: number, { size, root }: Leaf): Promise<boolean | undefined> {
    const held = await this.rootAt(index, size)
    return held === undefined ? undefined : equalBytes(held, root)
  }

  /** Rule W3, for a size of 1 or more that is held. */
  async epochOf(index: number, size: number): Promise<number> {
    const key = this.key(index) as Bytes
    const head = this.#store.head(key) ?? EMPTY_CHAIN
    const known = this.#epochBy(head, index, size)
    if (known !== undefined) return known
    const epochs = this.#epochs()
    for (let number = epochs.at(head.registrarSize).number; number > 0; number--) {
      if ((await this.#startOf(index, key, number)) < size) return number
    }
    return 0
  }

  /** The same where no block has to be looked at. */
  #epochBy(head: ChainState, index: number, size: number): number | undefined {
    const epochs = this.#epochs()
    if (index === 0) return epochs.at(size - 1).number
    const newest = epochs.at(head.registrarSize).number
    return head.size === size || newest === 0 ? newest : undefined
  }

  async #startOf(index: number, key: Bytes, epoch: number): Promise<number> {
    const starts = this.#starts.get(index) ?? new Map<number, number>()
    const known = starts.get(epoch)
    if (known !== undefined) return known
    const start = await this.#store.firstNaming(key, this.#epochs().get(epoch)?.fromSize ?? 0)
    if (start < this.size(index)) this.#starts.set(index, starts.set(epoch, start))
    return start
  }

  /** Blocks of a chain were replaced: another branch may name other sizes. The registrar's makes other epochs. */
  forget(index: number): void {
    if (index === 0) this.#starts.clear()
    else this.#starts.delete(index)
  }
}
