import { equalBytes, MAX_MEMBERS, type SignedCheckpoint, toHex } from '../../../../protocol/index.ts'

/**
 * The newest signed checkpoint of each chain that this page has checked since it was opened. An observer that shows two
 * different histories to one reader is found out by it; one that shows different readers different ones is not.
 */
export class SeenHeads {
  readonly #heads = new Map<string, SignedCheckpoint>()

  /** To be called with checkpoints whose signature holds. What is wrong with this one, in words; undefined where it is fine. */
  add(head: SignedCheckpoint): string | undefined {
    const name = toHex(head.member)
    const known = this.#heads.get(name)
    if (known !== undefined && known.size === head.size && !equalBytes(known.root, head.root)) {
      return `two signed histories of ${head.size} blocks: ${toHex(known.root)} before, ${toHex(head.root)} now`
    }
    if (known !== undefined && known.size >= head.size) return undefined
    // No network has more; an observer that names more is not remembered.
    if (known === undefined && this.#heads.size >= MAX_MEMBERS) return undefined
    this.#heads.set(name, head)
    return undefined
  }

  get size(): number {
    return this.#heads.size
  }
}
