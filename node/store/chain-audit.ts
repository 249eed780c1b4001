import type { Header } from '../../protocol/block.ts'
import { bodyHash } from '../../protocol/block.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { HASH_BYTES, ZERO_HASH } from '../../protocol/hash.ts'
import { CompactRange, type NodeSink } from '../../protocol/tree.ts'
import type { VerifySigned } from './chain-check.ts'
import { NOT_PRUNED, type Pruned } from './chain-entry.ts'
import { decodeHead, type HeadRecord } from './head-record.ts'
import { blockKey, headKey, heightOfBlockKey, tileKey } from './keys.ts'
import type { KvEntry, KvReader } from './kv.ts'
import { QueryAudit, type QueryChunks } from './query-audit.ts'
import { checkRecord, openRecord } from './record.ts'
import { decodeHeld, type HeldBlock } from './stored-block.ts'
import { TILE_BYTES, TILE_HEIGHT, TILE_WIDTH } from './tiles.ts'
import type { RootMark } from './witness-audit.ts'

/** A rule of the specification, by its number, and how it is broken. */
export interface BrokenRule {
  readonly rule: string
  readonly what: string
}

export interface NamedEnd {
  readonly size: number
  readonly isRight: (root: Uint8Array) => boolean
}

export interface ChainAuditInit {
  readonly kv: KvReader
  readonly verifySigned: VerifySigned
  /** Every signature that is kept, not only the newest of each chain. */
  readonly allSignatures?: boolean
  /** The rules that need genesis and membership: the one that a block breaks. `previous` is its parent's header. */
  readonly brokenRule?: (block: HeldBlock, previous: Header | undefined) => BrokenRule | undefined
  /** Where a revocation ends the chain, and whether it is this chain that it ends (rule V19). */
  readonly endOf?: (member: Uint8Array) => NamedEnd | undefined
  /** Called with the number of blocks checked since the last call, at most one batch of an iterator. */
  readonly onProgress?: (blocks: number) => void
  /** Awaited between batches, so that whoever else lives in this process has its turn. */
  readonly turn?: () => Promise<void>
}

/** The first fault of a chain; blocks above it were not looked at. */
export interface ChainFault {
  readonly height: number
  readonly what: string
  readonly rule?: string
}

export interface ChainAudit {
  readonly member: Uint8Array
  /** Blocks that the head names; undefined where there is no head that can be read. */
  readonly size: number | undefined
  /** Blocks that were found whole, from height 0. */
  readonly blocks: number
  /** Those of them that have no body any more, and were checked but for that. */
  readonly pruned: number
  readonly signatures: number
  /** Undefined where there are none yet to compare. */
  readonly query?: QueryChunks
  /** Marks of the chain that its blocks do not make; absent where there are none. */
  readonly contradicted?: readonly RootMark[]
  readonly fault?: ChainFault
}

/** A chain in the store: its local id, whose it is, and how many blocks it should have, as far as can be told. */
export interface StoredChain {
  readonly id: number
  readonly member: Uint8Array
  readonly size: number
  readonly marks?: readonly RootMark[]
  readonly pruned?: Pruned
}

/** Faults of the disk or of this program: nothing to be said about the chain. */
const NOT_DAMAGE = ['DISK_FULL', 'STORE_FAILED', 'STORE_LOCKED', 'STORE_CLOSED']

const NO_MARKS: readonly RootMark[] = []

class Found extends Error {
  readonly fault: ChainFault

  constructor(height: number, what: string, rule?: string) {
    super(what)
    this.fault = { height, what, ...(rule === undefined ? {} : { rule }) }
  }
}

/** Checks one chain from its first block to its head: links, bodies, rules, tiles, root, signatures. Changes nothing. */
export async function auditChain(init: ChainAuditInit, chain: StoredChain): Promise<ChainAudit> {
  const found = await walkChain(init, chain)
  const isUnsigned = found.fault?.rule === 'V16' || found.fault?.rule === 'V17'
  if (found.fault === undefined || !isUnsigned || init.allSignatures === true) return found
  // The newest signature says only that something below it is not what was signed: the older ones say from where on.
  const { onProgress: _, ...quietly } = init
  const closer = await walkChain({ ...quietly, allSignatures: true }, chain)
  return closer.fault !== undefined && closer.fault.height < found.fault.height ? closer : found
}

