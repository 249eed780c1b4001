import { WattnessError } from '../../../protocol/errors.ts'
import type { Kv, KvOperation } from '../../store/index.ts'

/** How a write can fail: nothing of it is stored, or all of it is and the error came after. */
export type Failure = 'lost' | 'stored'

/** A disk whose `failAt`th write (from 1) fails, as a full disk does: further writes are refused until `recover`. */
export class FailingKv implements Kv {
  readonly #kv: Kv
  readonly #failAt: number
  readonly #failure: Failure
  #writes = 0
  #failed: WattnessError | undefined
  /** Recoveries to be refused first: the disk is still full. */
  fullFor = 0

  constructor(kv: Kv, failAt: number, failure: Failure) {
    this.#kv = kv
    this.#failAt = failAt
    this.#failure = failure
  }

  get writes(): number {
    return this.#writes
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

  async batch(operations: readonly KvOperation[], options?: { sync?: boolean }): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed
    this.#writes++
    if (this.#writes !== this.#failAt) return this.#kv.batch(operations, options)
    if (this.#failure === 'stored') await this.#kv.batch(operations, options)
    this.#failed = new WattnessError('DISK_FULL', 'no space left on the invented disk')
    throw this.#failed
  }

  async recover(): Promise<void> {
    if (this.#failed === undefined) return
    if (this.fullFor > 0) {
      this.fullFor--
      throw new WattnessError('DISK_FULL', 'still no space left on the invented disk')
    }
    this.#failed = undefined
  }

  async close(): Promise<void> {
    await this.#kv.close()
  }
}
