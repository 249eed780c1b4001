import { bodyHash } from '../../protocol/block.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import { CompactRange } from '../../protocol/tree.ts'
import type { VerifySigned } from './chain-check.ts'
import { blockKey, heightOfBlockKey, MAX_U48, tileKey } from './keys.ts'
import type { KvReader } from './kv.ts'
import { checkRecord } from './record.ts'
import { decodeHeld, type HeldBlock } from './stored-block.ts'
import { hashAt, TILE_BYTES, TILE_WIDTH } from './tiles.ts'

/** A chain's end as its head, or memory, says: neither is written together with a block that is damaged later. */
export interface ChainEnd {
  readonly size: number
  readonly root: Uint8Array
  readonly lastHash: Uint8Array
}

export interface VouchInit {
  readonly kv: KvReader
  readonly verifySigned: VerifySigned
  readonly id: number
  readonly member: Uint8Array
  readonly end?: ChainEnd | undefined
  /** A checkpoint known to be the member's own and of this history, not below `end`. */
  readonly covering?: SignedCheckpoint | undefined
}

/** How much of a chain is what its author wrote, and the signature that says so. */
export interface Vouched {
  readonly size: number
  readonly checkpoint: SignedCheckpoint
}

/** Where the hash that belongs at a height is taken from first. */
type Source = 'own' | 'next' | 'tile'

/** What is known of one height. */
interface Place {
  readonly height: number
  readonly signature: Uint8Array | undefined
  /** True where the block is there, and whole as far as it can tell itself. */
  readonly isWhole: boolean
  /** Hash of the block, the hash that the next block names, and the hash in the tree's tile: as far as they are there. */
  readonly leaves: Readonly<Record<Source, Uint8Array | undefined>>
}

/** Signed blocks looked at together: the root is made, and a signature verified, once for all of them where all is well. */
const SIGNED_AT_ONCE = 64

/**
 * The longest beginning of a damaged chain that is vouched for. The tree is made again from what is there: from the blocks
 * themselves, from the hashes by which the blocks above name them, and from the tree's tiles, each of the three given the
 * word over the others in turn. Where that makes a root which the author signed, every hash in it was right, and every
 * block below that has its hash is the author's. The head's root and whole tiles vouch as well, unless a signature above what
 * was signed holds of no root made here. A block that is only linked to the one below it is not vouched for: anyone could have
 * put it there.
 */
export async function vouchedBeginning(init: VouchInit): Promise<Vouched | undefined> {
  const attempts = (['own', 'next', 'tile'] as const).map((first) => new Attempt(init, first))
  for await (const place of placesOf(init)) {
    for (const attempt of attempts) attempt.take(place)
    if (attempts.every((attempt) => attempt.isOver)) break
  }
  let best: Vouched | undefined
  for (const attempt of attempts) {
    const vouched = attempt.result()
    if (vouched !== undefined && vouched.size > (best?.size ?? 0)) best = vouched
  }
  return best
}

/** One way to make the tree again. */
class Attempt {
  readonly #init: VouchInit
  readonly #order: readonly Source[]
  readonly #range = CompactRange.empty()
  /** The first height whose block is not the one that belongs there. */
  #wrongAt: number | undefined
  /** Blocks from height 0 that are those in the tree's tiles. */
  #tiled = 0
  /** The largest size at which the tree made here is what the author signed. */
  #signed: SignedCheckpoint | undefined
  /** Signatures not yet looked at, over the root of the tree as it was then. */
  #open: { readonly size: number; readonly signature: Uint8Array; readonly range: CompactRange }[] = []
  /** A signature above those that hold does not: it is damaged, or the tree made here is not the author's. */
  #isDoubted = false
  #makesEnd = false
  isOver = false

  constructor(init: VouchInit, first: Source) {
    this.#init = init
    this.#order = [first, ...(['next', 'own', 'tile'] as const).filter((source) => source !== first)]
  }

