import { writeFileSync } from 'node:fs'
import { toHex, toUtf8 } from '../../bytes.ts'
import { EMPTY_ROOT, sha256 } from '../../hash.ts'
import { type HeadLeaf, headLeafEntry, headsRoot } from '../../heads.ts'

/** Leaves and roots of rules H1 to H3. */
const leaf = (index: number): HeadLeaf => {
  const member = sha256(toUtf8(`member ${index}`))
  // Sizes of one to eight bytes, and every fifth member without a block.
  const size = index % 5 === 4 ? 0 : 3 * 128 ** (index % 8)
  return { member, size, root: size === 0 ? EMPTY_ROOT : sha256(toUtf8(`root ${index}`)) }
}

export const headsVectors = {
  comment: 'Heads roots over member leaves in member order (rules H1 to H3). Made by make-heads.ts.',
  cases: [0, 1, 2, 3, 4, 7, 8, 9, 20].map((count) => {
    const leaves = Array.from({ length: count }, (_, index) => leaf(index))
    return {
      leaves: leaves.map(({ member, size, root }) => ({ member: toHex(member), size, root: toHex(root) })),
      entries: leaves.map((each) => toHex(headLeafEntry(each))),
      root: toHex(headsRoot(leaves)),
    }
  }),
}

if (import.meta.main) {
  writeFileSync(new URL('heads.json', import.meta.url), `${JSON.stringify(headsVectors, null, 2)}\n`)
}
