import {
  type AttestationContext,
  assertAttestation,
  attestationLeaves,
  type Bytes,
  type ChainSize,
  decodeSignedAttestation,
  type Epochs,
  equalBytes,
  type Genesis,
  initialMembership,
  type Leaf,
  lackingChains,
  leavesMatch,
  type Membership,
  type OwnLeaves,
  type SignedAttestation,
  type VerifySignature,
  type Vote,
  verdictOf,
  verifyAttestation,
  votesOf,
} from '../../protocol/index.ts'
import type { Clock, Timer, Timers } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import { WitnessAllowance } from './allowance.ts'
import { ClosingsKept } from './closings-kept.ts'
import type { Contradictions } from './contradictions.ts'
import type { FinalityKeeper } from './finality-keeper.ts'
import type { OwnChains } from './own-chains.ts'
import { WaitingAttestations } from './waiting-attestations.ts'

/** What became of an attestation that was handed in. 'early': more of the registrar's chain may tell whose word it is. */
export type AttestationOutcome = 'accept' | 'ignore' | 'reject' | 'early'

/** What A5 finds where less of the registrar's chain is held than the witness held. */
const EARLY: ReadonlySet<string> = new Set(['NOT_A_WITNESS', 'EPOCH_AHEAD', 'CLOCK_AHEAD'])

/** So long after neighbours must have told of the blocks behind an attestation its leaves are asked for (rule A7). */
export const LACKING_MS = 5_000

/** Attestations remembered as looked at, so that copies cost nothing. */
export const MAX_SEEN = 4_096

export interface AttestationDeskInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly verify: VerifySignature
  readonly clock: Clock
  readonly timers: Timers
  readonly selfKey: Bytes
  readonly chains: OwnChains
  readonly keeper: FinalityKeeper
  readonly contradictions: Pick<Contradictions, 'note'>
  readonly epochs: () => Epochs
  /** After every block held of the registrar's chain (rule A5). */
  readonly held: () => Membership
  readonly own: () => OwnLeaves
  /** Blocks that are wanted first; the neighbour that showed the attestation holds them. */
  readonly onLacking: (chains: readonly ChainSize[], sourceHex: string) => void
  readonly askLeaves: (
    attestation: SignedAttestation,
    sourceHex: string,
  ) => Promise<{ readonly leaves: readonly Leaf[]; readonly refuse: (detail: string) => void } | undefined>
  /** A witness has said something new, checked and stored. */
  readonly onNew: (attestation: SignedAttestation, bytes: Bytes, sourceHex: string) => void
  readonly onClosing: (attestation: SignedAttestation) => void
  /** Somebody signed under this node's key what this node has no record of. */
  readonly onOwnAhead: (attestation: SignedAttestation) => void
  /** A leaf that is not of the chain held here (rule A8). */
  readonly onDiffering: (index: number, leaf: Leaf, sourceHex: string) => void
  readonly onError: (error: Error) => void
  /** LACKING_MS, and the rounds in which neighbours tell each other of blocks. */
  readonly lackingMs: number
  /** Chains that grew within this time make one look at what waits for them. */
  readonly gatherMs: number
}

/** Which attestation's leaves: a witness may have signed two of one sequence. */
export type AskedLeaves = Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence' | 'headsRoot'>

interface Shown {
  readonly attestation: SignedAttestation
  readonly bytes: Bytes
  readonly sourceHex: string
  readonly witness: number
}

/** The door for attestations (rules A5–A8): checked, held against one's own chains, counted, stored, told on. */
export class AttestationDesk {
  readonly #init: AttestationDeskInit
  readonly #seen = new Set<string>()
  readonly #allowance: WitnessAllowance
  readonly #closings: ClosingsKept
  /** By witness and epoch: the newest that was accepted, and what of it is counted already. */
  readonly #newest = new Map<string, { readonly sequence: number; readonly bytes: Bytes }>()
  readonly #counted = new Map<string, readonly number[]>()
  readonly #waiting: WaitingAttestations<Shown>
  /** Those whose leaves were asked for without waiting for blocks. */
  readonly #asked = new WeakSet<SignedAttestation>()
  /** Members that the genesis names, the registrar among them. */
  readonly #places: number
  /** Being stored. Bounded by what each witness may say in the time of a write. */
  readonly #keeping = new Set<Promise<void>>()
  #lookTimer: Timer | undefined
  #askTimer: Timer | undefined
  #stopped = false

