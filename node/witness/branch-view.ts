import {
  type Bytes,
  blockHash,
  bodyContent,
  type ChainState,
  type CompactRange,
  decodeMembershipBody,
  decodeRun,
  type Epochs,
  equalBytes,
  HASH_BYTES,
  KIND_MEMBERSHIP,
  type Leaf,
  type Membership,
} from '../../protocol/index.ts'

/** Sizes between two states that are kept: a root in between is made from at most so many hashes. */
const STRIDE = 256

/** What the registrar's chain makes of members and epochs. */
export interface RegistrarState {
  readonly membership: Membership
  readonly epochs: Epochs
}

/**
 * Another branch of a chain, from a size on up to which it is the held one. Of its blocks only hashes and what they name are
 * kept: the blocks of a long one are too many for memory.
 */
export class BranchView {
  readonly from: number
  readonly #registrarSizes: number[] = []
  /** Block hashes, STRIDE in each. */
  readonly #hashes: Uint8Array[] = []
  /** The tree's edge at `from`, and every STRIDE blocks on. */
  readonly #ranges: CompactRange[]
  #registrar: RegistrarState | undefined

  /** `registrar`: where this is a branch of the registrar's chain, what that makes up to the base. */
  constructor(base: Pick<ChainState, 'size' | 'range'>, registrar?: RegistrarState) {
    this.from = base.size
    this.#ranges = [base.range.clone()]
    this.#registrar = registrar
  }

  get size(): number {
    return this.from + this.#registrarSizes.length
  }

  /** The blocks that follow: checked. */
  append(run: Bytes): void {
    for (const { headerBytes, header, body } of decodeRun(run).blocks) {
      const count = this.#registrarSizes.push(header.registrarSize)
      const at = (count - 1) % STRIDE
      if (at === 0) this.#hashes.push(new Uint8Array(STRIDE * HASH_BYTES))
      this.#hashes.at(-1)?.set(blockHash(headerBytes), at * HASH_BYTES)
      if (count % STRIDE === 0) this.#ranges.push(this.#rangeAt(count))
      if (this.#registrar === undefined) continue
      const operations = header.kind === KIND_MEMBERSHIP ? decodeMembershipBody(bodyContent(body)) : []
      const { membership } = this.#registrar.membership.apply(operations)
      this.#registrar = { membership, epochs: this.#registrar.epochs.extended(membership) }
    }
  }

  /** After `count` of the blocks, by the nearest state below that is kept. */
  #rangeAt(count: number): CompactRange {
    const nearest = Math.min(Math.floor(count / STRIDE), this.#ranges.length - 1)
    const range = (this.#ranges[nearest] as CompactRange).clone()
    const hashes = this.#hashes[nearest]
    for (let at = 0; hashes !== undefined && at < count - nearest * STRIDE; at++)
      range.append(hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))
    return range
  }

  /** Root of the first `size` blocks, `from` to all of them. */
  rootAt(size: number): Bytes {
    return this.#rangeAt(size - this.from).root()
  }

  /** Whether a leaf that lies above `from` is on this branch. */
  has({ size, root }: Leaf): boolean {
    return size > this.from && size <= this.size && equalBytes(this.rootAt(size), root)
  }

  /** Registrar size that the last of the first `size` blocks names; `size` lies above `from`. */
  registrarSizeAt(size: number): number {
    return this.#registrarSizes[size - 1 - this.from] as number
  }

  /** Where this is a branch of the registrar's chain: the epochs that it makes. */
  get epochs(): Epochs | undefined {
    return this.#registrar?.epochs
  }
}
