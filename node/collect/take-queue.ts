import type { Reading } from '../../protocol/reading.ts'
import type { MarkItem } from './source.ts'

/** A reading on its way into the spool. */
export interface TakenItem {
  readonly reading: Reading
  /** The bytes it was read from, where the meter sends frames. */
  readonly frame?: Uint8Array
  /** See ReadingItem. */
  readonly signed?: { readonly publicKey?: string }
  /** Spec of its source. */
  readonly source: string
}

/**
 * Readings between the sources and the spool, bounded: a source waits while it is full. What arrives while a batch is being
 * written makes the next batch, so that one disk write serves as many as are waiting.
 */
export class TakeQueue {
  readonly #capacity: number
  #items: TakenItem[] = []
  #room: (() => void)[] = []
  #filled: (() => void) | undefined
  #closed = false
  /** Items ever pushed, and ever done. */
  #pushed = 0
  #finished = 0
  #marks: { readonly after: number; readonly durable: MarkItem['durable'] }[] = []
  /** What marks have begun when they were passed. */
  #passing: Promise<void> = Promise.resolve()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get length(): number {
    return this.#items.length
  }

  /** Resolves when there is room, or at once when the queue is closed (the item is then not taken: false). */
  async push(item: TakenItem): Promise<boolean> {
    while (this.#items.length >= this.#capacity && !this.#closed) await new Promise<void>((resolve) => this.#room.push(resolve))
    if (this.#closed) return false
    this.#items.push(item)
    this.#pushed++
    this.#filled?.()
    this.#filled = undefined
    return true
  }

  /** Calls `durable` once all that was pushed before is safe; never, where that is not to be. Waits and answers like `push`. */
  async mark(durable: MarkItem['durable']): Promise<boolean> {
    while (this.#marks.length >= this.#capacity && !this.#closed) await new Promise<void>((resolve) => this.#room.push(resolve))
    if (this.#closed) return false
    this.#marks.push({ after: this.#pushed, durable })
    this.#pass()
    return true
  }

  #pass(): void {
    for (let next = this.#marks[0]; next !== undefined && next.after <= this.#finished; next = this.#marks[0]) {
      this.#marks.shift()
      const begun = next.durable()
      if (begun !== undefined) this.#passing = this.#passing.then(() => begun)
    }
  }

  /** What marks have begun has come to its end. */
  async settled(): Promise<void> {
    await this.#passing
  }

  /** Up to `most` items, waiting for the first; undefined when closed and empty. They stay counted until `done`. */
  async peek(most: number): Promise<readonly TakenItem[] | undefined> {
    while (this.#items.length === 0) {
      if (this.#closed) return undefined
      await new Promise<void>((resolve) => {
        this.#filled = resolve
      })
    }
    return this.#items.slice(0, most)
  }

  /** The first `count` items are safe: they leave, and sources go on. */
  done(count: number): void {
    this.#items = this.#items.slice(count)
    this.#finished += count
    this.#pass()
    const waiting = this.#room
    this.#room = []
    for (const resolve of waiting) resolve()
  }

  close(): void {
    this.#closed = true
    this.#filled?.()
    for (const resolve of this.#room) resolve()
    this.#room = []
  }
}
