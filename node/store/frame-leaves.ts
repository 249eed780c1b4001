import { nodeHash } from '../../protocol/hash.ts'
import { inclusionProof, rootOf } from '../../protocol/tree.ts'

/** The raw frames of one block as the leaves of its frames root, in the order in which they were taken. */
export class FrameLeaves {
  /** Hashes of perfect subtrees, level by level. */
  readonly #levels: Uint8Array[][] = [[]]

  /** A frame's leaf hash. */
  add(leaf: Uint8Array): void {
    let hash = leaf
    for (let level = 0; ; level++) {
      const hashes = this.#levels[level] ?? []
      this.#levels[level] = hashes
      hashes.push(hash)
      if (hashes.length % 2 === 1) return
      hash = nodeHash(hashes.at(-2) as Uint8Array, hash)
    }
  }

  get size(): number {
    return this.#levels[0]?.length ?? 0
  }

  /** Undefined where there are none. */
  get root(): Uint8Array | undefined {
    return this.size === 0 ? undefined : rootOf(this.#levels[0] as Uint8Array[])
  }

  /** Rule T4: from the leaf to the root. */
  proof(index: number): Promise<Uint8Array[]> {
    return inclusionProof((level, at) => this.#levels[level]?.[at] as Uint8Array, index, this.size)
  }
}
