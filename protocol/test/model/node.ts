import type { Epochs } from '../../epochs.ts'
import type { Final, Finality, Vote } from '../../finality.ts'
import type { Leaf } from '../../frames.ts'
import { headLeafSize, type Membership } from '../../membership.ts'
import {
  type ClosingLeaves,
  EMPTY_LEAF,
  type HeldChains,
  isAheadOfRecord,
  isClosing,
  NEW_WITNESS,
  type WitnessRecord,
} from '../../witness.ts'
import { type Block, type Blocks, isOn, leafOf } from './blocks.ts'
import type { Attested, Rules } from './rules.ts'

/** What a node tells the run it is part of. */
export interface Surroundings {
  readonly blocks: Blocks
  readonly rules: Rules
  /** Signed, with the record durable. */
  send(from: HonestNode, attested: Attested): void
  onFinal(node: HonestNode, member: number, final: Final): void
  onViolation(what: string): void
  /** Whether the signed checkpoint behind a leaf is found when it is asked for. */
  findsEvidence(): boolean
}

/**
 * An honest node, as far as epochs, witnessing and finality go: what it does when blocks, attestations and evidence come, and
 * when it is its turn to sign. Durable are `record`, `finals`, evidence and `history`; blocks can be lost.
 */
export class HonestNode implements HeldChains {
  readonly #around: Surroundings
  readonly key: Uint8Array
  readonly chains: Block[][] = []
  readonly finals = new Map<number, Final>()
  /** By member: the attestations that made final what is, to be shown to who lacks it (rule W14). */
  readonly certificates = new Map<number, readonly Attested[]>()
  readonly quarantined = new Set<number>()
  record: WitnessRecord = NEW_WITNESS
  /** Records before it, for restarts with an old one. */
  readonly history: WitnessRecord[] = []
  isHalted = false
  finality: Finality
  /** Of the registrar's chain. */
  counted = 0
  /** All blocks that it holds or held, in the order in which they were written. */
  #accepted: Block[] = []
  #taken: Attested[] = []
  /** Refused by what is held of the registrar's chain: asked for again when that has changed (rule W14). */
  #refused: Attested[] = []
  #newest = new Map<string, number>()
  /** Changes whenever the node does. */
  version = 0

  constructor(around: Surroundings, key: Uint8Array) {
    this.#around = around
    this.key = key
    this.finality = around.rules.finality(this.epochs)
    this.#count()
  }

  // What it holds.

  chain(member: number): Block[] {
    const chain = this.chains[member]
    if (chain !== undefined) return chain
    const empty: Block[] = []
    this.chains[member] = empty
    return empty
  }

  get epochs(): Epochs {
    const { epochs } = this.chains[0]?.at(-1)?.state ?? this.#around.blocks.genesis
    return this.#around.rules.epochsOf(epochs)
  }

  get membership(): Membership {
    return this.chains[0]?.[this.counted - 1]?.state?.membership ?? this.#around.blocks.genesis.membership
  }

  get count(): number {
    return this.membership.members.length
  }

  /** Its member index; undefined while it is none. */
  get self(): number | undefined {
    return this.membership.member(this.key)?.index
  }

  leaf(member: number): Leaf {
    const chain = this.chain(member)
    const found = this.membership.at(member)
    const block = chain[(found === undefined ? chain.length : headLeafSize(found, chain.length)) - 1]
    return block === undefined ? EMPTY_LEAF : leafOf(block)
  }

  rootAt(member: number, size: number): Uint8Array | undefined {
    return size === 0 ? EMPTY_LEAF.root : this.chain(member)[size - 1]?.root
  }

  leafEpoch(member: number, size: number): number {
    return this.epochs.at((this.chain(member)[size - 1] as Block).registrarSize).number
  }

  isQuarantined(member: number): boolean {
    return this.quarantined.has(member) || this.membership.at(member)?.revoked !== undefined
  }

  // What comes.

  /** Two blocks at one height (rule F1). */
  takeEvidence(member: number): void {
    if (this.quarantined.has(member)) return
    this.quarantined.add(member)
    this.version++
  }

