/**
 * Request ids by who asks. An answer names nothing but the id, so each asker has a range of its own, and knows by the number
 * whether an answer is to a question of its. 0 is the checker's.
 */
export const FETCHER_IDS: IdRange = { first: 1, last: 0x7fff_ffff }
export const DISPUTE_IDS: IdRange = { first: 0x8000_0000, last: 0xbfff_ffff }
export const ATTESTATION_IDS: IdRange = { first: 0xc000_0000, last: 0xdfff_ffff }
export const BRANCH_IDS: IdRange = { first: 0xe000_0000, last: 0xffff_ffff }

export interface IdRange {
  readonly first: number
  readonly last: number
}

/** Gives the ids of one range in turn, and begins again at its end. */
export class Ids {
  readonly #range: IdRange
  #next: number

  constructor(range: IdRange) {
    this.#range = range
    this.#next = range.first
  }

  next(): number {
    const id = this.#next
    this.#next = id >= this.#range.last ? this.#range.first : id + 1
    return id
  }

  /** Whether an answer with this id is to one who asks by this range. */
  has(id: number): boolean {
    return id >= this.#range.first && id <= this.#range.last
  }
}
