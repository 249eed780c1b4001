import type { Leaf } from '../../frames.ts'
import type { Blocks } from './blocks.ts'
import type { Attested } from './rules.ts'

/** A leaf as its size and the number of its root. */
export function formatLeaf({ size, root }: Leaf, blocks: Blocks): string {
  if (size === 0) return '0'
  return `${size}#${(root[0] as number) + 256 * (root[1] as number)}${blocks.withRoot(root) === undefined ? '(nothing)' : ''}`
}

export function formatAttested({ epoch, sequence, leaves }: Attested, blocks: Blocks): string {
  const shown = leaves.flatMap((leaf, index) => (leaf.size === 0 ? [] : [`${index}:${formatLeaf(leaf, blocks)}`]))
  return `${sequence}, epoch ${epoch}: ${shown.join(' ')}`
}
