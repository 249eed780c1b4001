import type { ChainState } from '../../protocol/chain-state.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import type { ChainEntry } from './chain-entry.ts'

/** Ends remembered of each chain: what neighbours send again, and what witnesses say, lags behind the head by a few blocks. */
export const RECENT_ENDS = 4

/** A root and a last block's hash. */
const END_BYTES = 2 * HASH_BYTES
const LEAST_CHAINS = 8

/** Root and last block hash of a chain at some size. */
export type ChainEnd = Pick<ChainState, 'root' | 'lastHash'>

/** A chain's local id is small and without gaps: it gives the place. */
type Branch = Pick<ChainEntry, 'id' | 'branch'>

/**
 * The newest ends of each chain, all of one branch, the shortest overwritten first. Of all chains in one piece of memory: an
 * object for each hash would take four times as much, and the collector would visit it for as long as the node lives.
 */
export class RecentEnds {
  /** Of each chain, that whose ends are remembered. */
  #branches = new Float64Array(0)
  /** 0 where nothing is remembered. */
  #sizes = new Float64Array(0)
  #ends = new Uint8Array(0)

  add({ id, branch, state: { size, root, lastHash } }: Branch & Pick<ChainEntry, 'state'>): void {
    if (size === 0) return
    const first = id * RECENT_ENDS
    if (first >= this.#sizes.length) this.#grow(id + 1)
    if (this.#branches[id] !== branch) {
      this.#branches[id] = branch
      this.#sizes.fill(0, first, first + RECENT_ENDS)
    }
    let place = first
    for (let at = first; at < first + RECENT_ENDS; at++) {
      const held = this.#sizes[at] as number
      if (held === size) return
      if (held < (this.#sizes[place] as number)) place = at
    }
    this.#sizes[place] = size
    this.#ends.set(root, place * END_BYTES)
    this.#ends.set(lastHash, place * END_BYTES + HASH_BYTES)
  }

  #grow(chains: number): void {
    const room = Math.max(LEAST_CHAINS, chains, 2 * this.#branches.length)
    const branches = new Float64Array(room)
    const sizes = new Float64Array(room * RECENT_ENDS)
    const ends = new Uint8Array(room * RECENT_ENDS * END_BYTES)
    branches.set(this.#branches)
    sizes.set(this.#sizes)
    ends.set(this.#ends)
    this.#branches = branches
    this.#sizes = sizes
    this.#ends = ends
  }

  #placeOf({ id, branch }: Branch, size: number): number {
    if (size === 0 || this.#branches[id] !== branch) return -1
    const first = id * RECENT_ENDS
    for (let at = first; at < first + RECENT_ENDS; at++) if (this.#sizes[at] === size) return at
    return -1
  }

  rootAt(of: Branch, size: number): Uint8Array | undefined {
    const place = this.#placeOf(of, size)
    return place < 0 ? undefined : this.#ends.slice(place * END_BYTES, place * END_BYTES + HASH_BYTES)
  }

  endAt(of: Branch, size: number): ChainEnd | undefined {
    const place = this.#placeOf(of, size)
    if (place < 0) return undefined
    const end = this.#ends.slice(place * END_BYTES, (place + 1) * END_BYTES)
    return { root: end.subarray(0, HASH_BYTES), lastHash: end.subarray(HASH_BYTES) }
  }
}
