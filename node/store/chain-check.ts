import { equalBytes } from '../../protocol/bytes.ts'
import { type ChainState, EMPTY_CHAIN } from '../../protocol/chain-state.ts'
import type { SignedCheckpoint } from '../../protocol/checkpoint.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { HASH_BYTES, ZERO_HASH } from '../../protocol/hash.ts'
import { CompactRange } from '../../protocol/tree.ts'
import { type ChainEntry, type Damage, damaged, NOT_PRUNED } from './chain-entry.ts'
import { decodeHead, encodeHead, type HeadRecord } from './head-record.ts'
import { blockKey, headKey, heightOfBlockKey, tileKey } from './keys.ts'
import { del, type Kv, type KvOperation, put } from './kv.ts'
import { checkRecord, openRecord } from './record.ts'
import { checkStored, decodeHeld, type HeldBlock } from './stored-block.ts'
import { EMPTY_EDGE, extendTiles, TILE_BYTES, TILE_WIDTH, type TileEdge, tilesAt } from './tiles.ts'
import { TreeReader } from './tree-reader.ts'
import { type ChainEnd, vouchedBeginning } from './vouching.ts'

export type VerifySigned = (checkpoint: SignedCheckpoint) => boolean

/** What a check needs besides the chain: the signature check is injected, since it needs the network's identity. */
export interface CheckContext {
  readonly kv: Kv
  readonly verifySigned: VerifySigned
  /** Writes what a repair of a chain makes, in order. */
  readonly write: (operations: readonly KvOperation[], sync: boolean) => Promise<void>
}

const OPERATIONS_PER_WRITE = 512

export const emptyEntry = (id: number, member: Uint8Array): ChainEntry => ({
  id,
  member,
  state: EMPTY_CHAIN,
  edge: EMPTY_EDGE,
  branch: 0,
  pruned: NOT_PRUNED,
})

/**
 * Loads a chain at start-up and checks it against its head: checksum, the blocks from `checkFrom` (never more than the last
 * full tile is skipped) up to the head linked and whole, root, signature. A chain that fails is shortened to its longest
 * beginning that is vouched for, which is written and reported.
 */
export async function loadChain(
  context: CheckContext,
  id: number,
  member: Uint8Array,
  checkFrom: number,
  damage: Damage[],
): Promise<ChainEntry> {
  const key = headKey(id)
  const record = await context.kv.get(key)
  let head: HeadRecord | undefined
  try {
    if (record === undefined) {
      if ((await context.kv.get(blockKey(id, 0))) === undefined) return emptyEntry(id, member)
      throw damaged(member, 0, 'head record missing')
    }
    head = decodeHead(openRecord(key, record, 'head record'))
    return await intactChain(context, id, member, head, checkFrom)
  } catch (error) {
    const what = reasonOf(error)
    const covering = await coveringCheckpoint(context, id, member, head)
    const entry = await salvageChain(context, id, member, { covering, end: head })
    const { size } = entry.state
    damage.push({ what, member, height: size, ...(head === undefined ? {} : { lost: Math.max(0, head.size - size) }) })
    return entry
  }
}

/** Only damage is mended: a disk that fails or is full, or a fault of this program, must not be taken for it. */
function reasonOf(error: unknown): string {
  if (!isWattnessError(error) || NO_DAMAGE.has(error.code)) throw error
  return error.message
}

const NO_DAMAGE = new Set(['DISK_FULL', 'STORE_FAILED', 'STORE_LOCKED', 'STORE_CLOSED'])

async function intactChain(
  context: CheckContext,
  id: number,
  member: Uint8Array,
  head: HeadRecord,
  checkFrom: number,
): Promise<ChainEntry> {
  const { kv } = context
  const { size } = head
  if (size === 0) return emptyEntry(id, member)
  const lastTile = Math.floor((size - 1) / TILE_WIDTH) * TILE_WIDTH
  const from = Math.min(checkFrom, lastTile)
  const edge = await readEdge(kv, id, member, size)
  const pendingFrom = tilesAt(0, size).full * TILE_WIDTH
  let height = from
  let last: HeldBlock | undefined
  let firstPrevious: Uint8Array = ZERO_HASH
  for await (const entries of kv.iterate({ gte: blockKey(id, from), lt: blockKey(id, size) })) {
    for (const [key, value] of entries) {
      if (heightOfBlockKey(key) !== height) throw damaged(member, height, 'missing')
      const block = checkStored(value, member, height)
      if (last === undefined) firstPrevious = block.header.previous
      else if (!equalBytes(block.header.previous, last.hash)) throw damaged(member, height, 'does not name the block before it')
      if (height >= pendingFrom) edge[0]?.set(block.hash, (height - pendingFrom) * HASH_BYTES)
      last = block
      height++
    }
  }
  if (last === undefined || height !== size) throw damaged(member, height, 'missing')
  if (!equalBytes(last.hash, head.lastHash)) throw damaged(member, size - 1, 'is not the block that the head names')

  const checkpoint = checkpointOf(head, member, last)
  const { sealedAt, registrarSize } = last.header
  const base = { size, root: head.root, lastHash: head.lastHash.slice(), sealedAt, registrarSize, checkpoint }
  const bare: ChainEntry = { ...emptyEntry(id, member), state: { ...base, range: CompactRange.empty() }, edge }
  const tree = new TreeReader(kv, (_entry, level, index) => {
    throw damaged(member, index * TILE_WIDTH ** (level + 1), `tile ${level}/${index} of the tree is damaged`)
  })
  if (from > 0 && !equalBytes(firstPrevious, await tree.leafAt(bare, from - 1))) {
    throw damaged(member, from, 'does not name the block before it')
  }
  const range = await tree.rangeAt(bare, size)
  if (!equalBytes(range.root(), head.root)) throw damaged(member, size - 1, "tree does not make the head's root")
  if (checkpoint !== undefined && !context.verifySigned(checkpoint)) {
    throw damaged(member, size - 1, "head's signature is not the member's")
  }
  return { ...bare, state: { ...base, range, root: range.root() } }
}

