import { Reader, Writer } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Damage } from './chain-entry.ts'
import { ASIDE, allOf, asideKey, frameKey, metaKey, SPOOL, sequenceOfKey, spoolKey } from './keys.ts'
import { del, type Kv, type KvOperation, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'
import { SeenIndex, type Sighting } from './seen-index.ts'
import {
  decodeEntry,
  encodeContent,
  encodeEntry,
  registerContent,
  type SpoolItem,
  sameContent,
  timeOfItem,
} from './spool-entry.ts'
import type { StoreWriter } from './writer.ts'

export interface SpoolLimits {
  /** Entries that wait, those not on the disk yet included. A million quarter hours are 28 years of one meter. */
  readonly maxRows: number
  /** Entries that share one write. */
  readonly maxGroupRows: number
}

export const SPOOL_LIMITS: SpoolLimits = { maxRows: 1_000_000, maxGroupRows: 8_192 }

/** Items; values where items are the same by register. */
export interface Appended {
  readonly taken: number
  readonly duplicates: number
}

/** An entry that waits; `id` is what `accept` is given once a block holds it. */
export interface SpoolRow {
  readonly id: number
  readonly item: SpoolItem
}

export interface Peeked {
  readonly rows: readonly SpoolRow[]
  /** Entries that were found damaged and set aside just now. */
  readonly damaged: readonly number[]
}

interface PendingItem {
  readonly item: SpoolItem
  readonly entry: Uint8Array
  readonly frame: Uint8Array | undefined
  /** One, or one for each register. */
  readonly sightings: readonly Sighting[]
}

interface Pending {
  readonly items: readonly PendingItem[]
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

const NEXT_KEY = metaKey('spool-next')
const OPERATIONS_PER_WRITE = 2_048

/**
 * The durable queue of readings that no block holds yet. `append` resolves when the reading is on the disk; all who wait
 * share one sync (measured by `npm run bench -- seal`). Entries leave in the atomic write that stores their block.
 */
export class Spool {
  readonly #kv: Kv
  readonly #writer: StoreWriter
  readonly #limits: SpoolLimits
  readonly #seen: SeenIndex
  #pending: Pending[] = []
  #pendingRows = 0
  #pump: Promise<void> | undefined
  #first = 0
  #next = 0
  #size = 0
  #setAside = 0
  #closed = false
  /** Told of each damaged entry. */
  onDamage: (damage: Damage) => void = () => undefined

  constructor(kv: Kv, writer: StoreWriter, limits: Partial<SpoolLimits> = {}) {
    this.#kv = kv
    this.#writer = writer
    this.#limits = { ...SPOOL_LIMITS, ...limits }
    this.#seen = new SeenIndex(kv)
  }

  /** Entries that wait on the disk. */
  get size(): number {
    return this.#size
  }

  /** Damaged entries that were set aside and wait for somebody to look at them. */
  get setAside(): number {
    return this.#setAside
  }

  async load(_damage: Damage[]): Promise<void> {
    const waiting = await this.#count(SPOOL)
    const aside = await this.#count(ASIDE)
    const record = await this.#kv.get(NEXT_KEY)
    const value = record === undefined ? undefined : checkRecord(NEXT_KEY, record)
    const noted = value === undefined ? 0 : new Reader(value, 'spool counter').varint()
    this.#size = waiting.count
    this.#setAside = aside.count
    this.#next = Math.max(noted, waiting.last + 1, aside.last + 1)
    this.#first = waiting.count === 0 ? this.#next : waiting.first
    await this.#seen.load()
  }

  async #count(prefix: number): Promise<{ count: number; first: number; last: number }> {
    let count = 0
    let first = 0
    let last = -1
    for await (const entries of this.#kv.iterate(allOf(prefix))) {
      for (const [key] of entries) {
        last = sequenceOfKey(key)
        if (count === 0) first = last
        count++
      }
    }
    return { count, first, last }
  }

  /**
   * Takes readings and events; those taken before (same source, time and content) are counted and left out. On the disk
   * when it resolves, all of `items` or none. Throws SPOOL_FULL, DISK_FULL, or what makes an item unfit for any block.
   */
  append(items: readonly SpoolItem[]): Promise<Appended> {
    if (this.#closed) return Promise.reject(new WattnessError('STORE_CLOSED', 'spool: used after close'))
    const { maxRows, maxGroupRows } = this.#limits
    if (items.length > maxGroupRows) {
      return Promise.reject(
        new WattnessError('LIMIT_EXCEEDED', `spool: at most ${maxGroupRows} readings at a time, found ${items.length}`, {
          limit: maxGroupRows,
        }),
      )
    }
    const waiting = this.#size + this.#pendingRows
    if (waiting + items.length > maxRows) {
      return Promise.reject(
        new WattnessError('SPOOL_FULL', `spool: ${waiting} readings wait, ${items.length} more do not fit into ${maxRows}`, {
          waiting,
          maxRows,
        }),
      )
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ items: items.map((item) => this.#prepare(item)), resolve, reject })
      this.#pendingRows += items.length
      this.#pump ??= this.#drain()
    })
  }

  #prepare(item: SpoolItem): PendingItem {
    const content = encodeContent(item)
    const frame = 'reading' in item ? item.frame : undefined
    const isByRegister = 'reading' in item && item.sameBy === 'register'
    const contents = isByRegister ? item.reading.values.map(({ register }) => registerContent(register)) : [sameContent(item)]
    const sightings = contents.map((each) => this.#seen.sighting(item.source, timeOfItem(item), each))
    return { item, entry: encodeEntry(item.source, content), frame, sightings }
  }

  async #drain(): Promise<void> {
    // Whoever appends in the same turn of the event loop shares the first write too.
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const group = this.#takeGroup()
      const settle = await this.#store(group).then(
        (appended) => () => group.forEach((each, i) => each.resolve(appended[i] as Appended)),
        (error: unknown) => () => group.forEach((each) => each.reject(error)),
      )
      for (const each of group) this.#pendingRows -= each.items.length
      settle()
    }
    this.#pump = undefined
  }

  #takeGroup(): Pending[] {
    let rows = 0
    let count = 0
    for (const { items } of this.#pending) {
      if (count > 0 && rows + items.length > this.#limits.maxGroupRows) break
      rows += items.length
      count++
    }
    return this.#pending.splice(0, count)
  }

  /** How much of each append was new. */
  async #store(group: readonly Pending[]): Promise<Appended[]> {
    await this.#writer.ready()
    const items = group.flatMap((each) => each.items)
    const judged = await this.#seen.judge(items.flatMap((each) => each.sightings))
    const operations: KvOperation[] = []
    let next = this.#next
    let judgedTo = 0
    const fresh = items.map(({ sightings }) => sightings.map(() => judged[judgedTo++] === true))
    for (const [i, { item, entry, frame, sightings }] of items.entries()) {
      const isNew = fresh[i] as boolean[]
      if (!isNew.includes(true)) continue
      const key = spoolKey(next)
      const record = isNew.includes(false) ? encodeEntry(item.source, encodeContent(newOf(item, isNew))) : entry
      operations.push(put(key, sealRecord(key, record)))
      for (const [at, sighting] of sightings.entries()) if (isNew[at] === true) operations.push(this.#seen.operation(sighting))
      if (frame !== undefined) {
        const frameAt = frameKey(timeOfItem(item), next)
        operations.push(put(frameAt, sealRecord(frameAt, frame)))
      }
      next++
    }
    if (operations.length > 0) await this.#writer.write(operations, true)
    this.#size += next - this.#next
    this.#next = next
    let at = 0
    return group.map((each) => {
      let taken = 0
      let duplicates = 0
      for (const { sightings } of each.items) {
        const isNew = fresh[at++] as boolean[]
        for (const [place, sighting] of sightings.entries()) {
          if (isNew[place] === true) this.#seen.added(sighting)
          if (isNew[place] === true) taken++
          else duplicates++
        }
      }
      return { taken, duplicates }
    })
  }

  /**
   * The oldest entries that wait, at most `maxRows`, each checked. One that is damaged is set aside under a key of its
   * own, reported, and never handed out.
   */
  async peek(maxRows: number): Promise<Peeked> {
    const rows: { id: number; item: SpoolItem }[] = []
    const damaged: { id: number; record: Uint8Array }[] = []
    const framed: number[] = []
    const range = { gte: spoolKey(this.#first), lt: allOf(SPOOL).lt, limit: maxRows }
    for await (const entries of this.#kv.iterate(range)) {
      for (const [key, record] of entries) {
        const id = sequenceOfKey(key)
        const decoded = decodeChecked(key, record)
        if (decoded === undefined) {
          damaged.push({ id, record })
          continue
        }
        if (decoded.hasFrame) framed.push(rows.length)
        rows.push({ id, item: decoded.item })
      }
    }
    await this.#addFrames(rows, framed)
    if (damaged.length > 0) await this.#putAside(damaged)
    return { rows, damaged: damaged.map((each) => each.id) }
  }

  async #addFrames(rows: { id: number; item: SpoolItem }[], framed: readonly number[]): Promise<void> {
    if (framed.length === 0) return
    const keys = framed.map((at) => frameKey(timeOfItem((rows[at] as SpoolRow).item), (rows[at] as SpoolRow).id))
    const records = await this.#kv.getMany(keys)
    for (const [i, at] of framed.entries()) {
      const record = records[i]
      const frame = record === undefined ? undefined : checkRecord(keys[i] as Uint8Array, record)
      const row = rows[at] as { id: number; item: SpoolItem }
      // The reading itself is whole: it is sealed without its frame rather than not at all.
      if (frame === undefined) this.onDamage({ what: `frame of spool entry ${row.id} damaged or missing` })
      else if ('reading' in row.item) row.item = { ...row.item, frame }
    }
  }

  async #putAside(damaged: readonly { id: number; record: Uint8Array }[]): Promise<void> {
    await this.#writer.ready()
    await this.#writer.write(
      damaged.flatMap(({ id, record }) => [del(spoolKey(id)), put(asideKey(id), record)]),
      true,
    )
    this.#size -= damaged.length
    this.#setAside += damaged.length
    for (const { id } of damaged) this.onDamage({ what: `spool entry ${id} damaged: set aside` })
  }

  /** Removes the entries that `isHeld` says a block holds already; damaged ones stay. Resolves to their number. */
  async takeOut(isHeld: (item: SpoolItem) => boolean): Promise<number> {
    const ids: number[] = []
    for await (const entries of this.#kv.iterate({ gte: spoolKey(this.#first), lt: allOf(SPOOL).lt })) {
      for (const [key, record] of entries) {
        const decoded = decodeChecked(key, record)
        if (decoded !== undefined && isHeld(decoded.item)) ids.push(sequenceOfKey(key))
      }
    }
    if (ids.length === 0) return 0
    await this.#writer.ready()
    await this.#writer.write(this.removal(ids), true)
    this.removed(ids)
    return ids.length
  }

  /** The operations that remove sealed entries; `removed` follows once they are stored. */
  removal(ids: readonly number[]): KvOperation[] {
    const operations: KvOperation[] = ids.map((id) => del(spoolKey(id)))
    operations.push(put(NEXT_KEY, sealRecord(NEXT_KEY, new Writer(8).varint(this.#next).finish())))
    return operations
  }

  removed(ids: readonly number[]): void {
    this.#size -= ids.length
    for (const id of ids.toSorted((a, b) => a - b)) if (id === this.#first) this.#first = id + 1
  }

  /** Forgets which readings were taken before `beforeMs`: see SeenIndex.prune. */
  pruneSeen(beforeMs: number): Promise<number> {
    return this.#seen.prune(beforeMs, (operations) => this.#write(operations))
  }

  async #write(operations: readonly KvOperation[]): Promise<void> {
    for (let at = 0; at < operations.length; at += OPERATIONS_PER_WRITE) {
      await this.#writer.ready()
      await this.#writer.write(operations.slice(at, at + OPERATIONS_PER_WRITE), false)
    }
  }

  /** Refuses new readings and waits for those on their way. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#pump
  }
}

/** A reading's values that were not taken before. */
function newOf(item: SpoolItem, isNew: readonly boolean[]): SpoolItem {
  if (!('reading' in item)) return item
  return { ...item, reading: { ...item.reading, values: item.reading.values.filter((_, at) => isNew[at] === true) } }
}

function decodeChecked(key: Uint8Array, record: Uint8Array): ReturnType<typeof decodeEntry> | undefined {
  const value = checkRecord(key, record)
  try {
    return value === undefined ? undefined : decodeEntry(value)
  } catch {
    return undefined
  }
}
