import { bodyContent } from '../../protocol/block.ts'
import type { Writer } from '../../protocol/bytes.ts'
import type { Register } from '../../protocol/reading.ts'
import { decodeTables } from '../../protocol/readings-body.ts'
import { equalRegisters, registerKey } from '../../protocol/register.ts'
import { type ChainEntry, damaged } from './chain-entry.ts'
import type { ChainReader } from './chain-reader.ts'
import {
  blockKey,
  heightOfQueryWholeKey,
  keysUnder,
  type QueryChunkName,
  queryChunkKey,
  queryChunksOf,
  queryWholesOf,
  readQueryChunkKey,
} from './keys.ts'
import type { Kv, KvEntry, KvOperation } from './kv.ts'
import { dayOf, decodeChunk, Gathered, registerOfWords, registerWords, type ValueColumns } from './query-chunk.ts'
import { QueryDraft, STRETCH_BLOCKS, type WholeBlock } from './query-draft.ts'
import {
  clearChain,
  firstOf,
  fitsSize,
  progressOperation,
  type QueryProgress,
  type QueryWrite,
  readAllProgress,
  readWhole,
} from './query-records.ts'
import { addStored, closeStretch, type Extension, madeAgain, sureStart, truncated } from './query-stretch.ts'
import { checkRecord } from './record.ts'

/**
 * What the chains say, by register and day: made from blocks in the write that stores them, and made again from them.
 *
 * A chain is cut into stretches of up to STRETCH_BLOCKS blocks. The chunks of a stretch are written once, with its last
 * block; those of the stretch that is still open are kept in memory, and made from at most STRETCH_BLOCKS - 1 blocks after a
 * start. Each chain's progress record says where its open stretch begins. It goes with the blocks: so whatever a crash takes,
 * a record that is missing, or that does not lie within the last stretch of the chain, says that the chain's chunks are to be
 * made again, which is done before the store is open.
 */

/** Open stretches in memory: every member that a network can have, and as many that it once had. Each holds up to 16 KiB. */
export const MAX_DRAFTS = 512

/** Up to 32 KiB each. */
const SPARE_WRITERS = 64
/** Registers that are listed unless more are asked for. */
const LISTED_REGISTERS = 4_096

const NOTHING: QueryProgress = { start: 0, wholes: 0 }

/** Where one chain stands. */
class ChainIndex {
  readonly id: number
  /** Undefined until the first block of a new chain is stored. */
  progress: QueryProgress | undefined
  /** The open stretch, where it is in memory. */
  draft: QueryDraft | undefined
  /** The same behind the blocks that are being written. */
  next: Extension | undefined

  constructor(id: number, progress: QueryProgress | undefined) {
    this.id = id
    this.progress = progress
  }
}

/** What the open stretch of a chain has to say, as of one moment. */
export interface QueryTail {
  readonly start: number
  readonly columns: readonly ValueColumns[]
  readonly registers: readonly Register[]
  readonly wholes: readonly WholeBlock[]
}

export interface ValueQuery {
  readonly register: Register
  /** Rows with a time from `fromMs` up to but not including `toMs`. */
  readonly fromMs: number
  readonly toMs: number
  /** Blocks that count: a chain that was ended by its registrar may be held beyond its end. All of them unless given. */
  readonly endSize?: number
}

export class QueryIndex {
  readonly #kv: Kv
  readonly #reader: ChainReader
  readonly #onDamage: (entry: ChainEntry, what: string) => void
  readonly #chains = new Map<number, ChainIndex>()
  /** Chains with an open stretch in memory, the one that came first first. */
  readonly #held = new Set<ChainIndex>()
  #extended: ChainIndex[] = []
  /** Memory of stretches that have ended: what lives this long would wait for a full collection otherwise. */
  readonly #spare: Writer[] = []

  constructor(kv: Kv, reader: ChainReader, onDamage: (entry: ChainEntry, what: string) => void) {
    this.#kv = kv
    this.#reader = reader
    this.#onDamage = onDamage
  }

