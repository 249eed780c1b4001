import type { Random } from '../node/index.ts'
import { sha256, toUtf8 } from '../protocol/index.ts'

const TWO_32 = 4_294_967_296

/**
 * Reproducible randomness (xoshiro128**), a stream of its own for each purpose: what one part of a run draws changes nothing
 * for another. Never for keys that matter.
 */
export class SeededRandom implements Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: string) {
    this.#seed = seed
    const { buffer, byteOffset } = sha256(toUtf8(seed))
    const view = new DataView(buffer, byteOffset)
    this.#a = view.getUint32(0)
    this.#b = view.getUint32(4)
    this.#c = view.getUint32(8)
    this.#d = view.getUint32(12)
  }

  /** The stream of this seed that has this name. */
  stream(name: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${name}`)
  }

  #next(): number {
    const b = this.#b
    const c = this.#c ^ this.#a
    const d = this.#d ^ b
    this.#b = b ^ c
    this.#a ^= d
    this.#c = c ^ (b << 9)
    this.#d = rotate(d, 11)
    return Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / TWO_32
  }

  /** A whole number from 0 up to but not including `below`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from')
    return from[this.below(from.length)] as T
  }

  /** `count` of them (all where there are fewer), in random order. */
  sample<T>(from: readonly T[], count: number): T[] {
    const left = [...from]
    const taken: T[] = []
    while (taken.length < count && left.length > 0) {
      const at = this.below(left.length)
      taken.push(left[at] as T)
      left[at] = left.at(-1) as T
      left.pop()
    }
    return taken
  }

  /** Mean 0, variance 1, never beyond ±6: a sum of twelve. */
  normal(): number {
    let sum = -6
    for (let i = 0; i < 12; i++) sum += this.fraction()
    return sum
  }

  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count)
    for (let at = 0; at < count; at++) out[at] = this.#next() >>> 24
    return out
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
