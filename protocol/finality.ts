import type { Attestation } from './attestation.ts'
import type { LeafStanding } from './attestation-leaves.ts'
import { equalBytes } from './bytes.ts'
import type { Epoch, Epochs } from './epochs.ts'
import type { Leaf } from './frames.ts'

/** One leaf that a witness of an epoch has attested (rule W10). */
export interface Vote {
  readonly epoch: number
  /** Member index of the witness. */
  readonly witness: number
  /** Member index of the chain. */
  readonly member: number
  readonly size: number
  readonly root: Uint8Array
}

/**
 * The leaves of an attestation (rule W10), a closing one's too. `leaves`: in member order, recomputed from own chains (rule A6)
 * or supplied (rule A7). None where its witness is not in the set of its epoch.
 */
export function votesOf(epochs: Epochs, witness: number, { epoch }: Pick<Attestation, 'epoch'>, leaves: readonly Leaf[]): Vote[] {
  if (epochs.get(epoch)?.witnesses.includes(witness) !== true) return []
  return leaves.map(({ size, root }, member) => ({ epoch, witness, member, size, root }))
}

/** A (size, root) of one chain that a quorum of one epoch has attested, and with it everything below (rule W12). */
export interface Final extends Leaf {
  readonly epoch: number
}

/**
 * Leaves kept of one witness, epoch and chain on the branch held here, off it, and beyond it, each: the largest, and those shown
 * last. A smaller one may lie on another branch too; what is pushed out comes in again when it is shown again.
 */
export const MAX_KEPT_LEAVES = 4

/** What the witnesses of one epoch have attested of one chain. */
interface Tally {
  /** Leaves above what is final, on the branch held here and of the epoch, as `keepOwn` keeps them. */
  readonly own: OwnLeaf[]
  /** By witness: leaves of other branches, as `keepLeaf` keeps them. */
  other: Map<number, Leaf[]>
  /** By witness: leaves larger than the chain as held, in the same way. */
  ahead: Map<number, Leaf[]>
}

/** Most witnesses attest the same few leaves of a chain: each leaf is kept once. */
interface OwnLeaf extends Leaf {
  /** Member indices, each once, and when it was shown by it last. */
  readonly witnesses: number[]
  readonly shown: number[]
}

/** Nearly no chain has any. Nothing is ever put into it. */
const NONE = new Map<number, Leaf[]>()

/**
 * What is final (rules W10–W15): a union of all leaves ever shown, so that the order in which attestations come decides
 * nothing. It neither reads chains nor compares roots: each leaf is put in by where it stands to the chain as held (rule A8).
 */
export class Finality {
  #epochs: Epochs
  /** By member index, then epoch. */
  readonly #tallies: Map<number, Tally>[] = []
  /** By member index. */
  readonly #finals: (Final | undefined)[] = []
  /** Their sizes, 0 for none: nearly every vote is held against one of these first. */
  readonly #floors: number[] = []
  /** Counts what is shown, to know which leaves were shown last. */
  #showings = 0
  /** Number of the latest epoch whose beginning counts (rule W4). */
  #begun: number
  /** Up to this epoch the votes that came before it had begun are counted. */
  #taken: number

  constructor(epochs: Epochs) {
    this.#epochs = epochs
    this.#begun = this.#latestBegun()
    this.#taken = this.#begun
  }

