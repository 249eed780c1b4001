import type { Kv, KvBatchOptions, KvEntry, KvOperation, KvRange, KvView, Timers } from '../../node/index.ts'
import { WattnessError } from '../../protocol/index.ts'
import { type KeyText, SortedMap } from './sorted-map.ts'
import type { ValuePool } from './value-pool.ts'

/** How a write can fail: nothing of it is stored, or all of it is and the error came after. */
export type WriteFailure = 'lost' | 'stored'

/** What becomes of one write; `crash` ends the machine before or after the write has reached the disk. */
export type WriteFate = 'ok' | WriteFailure | 'crash-before' | 'crash-after'

/** A write that a power cut may still take back: its keys, and what stood there before. */
interface Unsynced {
  readonly keys: readonly KeyText[]
  readonly before: readonly (Uint8Array | undefined)[]
}

export interface DiskInit {
  readonly pool: ValuePool
  /** A write that is to survive a power cut takes this long. */
  readonly syncMs: number
  /** Bytes of keys and values that fit. */
  readonly capacityBytes?: number
}

/** As many entries as the node's own disks read at a time. */
const CHUNK = 256

/**
 * One node's disk, as LevelDB behaves on it: batches are atomic and in order, a synced one makes everything before it safe, and a
 * power cut takes some of the newest unsynced ones back. It outlives the node's crashes: `mount` gives each start its own way in.
 */
export class VirtualDisk {
  readonly #map = new SortedMap()
  readonly #pool: ValuePool
  readonly #syncMs: number
  #unsynced: Unsynced[] = []
  /** Kept up to date only where there is a bound to compare it with. */
  #usedBytes = 0
  #capacityBytes = Number.POSITIVE_INFINITY
  #mounted: MountedDisk | undefined
  /** Decides on each write by its number, from 1. */
  fate: (write: number) => WriteFate = () => 'ok'
  /** Called where a write's fate is a crash; the write never comes back. */
  onCrash: () => void = () => undefined
  /** A disk that lies: what it says is synced is not. */
  isLying = false
  writes = 0
  syncs = 0
  /** Writes that failed as their fate was. */
  failures = 0
  /** Writes for which there was no room. */
  refusals = 0

  constructor({ pool, syncMs, capacityBytes }: DiskInit) {
    this.#pool = pool
    this.#syncMs = syncMs
    if (capacityBytes !== undefined) this.capacityBytes = capacityBytes
  }

  get usedBytes(): number {
    return this.isBounded ? this.#usedBytes : this.#map.bytes()
  }

  get isBounded(): boolean {
    return this.#capacityBytes < Number.POSITIVE_INFINITY
  }

  get capacityBytes(): number {
    return this.#capacityBytes
  }

  set capacityBytes(bytes: number) {
    if (!this.isBounded) this.#usedBytes = this.#map.bytes()
    this.#capacityBytes = bytes
  }

  get entries(): number {
    return this.#map.size
  }

  /** One start of the node. What an earlier one still waits for never comes. */
  mount(timers: Timers): Kv {
    this.#mounted?.unplug()
    this.#mounted = new MountedDisk(this, timers)
    return this.#mounted
  }

  /** The machine stops here and now; `keep` of the unsynced writes, the oldest, are found again. */
  powerCut(keep: (unsynced: number) => number): void {
    this.#mounted?.unplug()
    this.#mounted = undefined
    for (const { keys, before } of this.#unsynced.splice(keep(this.#unsynced.length)).reverse()) {
      for (let i = keys.length - 1; i >= 0; i--) this.#put(keys[i] as KeyText, before[i])
    }
    this.#unsynced = []
  }

  /** A copy as it stands: what an operator's backup is. */
  image(): SortedMap {
    return this.#map.snapshot()
  }

  /** Puts a backup in the place of what is there. */
  restore(image: SortedMap): void {
    this.#mounted?.unplug()
    this.#mounted = undefined
    this.#unsynced = []
    for (const [key] of this.range(FIRST, LAST, false, Number.POSITIVE_INFINITY)) this.#put(key, undefined)
    for (const [key, value] of image.range(FIRST, LAST, false, Number.POSITIVE_INFINITY)) this.#put(key, value)
  }

  read(key: Uint8Array): Uint8Array | undefined {
    return this.#map.get(textOf(key))
  }

  range(gte: KeyText, lt: KeyText, isReverse: boolean, limit: number): [KeyText, Uint8Array][] {
    return this.#map.range(gte, lt, isReverse, limit)
  }

  apply(operations: readonly KvOperation[]): void {
    const keys: KeyText[] = []
    const before: (Uint8Array | undefined)[] = []
    for (const operation of operations) {
      const key = textOf(operation.key)
      keys.push(key)
      before.push(this.#put(key, operation.type === 'put' ? this.#pool.keep(operation.value) : undefined))
    }
    this.#unsynced.push({ keys, before })
  }

  sync(): void {
    this.syncs++
    if (!this.isLying) this.#unsynced = []
  }

  get syncMs(): number {
    return this.#syncMs
  }

  #put(key: KeyText, value: Uint8Array | undefined): Uint8Array | undefined {
    const before = value === undefined ? this.#map.delete(key) : this.#map.set(key, value)
    // What stands there is in no cache: its length costs as much as the rest of the write.
    if (!this.isBounded) return before
    if (before !== undefined) this.#usedBytes -= key.length + before.length
    if (value !== undefined) this.#usedBytes += key.length + value.length
    return before
  }
}

