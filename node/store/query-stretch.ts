import type { Writer } from '../../protocol/bytes.ts'
import type { ChainEntry } from './chain-entry.ts'
import {
  blockKey,
  heightOfBlockKey,
  queryChunksOf,
  queryStateKey,
  queryWholeKey,
  queryWholesOf,
  readQueryChunkKey,
} from './keys.ts'
import { del, type Kv, type KvEntry, type KvOperation, type KvReader } from './kv.ts'
import { QueryDraft, STRETCH_BLOCKS } from './query-draft.ts'
import { clearChain, draftOperations, progressOperation, type QueryProgress, type QueryWrite } from './query-records.ts'
import { checkStored } from './stored-block.ts'

const OPERATIONS_PER_WRITE = 512

/** A chain's chunks behind the blocks that are being written. */
export interface Extension {
  progress: QueryProgress
  draft: QueryDraft
  /** The progress record is to be written. */
  moved: boolean
}

/** The stretch has ended: its chunks are written, the next one begins. */
export function closeStretch({ id, member }: ChainEntry, changed: Extension, operations: KvOperation[], writer?: Writer): void {
  const { draft, progress } = changed
  draftOperations(id, draft, operations)
  changed.progress = { start: draft.height, wholes: progress.wholes + draft.whole.length }
  changed.draft = new QueryDraft(member, draft.height, writer)
  changed.moved = true
}

/**
 * A block that is damaged or missing has no rows until it is mended: then the chain was cut back, and this is made again. One
 * that was pruned has none for ever.
 */
export function addStored(draft: QueryDraft, [key, value]: KvEntry, { member }: ChainEntry): void {
  const height = heightOfBlockKey(key)
  while (draft.height < height) draft.skip()
  const block = wholeBlock(value, member, height)
  if (block === undefined) draft.skip()
  else draft.add(block)
}

function wholeBlock(value: Uint8Array, member: Uint8Array, height: number): Uint8Array | undefined {
  try {
    return checkStored(value, member, height).bytes
  } catch {
    return undefined
  }
}

/** The last height up to `height` at which a stretch begins whatever the blocks are. */
export function sureStart(member: Uint8Array, height: number): number {
  return Math.max(0, height - ((height + (member[0] as number)) % STRETCH_BLOCKS))
}

/** Makes a chain's chunks again from its blocks; of those that were pruned the chunks are all there is, and stay. */
export async function madeAgain(kv: Kv, entry: ChainEntry, write: QueryWrite): Promise<QueryProgress> {
  const { id, member, state } = entry
  const start = sureStart(member, entry.pruned.to)
  const changed = await cleared(kv, entry, start, write)
  let operations: KvOperation[] = []
  for await (const entries of kv.iterate({ gte: blockKey(id, start), lt: blockKey(id, state.size) })) {
    for (const each of entries) {
      addStored(changed.draft, each, entry)
      if (changed.draft.isFull) closeStretch(entry, changed, operations)
      if (operations.length < OPERATIONS_PER_WRITE) continue
      await write(operations, true)
      operations = []
    }
  }
  operations.push(progressOperation(id, changed.progress))
  await write(operations, true)
  return changed.progress
}

/** The progress first: whatever is left after a crash is taken away then. */
async function cleared(kv: Kv, entry: ChainEntry, start: number, write: QueryWrite): Promise<Extension> {
  const { id, member } = entry
  if (start === 0) {
    await clearChain(kv, id, write)
    return { progress: { start: 0, wholes: 0 }, draft: new QueryDraft(member, 0), moved: true }
  }
  await write([del(queryStateKey(id))], true)
  let wholes = 0
  for await (const entries of kv.iterate(queryWholesOf(id))) wholes += entries.length
  const operations: KvOperation[] = []
  const changed = await truncated(kv, entry, start, { start, wholes }, operations)
  await write(operations, true)
  return changed
}

/** Takes everything away that was made of blocks from `start` on, where a stretch begins: what is left, before new blocks. */
export async function truncated(
  kv: KvReader,
  { id, member }: ChainEntry,
  start: number,
  progress: QueryProgress,
  operations: KvOperation[],
): Promise<Extension> {
  let { wholes } = progress
  for await (const entries of kv.iterate(queryChunksOf(id))) {
    for (const [key] of entries) if ((readQueryChunkKey(key)?.start ?? 0) >= start) operations.push(del(key))
  }
  for await (const entries of kv.iterate({ gte: queryWholeKey(id, start), lt: queryWholesOf(id).lt })) {
    operations.push(...entries.map(([key]) => del(key)))
    wholes -= entries.length
  }
  return { progress: { start, wholes: Math.max(0, wholes) }, draft: new QueryDraft(member, start), moved: true }
}
