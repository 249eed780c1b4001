import { equalBytes } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import type { Register } from '../../protocol/reading.ts'
import type { NodeReader } from '../../protocol/tree.ts'
import { type Acceptance, type AcceptOptions, assertFits, newChain, pushBlocks } from './acceptance.ts'
import { type CheckContext, emptyEntry, loadChain, salvageChain, type VerifySigned } from './chain-check.ts'
import { type ChainEntry, type Damage, memberText } from './chain-entry.ts'
import { loadChainIds } from './chain-ids.ts'
import { ChainReader } from './chain-reader.ts'
import { DurableMark } from './durable-mark.ts'
import { encodeHead } from './head-record.ts'
import { headKey } from './keys.ts'
import { type Kv, type KvOperation, type KvReader, type KvView, put } from './kv.ts'
import { bindNetwork } from './network-record.ts'
import type { ValueColumns } from './query-chunk.ts'
import { QueryIndex, type QueryTail, type ValueQuery } from './query-index.ts'
import { migrate } from './schema.ts'
import { EVIDENCE_KIND, INVITATION_KIND, LABEL_KIND, SideTable } from './side-records.ts'
import { readSigned, type SignedRecord, signedAfter, signedOperation } from './signed-record.ts'
import { Spool, type SpoolLimits } from './spool.ts'
import type { StoredBlock } from './stored-block.ts'
import { extendTiles } from './tiles.ts'
import { TreeReader } from './tree-reader.ts'
import { StoreWriter } from './writer.ts'

export interface LedgerStoreInit {
  readonly kv: Kv
  readonly networkId: Uint8Array
  /** This node's own member key, where it writes a chain. */
  readonly ownKey?: Uint8Array
  /** Checks a head's signature at start-up; without it heads are taken as they are stored. */
  readonly verifySigned?: VerifySigned
  readonly spool?: Partial<SpoolLimits>
  /** Damage found before the store was opened. */
  readonly damage?: readonly Damage[]
  /** Called once when the store has closed. */
  readonly onClose?: () => Promise<void>
}

/** Everything that a node keeps: chains, spool, and the records beside them, behind one atomic writer. */
export class LedgerStore {
  readonly networkId: Uint8Array
  readonly spool: Spool
  readonly evidence: SideTable
  readonly labels: SideTable
  readonly invitations: SideTable
  /** What was found damaged since the store was opened, newest last. Bounded: see MAX_DAMAGE. */
  readonly damage: Damage[] = []
  readonly #kv: Kv
  readonly #writer: StoreWriter
  readonly #context: CheckContext
  readonly #ownKey: Uint8Array | undefined
  readonly #tree: TreeReader
  readonly #reader: ChainReader
  readonly #query: QueryIndex
  readonly #chains = new Map<string, ChainEntry>()
  #nextChainId = 0
  #signed: SignedRecord | undefined
  #mark = new DurableMark(new Map())
  #turn: Promise<unknown> = Promise.resolve()
  readonly #onClose: () => Promise<void>
  #closing: Promise<void> | undefined

