import { toHex } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Register } from '../../protocol/reading.ts'
import type { NodeReader } from '../../protocol/tree.ts'
import { emptyEntry } from './chain-check.ts'
import { type ChainEntry, type Damage, memberText, type Pruned } from './chain-entry.ts'
import { ChainReader } from './chain-reader.ts'
import type { Kv, KvReader, KvView } from './kv.ts'
import type { ValueColumns } from './query-chunk.ts'
import { QueryIndex, type QueryTail, type ValueQuery } from './query-index.ts'
import type { ChainEnd } from './recent-ends.ts'
import type { HeldBlock, StoredBlock } from './stored-block.ts'
import { TreeReader } from './tree-reader.ts'

/**
 * What can be asked of the chains. A chain's tail may be replaced while it is read: then what was read is of neither branch,
 * and is read again.
 */
export class LedgerReads {
  /** What was found damaged since the store was opened, newest last. Bounded: see MAX_DAMAGE. */
  readonly damage: Damage[] = []
  protected readonly kv: Kv
  protected readonly tree: TreeReader
  protected readonly query: QueryIndex
  protected readonly entries = new Map<string, ChainEntry>()
  /** Chains whose tail is being replaced, each with the end of that. */
  protected readonly replacing = new Map<string, Promise<void>>()
  protected readonly reader: ChainReader
  #turn: Promise<unknown> = Promise.resolve()

  protected constructor(kv: Kv) {
    this.kv = kv
    this.tree = new TreeReader(
      kv,
      (entry, level, index) => this.note({ what: `tile ${level}/${index} damaged, made again from below`, member: entry.member }),
      () => this.entries.size,
    )
    this.reader = new ChainReader(kv, this.tree)
    this.query = new QueryIndex(kv, this.reader, ({ member }, what) => this.note({ what, member }))
  }

  protected note(damage: Damage): void {
    this.damage.push(damage)
    if (this.damage.length > MAX_DAMAGE) this.damage.shift()
  }

  /** Runs what changes chains one after another. */
  protected inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** The chain as it stands, from memory; undefined where no block is held. */
  head(member: Uint8Array): ChainState | undefined {
    const state = this.entries.get(memberText(member))?.state
    return state === undefined || state.size === 0 ? undefined : state
  }

  *chains(): Iterable<{ readonly member: Uint8Array; readonly state: ChainState }> {
    for (const { member, state } of this.entries.values()) if (state.size > 0) yield { member, state }
  }

  protected entry(member: Uint8Array): ChainEntry {
    return this.entries.get(memberText(member)) ?? emptyEntry(-1, member)
  }

  /** Every record as of now, for whoever checks them all while the node goes on. To be closed. */
  view(): KvView {
    const { kv } = this
    return kv.view?.() ?? { ...readerOf(kv), close: () => Promise.resolve() }
  }

  /** Reads of one and the same branch. */
  async #steady<T>(member: Uint8Array, read: (entry: ChainEntry) => Promise<T>): Promise<T> {
    const text = memberText(member)
    for (;;) {
      const replacing = this.replacing.get(text)
      if (replacing !== undefined) await replacing
      const entry = this.entry(member)
      try {
        const found = await read(entry)
        if (this.#isSteady(text, entry)) return found
      } catch (error) {
        if (this.#isSteady(text, entry) || !isWattnessError(error, 'STORE_DAMAGED')) throw error
      }
    }
  }

  #isSteady(text: string, { branch }: ChainEntry): boolean {
    return !this.replacing.has(text) && (this.entries.get(text)?.branch ?? branch) === branch
  }

  /** See ChainReader.readBlocks. */
  readBlocks(member: Uint8Array, from: number, maxBlocks: number, maxBytes?: number): Promise<StoredBlock[]> {
    return this.#steady(member, (entry) => this.reader.readBlocks(entry, from, maxBlocks, maxBytes))
  }

