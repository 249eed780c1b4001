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

const HORIZON_KEY = metaKey('seen-from')
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
  /** Keys of earlier times were pruned: what is older and not newer than its source's newest counts as taken before. */
  #horizonMs = 0

  constructor(kv: Kv) {
    this.#kv = kv
  }

  async load(): Promise<void> {
    const record = await this.#kv.get(HORIZON_KEY)
    const value = record === undefined ? undefined : checkRecord(HORIZON_KEY, record)
    this.#horizonMs = value === undefined ? 0 : new Reader(value, 'seen horizon').varint()
    this.#newest = new LruMap(SOURCES_KEPT)
    let { gte, lt } = allOf(SEEN)
    // One step per source, from the last to the first: each begins at the newest key of the next source.
    for (;;) {
      const last = await this.#firstKey(gte, lt)
      if (last === undefined) return
      const source = last.subarray(1, 1 + HASHED_BYTES)
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
      for (const [at, i] of asked.entries()) {
        fresh[i] = found[at] === undefined && (sightings[i] as Sighting).timeMs >= this.#horizonMs
      }
    }
    return fresh
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
   * forgotten, unless newer than all of its source, counts as taken before: better left out than counted twice. Where nothing
   * was forgotten nothing is left out: an old recording is read like a new one.
   */
  async prune(beforeMs: number, write: (operations: KvOperation[]) => Promise<void>): Promise<number> {
    let operations: KvOperation[] = []
    let horizonMs = this.#horizonMs
    let pruned = 0
    let previous: Uint8Array | undefined
    const forget = async (): Promise<void> => {
      if (operations.length === 0) return
      // In one write with the keys it stands for: neither is ever there without the other.
      await write([put(HORIZON_KEY, sealRecord(HORIZON_KEY, new Writer(8).varint(horizonMs).finish())), ...operations])
      this.#horizonMs = horizonMs
      operations = []
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
          horizonMs = Math.max(horizonMs, timeOfSeenKey(previous) + 1)
          pruned++
        }
        previous = key
      }
      if (operations.length >= OPERATIONS_PER_WRITE) await forget()
    }
    await forget()
    return pruned
  }
}

function newestWith(newest: Newest | undefined, timeMs: number, content: string): Newest {
  if (newest === undefined || timeMs > newest.timeMs) return { timeMs, contents: new Set([content]), complete: true }
  if (newest.contents.has(content)) return newest
  if (newest.contents.size >= CONTENTS_KEPT) return { ...newest, complete: false }
  return { ...newest, contents: new Set([...newest.contents, content]) }
}
