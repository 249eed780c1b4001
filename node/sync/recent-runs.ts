import { type Bytes, encodeRun, type RunEnd, toHex } from '../../protocol/index.ts'
import type { StoredRun } from '../validate/index.ts'

/** Newest blocks remembered of each chain: what neighbours ask for in live traffic. Of 200 chains, 8 take a MiB. */
export const BLOCKS_PER_CHAIN = 2

/** Bytes remembered of all chains together; the chain that was still for longest goes first. */
export const MAX_RECENT_BYTES = 4 * 1_048_576

interface Recent {
  /** Height of the first remembered block. */
  from: number
  readonly blocks: Bytes[]
  /** By place in `blocks`: the signature of the checkpoint that this block makes, where one is known. */
  readonly ends: (RunEnd | undefined)[]
  bytes: number
}

/**
 * The newest blocks of each chain as they were stored a moment ago. Answering from here takes no read of the disk, and all
 * that one neighbour asks for in one write goes back in one write (measured on 32 nodes: see `npm run bench -- mesh`).
 */
export class RecentRuns {
  readonly #chains = new Map<string, Recent>()
  readonly #blocksPerChain: number
  #bytes = 0

  constructor(blocksPerChain = BLOCKS_PER_CHAIN) {
    this.#blocksPerChain = blocksPerChain
  }

  get bytes(): number {
    return this.#bytes
  }

  add({ member, from, blocks, state }: StoredRun): void {
    const key = toHex(member)
    let recent = this.#chains.get(key)
    this.#chains.delete(key)
    if (blocks.length > this.#blocksPerChain || (recent !== undefined && recent.from + recent.blocks.length !== from)) {
      this.#bytes -= recent?.bytes ?? 0
      recent = undefined
      if (blocks.length > this.#blocksPerChain) return
    }
    recent ??= { from, blocks: [], ends: [], bytes: 0 }
    for (const block of blocks) {
      recent.blocks.push(block)
      recent.ends.push(undefined)
      recent.bytes += block.length
      this.#bytes += block.length
    }
    const { checkpoint } = state
    if (checkpoint?.size === state.size) {
      recent.ends[recent.ends.length - 1] = { type: 'signed', root: checkpoint.root, signature: checkpoint.signature }
    }
    while (recent.blocks.length > this.#blocksPerChain) this.#dropFirst(recent)
    this.#chains.set(key, recent)
    while (this.#bytes > MAX_RECENT_BYTES) this.#dropChain()
  }

  #dropFirst(recent: Recent): void {
    const length = recent.blocks.shift()?.length ?? 0
    recent.ends.shift()
    recent.from++
    recent.bytes -= length
    this.#bytes -= length
  }

  #dropChain(): void {
    for (const [key, recent] of this.#chains) {
      this.#chains.delete(key)
      this.#bytes -= recent.bytes
      return
    }
  }

  /** The run of the newest blocks from height `from` on under a signature of its own; undefined where the store must be asked. */
  runFrom(member: Bytes, from: number, maxBlocks: number, maxBytes: number): Bytes | undefined {
    const recent = this.#chains.get(toHex(member))
    if (recent === undefined || from < recent.from) return undefined
    const start = from - recent.from
    let bytes = 0
    let last = -1
    for (let i = start; i < recent.blocks.length && i - start < maxBlocks; i++) {
      bytes += (recent.blocks[i] as Bytes).length
      if (i > start && bytes > maxBytes) break
      if (recent.ends[i] !== undefined) last = i
    }
    const end = recent.ends[last]
    return end === undefined ? undefined : encodeRun(recent.blocks.slice(start, last + 1), end)
  }
}
