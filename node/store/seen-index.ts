import { Reader, toUtf8, Writer } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { allOf, keysUnder, metaKey, SEEN, seenKey, timeOfSeenKey } from './keys.ts'
import { del, type Kv, type KvOperation, put } from './kv.ts'
import { LruMap } from './lru-map.ts'
import { checkRecord, sealRecord } from './record.ts'

const HASHED_BYTES = 8
/** Contents remembered of a source's newest time; DSMR meters repeat their newest gas reading 300 times. */
const CONTENTS_KEPT = 64
/** Sources whose newest time is remembered; beyond that a look into the index answers. */
const SOURCES_KEPT = 4_096
const OPERATIONS_PER_WRITE = 2_048

/** Of all sources, as stores of before wrote it: it stands for those that had keys then. */
const OLD_HORIZON_KEY = metaKey('seen-from')
const horizonKey = (source: string): Uint8Array => metaKey(`seen-from ${Buffer.from(source, 'latin1').toString('hex')}`)
const NO_BYTES = new Uint8Array(0)

interface Newest {
  readonly timeMs: number
  readonly contents: ReadonlySet<string>
  /** All contents of that time are in `contents`. */
  readonly complete: boolean
}

/** One item to be judged: its key in the index says source, time and content. */
export interface Sighting {
  readonly key: Uint8Array
  readonly source: string
  readonly timeMs: number
  readonly content: string
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

/**
 * Which readings were taken before. Every reading leaves a key; a reading newer than all of its source needs no look at
 * the disk. Keys verify themselves: they are hashes, and a damaged one matches nothing.
 */
export class SeenIndex {
  readonly #kv: Kv
  readonly #sources = new LruMap<string, Uint8Array>(SOURCES_KEPT)
  #newest = new LruMap<string, Newest>(SOURCES_KEPT)
  #oldHorizonMs = 0
  /** Whose keys the old horizon stands for. */
  readonly #oldSources = new Set<string>()

  constructor(kv: Kv) {
    this.#kv = kv
  }

