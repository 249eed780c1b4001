import {
  type AttestationPlan,
  type Bytes,
  type ClosingLeaves,
  decodeSignedAttestation,
  EMPTY_CHAIN,
  type Epochs,
  encodeSignedAttestation,
  enterNextEpoch,
  type Genesis,
  type HeldChains,
  headLeafSize,
  headsRoot,
  isWattnessError,
  type Leaf,
  type Membership,
  planAttestation,
  type Resolution,
  resolutionOf,
  type SignedAttestation,
  type Signer,
  signAttestation,
  type WitnessRecord,
} from '../../protocol/index.ts'
import type { Clock, Timer, Timers } from '../platform.ts'
import { msToNextRound, type Rounds } from '../rounds.ts'
import type { LedgerStore } from '../store/index.ts'
import type { OwnChains } from './own-chains.ts'
import type { SigningTurn } from './signing-turn.ts'

/** After a write that failed, or a neighbour's word that has not come. */
export const RETRY_MS = 5_000

export interface AttesterInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly signer: Signer
  readonly clock: Clock
  readonly timers: Timers
  /** When it signs. */
  readonly rounds: () => Rounds
  readonly chains: OwnChains
  /** Shared with whoever else signs as this witness. */
  readonly turn: SigningTurn
  readonly epochs: () => Epochs
  readonly membership: () => Membership
  /** Whether anything may be signed yet. */
  readonly isOpen: () => boolean
  /** Leaves of a closing attestation by this node's own chains; undefined where they are others. */
  readonly ownLeavesOf: (attestation: SignedAttestation) => Promise<readonly Leaf[] | undefined>
  /** On the disk: to be counted here and told to everybody. */
  readonly onSigned: (attestation: SignedAttestation, bytes: Bytes) => void
  readonly onEpoch: (epoch: number) => void
  /** Closings of this epoch are wanted: of whoever holds them. */
  readonly onClosingsWanted: (epoch: number) => void
  /** A closing's leaf is not resolved yet: blocks to be fetched, or another story to be looked into. */
  readonly onUnresolved: (index: number, leaf: Leaf, resolution: Exclude<Resolution, 'resolved'>) => void
  readonly onError: (error: Error) => void
}

/** Signs what this node holds, as a witness: rules W5 to W9. One step at a time. */
export class Attester {
  readonly #init: AttesterInit
  #timer: Timer | undefined
  #isStarted = false
  #stopped = false
  #step: Promise<void> | undefined
  #isPoked = false

  constructor(init: AttesterInit) {
    this.#init = init
  }

  start(): void {
    this.#isStarted = true
    this.poke()
  }