  /** More of the registrar's chain is held, or another branch of what was not final of it. */
  setEpochs(epochs: Epochs): void {
    if (epochs === this.#epochs) return
    this.#epochs = epochs
    this.#begun = this.#latestBegun()
  }

  /**
   * What was final before a restart, or has turned out to be with another branch at hand (rule W14), and is held now. Never
   * less than it was. Answers as `note` does.
   */
  restore(member: number, final: Final): Final | undefined {
    return this.#advance(member, final) ? this.#begin(member, final) : undefined
  }

  final(member: number): Final | undefined {
    return this.#finals[member]
  }

  /** How much of the chain is final; a leaf that goes no further brings nothing. */
  finalSize(member: number): number {
    return this.#floors[member] ?? 0
  }

  /**
   * Rule W10. `leafEpoch`: of the registrar size that block size − 1 names, asked for only where the leaf is on the own
   * branch. Answers with what is final now where this has moved it.
   */
  note(vote: Vote, standing: LeafStanding, leafEpoch: (member: number, size: number) => number): Final | undefined {
    if (vote.size === 0 || !this.#isWitness(vote.epoch, vote.witness)) return undefined
    const { size, root, witness } = vote
    if (standing === 'own') return this.#count(vote, leafEpoch)
    const tally = this.#tally(vote)
    if (tally[standing] === NONE) tally[standing] = new Map()
    keepLeaf(tally[standing], witness, { size, root })
    return undefined
  }

  /**
   * Rule W10: votes that came before their epoch had begun count once it has. By member, what is final by those of the epochs
   * that have begun since this was asked last.
   */
  takeBegun(): ReadonlyMap<number, Final> {
    const moved = new Map<number, Final>()
    if (this.#taken === this.#begun) return moved
    this.#tallies.forEach((tallies, member) => {
      for (const epoch of tallies.keys()) {
        const final = epoch > this.#taken ? this.#recount(member, epoch) : undefined
        if (final !== undefined) moved.set(member, final)
      }
    })
    this.#taken = this.#begun
    return moved
  }

  /** Leaves that the chain as held has reached: to be placed and put in again. */
  takeReached(member: number, size: number): Vote[] {
    const reached: Vote[] = []
    for (const [epoch, { ahead }] of this.#tallies[member] ?? []) {
      for (const [witness, leaves] of ahead) {
        const left = leaves.filter((leaf) => leaf.size > size)
        if (left.length === leaves.length) continue
        if (left.length === 0) ahead.delete(witness)
        else ahead.set(witness, left)
        for (const leaf of leaves) if (leaf.size <= size) reached.push({ epoch, witness, member, ...leaf })
      }
    }
    return reached
  }

  /** Leaves larger than the chain as held, largest first: how far it must be fetched. */
  ahead(member: number): Vote[] {
    const votes: Vote[] = []
    for (const [epoch, { ahead }] of this.#tallies[member] ?? []) {
      for (const [witness, leaves] of ahead) for (const leaf of leaves) votes.push({ epoch, witness, member, ...leaf })
    }
    return votes.sort((a, b) => b.size - a.size)
  }

  /**
   * The blocks held of this chain from `from` on were replaced by another branch's: everything that was placed by them is
   * answered, to be placed anew. What is final stays.
   */
  replaced(member: number, from: number): Vote[] {
    const votes: Vote[] = []
    for (const [epoch, { own, other }] of this.#tallies[member] ?? []) {
      const gone = own.filter(({ size }) => size > from)
      for (const { leaf, size, witness } of byShowing(gone)) votes.push({ epoch, witness, member, size, root: leaf.root })
      retain(own, ({ size }) => size <= from)
      for (const [witness, leaves] of other) {
        for (const { size, root } of leaves) votes.push({ epoch, witness, member, size, root })
      }
      other.clear()
    }
    return votes
  }

  /**
   * Rule W14: leaves off the branch held here or beyond it that are needed to see what is final, largest first: a quorum of one
   * epoch has leaves above what is final here, and these are among them. Where they lie tells which of them make one branch.
   */
  candidates(member: number): Final[] {
    const found: Final[] = []
    const floor = this.finalSize(member)
    for (const [epoch, { own, other, ahead }] of this.#tallies[member] ?? []) {
      // Nearly always: all that is known of the chain lies on the branch held here.
      if ((other.size === 0 && ahead.size === 0) || epoch > this.#begun) continue
      const { quorum, witnesses } = this.#epochs.get(epoch) as Epoch
      let support = 0
      const unplaced: Leaf[] = []
      for (const witness of witnesses) {
        const off = [...(other.get(witness) ?? []), ...(ahead.get(witness) ?? [])].filter(({ size }) => size > floor)
        if (off.length > 0 || own.some(({ witnesses: ofLeaf }) => ofLeaf.includes(witness))) support++
        unplaced.push(...off)
      }
      if (quorum === undefined || support < quorum) continue
      for (const leaf of unplaced) if (!found.some((each) => isSameLeaf(each, leaf))) found.push({ ...leaf, epoch })
    }
    return found.sort((a, b) => b.size - a.size)
  }

  /**
   * Rule W14: what is final on another branch, of which `on` says whether a leaf lies on it and `leafEpoch` what its last
   * block names: of the registrar's chain, by the epochs of that branch. Undefined where that is not above what is final here.
   */
  finalOn(member: number, on: (leaf: Leaf) => boolean, leafEpoch: (member: number, size: number) => number): Final | undefined {
    let best: Final | undefined
    for (const [epoch, { own, other, ahead }] of this.#begunTallies(member)) {
      const largest = new Map<number, Leaf>()
      const consider = (witness: number, leaf: Leaf): void => {
        if (leaf.size <= (largest.get(witness)?.size ?? 0) || !on(leaf) || leafEpoch(member, leaf.size) !== epoch) return
        largest.set(witness, leaf)
      }
      for (const { witnesses, ...leaf } of own) for (const witness of witnesses) consider(witness, leaf)
      for (const kept of [other, ahead]) for (const [witness, leaves] of kept) for (const leaf of leaves) consider(witness, leaf)
      const final = this.#quorumLeaf(epoch, largest)
      if (final !== undefined && final.size > (best?.size ?? this.finalSize(member))) best = final
    }
    return best
  }

  #isWitness(epoch: number, witness: number): boolean {
    return this.#epochs.get(epoch)?.witnesses.includes(witness) === true
  }

  #latestBegun(): number {
    return this.#epochs.at(this.#epochs.counted(this.#epochs.size, this.finalSize(0))).number
  }