async function walkChain(init: ChainAuditInit, chain: StoredChain): Promise<ChainAudit> {
  const walker = new ChainWalker(init, chain)
  const { member } = chain
  let fault: ChainFault | undefined
  try {
    await walker.walk()
  } catch (error) {
    if (error instanceof Found) fault = error.fault
    else if (isWattnessError(error) && !NOT_DAMAGE.includes(error.code)) fault = { height: walker.blocks, what: error.message }
    else throw error
  }
  const { size, blocks, pruned, signatures, query, contradicted } = walker
  const found = { member, size, blocks, pruned, signatures, ...(contradicted.length === 0 ? {} : { contradicted }) }
  if (fault !== undefined) return { ...found, fault }
  return { ...found, ...(query === undefined ? {} : { query }) }
}

interface FullTile {
  readonly level: number
  readonly index: number
  readonly hashes: Uint8Array
}

class ChainWalker {
  readonly #init: ChainAuditInit
  readonly #chain: StoredChain
  readonly #range = CompactRange.empty()
  readonly #end: NamedEnd | undefined
  /** By level: the tile that is being filled. */
  readonly #tiles: Uint8Array[] = []
  #full: FullTile[] = []
  /** Also where a catch-up broke off: its checkpoint lies above the head, and no proof is kept that leads there. */
  #checksAll: boolean
  #last: HeldBlock | undefined
  #query: QueryAudit | undefined
  size: number | undefined
  signatures = 0
  pruned = 0
  readonly contradicted: RootMark[] = []

  constructor(init: ChainAuditInit, chain: StoredChain) {
    this.#init = init
    this.#chain = chain
    this.#end = init.endOf?.(chain.member)
    this.#checksAll = init.allSignatures === true
  }

  get query(): QueryChunks | undefined {
    return this.#query?.result
  }

  get blocks(): number {
    return this.#range.size
  }

  async walk(): Promise<void> {
    const { kv, onProgress, turn } = this.#init
    const { id } = this.#chain
    const head = await this.#head()
    if (head === undefined) return
    this.size = head.size
    if (typeof head.covered === 'object') this.#checksAll = true
    const { member, pruned = NOT_PRUNED } = this.#chain
    this.#query = await QueryAudit.of({ kv, id, member, pruned: pruned.to }, head.size)
    for await (const entries of kv.iterate({ gte: blockKey(id, 0), lt: blockKey(id, head.size) })) {
      await this.#takeAll(entries)
      await this.#query?.compare()
      onProgress?.(entries.length)
      await turn?.()
    }
    await this.#comparePartialTiles()
    this.#compareHead(head)
  }

