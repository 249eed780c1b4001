import type { Final } from '../../finality.ts'
import type { Leaf } from '../../frames.ts'
import { EMPTY_ROOT } from '../../hash.ts'
import type { MembershipOperation } from '../../membership-body.ts'
import { NEW_WITNESS } from '../../witness.ts'
import { admitWitness, type Block, Blocks, grantWitness, keyNumbered, leafOf, revoke, withdrawWitness } from './blocks.ts'
import { FinalityCheck } from './finality-check.ts'
import { formatAttested, formatLeaf } from './format.ts'
import { HonestNode, type Surroundings } from './node.ts'
import type { Random } from './random.ts'
import type { Attested, Rules } from './rules.ts'

/** What a run leans to; each is drawn from the seed unless it is given. */
export interface Leaning {
  readonly witnesses: number
  readonly reserves: number
  readonly meters: number
  readonly colluders: number
  readonly steps: number
  /** The first meter has more than one story. */
  readonly meterEquivocates: boolean
  readonly registrarEquivocates: boolean
  /** The halves that are shown different stories: every other node, or the witnesses of genesis and the rest. */
  readonly split: 'alternate' | 'generations'
  /** Percent of the looks at such a chain that show the other half's story. */
  readonly crossed: number
  /** Percent of the looks for the signed checkpoint behind another story's leaf that find it before all is delivered. */
  readonly evidence: number
  /** Percent of what colluders sign that is just what somebody else holds. */
  readonly plausible: number
  /** Changes mostly put all new witnesses in the place of the old ones. */
  readonly handsOver: boolean
  /** Percent of the steps. */
  readonly changes: number
  readonly restarts: number
  /** Restarts with an old record, each as good as a liar. */
  readonly rollbacks: boolean
}

export function leaningOf(random: Random): Leaning {
  const witnesses = random.pick([4, 4, 4, 4, 5, 6, 7, 7])
  const tolerated = Math.floor((witnesses - 1) / 3)
  const reserves = random.below(5)
  const meters = random.between(1, 2)
  return {
    witnesses,
    reserves,
    meters,
    colluders: random.percent(70) ? tolerated : random.below(tolerated + 1),
    steps: random.between(40, 160),
    meterEquivocates: random.percent(75),
    registrarEquivocates: random.percent(12),
    split: random.pick(['alternate', 'generations']),
    crossed: random.pick([0, 5, 15]),
    evidence: random.pick([0, 5, 25]),
    plausible: random.pick([60, 80, 100]),
    handsOver: random.percent(50),
    changes: random.pick([0, 2, 5]),
    restarts: random.pick([0, 2, 6]),
    rollbacks: random.percent(30),
  }
}

/** One network from genesis on: who is in it, what was made and said, and what happens to it. */
export class World implements Surroundings {
  readonly random: Random
  readonly leaning: Leaning
  readonly rules: Rules
  readonly blocks: Blocks
  readonly honest: HonestNode[] = []
  /** Keys of members who sign anything, by key number. */
  readonly colluders = new Set<number>()
  readonly said: Attested[] = []
  readonly check: FinalityCheck
  isSettling = false
  violation: string | undefined
  readonly log: ((line: string) => void) | undefined
  #sequence = 1_000
  #admitted = 0
  readonly #names = new Map<Uint8Array, number>()

  constructor(random: Random, leaning: Leaning, rules: Rules, log?: (line: string) => void) {
    const { witnesses, reserves, meters } = leaning
    this.random = random
    this.leaning = leaning
    this.rules = rules
    this.log = log
    this.blocks = new Blocks(witnesses, reserves, meters)
    this.check = new FinalityCheck(this.blocks)
    for (let n = 1; n <= leaning.colluders; n++) this.colluders.add(n)
    const { members } = this.blocks.genesis.membership
    for (let n = leaning.colluders + 1; n <= witnesses + reserves; n++) {
      this.honest.push(new HonestNode(this, (members[n] as { key: Uint8Array }).key))
    }
    for (const member of members) this.#names.set(member.key, member.index)
  }

  get firstMeter(): number {
    return this.leaning.witnesses + this.leaning.reserves + 1
  }

  // What nodes tell it.

  send(_: HonestNode, attested: Attested): void {
    this.said.push(attested)
    this.log?.(`${this.#nameOf(attested.key)} signs ${formatAttested(attested, this.blocks)}`)
  }

  onFinal(node: HonestNode, member: number, final: Final): void {
    this.log?.(
      `${this.#nameOf(node.key)}: chain ${member} is final up to ${formatLeaf(final, this.blocks)}, epoch ${final.epoch}`,
    )
    const found = this.check.note(node, member, final)
    if (found !== undefined) this.onViolation(found)
  }

  onViolation(what: string): void {
    this.violation ??= what
  }

  findsEvidence(): boolean {
    return this.isSettling || this.random.percent(this.leaning.evidence)
  }

