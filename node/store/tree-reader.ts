import { equalBytes } from '../../protocol/bytes.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { type CompactRange, consistencyProof, inclusionProof, type NodeReader, rangeAt, rootAt } from '../../protocol/tree.ts'
import { type ChainEntry, damaged } from './chain-entry.ts'
import { blockKey, heightOfBlockKey, tileKey } from './keys.ts'
import type { Kv } from './kv.ts'
import { LruMap } from './lru-map.ts'
import { type ChainEnd, RecentEnds } from './recent-ends.ts'
import { checkRecord } from './record.ts'
import { checkStored } from './stored-block.ts'
import { hashAt, subtreeRoot, TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, tilesAt } from './tiles.ts'

/** Of each chain, and what these come to at the most. */
interface Share {
  readonly each: number
  readonly most: number
}

/** 128 tiles of 8 KiB: the upper tiles of every chain of a neighbourhood that is in use. */
export const CACHED_TILES: Share = { each: 4, most: 128 }
/** Roots asked for again: each peer's last announcement of each chain. */
export const CACHED_ROOTS: Share = { each: 16, most: 2_048 }
/** Nodes inside of tiles: what a root of any size is made of, for each chain of a neighbourhood. */
export const CACHED_NODES: Share = { each: 32, most: 4_096 }
/** Where there are fewer chains each may have more. */
const LEAST_CHAINS = 8
/** Leaves under a node from which on reading it again is cheaper than hashing. */
const CACHED_WIDTH = 8

export type OnTileDamage = (entry: ChainEntry, level: number, index: number) => void

/** Nodes, roots and proofs of a chain's tree out of its tiles. A tile that is missing or damaged is made again from below. */
export class TreeReader {
  readonly #kv: Kv
  readonly #onDamage: OnTileDamage
  /** By branch, like all that is remembered: who still reads one that was left leaves nothing behind for the one that is held. */
  readonly #tiles: LruMap<string, Uint8Array>
  readonly #roots: LruMap<string, Uint8Array>
  readonly #recent = new RecentEnds()
  readonly #nodes: LruMap<string, Uint8Array>

  /** What is remembered goes by the number of `chains`: a small neighbourhood's node stays small for all its years. */
  constructor(kv: Kv, onDamage: OnTileDamage, chains: () => number = () => LEAST_CHAINS) {
    this.#kv = kv
    this.#onDamage = onDamage
    const capacity =
      ({ each, most }: Share) =>
      (): number =>
        Math.min(most, each * Math.max(LEAST_CHAINS, chains()))
    this.#tiles = new LruMap(capacity(CACHED_TILES))
    this.#roots = new LruMap(capacity(CACHED_ROOTS))
    this.#nodes = new LruMap(capacity(CACHED_NODES))
  }

  /** How much is remembered. */
  get cached(): { readonly tiles: number; readonly roots: number; readonly nodes: number } {
    return { tiles: this.#tiles.size, roots: this.#roots.size, nodes: this.#nodes.size }
  }

  /** A head's end, when the chain is about to grow: the newest sizes are those that are asked for. */
  remember(entry: ChainEntry): void {
    this.#recent.add(entry)
  }

  /** A root below the head's that was asked for or remembered. */
  knownRoot(entry: ChainEntry, size: number): Uint8Array | undefined {
    return this.#recent.rootAt(entry, size) ?? this.#roots.get(`${entry.branch}/${size}`)
  }

  /** An end below the head's that is remembered. */
  knownEnd(entry: ChainEntry, size: number): ChainEnd | undefined {
    return this.#recent.endAt(entry, size)
  }

  nodeReader(entry: ChainEntry): NodeReader {
    return (level, index) => this.#node(entry, level, index)
  }

  async #node(entry: ChainEntry, level: number, index: number): Promise<Uint8Array> {
    const tileLevel = Math.floor(level / TILE_HEIGHT)
    const count = 2 ** (level % TILE_HEIGHT)
    const isCached = count >= CACHED_WIDTH
    const name = isCached ? `${entry.branch}/${level}/${index}` : ''
    const cached = isCached ? this.#nodes.get(name) : undefined
    if (cached !== undefined) return cached
    const first = index * count
    const tile = await this.tile(entry, tileLevel, Math.floor(first / TILE_WIDTH))
    const node = subtreeRoot(tile, first % TILE_WIDTH, count)
    if (isCached) this.#nodes.set(name, node)
    return node
  }