  private constructor(init: LedgerStoreInit) {
    const { kv } = init
    this.networkId = init.networkId
    this.#kv = kv
    this.#ownKey = init.ownKey
    this.#onClose = init.onClose ?? (() => Promise.resolve())
    this.damage.push(...(init.damage ?? []))
    this.#writer = new StoreWriter(kv)
    this.#context = {
      kv,
      verifySigned: init.verifySigned ?? (() => true),
      write: (operations, sync) => kv.batch(operations, { sync }),
    }
    this.#tree = new TreeReader(kv, (entry, level, index) =>
      this.#note({ what: `tile ${level}/${index} damaged, made again from below`, member: entry.member }),
    )
    this.#reader = new ChainReader(kv, this.#tree)
    this.#query = new QueryIndex(kv, this.#reader, ({ member }, what) => this.#note({ what, member }))
    this.evidence = new SideTable(kv, this.#writer, EVIDENCE_KIND)
    this.labels = new SideTable(kv, this.#writer, LABEL_KIND)
    this.invitations = new SideTable(kv, this.#writer, INVITATION_KIND)
    this.spool = new Spool(kv, this.#writer, init.spool)
    this.spool.onDamage = (damage) => this.#note(damage)
    this.#writer.onSettled(() => this.#load())
  }

  /**
   * Opens the store in `kv`, migrates it forward, loads every head and checks it. What was damaged is in `damage`: those
   * chains end at their longest intact prefix. Throws STORE_NEWER, STORE_OTHER_NETWORK, STORE_DAMAGED.
   */
  static async open(init: LedgerStoreInit): Promise<LedgerStore> {
    const { kv, networkId } = init
    await migrate(kv)
    await bindNetwork(kv, networkId)
    const store = new LedgerStore(init)
    await store.#load()
    await kv.batch([store.#mark.operation()], { sync: true })
    return store
  }

  async #load(): Promise<void> {
    const damage: Damage[] = []
    const marks = await DurableMark.read(this.#kv)
    const { members, mending } = await loadChainIds(this.#kv, damage)
    if (mending.length > 0) await this.#kv.batch(mending, { sync: true })
    const loaded = new Map<string, ChainEntry>()
    for (const [id, member] of members) {
      loaded.set(memberText(member), await loadChain(this.#context, id, member, marks.get(id) ?? 0, damage))
    }
    const signed = (await readSigned(this.#kv, damage)) ?? (await this.#signAgain(loaded))
    await this.evidence.load(damage)
    await this.labels.load(damage)
    await this.invitations.load(damage)
    await this.spool.load(damage)
    this.#tree.forget()
    await this.#query.load([...loaded.values()], this.#context.write)
    this.#chains.clear()
    for (const [text, entry] of loaded) this.#chains.set(text, entry)
    this.#nextChainId = Math.max(-1, ...members.keys()) + 1
    this.#signed = signed
    this.#mark = new DurableMark(this.#sizes())
    for (const each of damage) this.#note(each)
  }

  /** Where the record of what this node signed last is lost, its own chain still says it. */
  async #signAgain(chains: ReadonlyMap<string, ChainEntry>): Promise<SignedRecord | undefined> {
    const checkpoint = this.#ownKey === undefined ? undefined : chains.get(memberText(this.#ownKey))?.state.checkpoint
    if (checkpoint === undefined) return undefined
    const { size, root, signature } = checkpoint
    await this.#kv.batch([signedOperation(checkpoint)], { sync: true })
    return { size, root, signature }
  }

  #sizes(): Map<number, number> {
    const sizes = new Map<number, number>()
    for (const { id, state } of this.#chains.values()) sizes.set(id, state.size)
    return sizes
  }

  #note(damage: Damage): void {
    this.damage.push(damage)
    if (this.damage.length > MAX_DAMAGE) this.damage.shift()
  }

  /** The chain as it stands, from memory; undefined where no block is held. */
  head(member: Uint8Array): ChainState | undefined {
    const state = this.#chains.get(memberText(member))?.state
    return state === undefined || state.size === 0 ? undefined : state
  }

  *chains(): Iterable<{ readonly member: Uint8Array; readonly state: ChainState }> {
    for (const { member, state } of this.#chains.values()) if (state.size > 0) yield { member, state }
  }

  quarantined(member: Uint8Array): boolean {
    return this.evidence.has(member)
  }

  signedRecord(): SignedRecord | undefined {
    return this.#signed
  }

  /**
   * Stores validated runs: blocks, end signatures, heads, tiles, query chunks and `extra` in one atomic write. Memory
   * follows only after it succeeded. Calls take their turns. Throws STORE_CONFLICT where a run does not begin at the
   * chain's end, OWN_CHAIN_CONFLICT where it would end this node's chain elsewhere than it once signed, DISK_FULL.
   */
  accept(batch: readonly Acceptance[], options: AcceptOptions = {}): Promise<void> {
    const turn = this.#turn.then(() => this.#accept(batch, options))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #accept(batch: readonly Acceptance[], options: AcceptOptions): Promise<void> {
    if (this.#writer.unsettled) await this.#writer.ready()
    try {
      await this.#write(batch, options)
    } catch (error) {
      this.#query.forget()
      throw error
    }
  }

  async #write(batch: readonly Acceptance[], options: AcceptOptions): Promise<void> {
    const operations: KvOperation[] = []
    const changed = new Map<string, ChainEntry>()
    let nextChainId = this.#nextChainId
    let signed = this.#signed
    let sync = options.sync === true
    for (const acceptance of batch) {
      const { member, state } = acceptance
      const text = memberText(member)
      let entry = changed.get(text) ?? this.#chains.get(text)
      if (entry === undefined) {
        entry = newChain(nextChainId++, member, operations)
      }
      assertFits(entry, acceptance)
      pushBlocks(entry.id, acceptance, operations)
      const reading = this.#query.extend(entry, acceptance.blocks, operations)
      if (reading !== undefined) await reading
      const edge = extendTiles(entry.edge, entry.id, entry.state.range, acceptance.hashes, operations)
      changed.set(text, { id: entry.id, member: entry.member, state, edge })
      if (this.#ownKey !== undefined && equalBytes(member, this.#ownKey)) {
        signed = signedAfter(signed, state, operations)
        sync = true
      }
    }
    for (const { id, state } of changed.values()) {
      const key = headKey(id)
      operations.push(put(key, encodeHead(key, state)))
    }
    this.#query.finish(operations)
    const { spoolTaken, extra } = options
    if (spoolTaken !== undefined) operations.push(...this.spool.removal(spoolTaken))
    if (extra !== undefined) operations.push(...extra)
    const mark = this.#mark.next(this.#writer.bytesWritten, () => this.#sizes())
    if (mark !== undefined) operations.push(mark)
    await this.#writer.write(operations, sync)
    for (const [text, entry] of changed) this.#chains.set(text, entry)
    this.#query.commit()
    this.#nextChainId = nextChainId
    this.#signed = signed
    if (spoolTaken !== undefined) this.spool.removed(spoolTaken)
  }

  /** Every record as of now, for whoever checks them all while the node goes on. To be closed. */
  view(): KvView {
    const kv = this.#kv
    return kv.view?.() ?? { ...readerOf(kv), close: () => Promise.resolve() }
  }

  #entry(member: Uint8Array): ChainEntry {
    return this.#chains.get(memberText(member)) ?? emptyEntry(-1, member)
  }

  /** See ChainReader.readBlocks. */
  readBlocks(member: Uint8Array, from: number, maxBlocks: number, maxBytes?: number): Promise<StoredBlock[]> {
    return this.#reader.readBlocks(this.#entry(member), from, maxBlocks, maxBytes)
  }

  readBlock(member: Uint8Array, height: number): Promise<StoredBlock | undefined> {
    return this.#reader.readBlock(this.#entry(member), height)
  }

  signatureAtOrBelow(member: Uint8Array, height: number): Promise<SignedCheckpoint | undefined> {
    return this.#reader.signatureAtOrBelow(this.#entry(member), height)
  }

  signatureAtOrAbove(member: Uint8Array, height: number): Promise<SignedCheckpoint | undefined> {
    return this.#reader.signatureAtOrAbove(this.#entry(member), height)
  }

  findByTime(member: Uint8Array, timeMs: number): Promise<number> {
    return this.#reader.findByTime(this.#entry(member), timeMs)
  }

  /** Root of the chain's first `size` blocks; undefined where fewer are held. */
  async rootAt(member: Uint8Array, size: number): Promise<Uint8Array | undefined> {
    const entry = this.#entry(member)
    return size > entry.state.size ? undefined : this.#tree.rootAt(entry, size)
  }

  /** Root and last block hash of the chain's first `size` blocks, 1 or more; undefined where fewer are held. */
  async known(
    member: Uint8Array,
    size: number,
  ): Promise<{ readonly root: Uint8Array; readonly lastHash: Uint8Array } | undefined> {
    const entry = this.#entry(member)
    if (size < 1 || size > entry.state.size) return undefined
    return { root: await this.#tree.rootAt(entry, size), lastHash: await this.#tree.leafAt(entry, size - 1) }
  }

  nodeReader(member: Uint8Array): NodeReader {
    return this.#tree.nodeReader(this.#entry(member))
  }

  /** A C2SP tile: 1 to 256 hashes, as many as the chain has by now. Throws RangeError for a tile it does not have. */
  tile(member: Uint8Array, level: number, index: number): Promise<Uint8Array> {
    return this.#tree.tile(this.#entry(member), level, index)
  }

  inclusionProof(member: Uint8Array, height: number, size: number): Promise<Uint8Array[]> {
    return this.#tree.inclusionProof(this.#entry(member), height, size)
  }

  consistencyProof(member: Uint8Array, size1: number, size2: number): Promise<Uint8Array[]> {
    return this.#tree.consistencyProof(this.#entry(member), size1, size2)
  }

  /**
   * Everything that a member's stored blocks say about one register from `fromMs` up to but not including `toMs` (UTC), by
   * column, as of now. Rows come day by day, within a day in the order of their blocks; the newest blocks' and those of
   * blocks with very many registers or days come last. Whoever needs them by time sorts them. Throws STORE_DAMAGED where a
   * block that must be looked into is damaged.
   */
  async *values(member: Uint8Array, register: Register, fromMs: number, toMs: number): AsyncGenerator<ValueColumns> {
    const query = { register, fromMs, toMs }
    const entry = this.#entry(member)
    if (entry.id >= 0) yield* this.#query.values(entry, query, await this.#queryTail(entry, query))
  }

  /** Registers that a member's blocks name, 4,096 unless `limit` says other. */
  async registersOf(member: Uint8Array, limit?: number): Promise<Register[]> {
    const entry = this.#entry(member)
    return entry.id < 0 ? [] : this.#query.registersOf(entry, await this.#queryTail(entry), limit)
  }

  async #queryTail({ id, member }: ChainEntry, query?: ValueQuery): Promise<QueryTail> {
    if (this.#query.holds(id)) return this.#query.tail(id, query)
    const turn = this.#turn.then(async () => {
      await this.#query.hold(this.#entry(member))
      return this.#query.tail(id, query)
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Takes a chain back to its longest intact prefix of at most `size` blocks, so that the rest is fetched again. */
  cutBack(member: Uint8Array, size: number, what: string): Promise<ChainState | undefined> {
    const turn = this.#turn.then(async () => {
      await this.#writer.ready()
      await this.#writer.drained()
      const entry = this.#chains.get(memberText(member))
      if (entry === undefined || entry.state.size === 0) return undefined
      const { checkpoint } = entry.state
      const kept = await salvageChain(this.#context, entry.id, entry.member, {
        limit: Math.min(size, entry.state.size),
        covering: checkpoint,
      })
      this.#tree.forget()
      this.#chains.set(memberText(member), kept)
      await this.#query.reload(kept, this.#context.write)
      this.#note({ what, member: entry.member, height: kept.state.size, lost: entry.state.size - kept.state.size })
      return this.head(member)
    })
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Waits for what is in flight, then closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#turn
    await this.spool.close()
    await this.#writer.drained()
    await this.#kv.close()
    await this.#onClose()
  }
}

/** Damage kept for reports; one per chain and some tiles. */
export const MAX_DAMAGE = 1_024

function readerOf(kv: Kv): KvReader {
  return { get: (key) => kv.get(key), getMany: (keys) => kv.getMany(keys), iterate: (range) => kv.iterate(range) }
}
