import type { Header } from '../../protocol/block.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { ZERO_HASH } from '../../protocol/hash.ts'
import { CompactRange } from '../../protocol/tree.ts'
import type { VerifySigned } from './chain-check.ts'
import type { Damage } from './chain-entry.ts'
import { damaged } from './chain-entry.ts'
import { loadChainIds } from './chain-ids.ts'
import { decodeHead, type HeadRecord } from './head-record.ts'
import { allOf, blockKey, EVIDENCE, FRAME, headKey, heightOfBlockKey, INVITATION, LABEL, QUERY, SPOOL } from './keys.ts'
import type { Kv, KvOperation } from './kv.ts'
import { checkRecord, openRecord } from './record.ts'
import { checkStored, type StoredBlock } from './stored-block.ts'
import { EMPTY_EDGE, extendTiles, type TileEdge } from './tiles.ts'

export interface AuditInit {
  readonly kv: Kv
  readonly verifySigned: VerifySigned
  /** Every signature that is kept, not only the newest of each chain. */
  readonly allSignatures?: boolean
  /** The chain rules that need genesis and membership: says which one a block breaks. `previous` is its parent's header. */
  readonly brokenRule?: (
    block: StoredBlock,
    previous: Header | undefined,
  ) => { readonly rule: string; readonly what: string } | undefined
  /** Called now and then with the blocks checked so far. */
  readonly onProgress?: (blocks: number) => void
}

/** The first fault of a chain; blocks above it were not looked at. */
export interface ChainFault {
  readonly height: number
  readonly what: string
  readonly rule?: string
}

export interface ChainAudit {
  readonly member: Uint8Array
  /** Blocks that were found whole, from height 0. */
  readonly blocks: number
  readonly signatures: number
  readonly fault?: ChainFault
}

export interface StoreAudit {
  readonly chains: readonly ChainAudit[]
  readonly blocks: number
  readonly signatures: number
  /** Records beside the chains: spool, frames, evidence, labels, invitations, query chunks. */
  readonly records: number
  readonly damage: readonly Damage[]
}

const PROGRESS_EVERY = 10_000

const BESIDE: readonly (readonly [prefix: number, what: string])[] = [
  [SPOOL, 'spool entry'],
  [FRAME, 'frame'],
  [EVIDENCE, 'evidence'],
  [LABEL, 'label'],
  [INVITATION, 'invitation'],
  [QUERY, 'query chunk'],
]

/**
 * Checks everything in a store that nobody else has open, from each chain's first block on, and changes nothing: links,
 * bodies, rules, tiles, roots, signatures, and the checksum of every other record.
 */
export async function auditStore(init: AuditInit): Promise<StoreAudit> {
  const damage: Damage[] = []
  const chains: ChainAudit[] = []
  let blocks = 0
  const progress = (): void => {
    if (++blocks % PROGRESS_EVERY === 0) init.onProgress?.(blocks)
  }
  for (const [id, member] of (await loadChainIds(init.kv, damage)).members)
    chains.push(await auditChain(init, id, member, progress))
  let records = 0
  for (const [prefix, what] of BESIDE) {
    for await (const entries of init.kv.iterate(allOf(prefix))) {
      for (const [key, record] of entries) {
        records++
        if (checkRecord(key, record) === undefined)
          damage.push({ what: `${what} damaged (key ${Buffer.from(key).toString('hex')})` })
      }
    }
  }
  return { chains, blocks, signatures: chains.reduce((sum, chain) => sum + chain.signatures, 0), records, damage }
}

async function auditChain(init: AuditInit, id: number, member: Uint8Array, progress: () => void): Promise<ChainAudit> {
  const walker = new ChainWalker(init, id, member)
  try {
    await walker.walk(progress)
    return { member, blocks: walker.blocks, signatures: walker.signatures }
  } catch (error) {
    if (!(error instanceof WattnessError) || error.code !== 'STORE_DAMAGED') throw error
    const { height, what, rule } = error.data as { height?: number; what?: string; rule?: string }
    const fault = { height: height ?? walker.blocks, what: what ?? error.message, ...(rule === undefined ? {} : { rule }) }
    return { member, blocks: walker.blocks, signatures: walker.signatures, fault }
  }
}

