import { HASH_BYTES, nodeHash } from '../../protocol/hash.ts'
import { CompactRange, edgeLength } from '../../protocol/tree.ts'
import { tileKey } from './keys.ts'
import { type KvOperation, put } from './kv.ts'
import { writeCrc } from './record.ts'

/**
 * A chain's tree is kept as C2SP tiles (c2sp.org/tlog-tiles): tile (level L, index N) holds the nodes of tree level 8·L
 * from N·256 on, at most 256. A tile of level 0 is written once it is full, until then its hashes are those of the last
 * blocks' headers; a tile of a higher level is written again whenever a tile below it fills up.
 */
export const TILE_WIDTH = 256
export const TILE_HEIGHT = 8
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES

/** Levels that a chain of 2^53 blocks has. */
export const MAX_TILE_LEVEL = 6

/** Full tiles of a level, and the width of its partial one. */
export function tilesAt(level: number, size: number): { full: number; width: number } {
  const nodes = Math.floor(size / TILE_WIDTH ** level)
  return { full: Math.floor(nodes / TILE_WIDTH), width: nodes % TILE_WIDTH }
}

/** The hash at a place of a tile: a view. */
export function hashAt(tile: Uint8Array, place: number): Uint8Array {
  return tile.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES)
}

/** Root of `count` (a power of two) hashes of a tile from `place` on. */
export function subtreeRoot(tile: Uint8Array, place: number, count: number): Uint8Array {
  if (count === 1) return hashAt(tile, place).slice()
  let row: Uint8Array[] = []
  for (let i = 0; i < count; i += 2) row.push(nodeHash(hashAt(tile, place + i), hashAt(tile, place + i + 1)))
  while (row.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < row.length; i += 2) above.push(nodeHash(row[i] as Uint8Array, row[i + 1] as Uint8Array))
    row = above
  }
  return row[0] as Uint8Array
}

export function tileOperation(chainId: number, level: number, index: number, hashes: Uint8Array): KvOperation {
  const key = tileKey(chainId, level, index)
  const record = new Uint8Array(hashes.length + 4)
  record.set(hashes)
  writeCrc(key, record)
  return put(key, record)
}

/**
 * The partial tiles of one chain, one per level, level 0 first. How far each is filled follows from the chain's size, so
 * hashes written behind that point by a batch that then failed are as good as not there. A tile has room for what it holds and
 * as much again at most: hundreds of young chains would take 8 KiB each otherwise.
 */
export type TileEdge = readonly Uint8Array[]

export const EMPTY_EDGE: TileEdge = []

/** Told apart from an array that a chain owns: nothing is ever written into it. */
const NO_TILE = new Uint8Array(0)
const LEAST_ROOM = 4

/** A tile of its own with room for `width` hashes: a power of two of them. */
export function roomyTile(width: number): Uint8Array {
  let room = LEAST_ROOM
  while (room < width) room *= 2
  return new Uint8Array(room * HASH_BYTES)
}

/**
 * Adds leaf hashes to the tiles of a chain of `range.size` blocks; tiles to be written are pushed to `operations`. The root
 * of a tile that fills up is made from the chain's edge: a live chain pays 8 hashes for it, not 255.
 */
export function extendTiles(
  edge: TileEdge,
  chainId: number,
  range: CompactRange,
  hashes: readonly Uint8Array[],
  operations: KvOperation[],
): TileEdge {
  const { size } = range
  let place = size % TILE_WIDTH
  const levels = edge.slice()
  if (place + hashes.length < TILE_WIDTH) {
    setHashes(levels, 0, place, hashes)
    return levels
  }
  let begin = 0
  let tile = size - place
  let inTile = CompactRange.from(place, range.hashes.slice(range.hashes.length - edgeLength(place)))
  const changed = new Map<number, number>()
  while (hashes.length - begin >= TILE_WIDTH - place) {
    const end = begin + TILE_WIDTH - place
    const filling = hashes.slice(begin, end)
    setHashes(levels, 0, place, filling)
    inTile.appendAll(filling)
    tile += TILE_WIDTH
    completeTiles(levels, chainId, tile / TILE_WIDTH, inTile.root(), operations, changed)
    inTile = CompactRange.empty()
    begin = end
    place = 0
  }
  setHashes(levels, 0, place, begin === 0 ? hashes : hashes.slice(begin))
  for (const [level, nodes] of changed) {
    const width = nodes % TILE_WIDTH
    const hashesSoFar = (levels[level] as Uint8Array).subarray(0, width * HASH_BYTES)
    operations.push(tileOperation(chainId, level, Math.floor(nodes / TILE_WIDTH), hashesSoFar))
  }
  return levels
}

/** Writes the full tile of level 0 and whatever it fills above; `nodes` counts full tiles, `root` is that of the newest. */
function completeTiles(
  levels: Uint8Array[],
  chainId: number,
  nodes: number,
  root: Uint8Array,
  operations: KvOperation[],
  changed: Map<number, number>,
): void {
  for (let level = 0; ; level++) {
    const full = levels[level] as Uint8Array
    operations.push(tileOperation(chainId, level, nodes - 1, full))
    changed.delete(level)
    levels[level] = NO_TILE
    setHashes(levels, level + 1, (nodes - 1) % TILE_WIDTH, [level === 0 ? root : subtreeRoot(full, 0, TILE_WIDTH)])
    if (nodes % TILE_WIDTH !== 0) {
      changed.set(level + 1, nodes)
      return
    }
    nodes /= TILE_WIDTH
  }
}

function setHashes(levels: Uint8Array[], level: number, place: number, hashes: readonly Uint8Array[]): void {
  const held = levels[level] ?? NO_TILE
  const width = place + hashes.length
  let tile = held
  if (held.length < width * HASH_BYTES) {
    tile = roomyTile(width)
    tile.set(held)
    levels[level] = tile
  }
  let at = place * HASH_BYTES
  for (const hash of hashes) {
    tile.set(hash, at)
    at += HASH_BYTES
  }
}
