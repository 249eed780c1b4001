import {
  type Bytes,
  encodeWitnessEvidence,
  equalBytes,
  HeadsTree,
  isWattnessError,
  type Leaf,
  type Membership,
  orderWitnessEvidence,
  type SignedAttestation,
  toHex,
  type WitnessSide,
} from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import type { OwnChains } from './own-chains.ts'

/** Attestations of one witness and epoch that are kept for a leaf which is not of the chain held here: the newest. */
export const MAX_DOUBTFUL = 4

/** Leaves of each that are looked at: who lies of more chains is found out by one of these. */
export const MAX_DOUBTS = 16

/** Pairs of witness and epoch that are watched: those heard of last. */
export const MAX_WATCHED = 64

/** From the growth of a chain to a look at what waits for it: a witness that goes on attesting is looked at sooner. */
export const LOOK_MS = 5_000

export interface ContradictionsInit {
  readonly store: Pick<LedgerStore, 'consistencyProof' | 'witnessEvidence'>
  readonly chains: Pick<OwnChains, 'isOn' | 'rootAt'>
  readonly timers: Timers
  /** Members that all held blocks of the registrar's chain name (rule A5). */
  readonly held: () => Membership
  /** The leaves of an attestation by this node's own chains; undefined where the witness signed others. */
  readonly ownLeavesOf: (attestation: SignedAttestation) => Promise<readonly Leaf[] | undefined>
  /** Evidence of kind 2, to be judged like anybody's. */
  readonly onFound: (evidence: Bytes) => Promise<unknown>
  readonly onError: (error: Error) => void
}

interface Statement {
  readonly attestation: SignedAttestation
  /** Undefined: but for the named ones they are this node's own, and cost nothing until they are needed. */
  readonly leaves: readonly Leaf[] | undefined
  /** Members whose leaf was not on the chain held here, MAX_DOUBTS at most. */
  readonly doubts: readonly number[]
}

/** What one witness has said in one epoch, as far as it may prove something yet. */
interface Words {
  /** The one that goes furthest of those whose every leaf was on the chains held here. */
  own: Statement | undefined
  doubtful: readonly Statement[]
}

/** Two leaves of one member of which the larger is on the held chain, or both have one size. */
interface Clash {
  readonly index: number
  readonly one: Statement
  readonly other: Statement
  /** The size of the smaller leaf (rule A9). */
  readonly size: number
}

/**
 * Finds witnesses that contradict themselves within an epoch (rule A9). The tree of the own chain proves what follows from a
 * leaf on it at a smaller size, so one leaf of every pair must be on that chain unless both have the same size: a leaf that
 * goes further waits until the witness has attested as much of the held chain.
 */
export class Contradictions {
  readonly #init: ContradictionsInit
  readonly #watched = new Map<string, Words>()
  /** Something may be kept that the growth of a chain turns into evidence. */
  #isWaiting = false
  #timer: Timer | undefined
  #stopped = false

  constructor(init: ContradictionsInit) {
    this.#init = init
  }

  /** Pairs of witness and epoch. */
  get watched(): number {
    return this.#watched.size
  }

  /** Attestations kept of one witness in one epoch. */
  kept(witness: Bytes, epoch: number): number {
    const words = this.#watched.get(nameOf(witness, epoch))
    return words === undefined ? 0 : statementsOf(words).length
  }

  /**
   * An attestation that was held against the own chains: with the list of its leaves where that had to be asked for, else every
   * leaf that is not named is this node's own. Never rejects.
   */
  async note(attestation: SignedAttestation, leaves?: readonly Leaf[]): Promise<void> {
    const { witness, epoch } = attestation
    if (this.#init.store.witnessEvidence.has(witness)) return
    await this.#guard(async () => {
      const statement = { attestation, leaves, doubts: await this.#doubtsOf(attestation, leaves) }
      const words = this.#wordsOf(nameOf(witness, epoch))
      take(words, statement)
      await this.#look(words)
    })
  }

