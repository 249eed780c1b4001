/** A map of at most `capacity` entries, however that changes: the one not asked for the longest goes first. */
export class LruMap<K, V> {
  readonly #capacity: () => number
  readonly #entries = new Map<K, V>()

  constructor(capacity: number | (() => number)) {
    this.#capacity = typeof capacity === 'number' ? () => capacity : capacity
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, value)
    }
    return value
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    const capacity = this.#capacity()
    while (this.#entries.size > capacity) this.#entries.delete(this.#entries.keys().next().value as K)
  }
}
