import { KIND_READINGS } from '../../protocol/block.ts'
import type { ChainEntry, Pruned } from './chain-entry.ts'
import type { ChainReader } from './chain-reader.ts'
import { blockKey, heightOfQueryWholeKey, queryChunksOf, queryWholeKey, queryWholesOf, readQueryChunkKey } from './keys.ts'
import { del, type KvOperation, type KvReader, put } from './kv.ts'
import { sureStart } from './query-stretch.ts'
import { encodePruned, type HeldBlock } from './stored-block.ts'

/**
 * Bodies are dropped from a chain's beginning upwards, up to where a stretch of the query index begins: so each query chunk is
 * made of blocks that have their bodies, or of none that has. Kept below are
 *
 * - the first block of a chain that goes on with another key's, which says where that one ended (rule M20);
 * - blocks that the query index files whole, whose values stand nowhere else: unless values are dropped too.
 */
export interface PruneOptions {
  /** Query values of the pruned blocks as well. */
  readonly dropValues?: boolean
  /** For networks without witnesses, where nothing becomes final: the caller's word that this history will not change. */
  readonly unfinal?: boolean
}

/** What one write has done. */
export interface PruneStep {
  readonly pruned: Pruned
  readonly bodies: number
  /** Of those bodies. */
  readonly bytes: number
  /** Query chunks taken away. */
  readonly chunks: number
  readonly isDone: boolean
}

export interface Pruning extends PruneStep {
  readonly operations: readonly KvOperation[]
}

/** Rewritten in one write: with bodies of the usual size a few milliseconds, and of the largest 16 MiB read. */
export const PRUNED_AT_ONCE = 256
const DELETED_AT_ONCE = 1_024

/** The next write that pruning a chain up to size `to` takes; no operations where nothing is left to do. Throws STORE_DAMAGED. */
export async function nextPruning(
  kv: KvReader,
  reader: ChainReader,
  entry: ChainEntry,
  to: number,
  dropValues: boolean,
): Promise<Pruning> {
  const { pruned } = entry
  // May lie below what was pruned before: then its values are asked for, and no more than its.
  const end = sureStart(entry.member, Math.min(to, entry.state.size))
  if (pruned.to < end) return bodiesOf(kv, reader, entry, { from: pruned.to, end, dropValues })
  if (dropValues && pruned.valuesTo < end) return valuesOf(kv, reader, entry, end)
  return { operations: [], pruned, bodies: 0, bytes: 0, chunks: 0, isDone: true }
}

interface Stretch {
  readonly from: number
  readonly end: number
  readonly dropValues: boolean
}

async function bodiesOf(kv: KvReader, reader: ChainReader, entry: ChainEntry, stretch: Stretch): Promise<Pruning> {
  const { from, end, dropValues } = stretch
  const { id, pruned } = entry
  const to = Math.min(end, sureStart(entry.member, from + PRUNED_AT_ONCE))
  const wholes = await wholesWithin(kv, id, from, to)
  const found = new Dropped(id)
  // Each is compared with the tree first: what is damaged must be seen, and mended, while somebody can still give it.
  for (const block of await reader.readHeld(entry, from, to - from)) {
    const { height } = block.header
    if (!wholes.has(height) || dropValues) found.drop(block)
  }
  const marks = dropValues ? [...wholes].map((height) => del(queryWholeKey(id, height))) : []
  const after = { ...pruned, to }
  const isDone = to === end && (!dropValues || pruned.valuesTo === to)
  return { operations: [...found.operations, ...marks], pruned: after, ...found.counted, chunks: 0, isDone }
}

/** Chunks first; with the last of them the blocks that an earlier pruning kept for their values. */
async function valuesOf(kv: KvReader, reader: ChainReader, entry: ChainEntry, end: number): Promise<Pruning> {
  const { id, pruned } = entry
  const found = new Dropped(id)
  const chunks: KvOperation[] = []
  for await (const entries of kv.iterate(queryChunksOf(id))) {
    for (const [key] of entries) if ((readQueryChunkKey(key)?.start ?? end) < end) chunks.push(del(key))
    if (chunks.length >= DELETED_AT_ONCE) {
      return { operations: chunks, pruned, ...found.counted, chunks: chunks.length, isDone: false }
    }
  }
  const wholes = await wholesWithin(kv, id, 0, end)
  for (const height of wholes) {
    for (const block of await reader.readHeld(entry, height, 1)) found.drop(block)
  }
  const operations = [...chunks, ...found.operations, ...[...wholes].map((height) => del(queryWholeKey(id, height)))]
  return { operations, pruned: { ...pruned, valuesTo: end }, ...found.counted, chunks: chunks.length, isDone: true }
}

class Dropped {
  readonly #id: number
  readonly operations: KvOperation[] = []
  readonly counted = { bodies: 0, bytes: 0 }

  constructor(id: number) {
    this.#id = id
  }

  drop(block: HeldBlock): void {
    const { header, body } = block
    const isContinuation = header.height === 0 && header.kind !== KIND_READINGS
    if (body === undefined || isContinuation) return
    this.operations.push(put(blockKey(this.#id, header.height), encodePruned(block)))
    this.counted.bodies++
    this.counted.bytes += body.length
  }
}

async function wholesWithin(kv: KvReader, id: number, from: number, to: number): Promise<Set<number>> {
  const heights = new Set<number>()
  const { gte } = from === 0 ? queryWholesOf(id) : { gte: queryWholeKey(id, from) }
  for await (const entries of kv.iterate({ gte, lt: queryWholeKey(id, to) })) {
    for (const [key] of entries) heights.add(heightOfQueryWholeKey(key))
  }
  return heights
}
