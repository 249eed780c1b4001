import {
  bodyContent,
  decodeReadings,
  equalBytes,
  formatObis,
  isWattnessError,
  KIND_READINGS,
  leafHash,
  toHex,
  verifyInclusion,
  WattnessError,
} from '../../protocol/index.ts'
import { FrameLeaves, type HeldBlock, type KeptFrame, LruMap } from '../store/index.ts'
import type { LedgerView } from './status.ts'

/**
 * Which block of this node's own chain holds a frame, and whether it does: the frame's hash is a leaf under the frames root that
 * stands in the block's body.
 */

/** The own block that took a frame up. */
export interface FrameBlock {
  readonly height: number
  readonly hash: string
  readonly sealedAt: string
  /** A quorum of witnesses has signed a history that holds it. */
  readonly final: boolean
}

/** The frame's way to the root: leaf `index` of `count`, hashes of rule T4, all in hex. The leaf is SHA-256(00 ‖ frame). */
export interface FrameProof {
  readonly index: number
  readonly count: number
  readonly hashes: readonly string[]
  readonly root: string
}

/**
 * 'matches': the block holds exactly this frame. 'waits': no block has taken it up yet. 'differs': the block holds other frames
 * than this one. 'pruned': the block has lost its body, and the root with it. 'no-block': the block is damaged, or not held any
 * more. 'damaged': the frame's record is. 'unknown': nothing tells which block took it up.
 */
export type FrameState = 'matches' | 'waits' | 'differs' | 'pruned' | 'no-block' | 'damaged' | 'unknown'

export interface FrameVerdict {
  readonly state: FrameState
  readonly block: FrameBlock | null
  readonly proof: FrameProof | null
  /** Codes of what the block, or the reading that waits, says of that time; several meters may be read at one. */
  readonly registers: readonly string[]
}

/** Own blocks looked into, kept for the next frame: most are of the same. */
const KEPT_BLOCKS = 8
/** A frame without a note is looked for in so many blocks from the first that was sealed at its time or later. */
const SEARCHED_BLOCKS = 4
/** Rows of a block at most: where more frames than that are of its times, they are not all its. */
const MOST_FRAMES = 4_096

interface OpenBlock {
  readonly block: FrameBlock
  readonly isPruned: boolean
  readonly framesRoot: Uint8Array | undefined
  /** Codes by time. */
  readonly registers: ReadonlyMap<number, readonly string[]>
  /** Looked for once; undefined where they do not make the root. */
  searched?: Promise<Searched | undefined>
}

/** Frames without notes that make the root of a block. */
interface Searched {
  readonly leaves: FrameLeaves
  readonly places: ReadonlyMap<string, number>
}

export class FrameBlocks {
  readonly #view: Pick<LedgerView, 'key' | 'store'>
  readonly #opened = new LruMap<number, OpenBlock>(KEPT_BLOCKS)

  constructor(view: Pick<LedgerView, 'key' | 'store'>) {
    this.#view = view
  }

  async judge(kept: KeptFrame): Promise<FrameVerdict> {
    const { note, waiting, timeMs, frame } = kept
    if (waiting !== undefined && note === undefined) {
      const values = 'reading' in waiting ? waiting.reading.values : []
      const registers = values.map(({ register }) => formatObis(register.obis))
      return { state: frame === undefined ? 'damaged' : 'waits', block: null, proof: null, registers }
    }
    if (note === undefined) return this.#searched(kept)
    const open = await this.#openIfWhole(note.height)
    const { block = null } = open ?? {}
    const registers = open?.registers.get(timeMs) ?? []
    const verdict = { block, proof: null, registers }
    if (frame === undefined) return { ...verdict, state: 'damaged' }
    if (open === undefined) return { ...verdict, state: 'no-block' }
    if (open.isPruned) return { ...verdict, state: 'pruned' }
    const { index, count, proof } = note
    const root = open.framesRoot
    if (root === undefined || !verifyInclusion(leafHash(frame), index, count, proof, root))
      return { ...verdict, state: 'differs' }
    return { ...verdict, state: 'matches', proof: proofOf(index, count, proof, root) }
  }

  /** Times of the readings of one own block, from the first up to and with the last. Throws BLOCK_UNKNOWN, STORE_DAMAGED. */
  async timesOf(height: number): Promise<{ readonly fromMs: number; readonly toMs: number }> {
    const open = await this.#open(height)
    if (open === undefined) {
      const size = this.#view.store.head(this.#view.key)?.size ?? 0
      throw new WattnessError('BLOCK_UNKNOWN', `height ${height}: this node's own chain has ${size} blocks`, { height, size })
    }
    // What it said is gone: any frame may be one of its.
    if (open.isPruned) return { fromMs: 0, toMs: Number.POSITIVE_INFINITY }
    let [fromMs, toMs] = [Number.POSITIVE_INFINITY, -1]
    for (const time of open.registers.keys()) [fromMs, toMs] = [Math.min(fromMs, time), Math.max(toMs, time)]
    return { fromMs: Math.min(fromMs, toMs + 1), toMs: toMs + 1 }
  }