class ChainWalker {
  readonly #init: AuditInit
  readonly #id: number
  readonly #member: Uint8Array
  readonly #range = CompactRange.empty()
  #edge: TileEdge = EMPTY_EDGE
  #last: StoredBlock | undefined
  signatures = 0

  constructor(init: AuditInit, id: number, member: Uint8Array) {
    this.#init = init
    this.#id = id
    this.#member = member
  }

  get blocks(): number {
    return this.#range.size
  }

  async walk(progress: () => void): Promise<void> {
    const { kv } = this.#init
    const head = await this.#head()
    if (head === undefined) return
    const range = { gte: blockKey(this.#id, 0), lt: blockKey(this.#id, head.size) }
    for await (const entries of kv.iterate(range)) {
      const operations: KvOperation[] = []
      for (const [key, value] of entries) {
        if (heightOfBlockKey(key) !== this.blocks) throw damaged(this.#member, this.blocks, 'missing')
        this.#take(checkStored(value, this.#member, this.blocks), operations)
        progress()
      }
      await this.#compareTiles(operations)
    }
    this.#compareHead(head)
  }

  async #head(): Promise<HeadRecord | undefined> {
    const { kv } = this.#init
    const key = headKey(this.#id)
    const record = await kv.get(key)
    if (record === undefined) {
      if ((await kv.get(blockKey(this.#id, 0))) === undefined) return undefined
      throw damaged(this.#member, 0, 'head record missing')
    }
    return decodeHead(openRecord(key, record, 'head record'))
  }

  #take(block: StoredBlock, operations: KvOperation[]): void {
    const { height, previous } = block.header
    if (!equalBytes(previous, this.#last?.hash ?? ZERO_HASH))
      throw damaged(this.#member, height, 'does not name the block before it')
    const broken = this.#init.brokenRule?.(block, this.#last?.header)
    if (broken !== undefined) {
      throw new WattnessError('STORE_DAMAGED', `block ${height}: ${broken.what} (${broken.rule})`, { height, ...broken })
    }
    this.#edge = extendTiles(this.#edge, this.#id, this.#range, [block.hash], operations)
    this.#range.append(block.hash)
    this.#last = block
    if (this.#init.allSignatures === true && block.signed !== undefined) {
      if (!equalBytes(block.signed.root, this.#range.root()))
        throw damaged(this.#member, height, 'signed root is not that of the tree')
      this.#verify(height, { size: this.blocks, ...block.signed })
    }
  }

  /** Partial tiles are written again as they fill: only the newest of each is what should be there now. */
  async #compareTiles(operations: readonly KvOperation[]): Promise<void> {
    const newest = new Map<string, KvOperation>()
    for (const operation of operations) newest.set(Buffer.from(operation.key).toString('latin1'), operation)
    for (const operation of newest.values()) {
      const stored = await this.#init.kv.get(operation.key)
      const made = operation.type === 'put' ? checkRecord(operation.key, operation.value) : undefined
      const found = stored === undefined ? undefined : checkRecord(operation.key, stored)
      // A tile that has grown since begins with what it was at this block.
      if (made === undefined || found === undefined || !equalBytes(found.subarray(0, made.length), made)) {
        throw damaged(this.#member, this.blocks - 1, 'tile of the tree does not match the blocks')
      }
    }
  }

  #compareHead(head: HeadRecord): void {
    const { size, root, lastHash, covered } = head
    const last = this.#last
    if (last === undefined || this.blocks !== size) throw damaged(this.#member, this.blocks, 'missing')
    const height = size - 1
    if (!equalBytes(last.hash, lastHash)) throw damaged(this.#member, height, 'is not the block that the head names')
    if (!equalBytes(this.#range.root(), root)) throw damaged(this.#member, height, "tree does not make the head's root")
    if (covered === undefined) return
    if (covered !== 'by-block') {
      this.#verify(height, covered)
      return
    }
    if (last.signed === undefined || !equalBytes(last.signed.root, root))
      throw damaged(this.#member, height, 'signature of the head missing')
    if (this.#init.allSignatures !== true) this.#verify(height, { size, ...last.signed })
  }

  #verify(height: number, signed: { size: number; root: Uint8Array; signature: Uint8Array }): void {
    this.signatures++
    if (!this.#init.verifySigned({ member: this.#member, ...signed })) {
      throw damaged(this.#member, height, `signature over size ${signed.size} is not the member's`)
    }
  }
}
