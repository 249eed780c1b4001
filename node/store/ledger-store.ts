import { equalBytes } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { type Acceptance, type AcceptOptions, assertFits, newChain, pushBlocks } from './acceptance.ts'
import { type CheckContext, loadChain, salvageChain, type VerifySigned } from './chain-check.ts'
import { type ChainEntry, type Damage, memberText, type Pruned, prunedUpTo } from './chain-entry.ts'
import { loadChainIds } from './chain-ids.ts'
import { DurableMark } from './durable-mark.ts'
import { encodeHead } from './head-record.ts'
import { KeptFrames } from './kept-frames.ts'
import { allOf, BLOCK, headKey, QUERY } from './keys.ts'
import { type Kv, type KvOperation, put } from './kv.ts'
import { LedgerReads } from './ledger-reads.ts'
import { bindNetwork } from './network-record.ts'
import { loadPruned, prunedOperation } from './pruned-record.ts'
import { nextPruning, type PruneOptions, type PruneStep } from './pruning.ts'
import { assertReplaces, cutBlocks, cutTiles, replacementConflict, stump } from './replacement.ts'
import { migrate, type SchemaPlan } from './schema.ts'
import { EVIDENCE_KIND, INVITATION_KIND, LABEL_KIND, SideTable, WITNESS_EVIDENCE_KIND } from './side-records.ts'
import { readSigned, type SignedRecord, signedAfter, signedOperation } from './signed-record.ts'
import { Spool, type SpoolLimits } from './spool.ts'
import { extendTiles } from './tiles.ts'
import { signedLeafOperation } from './witness-records.ts'
import { WitnessStore } from './witness-store.ts'
import { StoreWriter } from './writer.ts'

export interface LedgerStoreInit {
  readonly kv: Kv
  readonly networkId: Uint8Array
  /** This node's own member key, where it writes a chain. */
  readonly ownKey?: Uint8Array
  /** Checks signatures at start-up and when a chain is cut back; without it each counts as the member's over what is held. */
  readonly verifySigned?: VerifySigned
  readonly spool?: Partial<SpoolLimits>
  /** Damage found before the store was opened. */
  readonly damage?: readonly Damage[]
  /** In place of this program's own, for tests of what a later one will do. */
  readonly schema?: SchemaPlan
  /** Called once when the store has closed. */
  readonly onClose?: () => Promise<void>
}

/** Everything that a node keeps: chains, spool, and the records beside them, behind one atomic writer. */
export class LedgerStore extends LedgerReads {
  readonly networkId: Uint8Array
  readonly spool: Spool
  readonly frames: KeptFrames
  /** Against authors: it quarantines their chains. */
  readonly evidence: SideTable
  /** Against witnesses: it stops no chain. */
  readonly witnessEvidence: SideTable
  readonly labels: SideTable
  readonly invitations: SideTable
  readonly witness: WitnessStore
  readonly #writer: StoreWriter
  readonly #context: CheckContext
  readonly #ownKey: Uint8Array | undefined
  #nextChainId = 0
  /** Number of the newest branch of any chain. */
  #branches = 0
  #signed: SignedRecord | undefined
  #mark = new DurableMark(new Map())
  readonly #onClose: () => Promise<void>
  #closing: Promise<void> | undefined