  /** Epochs that have begun stand on what is final, the same on every branch. */
  #begunTallies(member: number): [number, Tally][] {
    return [...(this.#tallies[member] ?? [])].filter(([epoch]) => epoch <= this.#begun)
  }

  #tally({ member, epoch }: Vote): Tally {
    // Without a hole: all chains up to this one.
    while (this.#tallies.length <= member) this.#tallies.push(new Map())
    const epochs = this.#tallies[member] as Map<number, Tally>
    let tally = epochs.get(epoch)
    if (tally === undefined) {
      tally = { own: [], other: NONE, ahead: NONE }
      epochs.set(epoch, tally)
    }
    return tally
  }

  #count(vote: Vote, leafEpoch: (member: number, size: number) => number): Final | undefined {
    const { member, size, epoch } = vote
    if (size <= this.finalSize(member) || leafEpoch(member, size) !== epoch) return undefined
    const { own } = this.#tally(vote)
    keepOwn(own, vote, this.#showings++)
    const final = this.#recount(member, epoch)
    return final && this.#begin(member, final)
  }

  /** The registrar's chain: the next epoch may have begun by what is final now, and the votes of its witnesses count. */
  #begin(member: number, final: Final): Final {
    let last = final
    if (member === 0) for (let epoch = final.epoch + 1; epoch <= this.#begun; epoch++) last = this.#recount(0, epoch) ?? last
    return last
  }

  #recount(member: number, epoch: number): Final | undefined {
    const own = this.#tallies[member]?.get(epoch)?.own
    // Rule W10: before its witnesses are final, anybody can have named them.
    if (own === undefined || epoch > this.#begun) return undefined
    const final = this.#quorumLeafOn(epoch, own)
    return final !== undefined && this.#advance(member, final) ? final : undefined
  }

  /** Rule W12, on the held branch: the largest leaf at or above which a quorum stands. */
  #quorumLeafOn(epoch: number, own: readonly OwnLeaf[]): Final | undefined {
    const { quorum, witnesses } = this.#epochs.get(epoch) ?? {}
    if (quorum === undefined || witnesses === undefined) return undefined
    // Most leaves come before a quorum's: nothing is sorted for them.
    let words = 0
    for (const leaf of own) words += leaf.witnesses.length
    if (words < quorum) return undefined
    const standing: number[] = []
    for (const leaf of own.length === 1 ? own : own.toSorted((a, b) => b.size - a.size)) {
      for (const each of leaf.witnesses) if (witnesses.includes(each) && !standing.includes(each)) standing.push(each)
      if (standing.length >= quorum) return { size: leaf.size, root: leaf.root, epoch }
    }
    return undefined
  }