  /** Blocks of a branch up to `tip`, in order, as far as they are taken. */
  pull(tip: Block): void {
    const { member, path } = tip
    const chain = this.chain(member)
    const before = chain.length
    for (const block of path) {
      const held = chain[block.height]
      if (held === block) continue
      if (held !== undefined) {
        this.takeEvidence(member)
        break
      }
      if (!this.#mayTake(block)) break
      chain.push(block)
      this.#accepted.push(block)
      if (member === 0) this.#count()
    }
    if (chain.length > before) this.#grew(member)
  }

  #mayTake(block: Block): boolean {
    const { member, height, registrarSize } = block
    // What is final is fetched again as it was, after blocks were lost, quarantined or not.
    const final = this.finals.get(member)
    if (final !== undefined && height < final.size) {
      return this.#around.blocks.withRoot(final.root)?.path[height] === block
    }
    if (this.quarantined.has(member) && this.#around.rules.stopsQuarantined) return false
    if (member !== 0 && registrarSize > this.counted) return false
    const revoked = this.membership.at(member)?.revoked
    return revoked === undefined || height < revoked.endSize
  }

  #grew(member: number): void {
    this.version++
    if (member === 0) this.#registrarChanged()
    this.#place(this.finality.takeReached(member, this.chain(member).length))
  }