  private constructor(init: LedgerStoreInit) {
    const { kv } = init
    super(kv)
    this.networkId = init.networkId
    this.#ownKey = init.ownKey
    this.#onClose = init.onClose ?? (() => Promise.resolve())
    this.damage.push(...(init.damage ?? []))
    this.#writer = new StoreWriter(kv)
    this.#context = {
      kv,
      verifySigned: init.verifySigned ?? (() => true),
      write: (operations, sync) => kv.batch(operations, { sync }),
    }
    this.evidence = new SideTable(kv, this.#writer, EVIDENCE_KIND)
    this.witnessEvidence = new SideTable(kv, this.#writer, WITNESS_EVIDENCE_KIND)
    this.labels = new SideTable(kv, this.#writer, LABEL_KIND)
    this.invitations = new SideTable(kv, this.#writer, INVITATION_KIND)
    this.witness = new WitnessStore(kv, this.#writer, {
      sizeOf: (member) => this.entry(member).state.size,
      rootAt: async (member, size) => {
        const entry = this.entry(member)
        return size > entry.state.size ? undefined : this.tree.rootAt(entry, size)
      },
      inTurn: (act) => this.inTurn(act),
    })
    this.spool = new Spool(kv, this.#writer, init.spool)
    this.spool.onDamage = (damage) => this.note(damage)
    this.frames = new KeptFrames(kv, this.#writer)
    this.frames.onDamage = (damage) => this.note(damage)
    this.#writer.onSettled(() => this.#load())
  }

  /**
   * Opens the store in `kv`, migrates it forward, loads every head and checks it. What was damaged is in `damage`: those
   * chains end at what is vouched for. Throws STORE_NEWER, MIGRATION_NEEDED, STORE_OTHER_NETWORK, STORE_DAMAGED.
   */
  static async open(init: LedgerStoreInit): Promise<LedgerStore> {
    const { kv, networkId, schema } = init
    await migrate(kv, schema === undefined ? {} : { plan: schema })
    await bindNetwork(kv, networkId)
    const store = new LedgerStore(init)
    await store.#load()
    await kv.batch([store.#mark.operation()], { sync: true })
    return store
  }

  async #load(): Promise<void> {
    const damage: Damage[] = []
    const marks = await DurableMark.read(this.kv)
    const { members, mending } = await loadChainIds(this.kv, damage)
    if (mending.length > 0) await this.kv.batch(mending, { sync: true })
    const loaded = new Map<string, ChainEntry>()
    const dropped = await loadPruned(this.#context, members.keys(), damage)
    for (const [id, member] of members) {
      const entry = await loadChain(this.#context, id, member, marks.get(id) ?? 0, damage)
      const pruned = prunedUpTo(dropped.get(id), entry.state.size)
      loaded.set(memberText(member), { ...entry, branch: ++this.#branches, pruned })
    }
    const signed = (await readSigned(this.kv, damage)) ?? (await this.#signAgain(loaded))
    await this.evidence.load(damage)
    await this.witnessEvidence.load(damage)
    await this.labels.load(damage)
    await this.invitations.load(damage)
    await this.spool.load(damage)
    await this.query.load([...loaded.values()], this.#context.write)
    this.entries.clear()
    for (const [text, entry] of loaded) this.entries.set(text, entry)
    this.#nextChainId = Math.max(-1, ...members.keys()) + 1
    this.#signed = signed
    this.#mark = new DurableMark(this.#sizes())
    await this.witness.load(damage)
    for (const each of damage) this.note(each)
  }

  /** Where the record of what this node signed last is lost, its own chain still says it. */
  async #signAgain(chains: ReadonlyMap<string, ChainEntry>): Promise<SignedRecord | undefined> {
    const checkpoint = this.#ownKey === undefined ? undefined : chains.get(memberText(this.#ownKey))?.state.checkpoint
    if (checkpoint === undefined) return undefined
    const { size, root, signature } = checkpoint
    await this.kv.batch([signedOperation(checkpoint)], { sync: true })
    return { size, root, signature }
  }

  #sizes(): Map<number, number> {
    const sizes = new Map<number, number>()
    for (const { id, state } of this.entries.values()) sizes.set(id, state.size)
    return sizes
  }

  quarantined(member: Uint8Array): boolean {
    return this.evidence.has(member)
  }

  signedRecord(): SignedRecord | undefined {
    return this.#signed
  }

  #isOwn(member: Uint8Array): boolean {
    return this.#ownKey !== undefined && equalBytes(member, this.#ownKey)
  }

  /**
   * Stores validated runs: blocks, end signatures, heads, tiles, query chunks and `extra` in one atomic write. Memory
   * follows only after it succeeded. Calls take their turns. Throws STORE_CONFLICT where a run does not begin at the
   * chain's end, OWN_CHAIN_CONFLICT where it would end this node's chain elsewhere than it once signed, SIGNED_LEAF_CONFLICT
   * and FINAL_CONFLICT where it leads elsewhere than to what `witness.owed` says, DISK_FULL.
   */
  accept(batch: readonly Acceptance[], options: AcceptOptions = {}): Promise<void> {
    return this.#change(() => this.#write(batch, options))
  }

  #change<T>(act: () => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      if (this.#writer.unsettled) await this.#writer.ready()
      try {
        return await act()
      } catch (error) {
        this.query.forget()
        throw error
      }
    })
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
      let entry = changed.get(text) ?? this.entries.get(text)
      if (entry === undefined) {
        entry = newChain(nextChainId++, ++this.#branches, member, operations)
      }
      assertFits(entry, acceptance)
      this.witness.assertLeads(text, entry.state, acceptance)
      pushBlocks(entry.id, acceptance, operations)
      const reading = this.query.extend(entry, acceptance.blocks, operations)
      if (reading !== undefined) await reading
      const edge = extendTiles(entry.edge, entry.id, entry.state.range, acceptance.hashes, operations)
      changed.set(text, { ...entry, state, edge })
      if (this.#isOwn(member)) {
        signed = signedAfter(signed, entry.state, acceptance, operations)
        sync = true
      }
    }
    for (const { id, state } of changed.values()) {
      const key = headKey(id)
      operations.push(put(key, encodeHead(key, state)))
    }
    this.query.finish(operations)
    const { spoolTaken, framesSealed, extra } = options
    if (spoolTaken !== undefined) operations.push(...this.spool.removal(spoolTaken))
    if (framesSealed !== undefined) operations.push(...this.frames.noteOperations(framesSealed))
    if (extra !== undefined) operations.push(...extra)
    const mark = this.#mark.next(this.#writer.bytesWritten, () => this.#sizes())
    if (mark !== undefined) operations.push(mark)
    await this.#writer.write(operations, sync)
    for (const [text, entry] of changed) {
      const before = this.entries.get(text)
      if (before !== undefined) this.tree.remember(before)
      this.entries.set(text, entry)
    }
    this.query.commit()
    this.#nextChainId = nextChainId
    this.#signed = signed
    if (spoolTaken !== undefined) this.spool.removed(spoolTaken)
  }

  /**
   * Puts another branch in the place of a chain's blocks from height `from` on: for the branch that became final elsewhere.
   * The acceptance is its first validated run, from the very block where the two part; the rest is accepted behind it. One
   * atomic, synced write of blocks, head, tiles, query chunks and the mark on the leaf that was signed of the old branch.
   * Throws FINAL_CONFLICT for a change below what is final or away from it, OWN_CHAIN_CONFLICT where this node signed its
   * chain's old branch, STORE_CONFLICT where the acceptance does not fit.
   */
  replaceTail(member: Uint8Array, from: number, acceptance: Acceptance): Promise<void> {
    const text = memberText(member)
    return this.#change(async () => {
      const end = Promise.withResolvers<void>()
      this.replacing.set(text, end.promise)
      try {
        await this.#replace(text, from, acceptance)
      } finally {
        this.replacing.delete(text)
        end.resolve()
      }
    })
  }

  async #replace(text: string, from: number, acceptance: Acceptance): Promise<void> {
    const entry = this.entries.get(text)
    const held = entry?.state.size ?? 0
    if (entry === undefined || !Number.isInteger(from) || from < 0 || from > held) {
      throw replacementConflict(acceptance.member, from, `${held} held`)
    }
    const { id, member } = entry
    this.#assertNotFinal(entry, from)
    const below = await stump(this.tree, entry, from)
    assertReplaces(entry, below.state, from, acceptance)
    this.witness.assertLeadsToFinal(text, below.state, acceptance)
    const { state, hashes, blocks } = acceptance
    const operations: KvOperation[] = []
    const signed = this.#isOwn(member) ? signedAfter(this.#signed, below.state, acceptance, operations) : this.#signed
    const rootBefore = (size: number): Promise<Uint8Array> => this.tree.rootAt(entry, size)
    const leaf = await this.witness.replaced(entry.state, below.state, acceptance, rootBefore)
    if (leaf !== undefined) operations.push(signedLeafOperation(leaf))
    cutTiles(entry, below, operations)
    await this.query.truncate(entry, from, operations)
    await this.query.extend(below, blocks, operations)
    pushBlocks(id, acceptance, operations)
    const edge = extendTiles(below.edge, id, below.state.range, hashes, operations)
    const rest = cutBlocks(id, state.size, held, operations)
    const key = headKey(id)
    operations.push(put(key, encodeHead(key, state)))
    this.query.finish(operations)
    const pruned = prunedUpTo(entry.pruned, from)
    operations.push(this.#mark.lowered(id, from), ...this.#prunedOperations(entry, pruned))
    await this.#writer.write(operations, true)
    this.entries.set(text, { id, member, state, edge, branch: ++this.#branches, pruned })
    this.query.commit()
    this.#signed = signed
    if (leaf !== undefined) this.witness.setLeaf(leaf)
    await this.#removeBlocks(id, rest, held)
  }

  #assertNotFinal({ member, state }: ChainEntry, from: number): void {
    const final = this.witness.final(member)
    if (final === undefined || from >= final.size || state.size < final.size) return
    throw new WattnessError('FINAL_CONFLICT', `${final.size} blocks are final: not to be replaced from ${from}`, {
      from,
      finalSize: final.size,
    })
  }

  /** Above a head nothing is read: where this breaks off, blocks are left behind that no chain knows of. */
  async #removeBlocks(id: number, from: number, to: number): Promise<void> {
    for (let at = from; at < to; ) {
      const operations: KvOperation[] = []
      at = cutBlocks(id, at, to, operations)
      // The tail is replaced, whatever becomes of this: who writes next settles it.
      const isWritten = await this.#writer.write(operations, false).then(
        () => true,
        () => false,
      )
      if (!isWritten) return
    }
  }

  /** Takes a chain back to what is vouched for of its first `size` blocks, so that the rest is fetched again. */
  cutBack(member: Uint8Array, size: number, what: string): Promise<ChainState | undefined> {
    return this.inTurn(async () => {
      await this.#writer.ready()
      await this.#writer.drained()
      const entry = this.entries.get(memberText(member))
      if (entry === undefined || entry.state.size === 0) return undefined
      const { checkpoint } = entry.state
      const cut = await salvageChain(this.#context, entry.id, entry.member, {
        limit: Math.min(size, entry.state.size),
        covering: checkpoint,
        end: entry.state,
      })
      const kept = { ...cut, branch: ++this.#branches, pruned: prunedUpTo(entry.pruned, cut.state.size) }
      const marks = [this.#mark.lowered(entry.id, kept.state.size), ...this.#prunedOperations(entry, kept.pruned)]
      await this.#context.write(marks, true)
      this.entries.set(memberText(member), kept)
      await this.query.reload(kept, this.#context.write)
      this.note({ what, member: entry.member, height: kept.state.size, lost: entry.state.size - kept.state.size })
      return this.head(member)
    })
  }

  /**
   * Drops bodies of a chain's first `to` blocks, as far as one synced write takes it: to be called again until it is done.
   * Headers and signatures stay: whatever links, proves and counts. Throws PRUNE_REFUSED for more than is final, STORE_DAMAGED
   * where a block is not what it was, DISK_FULL.
   */
  prune(member: Uint8Array, to: number, { dropValues = false, unfinal = false }: PruneOptions = {}): Promise<PruneStep> {
    return this.#change(async () => {
      const text = memberText(member)
      const entry = this.entry(member)
      const final = this.witness.final(member)?.size ?? 0
      if (to > final && !unfinal) {
        throw new WattnessError('PRUNE_REFUSED', `${final} blocks are final: bodies of ${to} are not to be dropped`, {
          to,
          final,
        })
      }
      const { operations, ...step } = await nextPruning(this.kv, this.reader, entry, to, dropValues)
      const written = [...operations, ...this.#prunedOperations(entry, step.pruned)]
      if (written.length > 0) await this.#writer.write(written, true)
      if (entry.id >= 0) this.entries.set(text, { ...entry, pruned: step.pruned })
      return step
    })
  }

  /** After pruning: what was dropped is off the disk then, which LevelDB would see to some day. */
  async compact(): Promise<void> {
    for (const prefix of [BLOCK, QUERY]) await this.kv.compact?.(allOf(prefix))
  }

  /** None where nothing changes: a store that was never pruned has no such record. */
  #prunedOperations({ id, pruned: { to, valuesTo } }: ChainEntry, after: Pruned): KvOperation[] {
    if (to === after.to && valuesTo === after.valuesTo) return []
    const chains = new Map([...this.entries.values()].map((each) => [each.id, each.pruned]))
    return [prunedOperation(chains.set(id, after))]
  }

  /** Waits for what is in flight, then closes. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.settled()
    await this.spool.close()
    await this.#writer.drained()
    await this.kv.close()
    await this.#onClose()
  }
}