  /** More of a chain is held. */
  onGrew(): void {
    if (this.#timer !== undefined || this.#stopped || !this.#isWaiting) return
    this.#timer = this.#init.timers.set(LOOK_MS, () => {
      this.#timer = undefined
      void this.#lookAgain()
    })
  }

  async #lookAgain(): Promise<void> {
    this.#isWaiting = false
    for (const words of [...this.#watched.values()]) await this.#guard(() => this.#look(words))
  }

  /** Another branch of a chain is held: what was doubtful may be in order now, and the other way round. */
  async onReplaced(): Promise<void> {
    for (const words of [...this.#watched.values()]) {
      await this.#guard(async () => {
        const all = statementsOf(words)
        Object.assign(words, { own: undefined, doubtful: [] })
        for (const { attestation, leaves } of all) {
          // Roots that were those of the branch that gave way are known of nobody any more.
          if (leaves === undefined && (await this.#init.ownLeavesOf(attestation)) === undefined) continue
          take(words, { attestation, leaves, doubts: await this.#doubtsOf(attestation, leaves) })
        }
        await this.#look(words)
      })
    }
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
    this.#watched.clear()
  }

  async #guard(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      // The chain went on along another branch meanwhile: what is kept is looked at again after that.
      if (!isWattnessError(error, 'STORE_CONFLICT')) this.#init.onError(error as Error)
    }
  }

  #wordsOf(name: string): Words {
    const words = this.#watched.get(name) ?? { own: undefined, doubtful: [] }
    this.#watched.delete(name)
    if (this.#watched.size >= MAX_WATCHED) this.#watched.delete(this.#watched.keys().next().value as string)
    this.#watched.set(name, words)
    return words
  }

  /** Members whose leaf is of another branch than the held one, and then those whose leaf is beyond it. */
  async #doubtsOf({ named }: SignedAttestation, leaves: readonly Leaf[] | undefined): Promise<number[]> {
    const off: number[] = []
    const ahead: number[] = []
    for (const { index, ...leaf } of leaves?.map((each, index) => ({ ...each, index })) ?? named) {
      const isOn = leaf.size === 0 || (await this.#init.chains.isOn(index, leaf))
      if (isOn !== true) (isOn === undefined ? ahead : off).push(index)
    }
    return [...off, ...ahead].slice(0, MAX_DOUBTS)
  }

  async #look(words: Words): Promise<void> {
    if (words.doubtful.length === 0) return
    this.#isWaiting = true
    await this.#settle(words)
    const clash = await this.#find(words)
    const evidence = clash && (await this.#prove(clash))
    if (evidence === undefined) return this.#secure(words)
    await this.#init.onFound(evidence)
    // Rule A13: one for each witness is enough.
    if (this.#init.store.witnessEvidence.has(clash?.one.attestation.witness as Bytes)) {
      Object.assign(words, { own: undefined, doubtful: [] })
    }
  }

  /** What was only beyond the held chain may be on it by now. */
  async #settle(words: Words): Promise<void> {
    for (const statement of words.doubtful) {
      if (!(await this.#isSettled(statement))) continue
      words.doubtful = words.doubtful.filter((each) => each !== statement)
      take(words, { ...statement, doubts: [] })
    }
  }

  async #isSettled(statement: Statement): Promise<boolean> {
    for (const index of statement.doubts) {
      const leaf = await this.#leafOf(index, statement)
      if (leaf === undefined || (await this.#init.chains.isOn(index, leaf)) !== true) return false
    }
    return true
  }

  /** While there are doubts, the held branch may turn out the losing one: its roots are gone then. */
  async #secure(words: Words): Promise<void> {
    const { own, doubtful } = words
    if (own === undefined || own.leaves !== undefined || doubtful.length === 0) return
    const leaves = await this.#init.ownLeavesOf(own.attestation)
    if (leaves !== undefined && words.own === own) words.own = { ...own, leaves }
  }

  async #find(words: Words): Promise<Clash | undefined> {
    const all = statementsOf(words)
    for (const [at, other] of all.entries()) {
      for (const one of all.slice(0, at)) {
        for (const index of new Set([...one.doubts, ...other.doubts])) {
          const size = await this.#clashAt(index, one, other)
          if (size !== undefined) return { index, one, other, size }
        }
      }
    }
    return undefined
  }

  /** The common size of a contradiction that can be shown; undefined where there is none. */
  async #clashAt(index: number, one: Statement, other: Statement): Promise<number | undefined> {
    const { chains } = this.#init
    const [first, second] = [await this.#leafOf(index, one), await this.#leafOf(index, other)]
    if (first === undefined || second === undefined) return undefined
    const [small, large] = first.size <= second.size ? [first, second] : [second, first]
    if (small.size === 0) return undefined
    if (small.size === large.size) return equalBytes(small.root, large.root) ? undefined : small.size
    if ((await chains.isOn(index, large)) !== true) return undefined
    return (await chains.isOn(index, small)) === false ? small.size : undefined
  }

  async #leafOf(index: number, { attestation, leaves }: Statement): Promise<Leaf | undefined> {
    if (leaves !== undefined) return leaves[index]
    const size = attestation.frontier[index]
    if (size === undefined) return undefined
    const root = attestation.named.find((leaf) => leaf.index === index)?.root ?? (await this.#init.chains.rootAt(index, size))
    return root === undefined ? undefined : { size, root }
  }

  async #prove({ index, one, other, size }: Clash): Promise<Bytes | undefined> {
    const member = this.#init.held().at(index)?.key
    const [first, second] = [await this.#sideOf(index, size, one), await this.#sideOf(index, size, other)]
    if (member === undefined || first === undefined || second === undefined) return undefined
    return encodeWitnessEvidence(orderWitnessEvidence(index, member, size, first, second))
  }

  async #sideOf(index: number, size: number, { attestation, leaves: known }: Statement): Promise<WitnessSide | undefined> {
    const { store, chains, held, ownLeavesOf } = this.#init
    const leaves = known ?? (await ownLeavesOf(attestation))
    const leaf = leaves?.[index]
    if (leaves === undefined || leaf === undefined) return undefined
    const { members } = held()
    const heads = leaves.map((each, at) => ({ ...each, member: members[at]?.key as Bytes }))
    const inclusion = HeadsTree.from(heads).inclusionProof(index)
    if (leaf.size === size) return { attestation, leafRoot: leaf.root, inclusion, root: leaf.root, proof: [] }
    const root = await chains.rootAt(index, size)
    if (root === undefined) return undefined
    const proof = await store.consistencyProof(members[index]?.key as Bytes, size, leaf.size)
    return { attestation, leafRoot: leaf.root, inclusion, root, proof }
  }
}

