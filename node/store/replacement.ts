import { equalBytes, toHex } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import type { Acceptance } from './acceptance.ts'
import type { ChainEntry } from './chain-entry.ts'
import { blockKey, tileKey } from './keys.ts'
import { del, type KvOperation } from './kv.ts'
import { roomyTile, TILE_WIDTH, tileOperation, tilesAt } from './tiles.ts'
import type { TreeReader } from './tree-reader.ts'

/** Blocks above the new end that are removed in the very write that replaces a tail; more of them follow behind it. */
export const REMOVED_AT_ONCE = 16_384

/** The chain's first `from` blocks, which both branches have: what the other branch is put on. */
export async function stump(tree: TreeReader, entry: ChainEntry, from: number): Promise<ChainEntry> {
  const range = await tree.rangeAt(entry, from)
  const edge: Uint8Array[] = []
  for (let level = 0; level === 0 || from >= TILE_WIDTH ** level; level++) {
    const { full, width } = tilesAt(level, from)
    // Of its own: the chain's is still read, and written behind its end.
    const tile = roomyTile(width)
    if (width > 0) tile.set((await tree.tile(entry, level, full)).subarray(0, width * HASH_BYTES))
    edge.push(tile)
  }
  const state: ChainState = { ...entry.state, size: from, range, root: range.root(), checkpoint: undefined }
  return { ...entry, state, edge }
}

/** Throws STORE_CONFLICT unless the acceptance is one of this member's chain from `from` on, and its blocks make its root. */
export function assertReplaces({ member, state }: ChainEntry, below: ChainState, from: number, acceptance: Acceptance): void {
  const { blocks, hashes } = acceptance
  const range = below.range.clone()
  range.appendAll(hashes)
  const isInPlace = equalBytes(acceptance.member, member) && acceptance.from === from && blocks.length === hashes.length
  if (isInPlace && blocks.length > 0 && range.size === acceptance.state.size && equalBytes(range.root(), acceptance.state.root))
    return
  throw replacementConflict(member, from, `${blocks.length} blocks from ${acceptance.from}, ${state.size} held`)
}

export function replacementConflict(member: Uint8Array, from: number, what: string): WattnessError {
  const hex = toHex(member)
  return new WattnessError('STORE_CONFLICT', `chain ${hex.slice(0, 16)}…, to be replaced from ${from}: ${what}`, {
    member: hex,
    from,
  })
}

/** Takes the old branch's tiles away, and from those that both have, what is of the old one. New ones are written after it. */
export function cutTiles({ id, state }: ChainEntry, below: ChainEntry, operations: KvOperation[]): void {
  for (let level = 0; state.size >= TILE_WIDTH ** level; level++) {
    const old = tilesAt(level, state.size)
    const kept = tilesAt(level, below.state.size)
    const isPartialStored = level > 0 && old.width > 0
    for (let index = kept.full; index < old.full + (isPartialStored ? 1 : 0); index++)
      operations.push(del(tileKey(id, level, index)))
    const edge = below.edge[level]
    if (level > 0 && kept.width > 0 && edge !== undefined) {
      operations.push(tileOperation(id, level, kept.full, edge.subarray(0, kept.width * HASH_BYTES)))
    }
  }
}

/** Removes blocks from `from` up to `to`, REMOVED_AT_ONCE at most; says where it stopped. */
export function cutBlocks(id: number, from: number, to: number, operations: KvOperation[]): number {
  const end = Math.min(to, from + REMOVED_AT_ONCE)
  for (let height = from; height < end; height++) operations.push(del(blockKey(id, height)))
  return end
}
