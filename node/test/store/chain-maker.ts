import { type Block, blockHash, KIND_READINGS, makeBlock } from '../../../protocol/block.ts'
import { concat, equalBytes } from '../../../protocol/bytes.ts'
import { type ChainState, EMPTY_CHAIN } from '../../../protocol/chain-state.ts'
import type { SignedCheckpoint } from '../../../protocol/checkpoint.ts'
import { sha256 } from '../../../protocol/hash.ts'
import type { Acceptance } from '../../store/index.ts'
import { encodeStored } from '../../store/stored-block.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A member key for tests: 32 bytes that belong to nobody. */
export const memberKey = (number: number): Uint8Array => sha256(bytesOf(`member ${number}`))

export const NETWORK_ID = sha256(bytesOf('network of the store tests'))

/** Stands for a signature: 64 bytes that only `verifyFake` takes, and thousands of times cheaper. */
export function fakeSignature(member: Uint8Array, size: number, root: Uint8Array): Uint8Array {
  const hash = sha256(concat(member, bytesOf(`signs ${size}`), root))
  return concat(hash, hash)
}

export const verifyFake = ({ member, size, root, signature }: SignedCheckpoint): boolean =>
  equalBytes(signature, fakeSignature(member, size, root))

/** Makes one member's chain, block by block, as a node would hand it to the store. */
export class ChainMaker {
  readonly member: Uint8Array
  readonly blocks: Block[] = []
  readonly roots: Uint8Array[] = []
  readonly #salt: string
  /** What each block names, by height. */
  readonly #registrarSize: (height: number) => number
  state: ChainState

  constructor(number: number, salt = 'salt', registrarSize: (height: number) => number = () => 1) {
    this.member = memberKey(number)
    this.#salt = salt
    this.#registrarSize = registrarSize
    this.state = EMPTY_CHAIN
  }

  /** Bytes of a block made before, header ‖ body. */
  bytesAt(height: number): Uint8Array {
    const block = this.blocks[height]
    if (block === undefined) throw new RangeError(`block ${height} was not made`)
    return block.bytes
  }

  /** Bytes of the same as it is stored, before its signature. */
  storedLength(height: number): number {
    return encodeStored(this.bytesAt(height), height).length
  }

  /** The next `count` blocks as one accepted run whose end is signed, or covered by `checkpoint` if one is given. */
  next(count = 1, contentBytes = 40, checkpoint?: SignedCheckpoint): Acceptance {
    const contents = Array.from({ length: count }, (_, i) => new Uint8Array(contentBytes).fill(this.state.size + i))
    return this.holding(contents, checkpoint)
  }

  /** The next blocks, one for each content; of kind "readings" but for `kinds`, by place. */
  holding(contents: readonly Uint8Array[], checkpoint?: SignedCheckpoint, kinds: readonly number[] = []): Acceptance {
    const count = contents.length
    const from = this.state.size
    const range = this.state.range.clone()
    let { lastHash } = this.state
    const blocks: Uint8Array[] = []
    const hashes: Uint8Array[] = []
    for (let height = from; height < from + count; height++) {
      const salt = sha256(bytesOf(`${this.#salt} ${height}`)).slice(0, 16)
      const block = makeBlock({
        kind: kinds[height - from] ?? KIND_READINGS,
        member: this.member,
        height,
        previous: lastHash,
        sealedAt: 1_700_000_000_000 + height * 900_000,
        registrarSize: this.#registrarSize(height),
        salt,
        content: contents[height - from] ?? new Uint8Array(0),
      })
      lastHash = blockHash(block.headerBytes)
      range.append(lastHash)
      blocks.push(block.bytes)
      hashes.push(lastHash)
      this.blocks.push(block)
      this.roots.push(range.root())
    }
    const size = from + count
    const root = range.root()
    const own = { member: this.member, size, root, signature: fakeSignature(this.member, size, root) }
    const sealedAt = 1_700_000_000_000 + (size - 1) * 900_000
    const registrarSize = this.#registrarSize(size - 1)
    this.state = { size, range, root, lastHash, sealedAt, registrarSize, checkpoint: checkpoint ?? own }
    return { member: this.member, from, blocks, hashes, state: this.state }
  }
}
