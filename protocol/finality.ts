import type { Attestation } from './attestation.ts'
import type { LeafStanding } from './attestation-leaves.ts'
import { equalBytes } from './bytes.ts'
import type { Epochs } from './epochs.ts'
import type { Leaf } from './frames.ts'
import { isClosing } from './witness.ts'

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
 * The leaves of an attestation that count (rules W7 and W10): all of them, and of a closing one the registrar's alone. `leaves`:
 * in member order, recomputed from own chains (rule A6) or supplied (rule A7).
 */
export function votesOf(
  epochs: Epochs,
  witness: number,
  attestation: Pick<Attestation, 'epoch' | 'frontier'>,
  leaves: readonly Leaf[],
): Vote[] {
  const { epoch } = attestation
  const counting = isClosing(epochs, attestation) ? leaves.slice(0, 1) : leaves
  return counting.map(({ size, root }, member) => ({ epoch, witness, member, size, root }))
}

/** A (size, root) of one chain that a quorum of one epoch has attested, and with it everything below (rule W12). */
export interface Final extends Leaf {
  readonly epoch: number
}

/** Leaves kept of one witness, epoch and chain that are not on the branch held here: an honest one has one branch. */
export const MAX_OTHER_LEAVES = 4

/** What the witnesses of one epoch have attested of one chain. */
interface Tally {
  /** By witness: its largest leaf on the branch held here. */
  readonly own: Map<number, Leaf>
  /** By witness: leaves of other branches, the largest first. */
  readonly other: Map<number, Leaf[]>
}

/**
 * What is final (rules W10–W15): a union of all leaves ever shown, so that the order in which attestations come decides
 * nothing. It neither reads chains nor compares roots: each leaf is put in by where it stands to the chain as held (rule A8).
 */
export class Finality {
  #epochs: Epochs
  /** By member index, then epoch. */
  readonly #tallies = new Map<number, Map<number, Tally>>()
  readonly #ahead = new Map<number, Vote[]>()
  readonly #finals = new Map<number, Final>()

  constructor(epochs: Epochs) {
    this.#epochs = epochs
  }

  /** More of the registrar's chain is held, or another branch of what was not final of it. */
  setEpochs(epochs: Epochs): void {
    this.#epochs = epochs
  }

  /** What was final before a restart; never less than it was. */
  restore(member: number, final: Final): void {
    this.#advance(member, final)
  }

  final(member: number): Final | undefined {
    return this.#finals.get(member)
  }

