import { Writer } from './bytes.ts'
import { KEY_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES, leafHash, leafHashInto, pairHashInto } from './hash.ts'
import { MAX_MEMBERS } from './limits.ts'

/**
 * The heads root: one hash over the state of every chain of a neighbourhood (rules H1–H4). It is the RFC 6962 tree over one
 * leaf per member, in the order of member indices.
 */
export interface HeadLeaf {
  /** The member's key, 32 bytes. */
  readonly member: Uint8Array
  /** Blocks of its chain. */
  readonly size: number
  /** Root over them; EMPTY_ROOT where size is 0. */
  readonly root: Uint8Array
}

/** Rule H2: the leaf of a member that has sealed nothing yet. */
export function emptyHeadLeaf(member: Uint8Array): HeadLeaf {
  return { member, size: 0, root: EMPTY_ROOT }
}

function assertLeaf({ member, size, root }: HeadLeaf): void {
  if (member.length !== KEY_BYTES || root.length !== HASH_BYTES) {
    throw new WattnessError(
      'OUT_OF_RANGE',
      `heads leaf: expected key and root of 32 bytes, found ${member.length} and ${root.length}`,
    )
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new WattnessError('OUT_OF_RANGE', `heads leaf: expected a size of 0 or more, found ${size}`, { size })
  }
}

/** Rule H1: key ‖ varint size ‖ root. Throws OUT_OF_RANGE. */
export function headLeafEntry(leaf: HeadLeaf): Uint8Array {
  return writeEntry(leaf).finish()
}

export function headLeafHash(leaf: HeadLeaf): Uint8Array {
  return leafHash(writeEntry(leaf).view())
}

/** An attestation makes dozens of entries that are hashed and gone. */
const workbench = new Writer(KEY_BYTES + 8 + HASH_BYTES)

function writeEntry(leaf: HeadLeaf): Writer {
  assertLeaf(leaf)
  return workbench.clear().bytes(leaf.member).varint(leaf.size).bytes(leaf.root)
}

/** Rule H3: the root over the leaves of all members, in member order. Throws LIMIT_EXCEEDED above MAX_MEMBERS. */
export function headsRoot(leaves: readonly HeadLeaf[]): Uint8Array {
  return HeadsTree.from(leaves).root()
}

/** One leaf to put in place of another. */
export interface HeadChange {
  readonly index: number
  readonly leaf: HeadLeaf
}

/** One level of the tree: hashes one behind the other. As objects of their own they would take eight times the room. */
class HashRow {
  #bytes: Uint8Array
  #length: number

