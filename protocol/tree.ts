import { concat, equalBytes } from './bytes.ts'
import { WattnessError } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './hash.ts'
import { MAX_PROOF_HASHES } from './limits.ts'

/**
 * The Merkle tree of RFC 6962 section 2.1 with the verification algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
 * Rules T1–T9 of the specification. Sizes and indices are integers up to 2^53 − 1, so they are halved with arithmetic:
 * the bit operators of the language would cut them to 32 bits.
 */

/** Called with every perfect subtree that an append completes: it covers leaves [index·2^level, (index+1)·2^level). */
export type NodeSink = (level: number, index: number, hash: Uint8Array) => void

/** Gives the hash of the perfect subtree over leaves [index·2^level, (index+1)·2^level); throws when it has none. */
export type NodeReader = (level: number, index: number) => Uint8Array | Promise<Uint8Array>

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const half = (value: number): number => (value - (value % 2)) / 2

function assertCount(value: number, what: string): void {
  if (!isCount(value)) throw new WattnessError('OUT_OF_RANGE', `${what}: expected 0 to 2^53-1, found ${value}`, { what, value })
}

/** How many perfect subtrees make up a tree of `size` leaves: the ones in its binary form (rule T3). */
export function edgeLength(size: number): number {
  let count = 0
  for (let rest = size; rest > 0; rest = half(rest)) count += rest % 2
  return count
}

/**
 * All of a growing tree that is needed to extend it and to know its root: the roots of its perfect subtrees, the right
 * edge (rule T3). Hashes are shared between clones and with callers: nobody writes into them.
 */
export class CompactRange {
  #size: number
  #hashes: Uint8Array[]

  private constructor(size: number, hashes: Uint8Array[]) {
    this.#size = size
    this.#hashes = hashes
  }

  static empty(): CompactRange {
    return new CompactRange(0, [])
  }

  /** Throws WRONG_TREE_EDGE when `hashes` are not as many as `size` needs, each 32 bytes. */
  static from(size: number, hashes: readonly Uint8Array[]): CompactRange {
    assertCount(size, 'tree size')
    const expected = edgeLength(size)
    if (hashes.length !== expected || hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw new WattnessError(
        'WRONG_TREE_EDGE',
        `tree of ${size} leaves: expected ${expected} hashes of ${HASH_BYTES} bytes, found ${hashes.length}`,
        { size, expected, found: hashes.length },
      )
    }
    return new CompactRange(size, hashes.slice())
  }

  /** Reads what `encode` wrote; the bytes are copied. Throws WRONG_TREE_EDGE for any other length. */
  static decode(size: number, bytes: Uint8Array): CompactRange {
    const hashes: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(new Uint8Array(bytes.subarray(at, at + HASH_BYTES)))
    return CompactRange.from(size, hashes)
  }

  get size(): number {
    return this.#size
  }

  /** Largest subtree first. A live view: the next append changes it. */
  get hashes(): readonly Uint8Array[] {
    return this.#hashes
  }