  constructor(init: AttestationDeskInit) {
    this.#init = init
    this.#allowance = new WitnessAllowance(init.clock)
    this.#closings = new ClosingsKept(init)
    this.#waiting = new WaitingAttestations(init.lackingMs)
    this.#places = initialMembership(init.genesis).members.length
  }

  /** Counts again what was stored before the restart. */
  async restore(): Promise<void> {
    const { attestations, closings } = this.#init.store.witness
    for (const table of [closings, attestations]) {
      for (const epoch of table.epochs()) {
        for (const { bytes, leaves } of await table.list(epoch)) {
          const shown = this.#read(bytes, 'own')
          if (shown === undefined) continue
          this.#remember(shown)
          await (leaves === undefined ? this.#evaluate(shown) : this.#place(shown, leaves))
        }
      }
    }
  }

  #read(bytes: Bytes, sourceHex: string): Shown | undefined {
    try {
      const attestation = decodeSignedAttestation(bytes)
      const witness = this.#init.held().member(attestation.witness)?.index
      return witness === undefined ? undefined : { attestation, bytes, sourceHex, witness }
    } catch {
      return undefined
    }
  }

  /** Never rejects. 'accept' for what is new and in order, whether its leaves can be counted yet or not. */
  async take(bytes: Bytes, sourceHex: string): Promise<AttestationOutcome> {
    if (this.#stopped) return 'ignore'
    try {
      const attestation = decodeSignedAttestation(bytes)
      // All of it: who signs twice with one nonce shares the half of it, and is to be found out.
      const id = Buffer.from(attestation.signature).toString('latin1')
      if (this.#seen.has(id)) return 'ignore'
      const isOwn = sourceHex === 'own'
      const { verify, genesis, selfKey, onOwnAhead } = this.#init
      // Rule W9, whatever of the registrar's chain is held: a copy that has lost everything must learn it before it signs.
      if (!isOwn && equalBytes(attestation.witness, selfKey) && verifyAttestation(verify, genesis.networkId, attestation))
        onOwnAhead(attestation)
      const member = isOwn
        ? this.#init.held().member(attestation.witness)
        : assertAttestation(verify, this.#context(), attestation, bytes)
      // Only what the witness has signed itself counts against it.
      if (member === undefined) return 'ignore'
      // The first of each epoch is free: a newcomer is told as many at once as there have been epochs, each of them once.
      const isFirst = !this.#newest.has(`${attestation.epoch}/${member.index}`)
      if (!isOwn && !isFirst && !this.#allowance.take(member.keyHex)) return 'ignore'
      this.#see(id)
      const shown = { attestation, bytes, sourceHex, witness: member.index }
      if (this.#remember(shown)) this.#keepAlongside(this.#keep(shown))
      // Rule W10: one that comes late brings what it brings.
      await this.#evaluate(shown)
      return 'accept'
    } catch (error) {
      const { verdict, code } = verdictOf(error)
      if (code === 'UNEXPECTED') this.#init.onError(error as Error)
      return EARLY.has(code) ? 'early' : verdict
    }
  }

  /** Others may have it before it is stored here: it is theirs, and a crash leaves it with whoever showed it. */
  #keepAlongside(keeping: Promise<void>): void {
    const kept = keeping.catch(this.#init.onError).finally(() => this.#keeping.delete(kept))
    this.#keeping.add(kept)
  }

  #context(): AttestationContext {
    const { genesis, clock, held, epochs } = this.#init
    const known = epochs()
    return {
      networkId: genesis.networkId,
      now: clock.now(),
      maxClockDriftMs: genesis.limits.maxClockDriftMs,
      membership: held(),
      witnessesOf: (epoch) => known.get(epoch)?.witnesses,
    }
  }

  #see(id: string): void {
    if (this.#seen.size >= MAX_SEEN) this.#seen.delete(this.#seen.values().next().value as string)
    this.#seen.add(id)
  }

  /** True where nothing newer of this witness and epoch is known. */
  #remember(shown: Shown): boolean {
    const { sequence } = shown.attestation
    const before = this.#newest.get(nameOf(shown))
    if (before !== undefined && before.sequence >= sequence) return false
    this.#newest.set(nameOf(shown), { sequence, bytes: shown.bytes })
    return true
  }

  async #keep({ attestation, bytes, sourceHex }: Shown, leaves?: readonly Leaf[]): Promise<void> {
    const { keeper, onNew } = this.#init
    const { epoch, witness } = attestation
    await keeper.keep({ epoch, witness, bytes, leaves })
    if (leaves === undefined) onNew(attestation, bytes, sourceHex)
  }

  async #evaluate(shown: Shown): Promise<void> {
    const { attestation, sourceHex } = shown
    if (this.#newest.get(nameOf(shown))?.bytes === shown.bytes) await this.#closings.keep(attestation, shown.bytes)
    // What is said of more of the registrar's chain than is held here waits for it: it may be a closing one.
    const answer = await attestationLeaves(attestation, this.#init.own())
    if (answer.type === 'equal') return this.#placeEqual(shown)
    if (answer.type === 'different') return void this.#ask(shown).catch(this.#init.onError)
    this.#wait(shown)
    this.#init.onLacking(answer.chains, sourceHex)
    this.#askWhereStuck([shown])
  }

  /** Every leaf that is not named is this node's own: only what has grown since is placed. */
  async #placeEqual(shown: Shown): Promise<void> {
    const { attestation } = shown
    const { keeper, chains, contradictions } = this.#init
    const before = this.#counted.get(nameOf(shown)) ?? []
    const named = new Map(attestation.named.map((leaf) => [leaf.index, leaf]))
    const votes: Vote[] = []
    const { frontier } = attestation
    for (let index = 0; index < frontier.length; index++) {
      const size = frontier[index] as number
      const leaf = named.size === 0 ? undefined : named.get(index)
      if (leaf === undefined && (size <= (before[index] ?? 0) || size <= keeper.countedSize(index))) continue
      const held = leaf === undefined && size > 0 ? chains.leafInMemory(index, size) : undefined
      const root = held?.root ?? leaf?.root ?? (await chains.rootAt(index, size))
      if (root === undefined) continue
      const vote = { epoch: attestation.epoch, witness: shown.witness, member: index, size, root }
      if (held?.epoch === undefined) votes.push(vote)
      else keeper.placeHeld(vote, held.epoch)
    }
    this.#counted.set(nameOf(shown), attestation.frontier)
    await keeper.place(votes)
    // The others are of this node's own roots.
    const differing = votes.filter(({ member }) => named.has(member))
    await this.#tellDiffering(shown, differing)
    await contradictions.note(attestation)
  }

  /**
   * What a named leaf says is signed, whatever the others are: by it the registrar's final story is found (rule W14). Only
   * members of the genesis have the same place in every story.
   */
  async #placeNamed(shown: Shown): Promise<void> {
    const { epoch, named } = shown.attestation
    const known = named.filter(({ index }) => index < this.#places)
    const votes = known.map(({ index, size, root }): Vote => ({ epoch, witness: shown.witness, member: index, size, root }))
    await this.#init.keeper.place(votes)
    await this.#tellDiffering(shown, votes)
  }

  /** Leaves that were supplied, and fit the signed root. */
  async #place(shown: Shown, leaves: readonly Leaf[]): Promise<void> {
    const { epochs, keeper, contradictions } = this.#init
    const votes = votesOf(epochs(), shown.witness, shown.attestation, leaves)
    await keeper.place(votes)
    await this.#tellDiffering(
      shown,
      leaves.map((leaf, member) => ({ ...leaf, member })),
    )
    await contradictions.note(shown.attestation, leaves)
  }

