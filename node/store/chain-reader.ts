import type { Header } from '../../protocol/block.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import { type ChainEntry, damaged } from './chain-entry.ts'
import { blockKey, heightOfBlockKey } from './keys.ts'
import type { Kv } from './kv.ts'
import { bodyPruned, checkStored, type HeldBlock, type StoredBlock } from './stored-block.ts'
import { hashAt, TILE_WIDTH } from './tiles.ts'
import type { TreeReader } from './tree-reader.ts'

/** How far back a signature is looked for: the longest run that one signature covers. */
export const SIGNATURE_SEARCH = 4_096

/** Reads of one chain's blocks. What leaves here was compared with the chain's tree, or STORE_DAMAGED was thrown. */
export class ChainReader {
  readonly #kv: Kv
  readonly #tree: TreeReader

  constructor(kv: Kv, tree: TreeReader) {
    this.#kv = kv
    this.#tree = tree
  }

  /**
   * Consecutive blocks from height `from`: at most `maxBlocks`, and no more once their bytes reach `maxBytes` (one at
   * least). Each block's body is checked against its header and its header against the leaf of the tree, which pins its
   * `previous` too. They end before one that was pruned. Throws STORE_DAMAGED with member and height, BODY_PRUNED where the
   * first of them was.
   */
  async readBlocks(entry: ChainEntry, from: number, maxBlocks: number, maxBytes?: number): Promise<StoredBlock[]> {
    const blocks: StoredBlock[] = []
    for (const block of await this.readHeld(entry, from, maxBlocks, maxBytes)) {
      if (block.body === undefined) {
        if (blocks.length === 0) throw bodyPruned(entry.member, block.header.height)
        break
      }
      blocks.push(block)
    }
    return blocks
  }

  /** The same with those that were pruned, as what is held of them. */
  async readHeld(entry: ChainEntry, from: number, maxBlocks: number, maxBytes = Number.POSITIVE_INFINITY): Promise<HeldBlock[]> {
    const end = Math.min(entry.state.size, from + maxBlocks)
    const blocks: HeldBlock[] = []
    let bytes = 0
    let height = from
    let tile: Uint8Array | undefined
    if (from >= end) return blocks
    for await (const entries of this.#kv.iterate({ gte: blockKey(entry.id, from), lt: blockKey(entry.id, end) })) {
      for (const [key, value] of entries) {
        if (heightOfBlockKey(key) !== height) throw damaged(entry.member, height, 'missing')
        const place = height % TILE_WIDTH
        if (tile === undefined || place === 0) tile = await this.#tree.tile(entry, 0, Math.floor(height / TILE_WIDTH))
        const block = checkStored(value, entry.member, height)
        if (!equalBytes(block.hash, hashAt(tile, place))) throw damaged(entry.member, height, 'is not the leaf of the tree')
        bytes += block.headerBytes.length + (block.body?.length ?? 0) + (block.signature?.length ?? 0)
        if (blocks.length > 0 && bytes > maxBytes) return blocks
        blocks.push(block)
        height++
      }
    }
    if (height < end) throw damaged(entry.member, height, 'missing')
    return blocks
  }

  async readBlock(entry: ChainEntry, height: number): Promise<StoredBlock | undefined> {
    const [block] = await this.readBlocks(entry, height, 1)
    return block
  }

  /**
   * The newest signature stored beside a block of height `from` or below, looked for over SIGNATURE_SEARCH blocks: the
   * checkpoint that it signs covers that block.
   */
  async signatureAtOrBelow(entry: ChainEntry, height: number): Promise<SignedCheckpoint | undefined> {
    const top = Math.min(height, entry.state.size - 1)
    const bottom = Math.max(0, top - SIGNATURE_SEARCH + 1)
    if (top < bottom) return undefined
    return this.#signature(entry, bottom, top, true)
  }

  /**
   * A signature of block `height` or a later one: the next that is stored within SIGNATURE_SEARCH blocks, else the head's
   * checkpoint.
   */
  async signatureAtOrAbove(entry: ChainEntry, height: number): Promise<SignedCheckpoint | undefined> {
    const { size, checkpoint } = entry.state
    const top = Math.min(height + SIGNATURE_SEARCH, size) - 1
    const found = top < height ? undefined : await this.#signature(entry, height, top, false)
    if (found !== undefined) return found
    return checkpoint !== undefined && checkpoint.size > height ? checkpoint : undefined
  }

  async #signature(entry: ChainEntry, bottom: number, top: number, reverse: boolean): Promise<SignedCheckpoint | undefined> {
    const range = { gte: blockKey(entry.id, bottom), lt: blockKey(entry.id, top + 1), reverse }
    for await (const entries of this.#kv.iterate(range)) {
      for (const [key, value] of entries) {
        const at = heightOfBlockKey(key)
        const { signature } = checkStored(value, entry.member, at)
        if (signature === undefined) continue
        return { member: entry.member, size: at + 1, root: await this.#tree.rootAt(entry, at + 1), signature }
      }
    }
    return undefined
  }

  /** First height whose header passes a test that, once passed, every later one passes; the chain's size where none does. */
  async findFirst(entry: ChainEntry, test: (header: Header) => boolean): Promise<number> {
    let low = 0
    let high = entry.state.size
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const value = await this.#kv.get(blockKey(entry.id, middle))
      if (value === undefined) throw damaged(entry.member, middle, 'missing')
      if (test(checkStored(value, entry.member, middle).header)) high = middle
      else low = middle + 1
    }
    return low
  }
}
