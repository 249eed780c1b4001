import { type Bytes, type ChainState, EMPTY_CHAIN, rangeAt } from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

/**
 * A held chain as it was when it had `size` blocks, for what another branch goes on from there. Undefined where fewer are held.
 * Throws STORE_DAMAGED, and STORE_CONFLICT where the chain's tail was replaced meanwhile.
 */
export async function chainStateAt(store: LedgerStore, member: Bytes, size: number): Promise<ChainState | undefined> {
  if (size === 0) return EMPTY_CHAIN
  const head = store.head(member)
  if (head === undefined || head.size < size) return undefined
  if (head.size === size) return head
  const read = store.nodeReader(member)
  const range = await rangeAt(read, size)
  const [block] = await store.readHeld(member, size - 1, 1)
  if (block === undefined) return undefined
  const { sealedAt, registrarSize } = block.header
  // Asked last: it throws where what was read before is of two branches.
  const lastHash = await read(0, size - 1)
  return { size, range, root: range.root(), lastHash, sealedAt, registrarSize, checkpoint: undefined }
}