  async load(): Promise<void> {
    this.#oldHorizonMs = timeIn(OLD_HORIZON_KEY, await this.#kv.get(OLD_HORIZON_KEY))
    this.#newest = new LruMap(SOURCES_KEPT)
    let { gte, lt } = allOf(SEEN)
    // One step per source, from the last to the first: each begins at the newest key of the next source.
    for (;;) {
      const last = await this.#firstKey(gte, lt)
      if (last === undefined) return
      const source = last.subarray(1, 1 + HASHED_BYTES)
      if (this.#oldHorizonMs > 0 && this.#oldSources.size < SOURCES_KEPT) this.#oldSources.add(text(source))
      const timeMs = timeOfSeenKey(last)
      const contents = new Set<string>()
      const same = keysUnder(last.subarray(0, 1 + HASHED_BYTES + 6))
      for await (const entries of this.#kv.iterate({ ...same, limit: CONTENTS_KEPT + 1 })) {
        for (const [key] of entries) contents.add(text(key.subarray(1 + HASHED_BYTES + 6)))
      }
      this.#newest.set(text(source), { timeMs, contents, complete: contents.size <= CONTENTS_KEPT })
      lt = last.slice(0, 1 + HASHED_BYTES)
      if (Buffer.compare(lt, gte) <= 0) return
      gte = allOf(SEEN).gte
    }
  }

  async #firstKey(gte: Uint8Array, lt: Uint8Array): Promise<Uint8Array | undefined> {
    for await (const entries of this.#kv.iterate({ gte, lt, reverse: true, limit: 1 })) return entries[0]?.[0].slice()
    return undefined
  }

  sighting(source: string, timeMs: number, content: Uint8Array): Sighting {
    let name = this.#sources.get(source)
    if (name === undefined) {
      name = sha256(toUtf8(source)).slice(0, HASHED_BYTES)
      this.#sources.set(source, name)
    }
    const hash = sha256(content)
    return { key: seenKey(name, timeMs, hash), source: text(name), timeMs, content: text(hash.subarray(0, HASHED_BYTES)) }
  }

  /** Which of these are new: in order, each counting those before it. */
  async judge(sightings: readonly Sighting[]): Promise<boolean[]> {
    const fresh = new Array<boolean>(sightings.length).fill(false)
    const added = new Map<string, Newest>()
    const here = new Set<string>()
    const asked: number[] = []
    for (const [i, { key, source, timeMs, content }] of sightings.entries()) {
      const newest = added.get(source) ?? this.#newest.get(source)
      if (newest === undefined || timeMs > newest.timeMs) {
        // A source that is not remembered may still have keys: only the full index can tell.
        if (newest === undefined && this.#newest.size >= SOURCES_KEPT) asked.push(i)
        else fresh[i] = true
      } else if (timeMs === newest.timeMs && (newest.contents.has(content) || newest.complete)) {
        fresh[i] = !newest.contents.has(content)
      } else asked.push(i)
      const name = text(key)
      if (here.has(name)) {
        fresh[i] = false
        if (asked.at(-1) === i) asked.pop()
        continue
      }
      here.add(name)
      if (fresh[i] === true) added.set(source, newestWith(newest, timeMs, content))
    }
    if (asked.length > 0) {
      const found = await this.#kv.getMany(asked.map((i) => (sightings[i] as Sighting).key))
      const horizons = await this.#horizonsOf(asked.map((i) => (sightings[i] as Sighting).source))
      for (const [at, i] of asked.entries()) {
        const { source, timeMs } = sightings[i] as Sighting
        fresh[i] = found[at] === undefined && timeMs >= (horizons.get(source) ?? 0)
      }
    }
    return fresh
  }

  /** Keys of earlier times were pruned: what is older and not newer than its source's newest counts as taken before. */
  async #horizonsOf(sources: readonly string[]): Promise<Map<string, number>> {
    const distinct = [...new Set(sources)]
    const keys = distinct.map(horizonKey)
    const records = await this.#kv.getMany(keys)
    return new Map(
      distinct.map((source, i) => {
        const old = this.#oldSources.has(source) ? this.#oldHorizonMs : 0
        return [source, Math.max(old, timeIn(keys[i] as Uint8Array, records[i]))]
      }),
    )
  }

  operation(sighting: Sighting): KvOperation {
    return put(sighting.key, NO_BYTES)
  }

  /** After the batch with its operation was stored. */
  added({ source, timeMs, content }: Sighting): void {
    const newest = this.#newest.get(source)
    if (newest === undefined || timeMs >= newest.timeMs) this.#newest.set(source, newestWith(newest, timeMs, content))
  }

  /**
   * Forgets readings before `beforeMs`, each source's newest excepted. From then on what is as old as the newest that was
   * forgotten of its source, unless newer than all of it, counts as taken before: better left out than counted twice. Of a source
   * of which nothing was forgotten nothing is left out: an old recording that is added years later is read in any order.
   */
  async prune(beforeMs: number, write: (operations: KvOperation[]) => Promise<void>): Promise<number> {
    let operations: KvOperation[] = []
    let pruned = 0
    /** Of the sources that `operations` are of. */
    let forgotten = new Map<string, number>()
    let previous: Uint8Array | undefined
    const forget = async (): Promise<void> => {
      if (operations.length === 0) return
      // In one write with the keys they stand for: neither is ever there without the other.
      const known = await this.#horizonsOf([...forgotten.keys()])
      const horizons = Array.from(forgotten, ([source, ms]) => horizonOf(source, Math.max(ms, known.get(source) ?? 0)))
      await write([...horizons, ...operations])
      operations = []
      forgotten = new Map()
    }
    for await (const entries of this.#kv.iterate(allOf(SEEN))) {
      for (const [key] of entries) {
        const sameSource = previous !== undefined && text(previous.subarray(0, 9)) === text(key.subarray(0, 9))
        // The key before goes only now that it is known not to be its source's newest time.
        if (
          previous !== undefined &&
          sameSource &&
          timeOfSeenKey(previous) < beforeMs &&
          timeOfSeenKey(previous) < timeOfSeenKey(key)
        ) {
          operations.push(del(previous))
          const source = text(previous.subarray(1, 1 + HASHED_BYTES))
          forgotten.set(source, Math.max(forgotten.get(source) ?? 0, timeOfSeenKey(previous) + 1))
          pruned++
        }
        previous = key
      }
      if (operations.length >= OPERATIONS_PER_WRITE) await forget()
    }
    await forget()
    await this.#spreadOldHorizon(write)
    return pruned
  }

  /** The horizon of all sources becomes one of each that it stands for, so that it stands for no later one. */
  async #spreadOldHorizon(write: (operations: KvOperation[]) => Promise<void>): Promise<void> {
    if (this.#oldHorizonMs === 0) return
    const horizons = await this.#horizonsOf([...this.#oldSources])
    await write([...Array.from(horizons, ([source, ms]) => horizonOf(source, ms)), del(OLD_HORIZON_KEY)])
    this.#oldHorizonMs = 0
    this.#oldSources.clear()
  }
}

function horizonOf(source: string, ms: number): KvOperation {
  const key = horizonKey(source)
  return put(key, sealRecord(key, new Writer(8).varint(ms).finish()))
}

function timeIn(key: Uint8Array, record: Uint8Array | undefined): number {
  const value = record === undefined ? undefined : checkRecord(key, record)
  return value === undefined ? 0 : new Reader(value, 'seen horizon').varint()
}

function newestWith(newest: Newest | undefined, timeMs: number, content: string): Newest {
  if (newest === undefined || timeMs > newest.timeMs) return { timeMs, contents: new Set([content]), complete: true }
  if (newest.contents.has(content)) return newest
  if (newest.contents.size >= CONTENTS_KEPT) return { ...newest, complete: false }
  return { ...newest, contents: new Set([...newest.contents, content]) }
}
