import type { FaultItem, MeterSource, ReadingItem, SourceItem } from './source.ts'

/** The next rows of a source, on demand: a demonstration seals one stretch a block, and needs no clock. */
export interface Stretch {
  readonly items: readonly ReadingItem[]
  /** Faults met on the way, at most MAX_STRETCH_FAULTS of them. */
  readonly faults: readonly FaultItem[]
  /** How many faults there were. */
  readonly faultCount: number
  /** True where the source has no more rows. */
  readonly done: boolean
}

export const MAX_STRETCH_FAULTS = 100

/** Pulls a source that does not go by the clock. One call at a time. */
export class Replay {
  readonly #abort = new AbortController()
  readonly #source: MeterSource
  #iterator: AsyncIterator<SourceItem> | undefined
  #done = false

  constructor(source: MeterSource) {
    this.#source = source
  }

  get source(): MeterSource {
    return this.#source
  }

  /** Up to `rows` readings; fewer only at the end. Throws as the source does. */
  async nextStretch(rows: number): Promise<Stretch> {
    const items: ReadingItem[] = []
    const faults: FaultItem[] = []
    let faultCount = 0
    const iterator = this.#open()
    while (items.length < rows && !this.#done) {
      const next = await iterator.next()
      if (next.done === true) {
        this.#done = true
      } else if (next.value.type === 'reading') {
        items.push(next.value)
      } else if (next.value.type === 'fault') {
        faultCount++
        if (faults.length < MAX_STRETCH_FAULTS) faults.push(next.value)
      }
    }
    return { items, faults, faultCount, done: this.#done }
  }

  async close(): Promise<void> {
    this.#done = true
    this.#abort.abort()
    await this.#iterator?.return?.()
  }

  #open(): AsyncIterator<SourceItem> {
    this.#iterator ??= this.#source.items(this.#abort.signal)[Symbol.asyncIterator]()
    return this.#iterator
  }
}
