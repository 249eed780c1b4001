/** A map that forgets: the newest entries, and as many from before them. */
export class Generations<V> {
  readonly #size: number
  #young = new Map<number, V>()
  #old = new Map<number, V>()

  /** `size`: entries of one generation; two are looked through. */
  constructor(size: number) {
    this.#size = size
  }

  get(name: number): V | undefined {
    return this.#young.get(name) ?? this.#old.get(name)
  }

  set(name: number, value: V): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, value)
  }
}
