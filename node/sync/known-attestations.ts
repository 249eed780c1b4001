/** What one neighbour is known to hold: the newest of each witness and epoch that it told or was told. */
export class KnownAttestations {
  readonly #newest = new Map<string, number>()
  readonly #limit: number

  /** Beyond `limit` pairs of witness and epoch those that were new longest ago are forgotten: they are told again. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#newest.size
  }

  /** `key`: of a witness and an epoch (attestation-book.ts). */
  has(key: string, sequence: number): boolean {
    return (this.#newest.get(key) ?? 0) >= sequence
  }

  /** False where it, or a newer one, was known. */
  add(key: string, sequence: number): boolean {
    const before = this.#newest.get(key) ?? 0
    if (before >= sequence) return false
    if (before === 0 && this.#newest.size >= this.#limit) this.#newest.delete(this.#newest.keys().next().value as string)
    this.#newest.set(key, sequence)
    return true
  }
}