  append(leafHash: Uint8Array, onNode?: NodeSink): void {
    let hash = leafHash
    let index = this.#size
    let level = 0
    onNode?.(0, index, hash)
    while (index % 2 === 1) {
      hash = nodeHash(this.#hashes.pop() as Uint8Array, hash)
      index = (index - 1) / 2
      level++
      onNode?.(level, index, hash)
    }
    this.#hashes.push(hash)
    this.#size++
  }

  appendAll(leafHashes: Iterable<Uint8Array>, onNode?: NodeSink): void {
    for (const leafHash of leafHashes) this.append(leafHash, onNode)
    // Ranges are kept for years, one of each chain: without the spare room that an array has from growing.
    this.#hashes = this.#hashes.slice()
  }

  root(): Uint8Array {
    return foldEdge(this.#hashes)
  }

  clone(): CompactRange {
    return new CompactRange(this.#size, this.#hashes.slice())
  }

  /** The hashes alone, largest subtree first; the size is kept beside them. */
  encode(): Uint8Array {
    return concat(...this.#hashes)
  }
}

function foldEdge(hashes: readonly Uint8Array[]): Uint8Array {
  let root = hashes[hashes.length - 1] ?? EMPTY_ROOT
  for (let i = hashes.length - 2; i >= 0; i--) root = nodeHash(hashes[i] as Uint8Array, root)
  return root
}

/** Root of the tree with these leaf hashes (rule T2). */
export function rootOf(leafHashes: Iterable<Uint8Array>): Uint8Array {
  const range = CompactRange.empty()
  range.appendAll(leafHashes)
  return range.root()
}

/** Leaves [begin, end) where `begin` is a multiple of the largest power of two not above end − begin. */
type Span = readonly [begin: number, end: number]

/** The largest power of two below `count`, for count ≥ 2: where RFC 6962 splits a tree. */
function splitPoint(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

/** The perfect subtrees that make up a span, largest first. */
async function spanEdge(read: NodeReader, [begin, end]: Span): Promise<Uint8Array[]> {
  const hashes: Uint8Array[] = []
  let at = begin
  while (at < end) {
    let width = 1
    let level = 0
    while (width * 2 <= end - at) {
      width *= 2
      level++
    }
    hashes.push(await read(level, at / width))
    at += width
  }
  return hashes
}

async function spanRoot(read: NodeReader, span: Span): Promise<Uint8Array> {
  return foldEdge(await spanEdge(read, span))
}

async function spanRoots(read: NodeReader, spans: readonly Span[]): Promise<Uint8Array[]> {
  const roots: Uint8Array[] = []
  for (const span of spans) roots.push(await spanRoot(read, span))
  return roots
}

/** Root of the first `size` leaves (rule T2). */
export async function rootAt(read: NodeReader, size: number): Promise<Uint8Array> {
  assertCount(size, 'tree size')
  return spanRoot(read, [0, size])
}

/** The right edge of the first `size` leaves, to go on from there (rule T3). */
export async function rangeAt(read: NodeReader, size: number): Promise<CompactRange> {
  assertCount(size, 'tree size')
  return CompactRange.from(size, await spanEdge(read, [0, size]))
}

/** Rule T4: PATH(index, D[size]) of RFC 6962 section 2.1.1, nearest the leaf first. Throws OUT_OF_RANGE. */
export async function inclusionProof(read: NodeReader, index: number, size: number): Promise<Uint8Array[]> {
  assertCount(size, 'tree size')
  if (!isCount(index) || index >= size) {
    throw new WattnessError('OUT_OF_RANGE', `inclusion proof: expected an index below ${size}, found ${index}`, { index, size })
  }
  const siblings: Span[] = []
  let begin = 0
  let end = size
  while (end - begin > 1) {
    const middle = begin + splitPoint(end - begin)
    if (index < middle) {
      siblings.push([middle, end])
      end = middle
    } else {
      siblings.push([begin, middle])
      begin = middle
    }
  }
  return spanRoots(read, siblings.reverse())
}

/**
 * Rule T6: PROOF(size1, D[size2]) of RFC 6962 section 2.1.2. Empty for equal sizes and for size1 = 0. Throws OUT_OF_RANGE
 * unless size1 ≤ size2.
 */
export async function consistencyProof(read: NodeReader, size1: number, size2: number): Promise<Uint8Array[]> {
  assertCount(size2, 'tree size')
  if (!isCount(size1) || size1 > size2) {
    throw new WattnessError('OUT_OF_RANGE', `consistency proof: expected a size up to ${size2}, found ${size1}`, { size1, size2 })
  }
  if (size1 === 0 || size1 === size2) return []
  const parts: Span[] = []
  let begin = 0
  let end = size2
  while (end !== size1) {
    const middle = begin + splitPoint(end - begin)
    if (size1 <= middle) {
      parts.push([middle, end])
      end = middle
    } else {
      parts.push([begin, middle])
      begin = middle
    }
  }
  // The subtree that ends at size1 is the whole old tree when nothing was split off to its left: its root is known then.
  if (begin > 0) parts.push([begin, end])
  return spanRoots(read, parts.reverse())
}

function isProof(proof: readonly Uint8Array[]): boolean {
  return proof.length <= MAX_PROOF_HASHES && proof.every((hash) => hash.length === HASH_BYTES)
}

/** Rule T5 (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(
  leafHash: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !isProof(proof)) return false
  if (leafHash.length !== HASH_BYTES || root.length !== HASH_BYTES) return false
  let node = index
  let last = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      while (node % 2 === 0 && node !== 0) {
        node /= 2
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && equalBytes(hash, root)
}

/** Rule T7 (RFC 9162 section 2.1.4.2). A tree without leaves has EMPTY_ROOT and an empty proof to every size. */
export function verifyConsistency(
  size1: number,
  root1: Uint8Array,
  size2: number,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(size1) || !isCount(size2) || size1 > size2 || !isProof(proof)) return false
  if (root1.length !== HASH_BYTES || root2.length !== HASH_BYTES) return false
  if (size1 === 0 && !equalBytes(root1, EMPTY_ROOT)) return false
  if (size1 === size2) return proof.length === 0 && equalBytes(root1, root2)
  if (size1 === 0) return proof.length === 0

  let node = size1 - 1
  let last = size2 - 1
  while (node % 2 === 1) {
    node = half(node)
    last = half(last)
  }
  // A perfect old tree is a node of the new one: its root is where the proof starts from and is not repeated in it.
  const start = node === 0 ? root1 : proof[0]
  if (start === undefined) return false
  let hash1 = start
  let hash2 = start
  for (let i = node === 0 ? 0 : 1; i < proof.length; i++) {
    const sibling = proof[i] as Uint8Array
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash1 = nodeHash(sibling, hash1)
      hash2 = nodeHash(sibling, hash2)
      while (node % 2 === 0 && node !== 0) {
        node /= 2
        last = half(last)
      }
    } else {
      hash2 = nodeHash(hash2, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && equalBytes(hash1, root1) && equalBytes(hash2, root2)
}