function checkpointOf(head: HeadRecord, member: Uint8Array, last: HeldBlock): SignedCheckpoint | undefined {
  const { covered, size, root } = head
  if (covered === undefined) return undefined
  if (covered === 'by-block') {
    const { signature } = last
    if (signature === undefined) throw damaged(member, size - 1, 'signature of the head missing')
    return { member, size, root: root.slice(), signature: signature.slice() }
  }
  return { member, size: covered.size, root: covered.root.slice(), signature: covered.signature.slice() }
}

/** The partial tiles of the levels above the blocks; level 0 has its place and is filled from the blocks. */
async function readEdge(kv: Kv, id: number, member: Uint8Array, size: number): Promise<Uint8Array[]> {
  const edge: Uint8Array[] = [new Uint8Array(TILE_BYTES)]
  for (let level = 1; size >= TILE_WIDTH ** level; level++) {
    const { full, width } = tilesAt(level, size)
    const tile = new Uint8Array(TILE_BYTES)
    edge.push(tile)
    if (width === 0) continue
    const key = tileKey(id, level, full)
    const record = await kv.get(key)
    const hashes = record === undefined ? undefined : checkRecord(key, record)
    if (hashes === undefined || hashes.length < width * HASH_BYTES) {
      throw damaged(member, full * TILE_WIDTH ** (level + 1), `tile ${level}/${full} of the tree is damaged`)
    }
    tile.set(hashes.subarray(0, width * HASH_BYTES))
  }
  return edge
}

export interface SalvageOptions {
  /** Blocks kept at most. */
  readonly limit?: number | undefined
  /** A checkpoint known to be the member's own and of this history, not below `end`. */
  readonly covering?: SignedCheckpoint | undefined
  /** What the chain was up to now. */
  readonly end?: ChainEnd | undefined
}

/** Keeps of a damaged chain what is vouched for (vouching.ts), makes its tiles again and writes the new head. */
export async function salvageChain(
  context: CheckContext,
  id: number,
  member: Uint8Array,
  options: SalvageOptions = {},
): Promise<ChainEntry> {
  const { kv, verifySigned } = context
  const { covering, end } = options
  const vouched = await vouchedBeginning({ kv, verifySigned, id, member, covering, end })
  const entry = await rewrite(context, id, member, Math.min(options.limit ?? Number.POSITIVE_INFINITY, vouched?.size ?? 0))
  if (vouched === undefined || entry.state.size === 0) {
    // Without its first block what is left of the chain is no chain, and is not looked at again.
    await context.write([del(headKey(id)), del(blockKey(id, 0))], true)
    return emptyEntry(id, member)
  }
  const kept: ChainEntry = { ...entry, state: { ...entry.state, checkpoint: vouched.checkpoint } }
  const key = headKey(id)
  await context.write([put(key, encodeHead(key, kept.state))], true)
  return kept
}

/** The old head's checkpoint: it stays true of the chain's beginning, however much of its end is lost. */
async function coveringCheckpoint(
  context: CheckContext,
  id: number,
  member: Uint8Array,
  head: HeadRecord | undefined,
): Promise<SignedCheckpoint | undefined> {
  if (head === undefined || head.covered === undefined || head.size === 0) return undefined
  let checkpoint: SignedCheckpoint
  if (head.covered === 'by-block') {
    const value = await context.kv.get(blockKey(id, head.size - 1))
    try {
      const signature = value === undefined ? undefined : decodeHeld(value, member, head.size - 1).signature
      if (signature === undefined) return undefined
      checkpoint = { member, size: head.size, root: head.root.slice(), signature: signature.slice() }
    } catch {
      return undefined
    }
  } else {
    const { size, root, signature } = head.covered
    checkpoint = { member, size, root: root.slice(), signature: signature.slice() }
  }
  return context.verifySigned(checkpoint) ? checkpoint : undefined
}

/** The chain's first `size` blocks, or as many as are whole, with its tiles made from them. */
async function rewrite(context: CheckContext, id: number, member: Uint8Array, size: number): Promise<ChainEntry> {
  const range = CompactRange.empty()
  let operations: KvOperation[] = []
  let edge: TileEdge = EMPTY_EDGE
  let state: ChainState = EMPTY_CHAIN
  scan: for await (const entries of context.kv.iterate({ gte: blockKey(id, 0), lt: blockKey(id, size) })) {
    for (const [key, value] of entries) {
      const height = state.size
      const block = heightOfBlockKey(key) === height ? readWhole(value, member, height) : undefined
      if (block === undefined || !equalBytes(block.header.previous, state.lastHash)) break scan
      edge = extendTiles(edge, id, range, [block.hash], operations)
      range.append(block.hash)
      const { sealedAt, registrarSize } = block.header
      state = { ...state, size: height + 1, lastHash: block.hash, sealedAt, registrarSize }
    }
    if (operations.length >= OPERATIONS_PER_WRITE) {
      await context.write(operations, false)
      operations = []
    }
  }
  if (operations.length > 0) await context.write(operations, false)
  return { ...emptyEntry(id, member), state: { ...state, range, root: range.root() }, edge }
}

function readWhole(value: Uint8Array, member: Uint8Array, height: number): HeldBlock | undefined {
  try {
    return checkStored(value, member, height)
  } catch {
    return undefined
  }
}