  #nameOf(key: Uint8Array): string {
    return `node ${this.#names.get(key) ?? '?'}`
  }

  // What happens.

  step(): void {
    const { random, leaning } = this
    const roll = random.below(100)
    if (roll < 14) this.#seal()
    else if (roll < 14 + leaning.changes) this.change()
    else if (roll < 14 + leaning.changes + leaning.restarts) this.#restart(random.pick(this.honest))
    else if (roll < 50) this.#pull(random.pick(this.honest))
    else if (roll < 62) random.pick(this.honest).attest()
    else if (roll < 64) random.pick(this.honest).enter()
    else if (roll < 72) this.#collude()
    else if (roll < 96) this.#deliver()
    else random.pick(this.honest).fetchFinalBranches()
  }

  get mostCounted(): number {
    return Math.max(...this.honest.map(({ counted }) => counted))
  }

  isEquivocator(member: number): boolean {
    const { meterEquivocates, registrarEquivocates } = this.leaning
    return (member === 0 && registrarEquivocates) || (member === this.firstMeter && meterEquivocates)
  }

  #seal(): void {
    const { random, blocks, honest } = this
    const member = this.firstMeter + random.below(this.leaning.meters)
    const all = blocks.of(member)
    const counted = (honest[member % honest.length] as HonestNode).counted
    if (!this.isEquivocator(member)) {
      this.sealBlock(member, all.at(-1), Math.max(counted, all.at(-1)?.registrarSize ?? 0))
      return
    }
    const half = random.below(2)
    const parent = random.percent(12) ? random.pick(all) : all.findLast((block) => this.#halfOf(block) === half)
    const least = parent?.registrarSize ?? 0
    this.sealBlock(
      member,
      parent,
      random.percent(60) ? Math.max(least, this.mostCounted) : random.between(least, Math.max(least, counted)),
    )
  }

  /** Stories begin with different first blocks; every other story is for the other half. */
  #halfOf({ member, path }: Block): number {
    const first = this.blocks.of(member).filter(({ height }) => height === 0)
    return first.indexOf(path[0] as Block) % 2
  }

  sealBlock(member: number, parent: Block | undefined, registrarSize: number): Block {
    const block = this.blocks.seal(member, parent, registrarSize)
    this.log?.(
      `chain ${member}: ${formatLeaf(leafOf(block), this.blocks)} after ${parent?.height ?? 'nothing'}, names ${registrarSize}`,
    )
    return block
  }

  /** The registrar changes the witnesses, or seals something else. */
  change(): void {
    const { random, blocks } = this
    const all = blocks.of(0)
    const parent = this.isEquivocator(0) && random.percent(40) ? random.pick([undefined, ...all]) : all.at(-1)
    const count = random.percent(25) ? 2 : 1
    let last = parent
    for (let i = 0; i < count; i++) last = this.sealChange(last, this.#operationsAfter(last))
  }

  sealChange(parent: Block | undefined, operations: readonly MembershipOperation[]): Block {
    const block = this.blocks.sealRegistrar(parent, operations)
    const witnesses = block.state?.epochs.latest.witnesses.join(' ')
    this.log?.(
      `registrar: ${formatLeaf(leafOf(block), this.blocks)} after ${parent?.height ?? 'nothing'}, witnesses ${witnesses}`,
    )
    return block
  }

  #operationsAfter(parent: Block | undefined): MembershipOperation[] {
    const { random } = this
    const { membership } = parent?.state ?? this.blocks.genesis
    const { members } = membership
    const { witnesses, reserves } = this.leaning
    if (random.percent(20)) return []
    if (random.percent(6)) {
      const meter = members[this.firstMeter]
      const final = this.honest[0]?.finals.get(this.firstMeter)
      if (meter !== undefined && this.isEquivocator(this.firstMeter) && final !== undefined) return [revoke(meter.key, final)]
    }
    const set = membership.witnesses
    const outside = members.filter(
      ({ index, revoked }) => index > 0 && index <= witnesses + reserves && !revoked && !set.includes(index),
    )
    const operations: MembershipOperation[] = []
    if (this.leaning.handsOver && outside.length > 0 && random.percent(75)) {
      const stays = random.percent(50) ? set.find((index) => this.colluders.has(index)) : undefined
      if (outside.length + (stays === undefined ? 0 : 1) >= 4) {
        const leaving = set.filter((index) => index !== stays)
        const keyOf = (index: number): Uint8Array => (members[index] as { key: Uint8Array }).key
        return [...outside.map(({ key }) => grantWitness(key)), ...leaving.map((index) => withdrawWitness(keyOf(index)))]
      }
    }
    const isGrowing = random.percent(60) && outside.length > 0
    if (isGrowing) {
      // All who can, or one of them.
      for (const { key } of random.percent(40) ? outside : [random.pick(outside)]) operations.push(grantWitness(key))
    } else if (random.percent(20) && this.#admitted < 2) operations.push(admitWitness(this.#newcomer()))
    const leaving = set.filter(() => random.percent(isGrowing ? 35 : 20))
    for (const index of leaving.slice(0, set.length + operations.length - 4)) {
      const { key } = members[index] as { key: Uint8Array }
      operations.push(random.percent(50) ? withdrawWitness(key) : revoke(key, { size: 0, root: EMPTY_ROOT }))
    }
    return operations
  }

  /** A node that is no member yet. */
  #newcomer(): Uint8Array {
    const key = keyNumbered(100 + this.#admitted++)
    this.#names.set(key, 100 + this.#admitted)
    this.honest.push(new HonestNode(this, key))
    return key
  }

  #pull(node: HonestNode): void {
    const { random } = this
    const member = random.percent(30) ? 0 : this.firstMeter + random.below(this.leaning.meters)
    const all = this.blocks.of(member)
    if (all.length === 0) return
    if (!this.isEquivocator(member)) return node.pull(all[all.length - 1 - random.below(Math.min(2, all.length))] as Block)
    const isOld = this.honest.indexOf(node) < this.leaning.witnesses - this.leaning.colluders
    const half = this.leaning.split === 'alternate' ? this.honest.indexOf(node) % 2 : isOld ? 0 : 1
    const shown = random.percent(this.leaning.crossed) ? all : all.filter((block) => this.#halfOf(block) === half)
    if (shown.length > 0) node.pull(random.pick(shown.slice(-3)))
  }

  #restart(node: HonestNode): void {
    const { random, leaning } = this
    const { history, record } = node
    const lost = random.percent(50) ? random.below(8) : 0
    const isOld = leaning.rollbacks && history.length > 0 && random.percent(30) && this.mayLie(node)
    const before = isOld ? random.pick(history) : !this.rules.isRecordDurable ? (history.at(-1) ?? NEW_WITNESS) : record
    this.log?.(
      `${this.#nameOf(node.key)} restarts without its last ${lost} blocks, record ${before.sequence} of ${record.sequence}`,
    )
    if (isOld) this.check.counts(node)
    node.restart(before, lost)
    if (isOld && this.rules.halts) {
      // At start its peers return its newest attestation.
      for (const attested of this.said) if (attested.key === node.key) node.take(attested)
    }
  }

  /** Whether one more liar is tolerated in every epoch that anybody knows of. */
  mayLie(node: HonestNode): boolean {
    this.check.counts(node)
    const isTolerated = this.liarsAreTolerated()
    this.check.countsNot(node)
    return isTolerated
  }

  /** In every epoch that has begun anywhere. */
  liarsAreTolerated(): boolean {
    return this.honest.every((node) =>
      node.epochs.all.every(({ witnesses, tolerated, fromSize }) => {
        if (fromSize > node.counted) return true
        const { members } = node.membership
        const liars = witnesses.filter((index) => this.#isLiar(members[index]?.key))
        return liars.length <= tolerated
      }),
    )
  }

  #isLiar(key: Uint8Array | undefined): boolean {
    return key !== undefined && (this.colluders.has(this.#names.get(key) ?? -1) || this.check.isLiar(key))
  }

  /** A colluder signs what suits it: mostly what the one it shows it to holds, in whatever epoch. */
  #collude(): void {
    const { random } = this
    if (this.colluders.size === 0) return
    const victim = random.pick(this.honest)
    const witness = random.pick([...this.colluders])
    const { epochs } = victim
    const epoch = random.percent(70) ? victim.record.epoch : random.below(epochs.all.length)
    const change = epochs.get(epoch + 1)?.fromSize
    const isClean = random.percent(this.leaning.plausible)
    const leaves: Leaf[] = []
    for (let member = 0; member < victim.count; member++) {
      const roll = isClean ? 99 : random.below(100)
      const all = this.blocks.of(member)
      if (member === 0 && change !== undefined && random.percent(75)) {
        leaves.push({ size: change, root: victim.rootAt(0, change) ?? EMPTY_ROOT })
      } else if (roll < 20 && all.length > 0) leaves.push(leafOf(random.pick(all)))
      else if (roll < 26) leaves.push({ size: random.between(1, 9), root: this.blocks.newRoot() })
      else if (roll < 34) leaves.push({ size: 0, root: EMPTY_ROOT })
      else leaves.push(victim.leaf(member))
    }
    this.sign(witness, epoch, leaves, victim)
  }

  sign(witness: number, epoch: number, leaves: readonly Leaf[], victim?: HonestNode): Attested {
    const key = (this.blocks.genesis.membership.members[witness] as { key: Uint8Array }).key
    const frontier = leaves.map(({ size }) => size)
    const attested = { key, witness, epoch, sequence: ++this.#sequence, frontier, leaves }
    this.said.push(attested)
    this.log?.(`colluder ${witness} signs ${formatAttested(attested, this.blocks)}`)
    if (victim !== undefined && this.random.percent(60)) victim.take(attested)
    return attested
  }

  #deliver(): void {
    const { random, said } = this
    if (said.length === 0) return
    const node = random.pick(this.honest)
    const from = random.percent(75) ? Math.max(0, said.length - 8) : 0
    for (let i = 0; i < 3; i++) node.take(said[random.between(from, said.length - 1)] as Attested)
  }
}
