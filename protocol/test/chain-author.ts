import { type Block, blockHash, KIND_EVENT, makeBlock, type NewBlock } from '../block.ts'
import { type Bytes, toUtf8 } from '../bytes.ts'
import { type ChainState, EMPTY_CHAIN } from '../chain-state.ts'
import { type SignedCheckpoint, signCheckpoint } from '../checkpoint.ts'
import type { Signer } from '../ed25519.ts'
import { encodeEvents } from '../event-body.ts'
import { sha256 } from '../hash.ts'
import { encodeRun, type RunEnd } from '../run.ts'
import { consistencyProof, type NodeReader } from '../tree.ts'

export const FIRST_SEALED_MS = 1_767_225_600_000
export const INTERVAL_MS = 900_000

/** Content for blocks that are not about their content: one event. */
export const eventContent = (detail: string): Bytes => encodeEvents([{ time: FIRST_SEALED_MS, code: 5, detail }])

/** One member's chain as the member itself makes it, honest or not: every field of a block can be given. */
export class ChainAuthor {
  readonly signer: Signer
  readonly networkId: Bytes
  readonly isRegistrar: boolean
  readonly blocks: Block[] = []
  /** The state after 0, 1, 2, … blocks, each under a checkpoint of its own size. */
  readonly states: ChainState[] = [EMPTY_CHAIN]
  readonly #nodes = new Map<string, Bytes>()

  constructor(signer: Signer, networkId: Bytes, isRegistrar = false) {
    this.signer = signer
    this.networkId = networkId
    this.isRegistrar = isRegistrar
  }

  get size(): number {
    return this.blocks.length
  }

  /** Adds one block; what `fields` leaves out is as an honest author makes it. */
  append(fields: Partial<NewBlock> = {}): this {
    const height = this.size
    const { lastHash } = this.state()
    const block = makeBlock({
      kind: KIND_EVENT,
      member: this.signer.publicKey,
      height,
      previous: lastHash,
      sealedAt: FIRST_SEALED_MS + height * INTERVAL_MS,
      registrarSize: this.isRegistrar ? height : 0,
      salt: sha256(toUtf8(`salt ${height}`)).subarray(0, 16),
      content: eventContent(`block ${height}`),
      ...fields,
    })
    return this.add(block)
  }

  /** Adds a block that was made elsewhere, whether it fits or not. */
  add(block: Block): this {
    const hash = blockHash(block.headerBytes)
    const range = this.state().range.clone()
    range.append(hash, (level, index, node) => this.#nodes.set(`${level}/${index}`, node))
    const { sealedAt, registrarSize } = block.header
    const root = range.root()
    const checkpoint = signCheckpoint(this.signer, this.networkId, range.size, root)
    this.blocks.push(block)
    this.states.push({ size: range.size, range, root, lastHash: hash, sealedAt, registrarSize, checkpoint })
    return this
  }

  grow(count: number): this {
    for (let i = 0; i < count; i++) this.append()
    return this
  }

  /** The same author with the first `size` blocks only: what it adds is another story. */
  fork(size: number): ChainAuthor {
    const other = new ChainAuthor(this.signer, this.networkId, this.isRegistrar)
    for (const block of this.blocks.slice(0, size)) other.add(block)
    return other
  }

  state(size = this.size): ChainState {
    return this.states[size] as ChainState
  }

  checkpoint(size = this.size): SignedCheckpoint {
    return this.state(size).checkpoint as SignedCheckpoint
  }

  readonly read: NodeReader = (level, index) => {
    const node = this.#nodes.get(`${level}/${index}`)
    if (node === undefined) throw new Error(`no node ${level}/${index}`)
    return node
  }

  bytes(from: number, end: number): Bytes[] {
    return this.blocks.slice(from, end).map((block) => block.bytes)
  }

  /** The run [from, end) under the checkpoint of its own end, or under another root and signature. */
  run(
    from: number,
    end: number,
    { root, signature }: Pick<SignedCheckpoint, 'root' | 'signature'> = this.checkpoint(end),
  ): Bytes {
    return encodeRun(this.bytes(from, end), { type: 'signed', root, signature })
  }

  /** The checkpoint of `size` blocks, and how the first `end` lead to it. */
  async coveredEnd(end: number, size = this.size): Promise<RunEnd & { type: 'covered' }> {
    const { root, signature } = this.checkpoint(size)
    return { type: 'covered', size, root, signature, proof: await consistencyProof(this.read, end, size) }
  }

  /** The run [from, end) under the checkpoint of `size` blocks. */
  async coveredRun(from: number, end: number, size = this.size): Promise<Bytes> {
    return encodeRun(this.bytes(from, end), await this.coveredEnd(end, size))
  }

  /** Root and last hash of the first `size` blocks, as a store that holds them knows. */
  known(size: number): { root: Bytes; lastHash: Bytes } {
    const { root, lastHash } = this.state(size)
    return { root, lastHash }
  }
}

/** A copy in which one bit of byte `at` (from the end where negative) is the other way round. */
export function flipped(bytes: Bytes, at: number): Bytes {
  const out = bytes.slice()
  const place = at < 0 ? out.length + at : at
  out[place] = (out[place] as number) ^ 1
  return out
}
