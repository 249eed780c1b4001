/** 48 bits of what is as good as random, a signature: two that share them must be told apart by their bytes. */
export function nameAt(bytes: Uint8Array, from: number): number {
  let name = 0
  for (let at = Math.max(0, from); at < from + 6; at++) name = name * 256 + (bytes[at] ?? 0)
  return name
}

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
