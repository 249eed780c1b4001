import { isWattnessError, WattnessError } from '../../protocol/index.ts'
import type { LedgerView } from '../control/index.ts'
import { filesOf, unusable } from '../directory/index.ts'
import { type OpenedNode, type OpenedStore, openNode, openStore } from '../index.ts'
import { createMemoryHub } from '../net/index.ts'
import { systemPlatform } from '../platform.ts'
import { type Lock, lockDirectory } from '../store/index.ts'

/** How commands reach a directory's ledger when no node runs on it. */

export const socketOf = (dir: string): string => filesOf(dir).controlSocket

/** Throws STORE_LOCKED naming the holder, DIRECTORY_UNUSABLE where the system lets no file be made there, DISK_FULL. */
export async function holdDirectory(dir: string): Promise<Lock> {
  try {
    return await lockDirectory(dir)
  } catch (error) {
    throw isWattnessError(error) ? error : unusable(dir, 'cannot be used', error)
  }
}

/** Reads a stopped node's store. */
export async function withStore<T>(dir: string, work: (view: LedgerView, opened: OpenedStore) => Promise<T>): Promise<T> {
  const opened = await openStore({ dir })
  try {
    const { genesis, signer, store, membership, heldMembership, epochs } = opened
    return await work({ genesis, key: signer.publicKey, store, membership, heldMembership, epochs }, opened)
  } finally {
    await opened.close()
  }
}

/** Writes into a stopped node's chain: the node itself, on a network of its own. */
export async function withStoppedNode<T>(dir: string, sealAlone: boolean, work: (opened: OpenedNode) => Promise<T>): Promise<T> {
  const hub = createMemoryHub(systemPlatform)
  const opened = await openNode({ dir, settings: { sealAlone, verifyThreads: 0 }, network: (key) => hub.network(key) })
  try {
    return await work(opened)
  } catch (error) {
    if (!isWattnessError(error, 'SEAL_HELD_BACK')) throw error
    const advice = 'start the node with `run` and try again, or give --seal-alone if no other copy of its key has ever run'
    throw new WattnessError('SEAL_HELD_BACK', `${error.message}: ${advice}`, error.data, { cause: error })
  } finally {
    await opened.close()
  }
}