const FIRST: KeyText = ''
/** Above every key: no character of a key is above 0xff. */
const LAST: KeyText = '\uffff'

/** The disk as one start of the node sees it; once unplugged nothing that it was asked comes back. */
class MountedDisk implements Kv {
  readonly #disk: VirtualDisk
  readonly #timers: Timers
  #state: 'plugged' | 'unplugged' | 'closed' = 'plugged'
  #failed: WattnessError | undefined

  constructor(disk: VirtualDisk, timers: Timers) {
    this.#disk = disk
    this.#timers = timers
  }

  unplug(): void {
    this.#state = 'unplugged'
  }

  #isGone(): boolean {
    if (this.#state === 'closed') throw new WattnessError('STORE_CLOSED', 'the disk was used after it was closed')
    return this.#state === 'unplugged'
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#isGone() ? never() : this.#disk.read(key)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#isGone() ? never() : keys.map((key) => this.#disk.read(key))
  }

  async *iterate(range: KvRange): AsyncGenerator<KvEntry[]> {
    if (this.#isGone()) await never()
    yield* chunksOf(
      (gte, lt, isReverse, limit) => this.#disk.range(gte, lt, isReverse, limit),
      range,
      () => this.#disk.image(),
    )
  }

  view(): KvView {
    this.#isGone()
    const image = this.#disk.image()
    return {
      get: async (key) => image.get(textOf(key)),
      getMany: async (keys) => keys.map((key) => image.get(textOf(key))),
      iterate: (range) =>
        chunksOf(
          (gte, lt, isReverse, limit) => image.range(gte, lt, isReverse, limit),
          range,
          () => image,
        ),
      close: async () => undefined,
    }
  }

  async batch(operations: readonly KvOperation[], options: KvBatchOptions = {}): Promise<void> {
    if (this.#isGone()) return never()
    if (this.#failed !== undefined) throw this.#failed
    const disk = this.#disk
    const fate = disk.fate(++disk.writes)
    if (fate === 'crash-before') return this.#crash()
    const isFull = disk.isBounded && disk.usedBytes + bytesOf(operations) > disk.capacityBytes
    if (isFull) disk.refusals++
    if (fate === 'lost' || fate === 'stored') disk.failures++
    if (fate === 'lost' || isFull) return this.#fail()
    if (options.sync === true && disk.syncMs > 0) {
      await new Promise<void>((resolve) => void this.#timers.set(disk.syncMs, resolve))
      if (this.#isGone()) return never()
    }
    disk.apply(operations)
    if (options.sync === true) disk.sync()
    if (fate === 'crash-after') return this.#crash()
    if (fate === 'stored') return this.#fail()
  }

  #crash(): Promise<never> {
    this.unplug()
    this.#disk.onCrash()
    return never()
  }

  #fail(): never {
    this.#failed = new WattnessError('DISK_FULL', 'no space left on the virtual disk')
    throw this.#failed
  }

  async recover(): Promise<void> {
    if (this.#isGone()) return never()
    if (this.#failed === undefined) return
    if (this.#disk.usedBytes >= this.#disk.capacityBytes * FULL_SHARE) {
      throw new WattnessError('DISK_FULL', 'still no space left on the virtual disk')
    }
    this.#failed = undefined
  }

  async close(): Promise<void> {
    if (this.#state === 'plugged') this.#state = 'closed'
  }
}

/** A store that ran full is opened again once a little room was made: its log is written anew beside it. */
const FULL_SHARE = 0.98

type Range = (gte: KeyText, lt: KeyText, isReverse: boolean, limit: number) => [KeyText, Uint8Array][]

/** Most ranges are short and read at once; of a long one a snapshot is read on. */
async function* chunksOf(range: Range, { gte, lt, reverse, limit }: KvRange, image: () => SortedMap): AsyncGenerator<KvEntry[]> {
  const isReverse = reverse === true
  let [from, to] = [textOf(gte), textOf(lt)]
  let left = limit ?? Number.POSITIVE_INFINITY
  let chunk = range(from, to, isReverse, Math.min(CHUNK, left))
  const rest = chunk.length < Math.min(CHUNK, left) || chunk.length === left ? undefined : image()
  while (chunk.length > 0) {
    const last = (chunk.at(-1) as [KeyText, Uint8Array])[0]
    left -= chunk.length
    yield chunk.map(([key, value]): KvEntry => [bytesOfText(key), value])
    if (rest === undefined || left === 0) return
    if (isReverse) to = last
    else from = `${last}\0`
    chunk = rest.range(from, to, isReverse, Math.min(CHUNK, left))
  }
}

function textOf(bytes: Uint8Array): KeyText {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function bytesOfText(text: KeyText): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

function bytesOf(operations: readonly KvOperation[]): number {
  let bytes = 0
  for (const operation of operations) bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0)
  return bytes
}

/** A machine that was cut off waits for ever; what waits is forgotten with it. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