  /**
   * Rule W10. `leafEpoch`: of the registrar size that block size − 1 names, asked for only where the leaf is on the own
   * branch. Answers with what is final now where this has moved it.
   */
  note(vote: Vote, standing: LeafStanding, leafEpoch: (member: number, size: number) => number): Final | undefined {
    if (vote.size === 0 || this.#epochs.get(vote.epoch)?.witnesses.includes(vote.witness) !== true) return undefined
    if (standing === 'ahead') this.#keepAhead(vote)
    else if (standing === 'other') keepLargest(this.#tally(vote).other, vote)
    // Rule W11.
    else if (leafEpoch(vote.member, vote.size) === vote.epoch) return this.#count(vote)
    return undefined
  }

  /** Leaves that the chain as held has reached: to be placed and put in again. */
  takeReached(member: number, size: number): Vote[] {
    const ahead = this.#ahead.get(member)
    if (ahead === undefined) return []
    const left = ahead.filter((vote) => vote.size > size)
    if (left.length === 0) this.#ahead.delete(member)
    else this.#ahead.set(member, left)
    return ahead.filter((vote) => vote.size <= size)
  }

  /** Leaves larger than the chain as held, largest first: how far it must be fetched. */
  ahead(member: number): readonly Vote[] {
    return this.#ahead.get(member) ?? []
  }

  /**
   * The blocks held of this chain from `from` on were replaced by another branch's: everything that was placed by them is
   * answered, to be placed anew. What is final stays.
   */
  replaced(member: number, from: number): Vote[] {
    const votes: Vote[] = []
    for (const [epoch, { own, other }] of this.#tallies.get(member) ?? []) {
      for (const [witness, { size, root }] of own) {
        if (size <= from) continue
        own.delete(witness)
        votes.push({ epoch, witness, member, size, root })
      }
      for (const [witness, leaves] of other) {
        for (const { size, root } of leaves) votes.push({ epoch, witness, member, size, root })
      }
      other.clear()
    }
    return votes
  }

  /**
   * Rule W14: leaves of other branches that may be final there, largest first: at least a quorum of one epoch has leaves
   * off this branch that are no smaller, and they lie above what is final here.
   */
  candidates(member: number): Final[] {
    const found: Final[] = []
    const floor = this.#finals.get(member)?.size ?? 0
    for (const [epoch, { other }] of this.#tallies.get(member) ?? []) {
      const quorum = this.#epochs.get(epoch)?.quorum ?? Number.POSITIVE_INFINITY
      const leaves = [...other.values()].flat()
      for (const leaf of leaves) {
        const support = [...other.values()].filter((each) => each.some(({ size }) => size >= leaf.size)).length
        const isNew = !found.some(({ size, root }) => size === leaf.size && equalBytes(root, leaf.root))
        if (leaf.size > floor && support >= quorum && isNew) found.push({ ...leaf, epoch })
      }
    }
    return found.sort((a, b) => b.size - a.size)
  }

  /**
   * Rule W14: what is final on another branch, of which `on` says whether a leaf lies on it and `leafEpoch` what its last
   * block names. Undefined where that is not above what is final here.
   */
  finalOn(member: number, on: (leaf: Leaf) => boolean, leafEpoch: (member: number, size: number) => number): Final | undefined {
    let best: Final | undefined
    for (const [epoch, { other, own }] of this.#tallies.get(member) ?? []) {
      const largest = new Map<number, Leaf>()
      const consider = (witness: number, leaf: Leaf): void => {
        if (leaf.size <= (largest.get(witness)?.size ?? 0) || !on(leaf) || leafEpoch(member, leaf.size) !== epoch) return
        largest.set(witness, leaf)
      }
      for (const [witness, leaf] of own) consider(witness, leaf)
      for (const [witness, leaves] of other) for (const leaf of leaves) consider(witness, leaf)
      const final = this.#quorumLeaf(epoch, largest)
      if (final !== undefined && final.size > (best?.size ?? this.#finals.get(member)?.size ?? 0)) best = final
    }
    return best
  }

  #tally({ member, epoch }: Vote): Tally {
    const epochs = this.#tallies.get(member) ?? new Map<number, Tally>()
    this.#tallies.set(member, epochs)
    const tally = epochs.get(epoch) ?? { own: new Map<number, Leaf>(), other: new Map<number, Leaf[]>() }
    epochs.set(epoch, tally)
    return tally
  }

  #keepAhead(vote: Vote): void {
    const ahead = this.#ahead.get(vote.member) ?? []
    const isSame = (each: Vote): boolean => each.witness === vote.witness && each.epoch === vote.epoch
    const same = ahead.filter(isSame)
    if (same.some(({ size, root }) => size === vote.size && equalBytes(root, vote.root))) return
    const kept = [...same, vote].sort((a, b) => b.size - a.size).slice(0, MAX_OTHER_LEAVES)
    this.#ahead.set(vote.member, [...ahead.filter((each) => !isSame(each)), ...kept])
  }

  #count(vote: Vote): Final | undefined {
    const { own } = this.#tally(vote)
    if ((own.get(vote.witness)?.size ?? 0) >= vote.size) return undefined
    own.set(vote.witness, { size: vote.size, root: vote.root })
    const final = this.#quorumLeaf(vote.epoch, own)
    return final !== undefined && this.#advance(vote.member, final) ? final : undefined
  }

  /** Rule W12: the quorum-th largest. */
  #quorumLeaf(epoch: number, leaves: ReadonlyMap<number, Leaf>): Final | undefined {
    const quorum = this.#epochs.get(epoch)?.quorum
    if (quorum === undefined || leaves.size < quorum) return undefined
    const largestFirst = [...leaves.values()].sort((a, b) => b.size - a.size)
    return { ...(largestFirst[quorum - 1] as Leaf), epoch }
  }

  /** Rule W13: it never goes back. */
  #advance(member: number, final: Final): boolean {
    if ((this.#finals.get(member)?.size ?? 0) >= final.size) return false
    this.#finals.set(member, final)
    return true
  }
}

function keepLargest(kept: Map<number, Leaf[]>, { witness, size, root }: Vote): void {
  const leaves = kept.get(witness) ?? []
  if (leaves.some((leaf) => leaf.size === size && equalBytes(leaf.root, root))) return
  kept.set(witness, [...leaves, { size, root }].sort((a, b) => b.size - a.size).slice(0, MAX_OTHER_LEAVES))
}
