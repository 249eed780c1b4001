import { toHex } from '../../protocol/index.ts'
import type { LedgerNode } from '../node.ts'
import type { Clock } from '../platform.ts'

/** Times kept between two reports; those of more blocks in half a second are not told. */
export const MAX_KEPT_LAGS = 4_096

/** How long blocks took from being sealed, by their author's clock, to being final at this node: one clock on one machine. */
export class FinalWatch {
  readonly #node: LedgerNode
  readonly #clock: Pick<Clock, 'now'>
  readonly #startMs: number
  readonly #most: number
  /** By member: blocks that were looked at. */
  readonly #seen = new Map<string, number>()
  #lagsMs: number[] = []
  #reading: Promise<void> = Promise.resolve()

  constructor(node: LedgerNode, clock: Pick<Clock, 'now'>, most = MAX_KEPT_LAGS) {
    this.#node = node
    this.#clock = clock
    this.#most = most
    this.#startMs = clock.now()
    for (const { member, size } of node.store.witness.finals()) this.#seen.set(toHex(member), size)
    node.on('final', ({ member, size }) => this.#onFinal(member, size))
  }

  /** Those since the last call. */
  take(): readonly number[] {
    const lagsMs = this.#lagsMs
    this.#lagsMs = []
    return lagsMs
  }

  /** Nothing is read from the store once it has resolved and nothing more becomes final. */
  end(): Promise<void> {
    return this.#reading
  }

  #onFinal(member: string, size: number): void {
    const nowMs = this.#clock.now()
    const from = this.#seen.get(member) ?? 0
    if (size <= from) return
    this.#seen.set(member, size)
    // A measurement: what cannot be read is missing in it, and told elsewhere.
    this.#reading = this.#reading.then(() => this.#read(member, from, size, nowMs)).catch(() => undefined)
  }

  async #read(memberHex: string, from: number, size: number, nowMs: number): Promise<void> {
    const member = this.#node.membership.members.find(({ keyHex }) => keyHex === memberHex)
    if (member === undefined) return
    for (let at = from; at < size; ) {
      const blocks = await this.#node.store.readBlocks(member.key, at, size - at)
      if (blocks.length === 0) return
      for (const { header } of blocks) {
        // What an earlier run has sealed waited for the machine to be switched on again.
        if (header.sealedAt >= this.#startMs && this.#lagsMs.length < this.#most) this.#lagsMs.push(nowMs - header.sealedAt)
      }
      at += blocks.length
    }
  }
}
