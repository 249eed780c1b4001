import type { Attestation } from './attestation.ts'
import { equalBytes } from './bytes.ts'
import type { Epochs } from './epochs.ts'
import type { Leaf, NamedLeaf } from './frames.ts'
import { EMPTY_ROOT } from './hash.ts'

/** What a witness must still know after a crash (rule W5): durable before any signature made from it leaves. */
export interface WitnessRecord {
  /** The epoch that it signs in. */
  readonly epoch: number
  /** Of its newest attestation; 0 before the first. */
  readonly sequence: number
  /** It has signed its closing attestation of this epoch, and signs nothing more in it (rule W7). */
  readonly isClosed: boolean
  /** By member index: the leaf that it signed last, or took over when it entered its epoch. */
  readonly leaves: ReadonlyMap<number, Leaf>
  /** Frontier of the newest attestation; absent where the record has nothing that it does not say. */
  readonly attested?: readonly number[]
}

export const NEW_WITNESS: WitnessRecord = { epoch: 0, sequence: 0, isClosed: false, leaves: new Map() }

export const EMPTY_LEAF: Leaf = { size: 0, root: EMPTY_ROOT }

/** The chains as this node holds them, at one moment. */
export interface HeldChains {
  /** Members that count (rule W4): a frontier has as many chains. */
  readonly count: number
  /** All of a chain that counts for its leaf: a revoked one up to its end (rule M13). */
  leaf(index: number): Leaf
  /** This node's own root of a chain at a size; undefined where it holds less. */
  rootAt(index: number, size: number): Uint8Array | undefined
  /** Rule W3, for a size of 1 or more that is held. */
  leafEpoch(index: number, size: number): number
  /** Nothing more of it is signed (rule W9): there is evidence against its member, or it is revoked. */
  isQuarantined(index: number): boolean
}

/** What a witness is about to sign. */
export interface AttestationPlan {
  readonly epoch: number
  readonly sequence: number
  /** All leaves, in member order. */
  readonly leaves: readonly Leaf[]
  readonly frontier: readonly number[]
  readonly named: readonly NamedLeaf[]
  /** Leaves that this attestation signs for the first time, by member index: what goes into the record. */
  readonly changed: ReadonlyMap<number, Leaf>
  /** Rule W7. */
  readonly isClosing: boolean
}

/** Rule W7: an attestation that contains the change which ends its epoch. */
export function isClosing(epochs: Epochs, { epoch, frontier }: Pick<Attestation, 'epoch' | 'frontier'>): boolean {
  const next = epochs.get(epoch + 1)
  return next !== undefined && (frontier[0] as number) >= next.fromSize
}

/** Rule W6: a held chain goes on from the leaf that was signed of it. */
function goesOnFrom(chains: HeldChains, index: number, signed: Leaf): boolean {
  if (signed.size === 0) return true
  const root = chains.rootAt(index, signed.size)
  return root !== undefined && equalBytes(root, signed.root)
}

/**
 * What the witness with member index `self` may sign now: undefined where it is no witness of its epoch, or has nothing new to
 * say (rules W5–W8). The record after it is `recordAfter`.
 */
export function planAttestation(
  self: number,
  record: WitnessRecord,
  epochs: Epochs,
  chains: HeldChains,
): AttestationPlan | undefined {
  const epoch = epochs.get(record.epoch)
  if (epoch === undefined || record.isClosed || !epoch.witnesses.includes(self)) return undefined
  const next = epochs.get(record.epoch + 1)
  const leaves: Leaf[] = []
  const named: NamedLeaf[] = []
  const changed = new Map<number, Leaf>()
  let isClosed = false
  let isNew = false
  for (let index = 0; index < chains.count; index++) {
    const signed = record.leaves.get(index) ?? EMPTY_LEAF
    const held = chains.leaf(index)
    const isContested = chains.isQuarantined(index) || (signed.size <= held.size && !goesOnFrom(chains, index, signed))
    // Rules W6 and W9: never less than was signed, never another branch, and nothing more of a quarantined chain.
    let leaf = isContested || held.size <= signed.size ? signed : held
    if (index === 0 && next !== undefined && leaf.size >= next.fromSize) {
      isClosed = true
      // Rule W7: what follows the change belongs to the next epoch, and is signed there.
      if (signed.size < next.fromSize) leaf = { size: next.fromSize, root: chains.rootAt(0, next.fromSize) as Uint8Array }
    } else if (isClosed) leaf = signed
    leaves.push(leaf)
    if (isContested) named.push({ index, ...leaf })
    if (leaf.size !== signed.size) changed.set(index, leaf)
    isNew ||= leaf.size !== signed.size || isUnsaid(record, chains, index, leaf)
  }
  if (!isNew) return undefined
  const frontier = leaves.map(({ size }) => size)
  return { epoch: record.epoch, sequence: record.sequence + 1, leaves, frontier, named, changed, isClosing: isClosed }
}