  /** The same, and the newest signature among them. */
  readRun(
    member: Uint8Array,
    from: number,
    maxBlocks: number,
    maxBytes?: number,
  ): Promise<{ readonly blocks: StoredBlock[]; readonly signed: SignedCheckpoint | undefined }> {
    return this.#steady(member, async (entry) => {
      const blocks = await this.reader.readBlocks(entry, from, maxBlocks, maxBytes)
      const last = blocks.findLastIndex((block) => block.signature !== undefined)
      const signature = blocks[last]?.signature
      if (signature === undefined) return { blocks, signed: undefined }
      const size = from + last + 1
      return { blocks, signed: { member, size, root: await this.tree.rootAt(entry, size), signature } }
    })
  }

  readBlock(member: Uint8Array, height: number): Promise<StoredBlock | undefined> {
    return this.#steady(member, (entry) => this.reader.readBlock(entry, height))
  }

  /** See ChainReader.readHeld. */
  readHeld(member: Uint8Array, from: number, maxBlocks: number, maxBytes?: number): Promise<HeldBlock[]> {
    return this.#steady(member, (entry) => this.reader.readHeld(entry, from, maxBlocks, maxBytes))
  }

  /** How far the chain is pruned; sizes of 0 where it is not. */
  pruned(member: Uint8Array): Pruned {
    return this.entry(member).pruned
  }

  /** Of any chain. */
  get isPruned(): boolean {
    for (const { pruned } of this.entries.values()) if (pruned.to > 0) return true
    return false
  }

  signatureAtOrBelow(member: Uint8Array, height: number): Promise<SignedCheckpoint | undefined> {
    return this.#steady(member, (entry) => this.reader.signatureAtOrBelow(entry, height))
  }

  signatureAtOrAbove(member: Uint8Array, height: number): Promise<SignedCheckpoint | undefined> {
    return this.#steady(member, (entry) => this.reader.signatureAtOrAbove(entry, height))
  }

  /** First height sealed at `timeMs` or later; the chain's size where there is none. Reads log2 of the chain's blocks. */
  findByTime(member: Uint8Array, timeMs: number): Promise<number> {
    return this.#steady(member, (entry) => this.reader.findFirst(entry, ({ sealedAt }) => sealedAt >= timeMs))
  }

  /** First height whose block names a registrar size of `registrarSize` or more, in the same way. */
  firstNaming(member: Uint8Array, registrarSize: number): Promise<number> {
    return this.#steady(member, (entry) => this.reader.findFirst(entry, (header) => header.registrarSize >= registrarSize))
  }

  /** Root of the chain's first `size` blocks; undefined where fewer are held. */
  rootAt(member: Uint8Array, size: number): Promise<Uint8Array | undefined> {
    return this.#steady(member, async (entry) => (size > entry.state.size ? undefined : this.tree.rootAt(entry, size)))
  }

  /** The same where memory has it: the head's, and the newest below. Undefined says nothing about what is held. */
  rootInMemory(member: Uint8Array, size: number): Uint8Array | undefined {
    return this.endInMemory(member, size)?.root
  }

  /** The same with the chain as it stands. */
  endInMemory(member: Uint8Array, size: number): { readonly root: Uint8Array; readonly head: ChainState } | undefined {
    const text = memberText(member)
    const entry = this.entries.get(text)
    if (entry === undefined || (this.replacing.size > 0 && this.replacing.has(text))) return undefined
    const { state } = entry
    const root = size === state.size ? state.root : this.tree.knownRoot(entry, size)
    return root && { root, head: state }
  }

  /** Root and last block hash of the chain's first `size` blocks, 1 or more; undefined where fewer are held. */
  known(member: Uint8Array, size: number): Promise<ChainEnd | undefined> {
    return this.#steady(member, async (entry) => {
      if (size < 1 || size > entry.state.size) return undefined
      const { root, lastHash } = entry.state
      const remembered = size === entry.state.size ? { root, lastHash } : this.tree.knownEnd(entry, size)
      if (remembered !== undefined) return remembered
      return { root: await this.tree.rootAt(entry, size), lastHash: await this.tree.leafAt(entry, size - 1) }
    })
  }

  /** Nodes of the chain's tree as it is now. Throws STORE_CONFLICT once the chain has gone on along another branch. */
  nodeReader(member: Uint8Array): NodeReader {
    const text = memberText(member)
    const entry = this.entry(member)
    const read = this.tree.nodeReader(entry)
    return async (level, index) => {
      const node = await read(level, index)
      if (!this.#isSteady(text, entry)) throw replaced(member)
      return node
    }
  }

  /** A C2SP tile: 1 to 256 hashes, as many as the chain has by now. Throws RangeError for a tile it does not have. */
  tile(member: Uint8Array, level: number, index: number): Promise<Uint8Array> {
    return this.#steady(member, (entry) => this.tree.tile(entry, level, index))
  }

  inclusionProof(member: Uint8Array, height: number, size: number): Promise<Uint8Array[]> {
    return this.#steady(member, (entry) => this.tree.inclusionProof(entry, height, size))
  }

  consistencyProof(member: Uint8Array, size1: number, size2: number): Promise<Uint8Array[]> {
    return this.#steady(member, (entry) => this.tree.consistencyProof(entry, size1, size2))
  }

  /**
   * Everything that a member's stored blocks say about one register from `fromMs` up to but not including `toMs` (UTC), by
   * column, as of now. Rows come day by day, within a day in the order of their blocks; the newest blocks' and those of
   * blocks with very many registers or days come last. Whoever needs them by time sorts them. Throws STORE_DAMAGED where a
   * block that must be looked into is damaged, STORE_CONFLICT where the chain goes on along another branch meanwhile.
   * `endSize`: only the first so many blocks count.
   */
  async *values(
    member: Uint8Array,
    register: Register,
    fromMs: number,
    toMs: number,
    endSize?: number,
  ): AsyncGenerator<ValueColumns> {
    const query = { register, fromMs, toMs, ...(endSize === undefined ? {} : { endSize }) }
    const text = memberText(member)
    const entry = this.entry(member)
    if (entry.id < 0) return
    try {
      for await (const columns of this.query.values(entry, query, await this.#queryTail(entry, query))) {
        if (!this.#isSteady(text, entry)) throw replaced(member)
        yield columns
      }
    } catch (error) {
      throw isWattnessError(error, 'STORE_DAMAGED') && !this.#isSteady(text, entry) ? replaced(member) : error
    }
  }

  /** Registers that a member's blocks name, 4,096 unless `limit` says other. */
  registersOf(member: Uint8Array, limit?: number): Promise<Register[]> {
    return this.#steady(member, async (entry) =>
      entry.id < 0 ? [] : this.query.registersOf(entry, await this.#queryTail(entry), limit),
    )
  }

  async #queryTail({ id, member }: ChainEntry, query?: ValueQuery): Promise<QueryTail> {
    if (this.query.holds(id)) return this.query.tail(id, query)
    return this.inTurn(async () => {
      await this.query.hold(this.entry(member))
      return this.query.tail(id, query)
    })
  }

  /** Resolves when nothing is being changed. */
  protected async settled(): Promise<void> {
    await this.#turn
  }
}

/** Damage kept for reports; one per chain and some tiles. */
export const MAX_DAMAGE = 1_024

function readerOf(kv: Kv): KvReader {
  return { get: (key) => kv.get(key), getMany: (keys) => kv.getMany(keys), iterate: (range) => kv.iterate(range) }
}

function replaced(member: Uint8Array): WattnessError {
  const hex = toHex(member)
  return new WattnessError('STORE_CONFLICT', `chain ${hex.slice(0, 16)}…: its tail was replaced while it was read`, {
    member: hex,
  })
}
