import type { Final } from '../../finality.ts'
import type { Block, Blocks } from './blocks.ts'
import type { HonestNode } from './node.ts'

/** Safety (rule W15): what any honest node ever held to be final lies on one branch, and never goes back. */
export class FinalityCheck {
  readonly #blocks: Blocks
  /** By chain: every block that is final anywhere. */
  readonly #paths = new Map<number, readonly Block[]>()
  /** What each node showed last. */
  readonly #shown = new Map<HonestNode, Map<number, number>>()
  /** Nodes that count as liars: those restored from an old copy. */
  readonly #liars = new Set<HonestNode>()

  constructor(blocks: Blocks) {
    this.#blocks = blocks
  }

  counts(node: HonestNode): void {
    this.#liars.add(node)
  }

  countsNot(node: HonestNode): void {
    if (!node.isHalted) this.#liars.delete(node)
  }

  isLiar(key: Uint8Array): boolean {
    for (const node of this.#liars) if (node.key === key) return true
    return false
  }

  /** What is wrong with it; undefined where nothing is. */
  note(node: HonestNode, member: number, { size, root }: Final): string | undefined {
    const shown = this.#shown.get(node) ?? new Map<number, number>()
    this.#shown.set(node, shown)
    if ((shown.get(member) ?? 0) >= size) return `safety: chain ${member} was final up to ${shown.get(member)}, now ${size}`
    shown.set(member, size)
    const block = this.#blocks.withRoot(root)
    if (block?.member !== member || block.height !== size - 1) return `safety: what is final of chain ${member} is nothing`
    const path = this.#paths.get(member) ?? []
    const common = Math.min(path.length, block.path.length)
    if (common > 0 && path[common - 1] !== block.path[common - 1]) return `safety: two stories of chain ${member} are final`
    if (block.path.length > path.length) this.#paths.set(member, block.path)
    return undefined
  }
}
