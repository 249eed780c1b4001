import { Reader, Writer } from '../../protocol/bytes.ts'
import {
  allOf,
  allOfChain,
  MAX_CHAIN_ID,
  QUERY,
  QUERY_CHUNK_KEY_BYTES,
  queryStateKey,
  queryWholeKey,
  writeQueryChunkKey,
} from './keys.ts'
import { del, type Kv, type KvEntry, type KvOperation, type KvRange, type KvReader, put } from './kv.ts'
import { type QueryDraft, STRETCH_BLOCKS, type WholeBlock } from './query-draft.ts'
import { CRC_BYTES, checkRecord, sealInPlace, sealRecord } from './record.ts'

/** The records of the query index: a chain's progress, its chunks, its blocks that no chunk holds. */

/**
 * Chunks of another format are made anew from the blocks, at a start. Those of blocks that were pruned cannot be: it takes a step
 * of schema.ts that rewrites them.
 */
const FORMAT = 1

/** How far a chain is: the first block that is in no stored chunk, and how many below it are filed whole. */
export interface QueryProgress {
  readonly start: number
  readonly wholes: number
}

export type QueryWrite = (operations: readonly KvOperation[], sync: boolean) => Promise<void>

export function progressOperation(id: number, { start, wholes }: QueryProgress): KvOperation {
  const key = queryStateKey(id)
  return put(key, sealRecord(key, new Writer(16).u8(FORMAT).varint(start).varint(wholes).finish()))
}

/** Undefined for a record that is damaged or of another format: all is to be made again then. */
export function readProgress(key: Uint8Array, record: Uint8Array | undefined): QueryProgress | undefined {
  const value = record === undefined ? undefined : checkRecord(key, record)
  if (value === undefined || value[0] !== FORMAT) return undefined
  const reader = new Reader(value, 'progress of query chunks', 1)
  return { start: reader.varint(), wholes: reader.varint() }
}

/** True where a chain of `size` blocks can have come to this: its open stretch is never a whole one. */
export const fitsSize = ({ start }: QueryProgress, size: number): boolean => start <= size && size - start < STRETCH_BLOCKS

/** The records of a stretch that has ended. */
export function draftOperations(id: number, draft: QueryDraft, operations: KvOperation[]): void {
  for (const chunk of draft.chunks) {
    const { high, low, day } = chunk
    // Key and record lie side by side: one checksum goes over both.
    const bytes = chunk.copy(undefined, QUERY_CHUNK_KEY_BYTES, CRC_BYTES)
    const key = bytes.subarray(0, QUERY_CHUNK_KEY_BYTES)
    writeQueryChunkKey(key, id, { high, low, day, start: draft.start })
    operations.push(put(key, sealInPlace(bytes, QUERY_CHUNK_KEY_BYTES)))
  }
  for (const { height, firstMs, lastMs } of draft.whole) {
    const key = queryWholeKey(id, height)
    operations.push(put(key, sealRecord(key, new Writer(16).varint(firstMs).varint(lastMs).finish())))
  }
}

export function readWhole(height: number, value: Uint8Array): WholeBlock {
  const reader = new Reader(value, 'block filed whole')
  return { height, firstMs: reader.varint(), lastMs: reader.varint() }
}

export async function firstOf(kv: KvReader, range: KvRange): Promise<KvEntry | undefined> {
  for await (const [first] of kv.iterate({ ...range, limit: 1 })) return first
  return undefined
}

/** By chain id, for every chain that has any record; undefined where all is to be made again. */
export async function readAllProgress(kv: KvReader): Promise<Map<number, QueryProgress | undefined>> {
  const found = new Map<number, QueryProgress | undefined>()
  const { lt } = allOf(QUERY)
  for (let id = 0; id <= MAX_CHAIN_ID; ) {
    const first = await firstOf(kv, { gte: queryStateKey(id), lt })
    if (first === undefined) break
    const [key, record] = first
    id = ((key[1] as number) << 8) | (key[2] as number)
    found.set(id, key.length === 3 ? readProgress(key, record) : undefined)
    id++
  }
  return found
}

/** The progress first: whatever is left after a crash is removed then. */
export async function clearChain(kv: Kv, id: number, write: QueryWrite): Promise<void> {
  await write([del(queryStateKey(id))], true)
  for await (const entries of kv.iterate(allOfChain(QUERY, id))) {
    await write(
      entries.map(([key]) => del(key)),
      true,
    )
  }
}