  /** Rule W12: the quorum-th largest. */
  #quorumLeaf(epoch: number, leaves: ReadonlyMap<number, Leaf>): Final | undefined {
    const quorum = this.#epochs.get(epoch)?.quorum
    if (quorum === undefined) return undefined
    const counting: Leaf[] = []
    for (const [witness, leaf] of leaves) if (this.#isWitness(epoch, witness)) counting.push(leaf)
    const leaf = counting.sort((a, b) => b.size - a.size)[quorum - 1]
    return leaf && { size: leaf.size, root: leaf.root, epoch }
  }

  /** Rule W13: it never goes back. */
  #advance(member: number, final: Final): boolean {
    if (this.finalSize(member) >= final.size) return false
    while (this.#finals.length <= member) {
      this.#finals.push(undefined)
      this.#floors.push(0)
    }
    this.#finals[member] = final
    this.#floors[member] = final.size
    // Of no branch can a leaf that goes no further make more final.
    for (const { own } of this.#tallies[member]?.values() ?? []) retain(own, ({ size }) => size > final.size)
    if (member === 0) this.#begun = this.#latestBegun()
    return true
  }
}

function isSameLeaf(a: Leaf, b: Leaf): boolean {
  return a.size === b.size && equalBytes(a.root, b.root)
}

function largestOf<T extends { readonly size: number }>(leaves: readonly T[]): T {
  return leaves.reduce((best, leaf) => (leaf.size > best.size ? leaf : best))
}

/** Of each witness the largest leaf, and of the others those that were shown last, in that order. */
function keepLeaf(kept: Map<number, Leaf[]>, witness: number, shown: Leaf): void {
  const leaves = kept.get(witness)
  if (leaves === undefined) {
    kept.set(witness, [shown])
    return
  }
  // The usual one is larger than all, and so none of them.
  if (leaves.some(({ size }) => size >= shown.size)) {
    const known = leaves.findIndex((leaf) => isSameLeaf(leaf, shown))
    if (known >= 0) leaves.splice(known, 1)
    leaves.push(shown)
    if (leaves.length > MAX_KEPT_LEAVES) leaves.splice(leaves[0] === largestOf(leaves) ? 1 : 0, 1)
    return
  }
  if (leaves.length >= MAX_KEPT_LEAVES) leaves.shift()
  leaves.push(shown)
}

/** The same of leaves on the held branch. */
function keepOwn(own: OwnLeaf[], { witness, size, root }: Vote, showing: number): void {
  let leaf = own.findLast((each) => each.size === size && equalBytes(each.root, root))
  if (leaf === undefined) {
    leaf = { size, root, witnesses: [], shown: [] }
    own.push(leaf)
  }
  const at = leaf.witnesses.indexOf(witness)
  if (at >= 0) leaf.shown[at] = showing
  else {
    leaf.witnesses.push(witness)
    leaf.shown.push(showing)
  }
  // With no more leaves than that none of them can have more.
  if (own.length <= MAX_KEPT_LEAVES) return
  const ofWitness = byShowing(own.filter(({ witnesses }) => witnesses.includes(witness))).filter(
    (each) => each.witness === witness,
  )
  if (ofWitness.length <= MAX_KEPT_LEAVES) return
  const most = largestOf(ofWitness)
  const { leaf: oldest } = ofWitness.find((each) => each !== most) as OwnShowing
  const place = oldest.witnesses.indexOf(witness)
  oldest.witnesses.splice(place, 1)
  oldest.shown.splice(place, 1)
  if (oldest.witnesses.length === 0) own.splice(own.indexOf(oldest), 1)
}

interface OwnShowing {
  readonly leaf: OwnLeaf
  readonly size: number
  readonly witness: number
  readonly shown: number
}

/** Each witness's word for each of the leaves, those shown last behind. */
function byShowing(leaves: readonly OwnLeaf[]): OwnShowing[] {
  const showings = leaves.flatMap((leaf) =>
    leaf.witnesses.map((witness, i) => ({ leaf, size: leaf.size, witness, shown: leaf.shown[i] as number })),
  )
  return showings.sort((a, b) => a.shown - b.shown)
}

/** Leaves in the list what is to stay, in its place. */
function retain<T>(list: T[], stays: (each: T) => boolean): void {
  let kept = 0
  for (const each of list) if (stays(each)) list[kept++] = each
  list.length = kept
}