  constructor(bytes = new Uint8Array(0), length = 0) {
    this.#bytes = bytes
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  /** A copy. */
  at(index: number): Uint8Array | undefined {
    return index < this.#length ? this.#bytes.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES) : undefined
  }

  /** Room for the hash at `index`. */
  #makeRoom(index: number): void {
    const end = (index + 1) * HASH_BYTES
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(end, this.#bytes.length * 2), MAX_MEMBERS * HASH_BYTES))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#length = Math.max(this.#length, index + 1)
  }

  putLeaf(index: number, leaf: HeadLeaf): void {
    this.#makeRoom(index)
    leafHashInto(writeEntry(leaf).view(), this.#bytes, index * HASH_BYTES)
  }

  /** What stands above two neighbours in `below`; a last one without a sibling stands for its parent too. */
  putAbove(index: number, below: HashRow): void {
    this.#makeRoom(index)
    const from = index * 2 * HASH_BYTES
    const at = index * HASH_BYTES
    if (index * 2 + 1 < below.#length) pairHashInto(below.#bytes, from, this.#bytes, at)
    else this.#bytes.set(below.#bytes.subarray(from, from + HASH_BYTES), at)
  }

  cut(length: number): void {
    this.#length = Math.min(this.#length, length)
  }

  clone(): HashRow {
    return new HashRow(this.#bytes.slice(0, this.#length * HASH_BYTES), this.#length)
  }
}

/**
 * The heads tree kept up to date: a leaf that changed costs, once something is asked, one hash and at most one more per
 * level, eight at 256 members; leaves that changed together share what stands above them. Level 0 holds the leaf hashes; a
 * last node without a sibling stands for its parent too, which gives the root of RFC 6962.
 */
export class HeadsTree {
  readonly #levels: HashRow[]
  /** Leaves to be hashed, by index: most change several times between two questions. */
  readonly #changed = new Map<number, HeadLeaf>()
  #size: number

  private constructor(levels: HashRow[]) {
    this.#levels = levels
    this.#size = this.#leafHashes().length
  }

  static empty(): HeadsTree {
    return new HeadsTree([new HashRow()])
  }

  static from(leaves: readonly HeadLeaf[]): HeadsTree {
    const tree = HeadsTree.empty()
    for (const [index, leaf] of leaves.entries()) tree.set(index, leaf)
    return tree
  }

  /** How many members. */
  get size(): number {
    return this.#size
  }

  #leafHashes(): HashRow {
    return this.#levels[0] as HashRow
  }

  /** Undefined for an index without a member. */
  leafHashAt(index: number): Uint8Array | undefined {
    this.#settle()
    return this.#leafHashes().at(index)
  }

  /** Replaces a member's leaf, or adds the next member's. Throws OUT_OF_RANGE beyond that, LIMIT_EXCEEDED at MAX_MEMBERS. */
  set(index: number, leaf: HeadLeaf): void {
    if (!Number.isInteger(index) || index < 0 || index > this.size) {
      throw new WattnessError('OUT_OF_RANGE', `heads tree: expected a member index of 0 to ${this.size}, found ${index}`, {
        index,
      })
    }
    if (index >= MAX_MEMBERS) {
      throw new WattnessError('LIMIT_EXCEEDED', `heads tree: at most ${MAX_MEMBERS} members`, { limit: MAX_MEMBERS })
    }
    assertLeaf(leaf)
    this.#changed.set(index, leaf)
    if (index === this.#size) this.#size++
  }

  /** Hashes what has changed, level by level. */
  #settle(): void {
    if (this.#changed.size === 0) return
    const leaves = this.#leafHashes()
    // Adding goes in order of index; a map keeps the order in which its keys came.
    for (const [index, leaf] of this.#changed) leaves.putLeaf(index, leaf)
    this.#climb([...this.#changed.keys()])
    this.#changed.clear()
  }

  /** Recomputes what stands above the leaves at `indices`. */
  #climb(indices: readonly number[]): void {
    let changed = [...indices].sort((a, b) => a - b)
    for (let level = 0; ; level++) {
      const below = this.#levels[level] as HashRow
      if (below.length <= 1) {
        this.#levels.length = level + 1
        return
      }
      const parents: number[] = []
      for (const index of changed) if (parents[parents.length - 1] !== index >> 1) parents.push(index >> 1)
      const above = (this.#levels[level + 1] ??= new HashRow())
      for (const at of parents) above.putAbove(at, below)
      above.cut((below.length + 1) >> 1)
      changed = parents
    }
  }

  root(): Uint8Array {
    this.#settle()
    return this.#levels.at(-1)?.at(0) ?? EMPTY_ROOT
  }

  clone(): HeadsTree {
    this.#settle()
    return new HeadsTree(this.#levels.map((level) => level.clone()))
  }

  /**
   * The root of the first `count` members' leaves with some of them replaced; this tree stays as it is. What a receiver of
   * an attestation needs: it pays for the members in which the witness's frontier differs from its own.
   */
  rootWith(changes: Iterable<HeadChange>, count: number = this.size): Uint8Array {
    return this.clone().become(changes, count)
  }

  /** The same, and the tree is from then on what the root is of. */
  become(changes: Iterable<HeadChange>, count: number = this.size): Uint8Array {
    for (const { index, leaf } of changes) this.set(index, leaf)
    this.#truncate(count)
    return this.root()
  }

  /**
   * Rules H3, T4: that a leaf is among those of the first `count` members; nearest the leaf first. Throws OUT_OF_RANGE for an
   * index not below `count`, and for a count above `size`.
   */
  inclusionProof(index: number, count: number = this.size): Uint8Array[] {
    const tree = count === this.size ? this : this.clone()
    tree.#truncate(count)
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new WattnessError('OUT_OF_RANGE', `heads tree: expected a member index below ${count}, found ${index}`, { index })
    }
    const proof: Uint8Array[] = []
    for (const [level, nodes] of tree.#levels.entries()) {
      const sibling = nodes.at((index >> level) ^ 1)
      if (sibling !== undefined) proof.push(sibling)
    }
    return proof
  }

  #truncate(count: number): void {
    this.#settle()
    const leaves = this.#leafHashes()
    if (!Number.isInteger(count) || count < 0 || count > leaves.length) {
      throw new WattnessError('OUT_OF_RANGE', `heads tree: expected 0 to ${leaves.length} members, found ${count}`, { count })
    }
    if (count === leaves.length) return
    leaves.cut(count)
    this.#size = count
    this.#climb([Math.max(count - 1, 0)])
  }
}