  take({ height, signature, isWhole, leaves }: Place): void {
    if (this.isOver) return
    const leaf = this.#order.map((source) => leaves[source]).find((hash) => hash !== undefined)
    if (leaf === undefined) {
      this.isOver = true
      return
    }
    const isRight = isWhole && leaves.own !== undefined && equalBytes(leaves.own, leaf)
    if (!isRight) this.#wrongAt ??= height
    if (isRight && this.#tiled === height && leaves.tile !== undefined && equalBytes(leaves.tile, leaf)) this.#tiled++
    this.#range.append(leaf)
    const { covering, end } = this.#init
    const { size } = this.#range
    if (signature !== undefined) this.#note(signature.slice())
    if (covering?.size === size) this.#note(covering.signature)
    if (end?.size === size) this.#makesEnd = equalBytes(this.#range.root(), end.root)
  }

  #note(signature: Uint8Array): void {
    this.#open.push({ size: this.#range.size, signature, range: this.#range.clone() })
    if (this.#open.length < SIGNED_AT_ONCE) return
    // So many in a row are not all damaged: what can be made here has come to its end, and the rest would cost as much again.
    this.isOver = !this.#look()
  }

  /** One that does not hold says nothing of what is below it: it may be damaged itself. True where one holds. */
  #look(): boolean {
    const { member, verifySigned } = this.#init
    const newestFirst = this.#open.splice(0).toReversed()
    for (const [older, { size, signature, range }] of newestFirst.entries()) {
      this.#isDoubted = older > 0
      const checkpoint = { member, size, root: range.root(), signature }
      if (!verifySigned(checkpoint)) continue
      this.#signed = checkpoint
      return true
    }
    if (newestFirst.length > 0) this.#isDoubted = true
    return false
  }

  result(): Vouched | undefined {
    this.#look()
    const right = this.#wrongAt ?? this.#range.size
    const { covering, end } = this.#init
    const signed = this.#signed === undefined ? 0 : Math.min(right, this.#signed.size)
    const atEnd = this.#makesEnd && end !== undefined ? Math.min(right, end.size) : 0
    const most = covering === undefined || this.#isDoubted ? 0 : covering.size
    const unsigned = Math.min(most, Math.max(atEnd, this.#tiled))
    if (covering !== undefined && unsigned > signed) return { size: unsigned, checkpoint: covering }
    return this.#signed === undefined ? undefined : { size: signed, checkpoint: this.#signed }
  }
}

/** Every height from 0 on, those whose blocks are missing too, up to the chain's end or as far as anything is known. */
async function* placesOf(init: VouchInit): AsyncGenerator<Place> {
  const { kv, id, member, end } = init
  const size = end?.size ?? MAX_U48
  let tile: { readonly index: number; readonly leaves: Uint8Array | undefined } | undefined
  const place = async (height: number, block: HeldBlock | undefined, next: Uint8Array | undefined): Promise<Place> => {
    const index = Math.floor(height / TILE_WIDTH)
    if (tile?.index !== index) tile = { index, leaves: await readTile(kv, id, index) }
    const { leaves } = tile
    return {
      height,
      signature: block?.signature,
      isWhole: block !== undefined && isWhole(block, member, height),
      leaves: { own: block?.hash, next, tile: leaves && hashAt(leaves, height % TILE_WIDTH).slice() },
    }
  }
  let height = 0
  let before: HeldBlock | undefined
  for await (const entries of kv.iterate({ gte: blockKey(id, 0), lt: blockKey(id, size) })) {
    for (const [key, value] of entries) {
      const at = heightOfBlockKey(key)
      const block = decoded(value, member, at)
      // Whose header can be read names the hash of the block below it.
      const named = block?.header.height === at ? block.header.previous : undefined
      // Heights of which there is no block: their hashes may still stand in a tile.
      for (; height < at; height++) {
        if (height > 0) yield await place(height - 1, before, undefined)
        before = undefined
      }
      if (height > 0) yield await place(height - 1, before, named)
      before = block
      height = at + 1
    }
  }
  if (height === 0) return
  for (; end !== undefined && height < size; height++) {
    yield await place(height - 1, before, undefined)
    before = undefined
  }
  yield await place(height - 1, before, height === end?.size ? end.lastHash : undefined)
}

async function readTile(kv: KvReader, id: number, index: number): Promise<Uint8Array | undefined> {
  const key = tileKey(id, 0, index)
  const record = await kv.get(key)
  const leaves = record === undefined ? undefined : checkRecord(key, record)
  return leaves?.length === TILE_BYTES ? leaves : undefined
}

function decoded(value: Uint8Array, member: Uint8Array, height: number): HeldBlock | undefined {
  try {
    return decodeHeld(value, member, height)
  } catch {
    return undefined
  }
}

function isWhole({ header, body }: HeldBlock, member: Uint8Array, height: number): boolean {
  if (header.height !== height || !equalBytes(header.member, member)) return false
  return body === undefined || equalBytes(bodyHash(body), header.bodyHash)
}
