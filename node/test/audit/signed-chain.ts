import {
  type Bytes,
  blockHash,
  CompactRange,
  encodeReadings,
  type Genesis,
  KIND_READINGS,
  makeBlock,
  type NewBlock,
  type Signer,
  signCheckpoint,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import type { Acceptance } from '../../store/index.ts'

const FIRST_MS = Date.UTC(2026, 0, 1)
const INTERVAL_MS = 900_000

/** A chain whose author signs whatever it is told to, as no door would take it. */
export class SignedChain {
  readonly member: Bytes
  readonly #signer: Signer
  readonly #genesis: Genesis
  readonly #range = CompactRange.empty()
  readonly #blocks: { readonly bytes: Bytes; readonly hash: Bytes; readonly root: Bytes }[] = []
  #sealedAt = 0
  #registrarSize = 0

  constructor(signer: Signer, genesis: Genesis) {
    this.member = signer.publicKey
    this.#signer = signer
    this.#genesis = genesis
  }

  get size(): number {
    return this.#blocks.length
  }

  rootAt(size: number): Bytes {
    return this.#blocks[size - 1]?.root as Bytes
  }

  append(fields: Partial<NewBlock> = {}): this {
    const height = this.size
    const register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
    const time = FIRST_MS + height * INTERVAL_MS
    const values = [{ register, value: height, quality: 'good' as const }]
    const block = makeBlock({
      kind: KIND_READINGS,
      member: this.member,
      height,
      previous: this.#blocks.at(-1)?.hash ?? ZERO_HASH,
      sealedAt: time,
      registrarSize: this.#registrarSize,
      salt: new Uint8Array(16).fill(height),
      content: encodeReadings([{ time, intervalMs: 0, timeSource: 'meter-clock', values }]),
      ...fields,
    })
    const hash = blockHash(block.headerBytes)
    this.#range.append(hash)
    this.#sealedAt = block.header.sealedAt
    this.#registrarSize = block.header.registrarSize
    this.#blocks.push({ bytes: block.bytes, hash, root: this.#range.root() })
    return this
  }

  grow(count: number, fields: Partial<NewBlock> = {}): this {
    for (let i = 0; i < count; i++) this.append(fields)
    return this
  }

  /** Everything from `from` on, as the door would hand it to the store. */
  acceptance(from = 0): Acceptance {
    const { size } = this
    const last = this.#blocks[size - 1] as { hash: Bytes; root: Bytes }
    const checkpoint = signCheckpoint(this.#signer, this.#genesis.networkId, size, last.root)
    const blocks = this.#blocks.slice(from)
    const state = {
      size,
      range: this.#range.clone(),
      root: last.root,
      lastHash: last.hash,
      sealedAt: this.#sealedAt,
      registrarSize: this.#registrarSize,
      checkpoint,
    }
    return { member: this.member, from, blocks: blocks.map(({ bytes }) => bytes), hashes: blocks.map(({ hash }) => hash), state }
  }
}