  async #tellDiffering({ sourceHex }: Shown, leaves: readonly (Leaf & { readonly member: number })[]): Promise<void> {
    const { chains, onDiffering } = this.#init
    for (const { member, size, root } of leaves) {
      if (size > 0 && (await chains.isOn(member, { size, root })) === false) onDiffering(member, { size, root }, sourceHex)
    }
  }

  async #ask(shown: Shown): Promise<void> {
    const { askLeaves, held } = this.#init
    const answer = await askLeaves(shown.attestation, shown.sourceHex)
    if (answer === undefined || this.#stopped) return
    const keys = held().members.map(({ key }) => key)
    if (!leavesMatch(shown.attestation, keys, answer.leaves)) {
      const [registrar] = answer.leaves
      const isOwnStory = registrar !== undefined && (await this.#init.chains.isOn(0, registrar)) === true
      if (isOwnStory) return answer.refuse('leaves that are not those of the attestation')
      // Whoever holds another story of the registrar's has other members: the leaves may be right, and fit no keys known here.
      return this.#placeNamed(shown)
    }
    if (this.#newest.get(nameOf(shown))?.bytes === shown.bytes) {
      this.#keepAlongside(this.#keep(shown, answer.leaves))
      await this.#closings.keep(shown.attestation, shown.bytes, answer.leaves)
    }
    this.#waiting.delete(nameOf(shown), shown)
    await this.#place(shown, answer.leaves)
  }

  #wait(shown: Shown): void {
    this.#waiting.add(nameOf(shown), shown, this.#init.clock.monotonicMs())
    this.#askLater()
  }

  /**
   * Blocks of members that do not count here yet are refused, and they may never count without this very attestation: its leaves
   * are asked for at once, each time the first.
   */
  #askWhereStuck(waiting: readonly Shown[]): void {
    const { own, chains } = this.#init
    const counted = own().sizes.length
    for (const shown of waiting) {
      const { frontier } = shown.attestation
      const isStuck = frontier.some((size, index) => index >= counted && size > 0)
      if (!isStuck || (frontier[0] as number) > chains.size(0) || this.#asked.has(shown.attestation)) continue
      this.#asked.add(shown.attestation)
      void this.#ask(shown).catch(this.#init.onError)
    }
  }

  #askLater(): void {
    const delayMs = this.#waiting.lackingInMs(this.#init.clock.monotonicMs())
    if (delayMs === undefined || this.#stopped) return
    this.#askTimer ??= this.#init.timers.set(delayMs, () => {
      this.#askTimer = undefined
      this.#askForLacking()
      this.#askLater()
    })
  }

  /** Blocks that did not come may be of a member that does not count yet, or of a branch that nobody gives by itself. */
  #askForLacking(): void {
    for (const shown of this.#waiting.takeLacking(this.#init.clock.monotonicMs())) {
      if ((shown.attestation.frontier[0] as number) <= this.#init.chains.size(0)) void this.#ask(shown).catch(this.#init.onError)
    }
  }

  /** Chains have grown. */
  onGrew(): void {
    if (this.#waiting.isEmpty || this.#stopped) return
    this.#lookTimer ??= this.#init.timers.set(this.#init.gatherMs, () => {
      this.#lookTimer = undefined
      void this.#lookAgain().catch(this.#init.onError)
    })
  }

  async #lookAgain(): Promise<void> {
    const own = this.#init.own()
    const ready = this.#waiting.takeReady(({ attestation }) => lackingChains(attestation, own).length === 0)
    this.#askWhereStuck(this.#waiting.all())
    for (const shown of ready) await this.#evaluate(shown)
  }

  /** Leaves of an attestation that is stored here, for a neighbour that asks (rule A7). */
  async leavesOf({ witness, epoch, sequence, headsRoot }: AskedLeaves): Promise<readonly Leaf[] | undefined> {
    const stored = await this.#init.store.witness.attestations.get(epoch, witness)
    if (stored === undefined) return undefined
    const attestation = decodeSignedAttestation(stored.bytes)
    const isAsked = attestation.sequence === sequence && equalBytes(attestation.headsRoot, headsRoot)
    return isAsked ? (stored.leaves ?? this.ownLeavesOf(attestation)) : undefined
  }

  /** The leaves of an attestation by this node's own chains: undefined where they are not those that the witness signed. */
  async ownLeavesOf(attestation: SignedAttestation): Promise<readonly Leaf[] | undefined> {
    const { chains, held } = this.#init
    const named = new Map(attestation.named.map((leaf) => [leaf.index, leaf]))
    const leaves: Leaf[] = []
    for (const [index, size] of attestation.frontier.entries()) {
      const root = named.get(index)?.root ?? (await chains.rootAt(index, size))
      if (root === undefined) return undefined
      leaves.push({ size, root })
    }
    const keys = held().members.map(({ key }) => key)
    return leavesMatch(attestation, keys, leaves) ? leaves : undefined
  }

  /** Waits for what is being stored. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of [this.#lookTimer, this.#askTimer]) if (timer !== undefined) this.#init.timers.clear(timer)
    this.#waiting.clear()
    await Promise.all(this.#keeping)
  }
}

function nameOf({ attestation: { epoch }, witness }: Shown): string {
  return `${epoch}/${witness}`
}
