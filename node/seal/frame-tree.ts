import { type Bytes, inclusionProof, leafHash, nodeHash, rootOf } from '../../protocol/index.ts'
import type { SealedFrame, SpoolRow } from '../store/index.ts'

/** The raw frames of the readings that make up one block, in their order, as the leaves of the block's frames root. */
export class FrameTree {
  readonly #rows: SpoolRow[] = []
  /** Hashes of perfect subtrees, level by level. */
  readonly #levels: Bytes[][] = [[]]

  constructor(rows: readonly SpoolRow[]) {
    for (const row of rows) {
      if (!('reading' in row.item) || row.item.frame === undefined) continue
      this.#rows.push(row)
      this.#add(leafHash(row.item.frame))
    }
  }

  #add(leaf: Bytes): void {
    let hash = leaf
    for (let level = 0; ; level++) {
      this.#levels[level] ??= []
      const hashes = this.#levels[level] as Bytes[]
      hashes.push(hash)
      if (hashes.length % 2 === 1) return
      hash = nodeHash(hashes.at(-2) as Bytes, hash)
    }
  }

  /** Undefined where the readings came without frames. */
  get root(): Bytes | undefined {
    return this.#rows.length === 0 ? undefined : rootOf(this.#levels[0] as Bytes[])
  }

  /** What is noted of each frame once the block is stored. */
  async sealed(height: number, sealedAtMs: number): Promise<SealedFrame[]> {
    const count = this.#rows.length
    const read = (level: number, index: number): Bytes => this.#levels[level]?.[index] as Bytes
    const frames: SealedFrame[] = []
    for (const [index, { id, item }] of this.#rows.entries()) {
      if (!('reading' in item)) continue
      const { source, reading, signed } = item
      const proof = await inclusionProof(read, index, count)
      const key = signed?.publicKey === undefined ? {} : { publicKey: signed.publicKey }
      frames.push({ timeMs: reading.time, id, note: { height, sealedAtMs, index, count, proof, source, ...key } })
    }
    return frames
  }
}
