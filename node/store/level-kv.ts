import { mkdir, readdir, statfs } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { MemoryLevel } from 'memory-level'
import { WattnessError } from '../../protocol/errors.ts'
import {
  ITERATE_CHUNK,
  type Kv,
  type KvBatchOptions,
  type KvEntry,
  type KvOperation,
  type KvRange,
  type KvView,
  storageError,
} from './kv.ts'

/** Log size at which LevelDB starts a new one, at most; durable marks count on it (durable-mark.ts). */
export const WRITE_BUFFER_BYTES = 4 * 1024 * 1024

/**
 * LevelDB maps the tables it holds open: what it may map stays below 64 MiB, and hundreds of nodes on one machine stay below its
 * limit of open files. The least that LevelDB takes is 64 tables and 10 files beside them.
 */
const MAX_OPEN_FILES = 74
const TABLE_BYTES = 1024 * 1024

/** Bytes that one step of an iterator holds at most, whatever the size of its entries. */
const ITERATE_BYTES = 1024 * 1024

/**
 * Free bytes needed before a store that ran full is opened again: opening rewrites the log (one write buffer) as a table
 * beside it.
 */
const REOPEN_FREE_BYTES = 2 * WRITE_BUFFER_BYTES

export interface LevelKvOptions {
  readonly createIfMissing?: boolean
  /** Other threads of this process open the same store, with this option too: they share one LevelDB. */
  readonly multithreading?: boolean
  /** In place of WRITE_BUFFER_BYTES, for many stores in one process: less, since durable marks count on no more than that. */
  readonly writeBufferBytes?: number
  /** Replaces REOPEN_FREE_BYTES, for tests on small disks. */
  readonly reopenFreeBytes?: number
}

type Level = ClassicLevel<Uint8Array, Uint8Array>

const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const

/** LevelDB in a directory. Uncompressed: hashes do not compress, and plain tables can be checked byte by byte. */
export async function openLevelKv(location: string, options: LevelKvOptions = {}): Promise<Kv> {
  const createIfMissing = options.createIfMissing ?? true
  const open = async (): Promise<Level> => {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(location, {
      ...ENCODINGS,
      compression: false,
      writeBufferSize: Math.min(WRITE_BUFFER_BYTES, options.writeBufferBytes ?? WRITE_BUFFER_BYTES),
      maxOpenFiles: MAX_OPEN_FILES,
      maxFileSize: TABLE_BYTES,
      createIfMissing,
      multithreading: options.multithreading ?? false,
    })
    try {
      await level.open()
    } catch (error) {
      throw storageError(error, location)
    }
    return level
  }
  if (createIfMissing) await mkdir(location, { recursive: true })
  await assertNotHeadless(location)
  const needed = options.reopenFreeBytes ?? REOPEN_FREE_BYTES
  const hasRoom = async (): Promise<boolean> => {
    const disk = await statfs(location)
    return disk.bavail * disk.bsize >= needed
  }
  return new LevelKv(location, await open(), open, hasRoom)
}

const DATA_FILE = /^(?:MANIFEST-\d+|\d+\.(?:log|ldb|sst))$/

/** Where CURRENT is gone, LevelDB would make a new store and delete the files of the old one. Throws STORE_DAMAGED. */
async function assertNotHeadless(location: string): Promise<void> {
  const names: string[] = await readdir(location).catch(() => [])
  if (names.includes('CURRENT') || !names.some((name) => DATA_FILE.test(name))) return
  throw new WattnessError('STORE_DAMAGED', `${location}/CURRENT: missing beside the files of a store`, {
    location,
    file: 'CURRENT',
  })
}

/** The same port in memory: for tests and simulations. */
export async function openMemoryKv(): Promise<Kv> {
  const level = new MemoryLevel<Uint8Array, Uint8Array>({ ...ENCODINGS, storeEncoding: 'view' }) as unknown as Level
  await level.open()
  return new LevelKv(
    'memory',
    level,
    async () => level,
    async () => true,
  )
}

/** Plain views: the library returns Buffers, whose `slice` shares memory where Uint8Array's copies. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Now, or as of a snapshot. */
interface At {
  readonly snapshot?: ReturnType<Level['snapshot']>
}

