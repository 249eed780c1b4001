import { equalBytes, HASH_BYTES, type Member, toHex, WattnessError } from '../../protocol/index.ts'
import { type HeldBlock, type LedgerStore, TILE_WIDTH } from '../store/index.ts'

export type FinderStore = Pick<LedgerStore, 'head' | 'tile' | 'readHeld'>

export interface FoundBlock {
  readonly member: Member
  readonly block: HeldBlock
}

/** The first four bytes of a hash: what a question must have at least. */
export const LEAST_HASH_DIGITS = 8

const FIRST_PRINTS = 1_024

/** The first four bytes of the hashes of one chain, in order of height. */
interface Prints {
  of: Uint32Array
  size: number
  /** Of the block at size - 1. */
  lastHash: Uint8Array
}

/**
 * Finds blocks by their hashes, which no table of the store does: four bytes of each are kept in memory, taken from the tree's
 * tiles when somebody asks, and looked through from end to end (a million in a millisecond). Chains beyond `maxBlocks` are
 * looked through on the disk.
 */
export class BlockFinder {
  readonly #store: FinderStore
  readonly #maxBlocks: number
  readonly #prints = new Map<string, Prints>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(store: FinderStore, maxBlocks: number) {
    this.#store = store
    this.#maxBlocks = maxBlocks
  }

  /** Blocks whose hashes are kept in memory. */
  get kept(): number {
    let kept = 0
    for (const { size } of this.#prints.values()) kept += size
    return kept
  }

  /** `digits`: lower-case hex, LEAST_HASH_DIGITS or more. Throws BLOCK_UNKNOWN, BLOCK_AMBIGUOUS. */
  find(members: readonly Member[], digits: string): Promise<FoundBlock> {
    // One after another: what one question reads in, the next has, and a hundred cost no more disk than one.
    const turn = this.#turn.then(() => this.#find(members, digits))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #find(members: readonly Member[], digits: string): Promise<FoundBlock> {
    const print = Number.parseInt(digits.slice(0, LEAST_HASH_DIGITS), 16)
    const found: FoundBlock[] = []
    for (const member of members) {
      for await (const height of this.#heights(member.key, print)) {
        const [block] = await this.#store.readHeld(member.key, height, 1)
        if (block === undefined || !toHex(block.hash).startsWith(digits)) continue
        found.push({ member, block })
        if (found.length > 1) throw ambiguous(digits, found)
      }
    }
    const [first] = found
    if (first !== undefined) return first
    throw new WattnessError('BLOCK_UNKNOWN', `no block held here has the hash ${digits}`, { hash: digits })
  }

  /** Where the print stands in a chain. */
  async *#heights(key: Uint8Array, print: number): AsyncGenerator<number> {
    const size = this.#store.head(key)?.size ?? 0
    const prints = await this.#follow(key, size)
    for (let at = -1; ; ) {
      at = prints.of.subarray(0, prints.size).indexOf(print, at + 1)
      if (at === -1) break
      yield at
    }
    for (let from = prints.size; from < size; from += TILE_WIDTH - (from % TILE_WIDTH)) {
      const tile = await this.#tile(key, from)
      for (let at = from % TILE_WIDTH; at < tile.length / HASH_BYTES; at++) {
        if (printAt(tile, at) === print) yield from - (from % TILE_WIDTH) + at
      }
    }
  }

  #tile(key: Uint8Array, height: number): Promise<Uint8Array> {
    return this.#store.tile(key, 0, Math.floor(height / TILE_WIDTH))
  }

  /** Takes in what a chain has grown by, as far as there is room. */
  async #follow(key: Uint8Array, size: number): Promise<Prints> {
    const name = toHex(key)
    const known = this.#prints.get(name)
    const prints = known ?? { of: new Uint32Array(0), size: 0, lastHash: new Uint8Array(0) }
    if (known === undefined) this.#prints.set(name, prints)
    if (prints.size > 0 && !(await this.#stillEnds(key, prints, size))) prints.size = 0
    const room = this.#maxBlocks - this.kept
    const end = Math.min(size, prints.size + Math.max(0, room))
    while (prints.size < end) {
      const tile = await this.#tile(key, prints.size)
      const from = prints.size - (prints.size % TILE_WIDTH)
      const top = Math.min(end, from + tile.length / HASH_BYTES)
      if (top <= prints.size) break
      grow(prints, top)
      for (let at = prints.size; at < top; at++) prints.of[at] = printAt(tile, at - from)
      prints.lastHash = tile.slice((top - 1 - from) * HASH_BYTES, (top - from) * HASH_BYTES)
      prints.size = top
    }
    return prints
  }

  /** Every hash names all before it: where the last one stands, all do. */
  async #stillEnds(key: Uint8Array, prints: Prints, size: number): Promise<boolean> {
    if (size < prints.size) return false
    const tile = await this.#tile(key, prints.size - 1)
    const at = (prints.size - 1) % TILE_WIDTH
    return equalBytes(tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES), prints.lastHash)
  }
}

function printAt(tile: Uint8Array, at: number): number {
  return new DataView(tile.buffer, tile.byteOffset + at * HASH_BYTES).getUint32(0)
}

function grow(prints: Prints, size: number): void {
  if (size <= prints.of.length) return
  const grown = new Uint32Array(Math.max(FIRST_PRINTS, size, Math.ceil(prints.of.length * 1.5)))
  grown.set(prints.of.subarray(0, prints.size))
  prints.of = grown
}

function ambiguous(digits: string, found: readonly FoundBlock[]): WattnessError {
  const candidates = found.map(({ block }) => toHex(block.hash))
  return new WattnessError('BLOCK_AMBIGUOUS', `several blocks begin with ${digits}: give more digits`, { candidates })
}
