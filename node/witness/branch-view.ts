import {
  type Block,
  type Bytes,
  blockHash,
  bodyContent,
  type ChainState,
  type CompactRange,
  decodeMembershipBody,
  decodeRun,
  type Epochs,
  equalBytes,
  KIND_MEMBERSHIP,
  type Leaf,
  type Membership,
} from '../../protocol/index.ts'

/** Sizes between two states that are kept: a root in between is made from at most so many hashes. */
const STRIDE = 256

/** Another branch of a chain, in memory, from a size on up to which it is the held one. */
export class BranchView {
  readonly from: number
  readonly #blocks: readonly Block[]
  readonly #hashes: readonly Bytes[]
  /** The tree's edge at `from`, and every STRIDE blocks on. */
  readonly #ranges: CompactRange[]

  /** `runs`: consecutive and checked, the first from the base on. */
  constructor(base: Pick<ChainState, 'size' | 'range'>, runs: readonly Bytes[]) {
    this.from = base.size
    this.#blocks = runs.flatMap((run) => decodeRun(run).blocks)
    this.#hashes = this.#blocks.map(({ headerBytes }) => blockHash(headerBytes))
    const range = base.range.clone()
    this.#ranges = [range.clone()]
    for (let at = 0; at + STRIDE <= this.#hashes.length; at += STRIDE) {
      range.appendAll(this.#hashes.slice(at, at + STRIDE))
      this.#ranges.push(range.clone())
    }
  }

  get size(): number {
    return this.from + this.#blocks.length
  }

  /** Root of the first `size` blocks, `from` to all of them. */
  rootAt(size: number): Bytes {
    const count = size - this.from
    const nearest = Math.floor(count / STRIDE)
    const range = (this.#ranges[nearest] as CompactRange).clone()
    range.appendAll(this.#hashes.slice(nearest * STRIDE, count))
    return range.root()
  }

  /** Whether a leaf that lies above `from` is on this branch. */
  has({ size, root }: Leaf): boolean {
    return size > this.from && size <= this.size && equalBytes(this.rootAt(size), root)
  }

  /** Registrar size that the last of the first `size` blocks names; `size` lies above `from`. */
  registrarSizeAt(size: number): number {
    return (this.#blocks[size - 1 - this.from] as Block).header.registrarSize
  }

  /** Where this is a branch of the registrar's chain: the epochs that it makes behind the state at `from`. */
  epochsAfter(membership: Membership, epochs: Epochs): Epochs {
    let [state, known] = [membership, epochs]
    for (const { header, body } of this.#blocks) {
      const operations = header.kind === KIND_MEMBERSHIP ? decodeMembershipBody(bodyContent(body)) : []
      state = state.apply(operations).membership
      known = known.extended(state)
    }
    return known
  }
}