  /** One damaged block must not hide the frames of the others. */
  async #openIfWhole(height: number): Promise<OpenBlock | undefined> {
    try {
      return await this.#open(height)
    } catch (error) {
      if (isWattnessError(error, 'STORE_DAMAGED')) return undefined
      throw error
    }
  }

  async #open(height: number): Promise<OpenBlock | undefined> {
    const before = this.#opened.get(height)
    if (before !== undefined) return before
    const { key, store } = this.#view
    const [held] = await store.readHeld(key, height, 1)
    if (held === undefined) return undefined
    const opened = openBlock(held, store.witness.final(key)?.size ?? 0)
    this.#opened.set(height, opened)
    return opened
  }

  /** Of frames that were sealed before there were notes, or whose block came back from a neighbour. */
  async #searched({ timeMs, id, frame }: KeptFrame): Promise<FrameVerdict> {
    const { key, store } = this.#view
    const unknown: FrameVerdict = { state: frame === undefined ? 'damaged' : 'unknown', block: null, proof: null, registers: [] }
    const first = frame === undefined ? 0 : await store.findByTime(key, timeMs)
    for (let height = first; frame !== undefined && height < first + SEARCHED_BLOCKS; height++) {
      const open = await this.#openIfWhole(height)
      const root = open?.framesRoot
      if (open === undefined || root === undefined || !open.registers.has(timeMs)) continue
      open.searched ??= this.#leavesOf(open, root)
      const searched = await open.searched
      const index = searched?.places.get(`${timeMs}/${id}`)
      if (searched === undefined || index === undefined) continue
      const { block, registers } = open
      const { leaves } = searched
      const proof = proofOf(index, leaves.size, await leaves.proof(index), root)
      return { state: 'matches', block, proof, registers: registers.get(timeMs) ?? [] }
    }
    return unknown
  }

  /** All frames of the times of a block, in the order they were taken: where they make its root they are what it holds. */
  async #leavesOf({ registers }: OpenBlock, root: Uint8Array): Promise<Searched | undefined> {
    const times = Array.from(registers.keys())
    const found: { readonly name: string; readonly id: number; readonly leaf: Uint8Array }[] = []
    const toMs = times.reduce((most, time) => Math.max(most, time), 0) + 1
    const fromMs = times.reduce((least, time) => Math.min(least, time), toMs)
    for await (const { timeMs, id, frame, note, waiting } of this.#view.store.frames.list(fromMs, toMs)) {
      if (frame === undefined || note !== undefined || waiting !== undefined || !registers.has(timeMs)) continue
      if (found.length === MOST_FRAMES) return undefined
      found.push({ name: `${timeMs}/${id}`, id, leaf: leafHash(frame) })
    }
    const leaves = new FrameLeaves()
    const places = new Map<string, number>()
    for (const { name, leaf } of found.toSorted((one, other) => one.id - other.id)) {
      places.set(name, leaves.size)
      leaves.add(leaf)
    }
    return leaves.root !== undefined && equalBytes(leaves.root, root) ? { leaves, places } : undefined
  }
}

function openBlock({ header, body, hash }: HeldBlock, finalSize: number): OpenBlock {
  const { height, sealedAt, kind } = header
  const block = {
    height,
    hash: toHex(hash),
    sealedAt: new Date(sealedAt).toISOString(),
    final: height < finalSize,
  }
  const registers = new Map<number, string[]>()
  const isOfReadings = kind === KIND_READINGS
  if (body === undefined || !isOfReadings) return { block, isPruned: isOfReadings, framesRoot: undefined, registers }
  const { readings, framesRoot } = decodeReadings(bodyContent(body))
  for (const { time, values } of readings) {
    const codes = registers.get(time) ?? []
    registers.set(time, codes)
    for (const { register } of values) {
      const code = formatObis(register.obis)
      if (!codes.includes(code)) codes.push(code)
    }
  }
  return { block, isPruned: false, framesRoot, registers }
}

function proofOf(index: number, count: number, hashes: readonly Uint8Array[], root: Uint8Array): FrameProof {
  return { index, count, hashes: hashes.map(toHex), root: toHex(root) }
}
