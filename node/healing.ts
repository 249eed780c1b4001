import { type Bytes, fromHex, isWattnessError, type Membership, toHex } from '../protocol/index.ts'
import type { Clock } from './platform.ts'
import type { LedgerStore } from './store/index.ts'

/** A chain is looked through at most once in this time: that reads all of its blocks. */
export const HEAL_EVERY_MS = 60_000

export interface HealerInit {
  readonly store: LedgerStore
  readonly clock: Clock
  readonly membership: () => Membership
  /** Whether some neighbour says that it holds as many blocks of this chain, and all that they say. */
  readonly isHeldElsewhere: (index: number, size: number) => boolean
  /** A chain was cut back: neighbours are to be told, and asked for the rest. */
  readonly onCut: (key: Bytes, size: number) => void
  readonly onError: (error: Error) => void
}

/**
 * Takes damage that was met while the node runs out of its chains: the chain ends at what is vouched for, and neighbours give
 * the rest again. Where no neighbour holds as much, the blocks above the damage stay: they may be the last copy.
 */
export class Healer {
  readonly #init: HealerInit
  /** When each chain was looked through last, by member key. As many as there are members. */
  readonly #lookedMs = new Map<string, number>()

  constructor(init: HealerInit) {
    this.#init = init
  }

  /** What was found out about the store: damage of a chain that can be fetched again is cut out. */
  onDamage(error: unknown): void {
    if (!isWattnessError(error, 'STORE_DAMAGED')) return
    const { member, height, isUnsigned } = error.data
    if (typeof member !== 'string' || typeof height !== 'number') return
    const key = fromHex(member)
    if (isUnsigned !== true) return this.#heal(key, (size) => size, error.message)
    // Blocks of another history than the one that the author signed, under no signature of their own.
    const signedSize = async (size: number): Promise<number> =>
      (await this.#init.store.signatureAtOrBelow(key, size - 1))?.size ?? 0
    this.#heal(key, signedSize, error.message)
  }

  #heal(key: Bytes, sizeOf: (size: number) => number | Promise<number>, what: string): void {
    const { store, clock, membership, isHeldElsewhere, onError } = this.#init
    const index = membership().member(key)?.index
    const held = store.head(key)?.size ?? 0
    if (index === undefined || held === 0 || !isHeldElsewhere(index, held)) return
    const now = clock.monotonicMs()
    if (now - (this.#lookedMs.get(toHex(key)) ?? Number.NEGATIVE_INFINITY) < HEAL_EVERY_MS) return
    this.#lookedMs.set(toHex(key), now)
    this.#cut(key, held, sizeOf, what).catch((error: unknown) => onError(error as Error))
  }

  async #cut(key: Bytes, held: number, sizeOf: (size: number) => number | Promise<number>, what: string): Promise<void> {
    const { store, onCut } = this.#init
    const kept = await store.cutBack(key, await sizeOf(held), what)
    const size = kept?.size ?? 0
    if (size < held) onCut(key, size)
  }
}