function statementsOf({ own, doubtful }: Words): readonly Statement[] {
  return own === undefined ? doubtful : [own, ...doubtful]
}

/** Of those in order the one with the most blocks is kept, whatever order they come in. */
function take(words: Words, statement: Statement): void {
  if (statement.doubts.length > 0) words.doubtful = withNewest(words.doubtful, statement)
  else if (words.own === undefined || blocksOf(statement) > blocksOf(words.own)) words.own = statement
}

function blocksOf({ attestation }: Statement): number {
  return attestation.frontier.reduce((sum, size) => sum + size, 0)
}

/** A witness names the same leaf again and again where a chain is quarantined: it is kept once. */
function withNewest(doubtful: readonly Statement[], newest: Statement): readonly Statement[] {
  const isSaidAgain = (older: Statement): boolean =>
    equalBytes(older.attestation.signature, newest.attestation.signature) ||
    (older.leaves === undefined && older.doubts.every((index) => isNamedAgain(index, older, newest)))
  return [...doubtful.filter((older) => !isSaidAgain(older)), newest].slice(-MAX_DOUBTFUL)
}

function isNamedAgain(index: number, older: Statement, newer: Statement): boolean {
  const [before, now] = [older, newer].map(({ attestation }) => attestation.named.find((leaf) => leaf.index === index))
  return before !== undefined && now !== undefined && before.size === now.size && equalBytes(before.root, now.root)
}

function nameOf(witness: Bytes, epoch: number): string {
  return `${epoch}/${toHex(witness)}`
}
