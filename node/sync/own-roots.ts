import { type Bytes, equalBytes } from '../../protocol/index.ts'

/** Heads roots remembered: of what witnesses and neighbours hold at about the same time there are few. */
export const MAX_OWN_ROOTS = 32

interface OwnRoot {
  readonly root: Bytes
  readonly frontier: readonly number[]
}

/**
 * Heads roots that were found to be this node's own at their frontiers. Witnesses and neighbours who hold the same say the
 * same: what was hashed for the first is looked up for the others.
 */
export class OwnRoots {
  readonly #known = new Map<number, OwnRoot>()

  get size(): number {
    return this.#known.size
  }

  has(root: Bytes, frontier: readonly number[]): boolean {
    const known = this.#known.get(shortOf(root))
    if (known === undefined || known.frontier.length !== frontier.length) return false
    for (let index = 0; index < frontier.length; index++) if (known.frontier[index] !== frontier[index]) return false
    return equalBytes(known.root, root)
  }

  add(root: Bytes, frontier: readonly number[]): void {
    const short = shortOf(root)
    if (this.#known.has(short)) return
    if (this.#known.size >= MAX_OWN_ROOTS) this.#known.delete(this.#known.keys().next().value as number)
    this.#known.set(short, { root, frontier })
  }
}

/** Six bytes tell 32 roots apart; where they do not, a root is hashed again. */
function shortOf(root: Bytes): number {
  let short = 0
  for (let i = 0; i < 6; i++) short = short * 256 + (root[i] as number)
  return short
}
