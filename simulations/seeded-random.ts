import type { Random } from '../node/index.ts'
import { sha256, toUtf8 } from '../protocol/index.ts'

const TWO_32 = 4_294_967_296

/**
 * Reproducible randomness (xoshiro128**), a stream of its own for each purpose: what one part of a run draws changes nothing
 * for another. Never for keys that matter.
 */
export class SeededRandom implements Random {
  readonly #seed: string
  readonly #state: Uint32Array

  constructor(seed: string) {
    this.#seed = seed
    const hash = sha256(toUtf8(seed))
    this.#state = new Uint32Array(hash.slice(0, 16).buffer)
  }

  /** The stream of this seed that has this name. */
  stream(name: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${name}`)
  }

  #next(): number {
    const s = this.#state
    const [a, b, c, d] = [s[0] as number, s[1] as number, s[2] as number, s[3] as number]
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    s[2] = c ^ a
    s[3] = d ^ b
    s[1] = b ^ (s[2] as number)
    s[0] = a ^ (s[3] as number)
    s[2] = (s[2] as number) ^ (b << 9)
    s[3] = rotate(s[3] as number, 11)
    return scrambled
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
