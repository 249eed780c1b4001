/** Numbers that follow from a seed (sfc32), so that a run can be told by its seed alone. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.imul(seed, 0x9e3779b9) | 0
    this.#c = 0x2545f491
    for (let i = 0; i < 12; i++) this.#next()
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** 0 to n − 1. */
  below(n: number): number {
    return this.#next() % n
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  percent(n: number): boolean {
    return this.below(100) < n
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }
}
