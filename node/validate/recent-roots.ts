import { type Bytes, type ChainState, toHex } from '../../protocol/index.ts'

/** Ends remembered per chain: the duplicates that gossip brings are of the last blocks. Of 200 chains, 8 take 0.7 MB. */
const PER_CHAIN = 3

interface End {
  readonly size: number
  readonly root: Bytes
  readonly lastHash: Bytes
}

/** The newest run ends of each chain, so that a duplicate costs a look-up instead of a read of the tree. */
export class RecentRoots {
  readonly #chains = new Map<string, End[]>()

  put(member: Bytes, state: ChainState): void {
    const key = toHex(member)
    let ends = this.#chains.get(key)
    if (ends === undefined) {
      ends = []
      this.#chains.set(key, ends)
    }
    ends.push({ size: state.size, root: state.root, lastHash: state.lastHash })
    if (ends.length > PER_CHAIN) ends.shift()
  }

  /** Another branch of the chain is held. */
  forget(member: Bytes): void {
    this.#chains.delete(toHex(member))
  }

  get(member: Bytes, size: number): End | undefined {
    return this.#chains.get(toHex(member))?.findLast((end) => end.size === size)
  }
}
