import { WattnessError } from '../../../protocol/errors.ts'
import { sleep, type Timers } from '../../platform.ts'
import { type Kv, type KvBatchOptions, type KvOperation, openMemoryKv, put } from '../../store/index.ts'

/** How a write can fail: nothing of it is stored, or all of it is and the error came after. */
export type Failure = 'lost' | 'stored'

/** A disk that is slow or full when it is told to be; it keeps a log of its writes. */
export class TroubledKv implements Kv {
  readonly #kv: Kv
  readonly #timers: Timers
  readonly writes: { readonly sync: boolean; readonly deletes: number }[] = []
  /** The next write fails this way. */
  failNext: Failure | undefined
  /** As long as it holds there is no room: neither a write nor the recovery after a failed one succeeds. */
  isFull = false
  /** A write takes this long. */
  delayMs = 0
  /** Called when a write is on the disk. */
  onWritten: (options: KvBatchOptions) => void = () => undefined
  #failed: WattnessError | undefined

  constructor(kv: Kv, timers: Timers) {
    this.#kv = kv
    this.#timers = timers
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#kv.get(key)
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#kv.getMany(keys)
  }

  iterate(range: Parameters<Kv['iterate']>[0]): ReturnType<Kv['iterate']> {
    return this.#kv.iterate(range)
  }

  async batch(operations: readonly KvOperation[], options: KvBatchOptions = {}): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed
    if (this.delayMs > 0) await sleep(this.#timers, this.delayMs)
    const failure = this.isFull ? 'lost' : this.failNext
    this.failNext = undefined
    if (failure !== 'lost') await this.#kv.batch(operations, options)
    if (failure !== undefined) {
      this.#failed = new WattnessError('DISK_FULL', 'no space left on the invented disk')
      throw this.#failed
    }
    this.writes.push({ sync: options.sync === true, deletes: operations.filter(({ type }) => type === 'del').length })
    this.onWritten(options)
  }

  async recover(): Promise<void> {
    if (this.#failed === undefined) return
    if (this.isFull) throw new WattnessError('DISK_FULL', 'still no space left on the invented disk')
    this.#failed = undefined
  }

  async close(): Promise<void> {
    await this.#kv.close()
  }
}

/** A copy of a disk as it stands, by itself: what an operator's backup is, or a machine that lost its power. */
export async function copyKv(kv: Kv): Promise<Kv> {
  const copy = await openMemoryKv()
  const range = { gte: new Uint8Array(0), lt: new Uint8Array(64).fill(0xff) }
  for await (const entries of kv.iterate(range)) await copy.batch(entries.map(([key, value]) => put(key, value)))
  return copy
}
