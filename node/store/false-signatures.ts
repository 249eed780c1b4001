import { equalBytes } from '../../protocol/bytes.ts'
import { CompactRange } from '../../protocol/tree.ts'
import type { VerifySigned } from './chain-check.ts'
import type { ChainEntry, Damage } from './chain-entry.ts'
import { BLOCK_END_BYTES } from './head-record.ts'
import { allOfChain, BLOCK, heightOfBlockKey } from './keys.ts'
import { type Kv, type KvOperation, put } from './kv.ts'
import { decodeHeld } from './stored-block.ts'

/**
 * Takes off the blocks of a checked chain what stands there as a signature and is not the member's over the chain up to there:
 * a damaged one. The blocks themselves are vouched for by later ones; served with it they would be refused, and the server
 * blamed.
 */
export async function dropFalseSignatures(
  kv: Kv,
  verifySigned: VerifySigned,
  { id, member, state }: ChainEntry,
  damage: Damage[],
): Promise<void> {
  const range = CompactRange.empty()
  for await (const entries of kv.iterate(allOfChain(BLOCK, id))) {
    const mended: KvOperation[] = []
    for (const [key, value] of entries) {
      const height = heightOfBlockKey(key)
      if (height >= state.size) break
      const { hash, signed } = decodeHeld(value)
      range.append(hash)
      if (signed === undefined) continue
      const { root, signature } = signed
      const size = height + 1
      if (equalBytes(root, range.root()) && verifySigned({ member, size, root, signature })) continue
      damage.push({ what: `signature over size ${size} damaged, taken off`, member, height })
      mended.push(put(key, value.slice(0, value.length - BLOCK_END_BYTES)))
    }
    if (mended.length > 0) await kv.batch(mended)
  }
}
