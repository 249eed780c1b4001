import { equalBytes } from '../../protocol/bytes.ts'
import { queryChunksOf, queryStateKey, queryWholeKey, queryWholesOf, readQueryChunkKey } from './keys.ts'
import type { KvOperation, KvPut, KvReader } from './kv.ts'
import { QueryDraft } from './query-draft.ts'
import { draftOperations, fitsSize, readProgress } from './query-records.ts'
import { sureStart } from './query-stretch.ts'

/** How a chain's query chunks compare with its blocks. */
export interface QueryChunks {
  /** Records that there must be, the chain's progress included. */
  readonly records: number
  readonly missing: number
  readonly wrong: number
}

/**
 * Makes a chain's query chunks again from its blocks and compares them with those that are stored. A chain whose progress
 * record is missing, or does not lie within its last stretch, has none to compare: they are made when the store is opened.
 */
export class QueryAudit {
  readonly #kv: KvReader
  readonly #id: number
  readonly #member: Uint8Array
  /** First block that is in no stored chunk. */
  readonly #end: number
  #draft: QueryDraft
  #made: KvOperation[] = []
  /** Records that the chain must have, its progress included; those of them that are missing, or are not as they should be. */
  #records = 1
  #missing = 0
  #wrong = 0

  private constructor(kv: KvReader, id: number, member: Uint8Array, from: number, end: number) {
    this.#kv = kv
    this.#id = id
    this.#member = member
    this.#end = end
    this.#draft = new QueryDraft(member, from)
  }

  /** `pruned`: blocks below have no bodies, and their chunks are all that says what was in them. */
  static async of(
    { kv, id, member, pruned }: { kv: KvReader; id: number; member: Uint8Array; pruned: number },
    size: number,
  ): Promise<QueryAudit | undefined> {
    const key = queryStateKey(id)
    const progress = readProgress(key, await kv.get(key))
    if (progress === undefined || !fitsSize(progress, size)) return undefined
    const audit = new QueryAudit(kv, id, member, sureStart(member, pruned), progress.start)
    if (pruned > 0) await audit.#countKept()
    return audit
  }

  async #countKept(): Promise<void> {
    const { start } = this.#draft
    for await (const entries of this.#kv.iterate(queryChunksOf(this.#id))) {
      for (const [key] of entries) if ((readQueryChunkKey(key)?.start ?? start) < start) this.#records++
    }
    const kept = { gte: queryWholesOf(this.#id).gte, lt: queryWholeKey(this.#id, start) }
    for await (const entries of this.#kv.iterate(kept)) this.#records += entries.length
  }

  /** The next block, header ‖ body, found whole; undefined where it has no body. */
  add(height: number, block: Uint8Array | undefined): void {
    const draft = this.#draft
    if (height < draft.height) return
    if (block === undefined) draft.skip()
    else draft.add(block)
    if (!draft.isFull || draft.height > this.#end) return
    draftOperations(this.#id, draft, this.#made)
    this.#draft = new QueryDraft(this.#member, draft.height)
  }

  get result(): QueryChunks {
    return { records: this.#records, missing: this.#missing, wrong: this.#wrong }
  }

  /** Looks at the stretches that have ended since the last call. */
  async compare(): Promise<void> {
    const made = this.#made.splice(0) as KvPut[]
    if (made.length === 0) return
    this.#records += made.length
    const stored = await this.#kv.getMany(made.map(({ key }) => key))
    for (const [i, { value }] of made.entries()) {
      const found = stored[i]
      if (found === undefined) this.#missing++
      else if (!equalBytes(found, value)) this.#wrong++
    }
  }
}
