import { type Kv, type KvBatchOptions, type KvOperation, openMemoryKv } from '../../store/index.ts'

interface Written {
  readonly operations: readonly KvOperation[]
  readonly sync: boolean
}

/**
 * A disk that loses power as LevelDB's does: batches go into logs; a synced one makes everything before it in the same log
 * safe, and nothing in an earlier log, which was closed without a sync. Of each log some beginning is left.
 */
export class PowerCutKv implements Kv {
  readonly #kv: Kv
  readonly #choose: (below: number) => number
  #logs: Written[][] = [[]]

  private constructor(kv: Kv, choose: (below: number) => number) {
    this.#kv = kv
    this.#choose = choose
  }

  /** `choose` picks a number from 0 up to but not including the one given. */
  static async open(choose: (below: number) => number): Promise<PowerCutKv> {
    return new PowerCutKv(await openMemoryKv(), choose)
  }

  /** What is stored so far is safe, as everything is that a store was opened with. */
  settle(): void {
    this.#logs = [[...this.#logs.flat().map((each) => ({ ...each, sync: true }))]]
  }

  /** What is there when power is back. */
  async cut(): Promise<Kv> {
    const left = await openMemoryKv()
    for (const log of this.#logs) {
      const safe = log.findLastIndex(({ sync }) => sync) + 1
      for (const { operations } of log.slice(0, safe + this.#choose(log.length - safe + 1))) await left.batch(operations)
    }
    return left
  }

  async batch(operations: readonly KvOperation[], options: KvBatchOptions = {}): Promise<void> {
    if (this.#choose(4) === 0) this.#logs.push([])
    const copied = operations.map((each) =>
      each.type === 'put'
        ? { ...each, key: new Uint8Array(each.key), value: new Uint8Array(each.value) }
        : { ...each, key: new Uint8Array(each.key) },
    )
    this.#logs.at(-1)?.push({ operations: copied, sync: options.sync === true })
    await this.#kv.batch(operations, options)
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

  recover(): Promise<void> {
    return this.#kv.recover()
  }

  close(): Promise<void> {
    return this.#kv.close()
  }
}