  /** Nothing is signed once it has resolved. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    await this.#step
  }

  /** This node's place among the members; undefined where it has none. */
  get #self(): number | undefined {
    return this.#init.membership().member(this.#init.signer.publicKey)?.index
  }

  /** It signs in its epoch, or a later one waits for it. */
  get isWitness(): boolean {
    const self = this.#self
    if (self === undefined) return false
    const { epoch } = this.#init.store.witness.record
    return this.#init.epochs().all.some(({ number, witnesses }) => number >= epoch && witnesses.includes(self))
  }

  /** Something may be new to sign. */
  poke(): void {
    if (!this.#isStarted || this.#stopped || !this.isWitness) return
    if (this.#step !== undefined) this.#isPoked = true
    else this.#timer ??= this.#wake(this.#msToRound())
  }

  /** All witnesses sign at the same moments: what they sign is then told and checked together. */
  #msToRound(): number {
    const { lengthMs, phaseMs } = this.#init.rounds()
    return msToNextRound(this.#init.clock.now(), lengthMs, phaseMs)
  }

  #wake(ms: number): Timer {
    return this.#init.timers.set(ms, () => {
      this.#timer = undefined
      this.#step ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    let waitMs: number | undefined
    try {
      waitMs = await this.#init.turn.run(() => this.#sign())
    } catch (error) {
      // What was to be signed is held no more, or moved on: the next look decides anew.
      if (!isWattnessError(error, 'SIGNED_LEAF_CONFLICT')) this.#init.onError(error as Error)
      waitMs = RETRY_MS
    }
    this.#step = undefined
    if (this.#stopped) return
    if (this.#isPoked) waitMs = Math.min(waitMs ?? Number.POSITIVE_INFINITY, this.#msToRound())
    this.#isPoked = false
    if (waitMs !== undefined) this.#timer ??= this.#wake(waitMs)
  }

  /** Answers with the time to the next look, where there is one whatever comes. */
  async #sign(): Promise<number | undefined> {
    const { store, isOpen } = this.#init
    if (store.witness.halted !== undefined) return undefined
    if (!isOpen()) return undefined
    const isEntering = await this.#enter()
    const self = this.#self
    if (self === undefined || this.#stopped) return undefined
    const epochs = this.#init.epochs()
    const record = this.#record()
    const change = epochs.get(record.epoch + 1)?.fromSize
    const wanted = unsaidLeaves(record)
    if (change !== undefined) wanted.push({ index: 0, size: change })
    const chains = await this.#held(wanted)
    const plan = planAttestation(self, record, epochs, chains)
    if (plan !== undefined) await this.#attest(plan)
    return isEntering ? RETRY_MS : undefined
  }

  /** Rule W5: a crash before the write leaves nothing signed; after it, what the record says was signed is the most that was. */
  async #attest(plan: AttestationPlan): Promise<void> {
    const { store, genesis, signer, clock, chains, onSigned } = this.#init
    const { epoch, sequence, leaves, frontier, named, changed, isClosing } = plan
    const heads = leaves.map(({ size, root }, index) => ({ member: chains.key(index) as Bytes, size, root }))
    const attestation = signAttestation(signer, genesis.networkId, {
      witness: signer.publicKey,
      epoch,
      sequence,
      timeMs: clock.now(),
      frontier,
      named,
      headsRoot: headsRoot(heads),
    })
    const bytes = encodeSignedAttestation(attestation)
    const signed = [...changed].map(([index, leaf]) => ({ member: chains.key(index) as Bytes, ...leaf }))
    const closing = isClosing || (epoch === store.witness.record.epoch && store.witness.record.closing)
    const stored = [{ epoch, witness: signer.publicKey, bytes, leaves: undefined }]
    // In the same write: a closing one that only the record knew would be told to nobody after a crash, and nothing follows it.
    await store.witness.sign({
      leaves: signed,
      record: { epoch, sequence, closing, attestation: bytes },
      attestations: stored,
      closings: isClosing ? stored : [],
    })
    onSigned(attestation, bytes)
  }

  /** Takes the epochs that follow in their order; true while one is held but cannot be entered yet. */
  async #enter(): Promise<boolean> {
    const { store, onEpoch, onClosingsWanted } = this.#init
    for (;;) {
      const epochs = this.#init.epochs()
      const record = this.#record()
      const next = epochs.get(record.epoch + 1)
      if (next === undefined || this.#stopped) return false
      const closings = await this.#closingsOf(record.epoch)
      const wanted = closings.flatMap(({ leaves }) => leaves.map(({ size }, index) => ({ index, size })))
      wanted.push({ index: 0, size: next.fromSize })
      const chains = await this.#held(wanted)
      const entered = enterNextEpoch(record, epochs, chains, closings)
      if (entered === undefined) {
        onClosingsWanted(record.epoch)
        this.#tellUnresolved(chains, closings)
        return true
      }
      await this.#writeEntry(record, entered)
      onEpoch(store.witness.record.epoch)
    }
  }

  /** Rule W8: durable before anything is signed in the new epoch. */
  async #writeEntry(before: WitnessRecord, { epoch, leaves }: WitnessRecord): Promise<void> {
    const { store, chains } = this.#init
    const taken = [...leaves].filter(([index, { size }]) => size > (before.leaves.get(index)?.size ?? 0))
    const { sequence, attestation } = store.witness.record
    await store.witness.sign({
      leaves: taken.map(([index, leaf]) => ({ member: chains.key(index) as Bytes, ...leaf })),
      record: { epoch, sequence, closing: false, attestation },
    })
  }

  #tellUnresolved(chains: HeldChains, closings: readonly ClosingLeaves[]): void {
    const told = new Set<number>()
    for (const { leaves } of closings) {
      for (const [index, leaf] of leaves.entries()) {
        const resolution = resolutionOf(chains, index, leaf)
        if (resolution === 'resolved' || told.has(index)) continue
        told.add(index)
        this.#init.onUnresolved(index, leaf, resolution)
      }
    }
  }

  async #closingsOf(epoch: number): Promise<ClosingLeaves[]> {
    const { store, membership, ownLeavesOf } = this.#init
    const closings: ClosingLeaves[] = []
    for (const { witness, bytes, leaves } of await store.witness.closings.list(epoch)) {
      const index = membership().member(witness)?.index
      const known = leaves ?? (await ownLeavesOf(decodeSignedAttestation(bytes)))
      if (index !== undefined && known !== undefined) closings.push({ witness: index, leaves: known })
    }
    return closings
  }

  #record(): WitnessRecord {
    const { store, membership } = this.#init
    const leaves = new Map<number, Leaf>()
    for (const { member, size, root } of store.witness.signedLeaves()) {
      const index = membership().member(member)?.index
      if (index !== undefined) leaves.set(index, { size, root })
    }
    const { epoch, sequence, closing, attestation } = store.witness.record
    const attested = attestation.length === 0 ? [] : decodeSignedAttestation(attestation).frontier
    return { epoch, sequence, isClosed: closing, leaves, attested }
  }

  /** The chains as they are held now, with the roots that will be asked for. */
  async #held(wanted: readonly { readonly index: number; readonly size: number }[]): Promise<HeldChains> {
    const { store, chains, membership } = this.#init
    const { members } = membership()
    const roots = new Map<string, Bytes>()
    const leafEpochs = new Map<string, number>()
    const look = async (index: number, size: number): Promise<void> => {
      const name = `${index}/${size}`
      const root = roots.has(name) ? undefined : await chains.rootAt(index, size)
      if (root === undefined) return
      roots.set(name, root)
      if (size > 0) leafEpochs.set(name, await chains.epochOf(index, size))
    }
    for (const { index, size } of wanted) await look(index, size)
    const leaves: Leaf[] = []
    for (const member of members) {
      const head = store.head(member.key) ?? EMPTY_CHAIN
      const size = headLeafSize(member, head.size)
      const root = size === head.size ? head.root : ((await chains.rootAt(member.index, size)) ?? EMPTY_CHAIN.root)
      leaves.push({ size, root })
    }
    return {
      count: members.length,
      leaf: (index) => leaves[index] as Leaf,
      rootAt: (index, size) => {
        const key = chains.key(index)
        const signed = key === undefined ? undefined : store.witness.signedLeaf(key)
        // The store itself keeps a chain on the branch that was signed of it, or says that it left that branch.
        if (signed?.size === size) return signed.left || chains.size(index) < size ? undefined : signed.root
        return roots.get(`${index}/${size}`)
      },
      // What was not looked up is of no epoch that has begun: it is not taken over.
      leafEpoch: (index, size) => leafEpochs.get(`${index}/${size}`) ?? Number.POSITIVE_INFINITY,
      isQuarantined: (index) => {
        const key = chains.key(index)
        return key !== undefined && (members[index]?.revoked !== undefined || store.quarantined(key))
      },
    }
  }
}

/** Leaves in the record beyond the newest attestation: cosigned since, or taken over. */
function unsaidLeaves({ leaves, attested = [] }: WitnessRecord): { readonly index: number; readonly size: number }[] {
  return [...leaves].flatMap(([index, { size }]) => (size > (attested[index] ?? 0) ? [{ index, size }] : []))
}
