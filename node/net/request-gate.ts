/** Counts requests in progress, of all and of each peer, and refuses what would be too many. */
export class RequestGate {
  readonly #max: number
  readonly #maxPerPeer: number
  readonly #perPeer = new Map<string, number>()
  #total = 0

  constructor(max: number, maxPerPeer: number) {
    this.#max = max
    this.#maxPerPeer = maxPerPeer
  }

  enter(peerHex: string): boolean {
    const own = this.#perPeer.get(peerHex) ?? 0
    if (this.#total >= this.#max || own >= this.#maxPerPeer) return false
    this.#total++
    this.#perPeer.set(peerHex, own + 1)
    return true
  }

  leave(peerHex: string): void {
    const own = (this.#perPeer.get(peerHex) ?? 1) - 1
    this.#total--
    if (own === 0) this.#perPeer.delete(peerHex)
    else this.#perPeer.set(peerHex, own)
  }
}