  /** The hashes of one tile, as many as the chain has by now. Throws STORE_DAMAGED where blocks below it are. */
  async tile(entry: ChainEntry, level: number, index: number): Promise<Uint8Array> {
    const { full, width } = tilesAt(level, entry.state.size)
    if (index === full && width > 0) return (entry.edge[level] as Uint8Array).subarray(0, width * HASH_BYTES)
    if (index >= full) throw new RangeError(`tile ${level}/${index} of a chain of ${entry.state.size} blocks`)
    const name = `${entry.branch}/${level}/${index}`
    const cached = this.#tiles.get(name)
    if (cached !== undefined) return cached
    const key = tileKey(entry.id, level, index)
    const record = await this.#kv.get(key)
    let tile = record === undefined ? undefined : checkRecord(key, record)
    if (tile === undefined || tile.length !== TILE_BYTES) {
      this.#onDamage(entry, level, index)
      tile = level === 0 ? await this.#leavesFromBlocks(entry, index) : await this.#hashesFromBelow(entry, level, index)
    }
    this.#tiles.set(name, tile)
    return tile
  }

  async #leavesFromBlocks(entry: ChainEntry, index: number): Promise<Uint8Array> {
    const first = index * TILE_WIDTH
    return readLeaves(this.#kv, entry.id, entry.member, first, first + TILE_WIDTH)
  }

  async #hashesFromBelow(entry: ChainEntry, level: number, index: number): Promise<Uint8Array> {
    const tile = new Uint8Array(TILE_BYTES)
    for (let i = 0; i < TILE_WIDTH; i++) {
      const below = await this.tile(entry, level - 1, index * TILE_WIDTH + i)
      tile.set(subtreeRoot(below, 0, TILE_WIDTH), i * HASH_BYTES)
    }
    return tile
  }

  /** Block hash at a height that is held. */
  async leafAt(entry: ChainEntry, height: number): Promise<Uint8Array> {
    return this.#node(entry, 0, height)
  }

  async rootAt(entry: ChainEntry, size: number): Promise<Uint8Array> {
    if (size === entry.state.size) return entry.state.root
    const cached = this.knownRoot(entry, size)
    if (cached !== undefined) return cached
    const root = await rootAt(this.nodeReader(entry), size)
    this.#roots.set(`${entry.branch}/${size}`, root)
    return root
  }

  rangeAt(entry: ChainEntry, size: number): Promise<CompactRange> {
    return rangeAt(this.nodeReader(entry), size)
  }

  inclusionProof(entry: ChainEntry, height: number, size: number): Promise<Uint8Array[]> {
    return inclusionProof(this.nodeReader(entry), height, size)
  }

  consistencyProof(entry: ChainEntry, size1: number, size2: number): Promise<Uint8Array[]> {
    return consistencyProof(this.nodeReader(entry), size1, size2)
  }
}

/** Block hashes from `from` up to `to`, read from the blocks themselves, each checked and linked to the one before it. */
export async function readLeaves(kv: Kv, id: number, member: Uint8Array, from: number, to: number): Promise<Uint8Array> {
  const leaves = new Uint8Array((to - from) * HASH_BYTES)
  let height = from
  for await (const entries of kv.iterate({ gte: blockKey(id, from), lt: blockKey(id, to) })) {
    for (const [key, value] of entries) {
      if (heightOfBlockKey(key) !== height) throw damaged(member, height, 'missing')
      const block = checkStored(value, member, height)
      if (height > from && !equalBytes(block.header.previous, hashAt(leaves, height - from - 1))) {
        throw damaged(member, height, 'does not name the block before it')
      }
      leaves.set(block.hash, (height - from) * HASH_BYTES)
      height++
    }
  }
  if (height !== to) throw damaged(member, height, 'missing')
  return leaves
}