  async #head(): Promise<HeadRecord | undefined> {
    const { kv } = this.#init
    const key = headKey(this.#chain.id)
    const record = await kv.get(key)
    if (record === undefined) {
      this.size = 0
      if ((await kv.get(blockKey(this.#chain.id, 0))) === undefined) return undefined
      this.size = undefined
      throw new Found(0, 'head record missing')
    }
    return decodeHead(openRecord(key, record, 'head record'))
  }

  async #takeAll(entries: readonly KvEntry[]): Promise<void> {
    try {
      for (const [key, value] of entries) this.#take(heightOfBlockKey(key), value)
    } finally {
      // Before a fault is told: a tile that was full by then lies below it, and comes first.
      for (const tile of this.#full.splice(0)) await this.#compareTile(tile)
    }
  }

  #take(height: number, value: Uint8Array): void {
    if (height !== this.blocks) throw new Found(this.blocks, 'missing', 'V2')
    const block = this.#checked(value)
    const broken = this.#init.brokenRule?.(block, this.#last?.header)
    if (broken !== undefined) throw new Found(height, broken.what, broken.rule)
    this.#range.append(block.hash, this.#onNode)
    this.#query?.add(height, block.bytes)
    this.#last = block
    if (this.#end?.size === this.blocks && !this.#end.isRight(this.#range.root())) {
      throw new Found(height, 'ends another history than the one that the revocation names', 'V19')
    }
    for (const mark of this.#chain.marks ?? NO_MARKS) {
      if (mark.size === this.blocks && !equalBytes(mark.root, this.#range.root())) this.contradicted.push(mark)
    }
    const { signature } = block
    if (this.#checksAll && signature !== undefined) this.#verify(height, this.blocks, this.#range.root(), signature)
  }

  /** What the block itself can show: place, member, link, body. */
  #checked(value: Uint8Array): HeldBlock {
    const height = this.blocks
    let block: HeldBlock
    try {
      block = decodeHeld(value, this.#chain.member, height)
    } catch (error) {
      throw new Found(height, `unreadable: ${(error as Error).message}`, 'B1')
    }
    const { header } = block
    if (header.height !== height) throw new Found(height, `names height ${header.height}`, 'V2')
    if (!equalBytes(header.member, this.#chain.member)) throw new Found(height, 'names another member', 'V2')
    if (!equalBytes(header.previous, this.#last?.hash ?? ZERO_HASH)) {
      throw new Found(height, 'does not name the block before it', 'V11')
    }
    this.#checkBody(height, block)
    return block
  }

  #checkBody(height: number, { header, body }: HeldBlock): void {
    if (body === undefined) {
      if (height >= (this.#chain.pruned ?? NOT_PRUNED).to) throw new Found(height, 'body missing, and was never pruned', 'V15')
      this.pruned++
    } else if (!equalBytes(bodyHash(body), header.bodyHash)) throw new Found(height, 'body hash does not match', 'V15')
  }

  /** Nodes of every eighth level are the hashes of tiles (tiles.ts). */
  readonly #onNode: NodeSink = (nodeLevel, nodeIndex, hash) => {
    if (nodeLevel % TILE_HEIGHT !== 0) return
    const level = nodeLevel / TILE_HEIGHT
    const place = nodeIndex % TILE_WIDTH
    const tile = (this.#tiles[level] ??= new Uint8Array(TILE_BYTES))
    tile.set(hash, place * HASH_BYTES)
    if (place < TILE_WIDTH - 1) return
    this.#full.push({ level, index: (nodeIndex - place) / TILE_WIDTH, hashes: tile })
    this.#tiles[level] = new Uint8Array(TILE_BYTES)
  }

  /** The lowest level has none: what its last tile would hold are the last blocks' own hashes. */
  async #comparePartialTiles(): Promise<void> {
    for (const [level, hashes] of this.#tiles.entries()) {
      const nodes = Math.floor(this.blocks / TILE_WIDTH ** level)
      const width = nodes % TILE_WIDTH
      if (level === 0 || width === 0) continue
      await this.#compareTile({ level, index: (nodes - width) / TILE_WIDTH, hashes: hashes.subarray(0, width * HASH_BYTES) })
    }
  }

  async #compareTile({ level, index, hashes }: FullTile): Promise<void> {
    const key = tileKey(this.#chain.id, level, index)
    const record = await this.#init.kv.get(key)
    const found = record === undefined ? undefined : checkRecord(key, record)
    // A running node may have added to it meanwhile.
    if (found !== undefined && equalBytes(found.subarray(0, hashes.length), hashes)) return
    const nodes = index * TILE_WIDTH + hashes.length / HASH_BYTES
    throw new Found(nodes * TILE_WIDTH ** level - 1, `tile ${level}/${index} of the tree does not match the blocks`)
  }

  #compareHead(head: HeadRecord): void {
    const { size, root, lastHash, covered } = head
    const last = this.#last
    if (last === undefined || this.blocks !== size) throw new Found(this.blocks, 'missing', 'V2')
    const height = size - 1
    if (!equalBytes(last.hash, lastHash)) throw new Found(height, 'is not the block that the head names')
    if (!equalBytes(this.#range.root(), root)) throw new Found(height, "tree does not make the head's root", 'V16')
    if (last.header.sealedAt !== head.sealedAt || last.header.registrarSize !== head.registrarSize) {
      throw new Found(height, 'head names another time or registrar size')
    }
    if (covered === undefined) throw new Found(height, 'no signature covers the chain', 'V17')
    if (covered !== 'by-block') {
      this.#verify(height, covered.size, covered.root, covered.signature)
      return
    }
    const { signature } = last
    if (signature === undefined) throw new Found(height, 'signature of the head missing', 'V17')
    if (!this.#checksAll) this.#verify(height, size, root, signature)
  }

  #verify(height: number, size: number, root: Uint8Array, signature: Uint8Array): void {
    this.signatures++
    if (this.#init.verifySigned({ member: this.#chain.member, size, root, signature })) return
    throw new Found(height, `signature over size ${size} is not the member's`, 'V17')
  }
}
