import { crc32 } from 'node:zlib'
import { equalBytes } from '../../protocol/index.ts'

/** Values of one generation; two are looked through. A day of 200 meters writes ten thousand blocks. */
export const GENERATION = 131_072

/** Heads, final sizes and marks are shorter, blocks are longer: to look for another disk's head costs more than a copy. */
export const LEAST_SHARED_BYTES = 96

/** Where short values stand one after the other: all of it stays as long as one of them does. */
const SHELF_BYTES = 65_536

/**
 * Values of all disks of one process, each content kept once but for short ones. What is written often is found again; what
 * is not is forgotten here after a while and only costs its own room.
 */
export class ValuePool {
  #young = new Map<number, Uint8Array>()
  #old = new Map<number, Uint8Array>()
  #shelf = new Uint8Array(0)
  #shelfAt = 0

  /** The same bytes, as every other disk holds them: never to be changed. */
  keep(value: Uint8Array): Uint8Array {
    if (value.length < LEAST_SHARED_BYTES) return this.#short(value)
    const name = crc32(value) * 1_024 + (value.length & 1_023)
    const young = this.#young.get(name)
    if (young !== undefined) return equalBytes(young, value) ? young : copyOf(value)
    const old = this.#old.get(name)
    const kept = old !== undefined && equalBytes(old, value) ? old : copyOf(value)
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, kept)
    return kept
  }

  /** Beside others: memory of its own for each costs several times as much as the copy. What is short is soon written anew. */
  #short(value: Uint8Array): Uint8Array {
    if (this.#shelfAt + value.length > this.#shelf.length) {
      this.#shelf = new Uint8Array(SHELF_BYTES)
      this.#shelfAt = 0
    }
    const at = this.#shelfAt
    this.#shelf.set(value, at)
    this.#shelfAt += value.length
    return new Uint8Array(this.#shelf.buffer, at, value.length)
  }
}

/** A buffer of its own: what a view is of would be held with it. */
export const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)
