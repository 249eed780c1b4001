import type { Writer } from '../../protocol/bytes.ts'
import type { ChainEntry } from './chain-entry.ts'
import { heightOfBlockKey, queryChunksOf, queryWholeKey, queryWholesOf, readQueryChunkKey } from './keys.ts'
import { del, type KvEntry, type KvOperation, type KvReader } from './kv.ts'
import { QueryDraft, STRETCH_BLOCKS } from './query-draft.ts'
import { draftOperations, type QueryProgress } from './query-records.ts'
import { checkStored } from './stored-block.ts'

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

/** A block that is damaged or missing has no rows until it is mended: then the chain was cut back, and this is made again. */
export function addStored(draft: QueryDraft, [key, value]: KvEntry, { member }: ChainEntry): void {
  const height = heightOfBlockKey(key)
  while (draft.height < height) draft.skip()
  try {
    checkStored(value, member, height)
  } catch {
    draft.skip()
    return
  }
  draft.add(value)
}

/** The last height up to `height` at which a stretch begins whatever the blocks are. */
export function sureStart(member: Uint8Array, height: number): number {
  return Math.max(0, height - ((height + (member[0] as number)) % STRETCH_BLOCKS))
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