  #registrarChanged(): void {
    this.finality.setEpochs(this.epochs)
    this.#count()
    const again = this.#refused
    this.#refused = []
    for (const attested of again) this.take(attested)
  }

  #count(): void {
    this.counted = this.epochs.counted(this.chain(0).length, this.finals.get(0)?.size ?? 0)
  }

  /** Rules A5 to A8. */
  take(attested: Attested): void {
    const { rules } = this.#around
    const { key, witness, epoch, sequence } = attested
    const isOwn = key === this.key
    if (isOwn && isAheadOfRecord(this.record, attested) && rules.halts) this.isHalted = true
    if (this.epochs.get(epoch)?.witnesses.includes(witness) !== true) {
      this.#refused.push(attested)
      return
    }
    if (!rules.takesOld) {
      const name = `${witness} ${epoch}`
      if ((this.#newest.get(name) ?? 0) >= sequence) return
      this.#newest.set(name, sequence)
    }
    this.#taken.push(attested)
    this.version++
    this.#place(rules.votes(this.epochs, attested))
  }

  #place(votes: readonly Vote[]): void {
    const { rules, blocks } = this.#around
    for (const vote of votes) {
      const { member, size, root } = vote
      if (size === 0) continue
      const held = this.rootAt(member, size)
      let final: Final | undefined
      if (held === undefined) this.finality.note(vote, 'ahead', () => 0)
      else if (held === root || rules.isBranchBlind) {
        const own = held === root ? vote : { ...vote, root: held }
        final = this.finality.note(own, 'own', () => (rules.countsAnyEpoch ? vote.epoch : this.leafEpoch(member, size)))
      } else {
        this.finality.note(vote, 'other', () => 0)
        // Rule A8: the signed checkpoint behind it is asked for.
        if (!this.quarantined.has(member) && blocks.withRoot(root)?.member === member && this.#around.findsEvidence()) {
          this.takeEvidence(member)
        }
      }
      if (final !== undefined) this.#becameFinal(member, final)
    }
  }

  #becameFinal(member: number, final: Final, path: readonly Block[] = this.chain(member)): void {
    this.version++
    this.finals.set(member, final)
    const behind = new Map<number, Attested>()
    for (const attested of this.#taken) {
      const leaf = attested.leaves[member]
      if (attested.epoch !== final.epoch || leaf === undefined || leaf.size < final.size || !isOn(path, leaf)) continue
      const { registrarSize } = path[leaf.size - 1] as Block
      if (this.epochs.at(registrarSize).number === final.epoch) behind.set(attested.witness, attested)
    }
    this.certificates.set(member, [...behind.values()])
    this.#around.onFinal(this, member, final)
    if (member === 0) this.#registrarChanged()
  }

  // What it does on its own.

  /** Rule W14: where another branch is final, or more of a quarantined chain, it takes its place. */
  fetchFinalBranches(): void {
    if (!this.#around.rules.fetchesBranches) return
    for (let member = 0; member < this.count; member++) {
      for (const leaf of this.finality.candidates(member)) {
        const branch = this.#around.blocks.withRoot(leaf.root)
        if (branch?.member === member && this.#fetch(member, branch)) break
      }
    }
  }

  #fetch(member: number, { path, state }: Block): boolean {
    const { rules } = this.#around
    const chain = this.chain(member)
    const fork = path.findIndex((block) => chain[block.height] !== block)
    if (fork < 0) return false
    const epochs = state === undefined ? this.epochs : rules.epochsOf(state.epochs)
    const epochOf = (_: number, size: number): number => epochs.at((path[size - 1] as Block).registrarSize).number
    const final = this.finality.finalOn(member, (leaf) => isOn(path, leaf), epochOf)
    if (final === undefined) return false
    if (final.size <= fork) {
      const more = this.finality.restore(member, final)
      if (more !== undefined) this.#becameFinal(member, more, path)
      return more !== undefined
    }
    const blocks = path.slice(fork, final.size)
    if (member !== 0 && blocks.some(({ registrarSize }) => registrarSize > this.counted)) return false
    if ((this.finals.get(member)?.size ?? 0) > fork && chain.length > fork) {
      this.#around.onViolation(`safety: what is final of chain ${member} is to be replaced`)
      return false
    }
    const isReplaced = chain.length > fork
    if (isReplaced) this.takeEvidence(member)
    chain.splice(fork, chain.length - fork, ...blocks)
    this.#accepted.push(...blocks)
    if (member === 0) this.finality.setEpochs(this.epochs)
    if (isReplaced) this.#place(this.finality.replaced(member, fork))
    this.#grew(member)
    return true
  }

  /** It enters the epochs that it may, once it is a witness of one of them; false where it is none. */
  enter(): boolean {
    const { rules } = this.#around
    const { self, epochs } = this
    if (this.isHalted || self === undefined) return false
    if (!epochs.all.some(({ number, witnesses }) => number >= this.record.epoch && witnesses.includes(self))) return false
    for (;;) {
      const entered = rules.enter(this.record, epochs, this, (epoch) => this.#closingsOf(epoch))
      if (entered === undefined) return true
      this.#remember(entered)
    }
  }

  /** Its turn to sign what is new. */
  attest(): void {
    const { rules } = this.#around
    if (!this.enter()) return
    const self = this.self as number
    const plan = rules.plan(self, this.record, this.epochs, this)
    if (plan === undefined) return
    this.#remember(rules.after(this.record, plan))
    const { epoch, sequence, frontier, leaves } = plan
    const attested = { key: this.key, witness: self, epoch, sequence, frontier, leaves }
    this.#around.send(this, attested)
    this.take(attested)
  }

  #remember(record: WitnessRecord): void {
    this.history.push(this.record)
    this.record = record
    this.version++
  }

  #closingsOf(epoch: number): ClosingLeaves[] {
    return this.#taken.filter((attested) => attested.epoch === epoch && isClosing(this.epochs, attested))
  }

  // What befalls it.

  /** `lost`: so many of the blocks that it wrote last were not on the disk yet. */
  restart(record: WitnessRecord, lost: number): void {
    const taken = this.#taken.concat(this.#refused)
    this.record = record
    for (const { member, height } of this.#accepted.splice(Math.max(0, this.#accepted.length - lost))) {
      this.chain(member).splice(height)
    }
    this.#count()
    this.#taken = []
    this.#refused = []
    this.#newest.clear()
    this.finality = this.#around.rules.finality(this.epochs)
    for (const [member, final] of this.finals) this.finality.restore(member, final)
    // Neighbours show it its newest before it signs.
    for (const attested of taken) this.take(attested)
    this.version++
  }
}
