import { toHex } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { emptyEntry } from './chain-check.ts'
import { type ChainEntry, keptKey } from './chain-entry.ts'
import type { SealedFrame } from './frame-note.ts'
import { blockKey, chainKey, MAX_CHAIN_ID } from './keys.ts'
import { type KvOperation, put } from './kv.ts'
import { sealRecord } from './record.ts'
import { encodeStored } from './stored-block.ts'

/** One validated run of new blocks of one chain, as the door hands it over. */
export interface Acceptance {
  readonly member: Uint8Array
  /** Height of the first block: the size of the chain before. */
  readonly from: number
  /** Each header ‖ body. */
  readonly blocks: readonly Uint8Array[]
  /** Each block's hash. */
  readonly hashes: readonly Uint8Array[]
  /** The chain after the last block. */
  readonly state: ChainState
}

export interface AcceptOptions {
  /** On the disk before the promise resolves. Always so for this node's own chain. */
  readonly sync?: boolean
  /** Whatever else belongs into the same atomic write. */
  readonly extra?: readonly KvOperation[]
  /** Spool entries that these blocks seal: removed in the same write. */
  readonly spoolTaken?: readonly number[]
  /** Raw frames that these blocks take up: noted in the same write. */
  readonly framesSealed?: readonly SealedFrame[]
}

/** Gives a chain its local id. */
export function newChain(id: number, branch: number, member: Uint8Array, operations: KvOperation[]): ChainEntry {
  if (id > MAX_CHAIN_ID)
    throw new WattnessError('LIMIT_EXCEEDED', `store holds ${MAX_CHAIN_ID + 1} chains at most`, { limit: MAX_CHAIN_ID + 1 })
  const own = keptKey(member)
  const key = chainKey(own)
  operations.push(put(key, sealRecord(key, Uint8Array.of(id >>> 8, id))))
  return { ...emptyEntry(id, own), branch }
}

/** Throws STORE_CONFLICT where a run does not begin at the chain's end. */
export function assertFits(entry: ChainEntry, { member, from, blocks, hashes, state }: Acceptance): void {
  const held = entry.state.size
  if (from === held && state.size === from + blocks.length && hashes.length === blocks.length) return
  throw new WattnessError(
    'STORE_CONFLICT',
    `chain ${toHex(member).slice(0, 16)}…: ${blocks.length} blocks from ${from} to make ${state.size}, ${held} held`,
    { member: toHex(member), from, count: blocks.length, size: state.size, held },
  )
}

/**
 * Root of a chain's first `size` blocks once a run is accepted, as far as the run tells it: behind what was held before, and
 * not above the run's end unless the checkpoint that covers it is of that very size.
 */
export function rootWithin(before: ChainState, { from, hashes, state }: Acceptance, size: number): Uint8Array | undefined {
  if (size === state.size) return state.root
  if (size > state.size) return state.checkpoint?.size === size ? state.checkpoint.root : undefined
  const range = before.range.clone()
  range.appendAll(hashes.slice(0, size - from))
  return range.root()
}

/** Blocks as they are stored; the last one with the signature over the run's end, where there is one. */
export function pushBlocks(id: number, { from, blocks, state }: Acceptance, operations: KvOperation[]): void {
  const { checkpoint, size } = state
  for (const [i, block] of blocks.entries()) {
    const height = from + i
    const signature = checkpoint?.size === size && size === height + 1 ? checkpoint.signature : undefined
    operations.push(put(blockKey(id, height), encodeStored(block, height, signature)))
  }
}