class LevelKv implements Kv {
  readonly #location: string
  readonly #open: () => Promise<Level>
  readonly #hasRoom: () => Promise<boolean>
  #level: Level | undefined
  #failure: WattnessError | undefined
  #recovery: Promise<void> | undefined
  #closed = false

  constructor(location: string, level: Level, open: () => Promise<Level>, hasRoom: () => Promise<boolean>) {
    this.#location = location
    this.#level = level
    this.#open = open
    this.#hasRoom = hasRoom
  }

  #use(): Level {
    if (this.#closed) throw new WattnessError('STORE_CLOSED', `${this.#location}: used after close`)
    if (this.#level === undefined) throw this.#failure as WattnessError
    return this.#level
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#get(key, {})
  }

  async #get(key: Uint8Array, at: At): Promise<Uint8Array | undefined> {
    try {
      const value = await this.#use().get(key, at)
      return value === undefined ? undefined : plain(value)
    } catch (error) {
      throw storageError(error, this.#location)
    }
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#getMany(keys, {})
  }

  async #getMany(keys: readonly Uint8Array[], at: At): Promise<(Uint8Array | undefined)[]> {
    try {
      const values = await this.#use().getMany(keys as Uint8Array[], at)
      return values.map((value) => (value === undefined ? undefined : plain(value)))
    } catch (error) {
      throw storageError(error, this.#location)
    }
  }

  view(): KvView {
    const snapshot = this.#use().snapshot()
    const at = { snapshot }
    return {
      get: (key) => this.#get(key, at),
      getMany: (keys) => this.#getMany(keys, at),
      iterate: (range) => this.#iterate(range, at),
      close: () => snapshot.close(),
    }
  }

  async batch(operations: readonly KvOperation[], options: KvBatchOptions = {}): Promise<void> {
    const level = this.#use()
    if (this.#failure !== undefined) throw this.#failure
    try {
      await level.batch(operations as KvOperation[], { sync: options.sync === true })
    } catch (error) {
      this.#failure = storageError(error, this.#location)
      throw this.#failure
    }
  }

  /** Only where there are files: memory has none. */
  async compact({ gte, lt }: Pick<KvRange, 'gte' | 'lt'>): Promise<void> {
    const level = this.#use()
    if (!('compactRange' in level)) return
    try {
      await level.compactRange(gte, lt)
    } catch (error) {
      throw storageError(error, this.#location)
    }
  }

  iterate(range: KvRange): AsyncIterable<KvEntry[]> {
    return this.#iterate(range, {})
  }

  async *#iterate({ gte, lt, reverse = false, limit }: KvRange, at: At): AsyncGenerator<KvEntry[]> {
    const options = { gte, lt, reverse, highWaterMarkBytes: ITERATE_BYTES, ...at }
    const iterator = this.#use().iterator(limit === undefined ? options : { ...options, limit })
    try {
      for (;;) {
        const entries = await iterator.nextv(ITERATE_CHUNK)
        if (entries.length === 0) return
        yield entries.map(([key, value]) => [plain(key), plain(value)] as const)
      }
    } catch (error) {
      throw storageError(error, this.#location)
    } finally {
      await iterator.close()
    }
  }

  recover(): Promise<void> {
    if (this.#failure === undefined) return Promise.resolve()
    this.#recovery ??= this.#reopen().finally(() => {
      this.#recovery = undefined
    })
    return this.#recovery
  }

  /** Replays the log up to where it broke off; only then is it known whether the failed batch is in it. */
  async #reopen(): Promise<void> {
    if (this.#closed) throw new WattnessError('STORE_CLOSED', `${this.#location}: used after close`)
    if (!(await this.#hasRoom())) {
      throw new WattnessError('DISK_FULL', `${this.#location}: still no room on the disk`, { location: this.#location })
    }
    const level = this.#level
    this.#level = undefined
    await level?.close()
    this.#level = await this.#open()
    this.#failure = undefined
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#recovery?.catch(() => undefined)
    await this.#level?.close()
  }
}
