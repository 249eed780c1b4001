/** Which attestation: one witness's sequences never stand still. */
export interface Named {
  readonly witnessHex: string
  readonly epoch: number
  readonly sequence: number
}

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

  has({ witnessHex, epoch, sequence }: Named): boolean {
    return (this.#newest.get(`${witnessHex}/${epoch}`) ?? 0) >= sequence
  }

  /** False where it, or a newer one, was known. */
  add(named: Named): boolean {
    const key = `${named.witnessHex}/${named.epoch}`
    const before = this.#newest.get(key) ?? 0
    if (before >= named.sequence) return false
    this.#newest.delete(key)
    if (this.#newest.size >= this.#limit) this.#newest.delete(this.#newest.keys().next().value as string)
    this.#newest.set(key, named.sequence)
    return true
  }
}