/** Rule W6: a cosignature has put into the record what no attestation has said yet. What was taken over is of no use again. */
function isUnsaid({ epoch, attested }: WitnessRecord, chains: HeldChains, index: number, { size }: Leaf): boolean {
  return attested !== undefined && size > (attested[index] ?? 0) && chains.leafEpoch(index, size) === epoch
}

export function recordAfter(record: WitnessRecord, { sequence, isClosing, changed }: AttestationPlan): WitnessRecord {
  return { epoch: record.epoch, sequence, isClosed: isClosing, leaves: new Map([...record.leaves, ...changed]) }
}

/** An attestation with its leaves, in member order, as they were recomputed or supplied. */
export interface ClosingLeaves {
  /** Member index of the witness. */
  readonly witness: number
  readonly leaves: readonly Leaf[]
}

/** Where a closing's leaf of one chain stands to the chain as held: nothing to do, more to fetch, or two stories. */
export type Resolution = 'resolved' | 'behind' | 'conflict'

/** Rule W8, for one leaf. A chain of which nothing more is ever signed here is resolved, whatever its leaf. */
export function resolutionOf(chains: HeldChains, index: number, leaf: Leaf): Resolution {
  if (leaf.size === 0 || chains.isQuarantined(index)) return 'resolved'
  const root = chains.rootAt(index, leaf.size)
  if (root === undefined) return 'behind'
  return equalBytes(root, leaf.root) ? 'resolved' : 'conflict'
}

/**
 * Rule W8: the record with which a witness enters the epoch after its own, or undefined while it may not. `closings`: what is
 * held of the closing attestations of its epoch.
 */
export function enterNextEpoch(
  record: WitnessRecord,
  epochs: Epochs,
  chains: HeldChains,
  closings: Iterable<ClosingLeaves>,
): WitnessRecord | undefined {
  const epoch = epochs.get(record.epoch)
  const next = epochs.get(record.epoch + 1)
  if (epoch === undefined || next === undefined) return undefined
  const change: Leaf = { size: next.fromSize, root: chains.rootAt(0, next.fromSize) as Uint8Array }
  const leaves = new Map(record.leaves)
  const resolved = new Set<number>()
  for (const { witness, leaves: closing } of closings) {
    if (!epoch.witnesses.includes(witness) || !isSameLeaf(closing[0], change)) continue
    if (closing.some((leaf, index) => index > 0 && resolutionOf(chains, index, leaf) !== 'resolved')) continue
    resolved.add(witness)
    takeOver(leaves, chains, closing, record.epoch)
  }
  if (epoch.quorum !== undefined && resolved.size < epoch.quorum) return undefined
  // The change is final by now, also where another story of the registrar's was signed before.
  leaves.set(0, change)
  return { epoch: next.number, sequence: record.sequence, isClosed: false, leaves }
}

function isSameLeaf(leaf: Leaf | undefined, { size, root }: Leaf): boolean {
  return leaf?.size === size && equalBytes(leaf.root, root)
}

/** What a quorum may have made final binds those who come after, also those who signed nothing of it. */
function takeOver(leaves: Map<number, Leaf>, chains: HeldChains, closing: readonly Leaf[], epoch: number): void {
  for (const [index, leaf] of closing.entries()) {
    const own = leaves.get(index) ?? EMPTY_LEAF
    if (leaf.size <= own.size || chains.isQuarantined(index) || !goesOnFrom(chains, index, own)) continue
    // A leaf of a later epoch cannot be final in this one: only a liar's closing has it, and would have it voted for unseen.
    if (chains.leafEpoch(index, leaf.size) <= epoch) leaves.set(index, leaf)
  }
}

/** Rule W9: a witness that meets a newer attestation of its own key than its record has lost its record, or is a copy. */
export function isAheadOfRecord(record: Pick<WitnessRecord, 'sequence'>, { sequence }: Pick<Attestation, 'sequence'>): boolean {
  return sequence > record.sequence
}