  /** Reads how far every chain is, makes again what does not fit its blocks, and removes what belongs to no chain. */
  async load(entries: readonly ChainEntry[], write: QueryWrite): Promise<void> {
    this.forget()
    this.#chains.clear()
    const found = await readAllProgress(this.#kv)
    for (const entry of entries) {
      const { id, state } = entry
      const progress = found.get(id)
      if (progress !== undefined && fitsSize(progress, state.size)) this.#chains.set(id, new ChainIndex(id, progress))
      else if (found.has(id) || state.size > 0) await this.rebuild(entry, write)
      found.delete(id)
    }
    for (const id of found.keys()) await clearChain(this.#kv, id, write)
  }

  /** The same for one chain that was cut back. */
  async reload(entry: ChainEntry, write: QueryWrite): Promise<void> {
    this.forget()
    const progress = this.#chains.get(entry.id)?.progress
    if (progress === undefined || !fitsSize(progress, entry.state.size)) await this.rebuild(entry, write)
  }

  /** Open stretches are read anew, from blocks: after a failed write nobody knows what is in them. */
  forget(): void {
    for (const chain of this.#held) chain.draft = undefined
    this.#held.clear()
    this.#drop()
  }

  #drop(): void {
    for (const chain of this.#extended) chain.next = undefined
    this.#extended = []
  }

  /** Makes all chunks of a chain from its blocks. Synced step by step: LevelDB may lose an earlier write and keep a later one. */
  async rebuild(entry: ChainEntry, write: QueryWrite): Promise<void> {
    const { id, state } = entry
    if (state.size === 0) {
      await clearChain(this.#kv, id, write)
      this.#chains.delete(id)
      return
    }
    this.#chains.set(id, new ChainIndex(id, await madeAgain(this.#kv, entry, write)))
  }

  /**
   * Takes new blocks at the chain's end. What is complete goes into `operations`; memory follows on `commit`, or is dropped by
   * `forget`. Never fails because of what is in a block.
   */
  extend(entry: ChainEntry, blocks: readonly Uint8Array[], operations: KvOperation[]): Promise<void> | undefined {
    const chain = this.#chain(entry.id)
    const draft = chain.next?.draft ?? chain.draft
    if (draft === undefined) return this.hold(entry).then(() => this.extend(entry, blocks, operations))
    if (chain.next === undefined) {
      const { progress } = chain
      chain.next = { progress: progress ?? NOTHING, draft, moved: progress === undefined }
      this.#extended.push(chain)
    }
    for (const block of blocks) {
      chain.next.draft.add(block)
      if (!chain.next.draft.isFull) continue
      const ended = chain.next.draft
      closeStretch(entry, chain.next, operations, this.#spare.pop())
      // Readers look into the one that is stored until the new one is.
      if (ended !== chain.draft) this.#reuse(ended)
    }
    return undefined
  }

  /** Before `extend` takes blocks that replace those from `from` on. Memory follows as it does there. */
  async truncate(entry: ChainEntry, from: number, operations: KvOperation[]): Promise<void> {
    const chain = this.#chain(entry.id)
    const start = sureStart(entry.member, from)
    const next = await truncated(this.#kv, entry, start, chain.progress ?? NOTHING, operations)
    for await (const entries of this.#blocks(entry, start, from)) {
      for (const each of entries) {
        addStored(next.draft, each, entry)
        if (next.draft.isFull) closeStretch(entry, next, operations)
      }
    }
    chain.next = next
    this.#extended.push(chain)
  }

  #chain(id: number): ChainIndex {
    let chain = this.#chains.get(id)
    if (chain === undefined) {
      chain = new ChainIndex(id, undefined)
      this.#chains.set(id, chain)
    }
    return chain
  }

  /** The progress records of the chains that were extended. */
  finish(operations: KvOperation[]): void {
    for (const { id, next } of this.#extended) if (next?.moved === true) operations.push(progressOperation(id, next.progress))
  }

  commit(): void {
    for (const chain of this.#extended) {
      if (chain.next === undefined) continue
      chain.next.draft.commit()
      chain.progress = chain.next.progress
      if (chain.draft !== undefined && chain.draft !== chain.next.draft) this.#reuse(chain.draft)
      this.#keep(chain, chain.next.draft)
    }
    this.#drop()
  }

  #reuse({ writer }: QueryDraft): void {
    if (this.#spare.length < SPARE_WRITERS) this.#spare.push(writer.clear())
  }

  #keep(chain: ChainIndex, draft: QueryDraft): void {
    chain.draft = draft
    this.#held.add(chain)
    for (const first of this.#held) {
      // One that is being extended is kept by its extension.
      if (this.#held.size <= MAX_DRAFTS) return
      first.draft = undefined
      this.#held.delete(first)
    }
  }

  /** True where `tail` needs no disk. */
  holds(id: number): boolean {
    return this.#chains.get(id)?.draft !== undefined
  }

  /** Reads the open stretch into memory. Not beside an extension of the chain. */
  async hold(entry: ChainEntry): Promise<void> {
    if (!this.holds(entry.id)) this.#keep(this.#chain(entry.id), await this.#openStretch(entry))
  }

  async #openStretch(entry: ChainEntry): Promise<QueryDraft> {
    const { start } = this.#chains.get(entry.id)?.progress ?? NOTHING
    const draft = new QueryDraft(entry.member, start)
    // A chain's first block finds nothing stored, and looking for it costs more than the block.
    if (entry.state.size <= start) return draft
    for await (const entries of this.#blocks(entry, start)) for (const each of entries) addStored(draft, each, entry)
    draft.commit()
    return draft
  }

  #blocks({ id, state }: ChainEntry, from: number, to = state.size): AsyncIterable<KvEntry[]> {
    return this.#kv.iterate({ gte: blockKey(id, from), lt: blockKey(id, to) })
  }

  /** What is known of an open stretch that is held. */
  tail(id: number, query?: ValueQuery): QueryTail {
    const draft = this.#chains.get(id)?.draft
    if (draft === undefined) throw new Error('the open stretch is not held')
    const chunks = draft.chunks.map((chunk) => ({ chunk, bytes: draft.committed(chunk) })).filter(({ bytes }) => bytes.length > 0)
    const wholes = draft.whole.filter(({ height }) => height < draft.committedHeight)
    const columns: ValueColumns[] = []
    if (query !== undefined) {
      const { high, low } = registerWords(query.register)
      for (const { chunk, bytes } of chunks) {
        if (chunk.high === high && chunk.low === low) columns.push(...decodeChunk(bytes, query.fromMs, query.toMs))
      }
    }
    const registers = chunks.map(({ chunk }) => registerOfWords(chunk.high, chunk.low))
    return { start: draft.start, columns, registers, wholes }
  }

  /** Values as `LedgerStore.values` gives them. `tail` is taken before anything else is read. */
  async *values(entry: ChainEntry, query: ValueQuery, tail: QueryTail): AsyncGenerator<ValueColumns> {
    const { register, fromMs, toMs, endSize = entry.state.size } = query
    if (fromMs >= toMs || toMs <= 0) return
    const isCut = endSize < entry.state.size
    const words = registerWords(register)
    // An interval that ends at midnight stands under the day before.
    const first = dayOf(Math.max(0, fromMs), 1)
    const last = Math.min(dayOf(toMs, 0), MAX_DAY)
    const gte = queryChunkKey(entry.id, { ...words, day: first, start: 0 })
    const lt = queryChunkKey(entry.id, { ...words, day: last + 1, start: 0 })
    for await (const entries of this.#kv.iterate({ gte, lt })) {
      for (const [key, record] of entries) {
        const name = readQueryChunkKey(key)
        // Whatever was stored meanwhile is in the tail already.
        if (name === undefined || name.start >= Math.min(tail.start, endSize)) continue
        const isAcross = isCut && sureStart(entry.member, name.start + STRETCH_BLOCKS) > endSize
        // Pruned before the end was known: which of its rows lie below it nothing tells any more.
        if (isAcross && name.start < entry.pruned.to) continue
        const chunk = isAcross ? await this.#fromBlocks(entry, name, endSize) : checkRecord(key, record)
        yield* decodeChunk(chunk ?? (await this.#madeAgain(entry, name)), fromMs, toMs)
      }
    }
    if (!isCut) yield* tail.columns
    else if (tail.start < endSize) yield* await this.#tailBefore(entry, tail.start, query, endSize)
    for await (const { height } of this.#wholes(entry, tail, fromMs, toMs)) {
      if (height >= endSize) continue
      const gathered = new Gathered(fromMs, toMs)
      for (const table of await this.#tablesAt(entry, height)) {
        const place = table.registers.findIndex((each) => equalRegisters(each, register))
        const column = table.columns[place]
        if (column === undefined) continue
        for (const [row, time] of table.times.entries()) {
          const value = column.values[row] as number
          gathered.add(table.intervalMs, table.timeSource, time, value, column.qualities[row] as number)
        }
      }
      yield* gathered.columns
    }
  }

  /** A chunk that is damaged, from its blocks; it is stored again by the next repair. */
  async #madeAgain(entry: ChainEntry, name: QueryChunkName): Promise<Uint8Array> {
    if (name.start < entry.pruned.to) throw damaged(entry.member, name.start, 'query chunk damaged, and its block was pruned')
    this.#onDamage(entry, `query chunk of block ${name.start} on damaged, read from the blocks`)
    return this.#fromBlocks(entry, name, entry.state.size)
  }

  async #fromBlocks(entry: ChainEntry, { high, low, day, start }: QueryChunkName, endSize: number): Promise<Uint8Array> {
    const { chunks } = await this.#draftOf(entry, start, endSize)
    const chunk = chunks.find((each) => each.high === high && each.low === low && each.day === day)
    return chunk?.copy() ?? new Uint8Array(0)
  }

  async #tailBefore(entry: ChainEntry, start: number, query: ValueQuery, endSize: number): Promise<ValueColumns[]> {
    const { high, low } = registerWords(query.register)
    const { chunks } = await this.#draftOf(entry, start, endSize)
    const own = chunks.filter((chunk) => chunk.high === high && chunk.low === low)
    return own.flatMap((chunk) => decodeChunk(chunk.copy(), query.fromMs, query.toMs))
  }

  /** The stretch that begins at `start`, from its blocks below `endSize`. */
  async #draftOf(entry: ChainEntry, start: number, endSize: number): Promise<QueryDraft> {
    const draft = new QueryDraft(entry.member, start)
    const end = Math.min(endSize, start + STRETCH_BLOCKS)
    for (const { bytes } of await this.#reader.readBlocks(entry, start, end - start)) {
      draft.add(bytes)
      if (draft.isFull) break
    }
    return draft
  }

  async *#wholes(entry: ChainEntry, tail: QueryTail, fromMs: number, toMs: number): AsyncGenerator<{ readonly height: number }> {
    const isWanted = ({ firstMs, lastMs }: WholeBlock): boolean => lastMs >= fromMs && firstMs < toMs
    if ((this.#chains.get(entry.id)?.progress?.wholes ?? 0) > 0) {
      for await (const entries of this.#kv.iterate(queryWholesOf(entry.id))) {
        for (const [key, record] of entries) {
          const height = heightOfQueryWholeKey(key)
          if (height >= tail.start) continue
          const value = checkRecord(key, record)
          const whole = value === undefined ? { height, ...ALWAYS } : readWhole(height, value)
          if (isWanted(whole)) yield whole
        }
      }
    }
    yield* tail.wholes.filter(isWanted)
  }

  async #tablesAt(entry: ChainEntry, height: number): Promise<ReturnType<typeof decodeTables>['tables']> {
    const block = await this.#reader.readBlock(entry, height)
    return block === undefined ? [] : decodeTables(bodyContent(block.body)).tables
  }

  /** Registers as `LedgerStore.registersOf` gives them. */
  async registersOf(entry: ChainEntry, tail: QueryTail, limit = LISTED_REGISTERS): Promise<Register[]> {
    const registers = new Map<string, Register>()
    const add = (register: Register): void => {
      if (registers.size < limit) registers.set(registerKey(register), register)
    }
    const { lt } = queryChunksOf(entry.id)
    for (let { gte } = queryChunksOf(entry.id); registers.size < limit; ) {
      const found = await firstOf(this.#kv, { gte, lt })
      const name = found === undefined ? undefined : readQueryChunkKey(found[0])
      if (found === undefined || name === undefined) break
      add(registerOfWords(name.high, name.low))
      gte = keysUnder(found[0].subarray(0, REGISTER_END)).lt
    }
    for (const register of tail.registers) add(register)
    for await (const { height } of this.#wholes(entry, tail, 0, Number.POSITIVE_INFINITY)) {
      if (registers.size >= limit) break
      for (const table of await this.#tablesAt(entry, height)) for (const register of table.registers) add(register)
    }
    return [...registers.values()]
  }
}

/** Prefix, chain, kind, register. */
const REGISTER_END = 12
/** One less than what a key holds, so that a range can end behind it. */
const MAX_DAY = 2 ** 32 - 2
const ALWAYS = { firstMs: 0, lastMs: Number.POSITIVE_INFINITY }
