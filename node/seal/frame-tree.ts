import { type Bytes, leafHash } from '../../protocol/index.ts'
import { FrameLeaves, type SealedFrame, type SpoolRow } from '../store/index.ts'

/** The raw frames of the readings that make up one block, in their order. */
export class FrameTree {
  readonly #rows: SpoolRow[] = []
  readonly #leaves = new FrameLeaves()

  constructor(rows: readonly SpoolRow[]) {
    for (const row of rows) {
      if (!('reading' in row.item) || row.item.frame === undefined) continue
      this.#rows.push(row)
      this.#leaves.add(leafHash(row.item.frame))
    }
  }

  /** Undefined where the readings came without frames. */
  get root(): Bytes | undefined {
    return this.#leaves.root
  }

  /** What is noted of each frame once the block is stored. */
  async sealed(height: number, sealedAtMs: number): Promise<SealedFrame[]> {
    const count = this.#rows.length
    const frames: SealedFrame[] = []
    for (const [index, { id, item }] of this.#rows.entries()) {
      if (!('reading' in item)) continue
      const { source, reading, signed } = item
      const proof = await this.#leaves.proof(index)
      const note = { height, sealedAtMs, index, count, proof, source, ...(signed === undefined ? {} : { signed }) }
      frames.push({ timeMs: reading.time, id, note })
    }
    return frames
  }
}
