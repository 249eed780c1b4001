import { CompactRange } from '../../protocol/tree.ts'
import type { VerifySigned } from './chain-check.ts'
import type { ChainEntry, Damage } from './chain-entry.ts'
import { SIGNATURE_BYTES } from './head-record.ts'
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
      const { hash, signature } = decodeHeld(value, member, height)
      range.append(hash)
      if (signature === undefined) continue
      const size = height + 1
      if (verifySigned({ member, size, root: range.root(), signature })) continue
      damage.push({ what: `signature over size ${size} damaged, taken off`, member, height })
      mended.push(put(key, value.slice(0, value.length - SIGNATURE_BYTES)))
    }
    if (mended.length > 0) await kv.batch(mended)
  }
}
