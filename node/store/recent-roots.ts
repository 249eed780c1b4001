/** What witnesses say of a chain lags behind its head by a few blocks. */
export const RECENT_ROOTS = 4

/** The newest roots of one chain, by size, the oldest overwritten first. Costs nothing to keep: a head's root is there anyway. */
export class RecentRoots {
  readonly #sizes = new Array<number>(RECENT_ROOTS).fill(-1)
  readonly #roots: Uint8Array[] = []
  #at = 0

  add(size: number, root: Uint8Array): void {
    this.#sizes[this.#at] = size
    this.#roots[this.#at] = root
    this.#at = (this.#at + 1) % RECENT_ROOTS
  }

  get(size: number): Uint8Array | undefined {
    const at = this.#sizes.indexOf(size)
    return at < 0 ? undefined : this.#roots[at]
  }
}
