import type { Bytes, SignedCheckpoint } from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

/** The newest signed checkpoint of a chain whose every leaf is held; a head may name a larger one while it catches up. */
export async function newestSigned(store: LedgerStore, member: Bytes): Promise<SignedCheckpoint | undefined> {
  const head = store.head(member)
  if (head === undefined) return undefined
  if (head.checkpoint?.size === head.size) return head.checkpoint
  return store.signatureAtOrBelow(member, head.size - 1)
}
