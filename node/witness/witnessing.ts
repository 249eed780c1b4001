import {
  type Bytes,
  type ChainSize,
  type Epochs,
  encodeSignedAttestation,
  equalBytes,
  type Final,
  type Genesis,
  isAheadOfRecord,
  type Leaf,
  MAX_MEMBERS,
  type Membership,
  type OwnLeaves,
  peekAttestation,
  type Resolution,
  type SignedAttestation,
  type Signer,
  toUtf8,
  type VerifySignature,
  type WitnessResponse,
} from '../../protocol/index.ts'
import type { Clock, Timers } from '../platform.ts'
import { gatherMsOf, type Rounds } from '../rounds.ts'
import type { LedgerStore } from '../store/index.ts'
import type { StoredRun } from '../validate/index.ts'
import { type AskedLeaves, AttestationDesk, type AttestationOutcome, LACKING_MS } from './attestation-desk.ts'
import { Attester } from './attester.ts'
import { ContestedChains, type ContestedInit } from './contested.ts'
import { Contradictions } from './contradictions.ts'
import { CosignDesk } from './cosign.ts'
import { EpochSeeker } from './epoch-seeker.ts'
import { type FinalChange, FinalityKeeper } from './finality-keeper.ts'
import { OwnChains } from './own-chains.ts'
import { Prover } from './prover.ts'
import { SigningTurn } from './signing-turn.ts'

/** A block comes from the witness's side of the neighbourhood by several neighbours, a round each. */
const ROUNDS_TO_COME = 3

export interface WitnessingInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly signer: Signer
  readonly verify: VerifySignature
  readonly clock: Clock
  readonly timers: Timers
  /** Rounds in which this node signs as a witness. */
  readonly rounds: () => Rounds
  /** Rounds in which neighbours tell each other of blocks. */
  readonly announceDelayMs: number
  /** Members that count, and those that all held blocks of the registrar's chain name. */
  readonly membership: () => Membership
  readonly held: () => Membership
  readonly epochs: () => Epochs
  /** What attestations are held against (rule A6): keys of all held members, sizes and tree of the view. */
  readonly own: () => OwnLeaves
  /** False: nothing is signed as long as this node runs. */
  readonly isAllowed: boolean
  /** So many neighbours must have told what they hold, this key's newest attestation among it, before anything is signed. */
  readonly wordsNeeded: () => number
  readonly onLacking: (chains: readonly ChainSize[], sourceHex: string) => void
  readonly askLeaves: (
    attestation: SignedAttestation,
    sourceHex: string,
  ) => Promise<{ readonly leaves: readonly Leaf[]; readonly refuse: (detail: string) => void } | undefined>
  readonly askClosings: (epoch: number) => void
  /** A leaf of another branch than the held one: the checkpoint behind it is evidence, or nobody has it. */
  readonly onDiffering: (index: number, leaf: Leaf, sourceHex: string | undefined) => void
  /** Rule W14: the registrar's blocks that count; another branch of a chain, and the door that takes it. */
  readonly counted: ContestedInit['counted']
  readonly fetchBranch: ContestedInit['fetchBranch']
  readonly adopt: ContestedInit['adopt']
  /** Another branch of a chain is held from the run's first block on. */
  readonly onReplaced: (index: number, run: StoredRun) => void
  /** A witness has contradicted itself: evidence of kind 2, to be judged, stored and shown like any. */
  readonly onContradiction: (evidence: Bytes) => Promise<unknown>
  /** An attestation that neighbours may not have. `sourceHex`: who showed it, or 'own'. */
  readonly onAttestation: (attestation: SignedAttestation, bytes: Bytes, sourceHex: string) => void
  /** On the disk. */
  readonly onFinal: (changes: readonly FinalChange[]) => void
  readonly onEpoch: (epoch: number) => void
  /** For good: this key has signed what this node has no record of. */
  readonly onHalted: (reason: string) => void
  /** Another witness, with what it is to cosign. */
  readonly askWitness: (witness: Bytes, request: string, signal: AbortSignal) => Promise<WitnessResponse>
  readonly onError: (error: Error) => void
}

/** Witnessing as the node sees it: attestations in and out, and what is final. */
export class Witnessing {
  readonly #init: WitnessingInit
  readonly #chains: OwnChains
  readonly #keeper: FinalityKeeper
  readonly #desk: AttestationDesk
  readonly #contradictions: Contradictions
  readonly #contested: ContestedChains
  readonly #attester: Attester
  readonly #seeker: EpochSeeker
  /** What others ask this witness to sign. */
  readonly cosigning: CosignDesk
  readonly prover: Prover
  readonly #words = new Set<string>()
  #hasHeard = false

  constructor(init: WitnessingInit) {
    const { store, genesis, signer, verify, clock, timers, rounds, membership, held, epochs, onError } = init
    this.#init = init
    const gatherMs = gatherMsOf(init.announceDelayMs)
    this.#chains = new OwnChains(store, held, epochs)
    this.#keeper = new FinalityKeeper({
      store,
      chains: this.#chains,
      epochs,
      onFinal: (changes) => {
        init.onFinal(changes)
        this.#attester.poke()
        this.#seeker.look()
      },
      onContested: (index) => this.#contested.review(index),
      onError,
      timers,
      gatherMs,
    })
    this.#contested = new ContestedChains({
      store,
      timers,
      selfKey: signer.publicKey,
      chains: this.#chains,
      keeper: this.#keeper,
      epochs,
      counted: init.counted,
      fetchBranch: init.fetchBranch,
      adopt: init.adopt,
      onReplaced: (index, run) => {
        try {
          init.onReplaced(index, run)
        } catch (error) {
          onError(error as Error)
        }
        this.onReplaced(index, run.from).catch(onError)
      },
      onError,
    })
    this.#contradictions = new Contradictions({
      store,
      timers,
      chains: this.#chains,
      held,
      ownLeavesOf: (attestation) => this.#desk.ownLeavesOf(attestation),
      onFound: init.onContradiction,
      onError,
    })
    this.#desk = new AttestationDesk({
      store,
      genesis,
      verify,
      clock,
      timers,
      selfKey: signer.publicKey,
      chains: this.#chains,
      keeper: this.#keeper,
      contradictions: this.#contradictions,
      epochs,
      held,
      own: init.own,
      onLacking: init.onLacking,
      askLeaves: init.askLeaves,
      onNew: init.onAttestation,
      onClosing: () => this.#attester.poke(),
      onOwnAhead: (attestation) => this.#onOwn(attestation),
      onDiffering: init.onDiffering,
      onError,
      lackingMs: LACKING_MS + ROUNDS_TO_COME * init.announceDelayMs,
      gatherMs,
    })
    const turn = new SigningTurn()
    this.#attester = new Attester({
      store,
      genesis,
      signer,
      clock,
      timers,
      rounds,
      chains: this.#chains,
      turn,
      epochs,
      membership,
      isOpen: () => this.#isOpen(),
      ownLeavesOf: (attestation) => this.#desk.ownLeavesOf(attestation),
      onSigned: (_attestation, bytes) => void this.#desk.take(bytes, 'own'),
      onEpoch: init.onEpoch,
      onClosingsWanted: init.askClosings,
      onUnresolved: (index, leaf, resolution) => this.#onUnresolved(index, leaf, resolution),
      onError,
    })
    const { askClosings } = init
    this.#seeker = new EpochSeeker({ timers, held: epochs, counted: () => init.counted().epochs, askClosings })
    this.cosigning = new CosignDesk({
      store,
      genesis,
      signer,
      verify,
      clock,
      chains: this.#chains,
      epochs,
      membership,
      isOpen: () => this.#isOpen(),
      turn,
      onRecorded: () => this.#attester.poke(),
    })
    this.prover = new Prover({
      store,
      genesis,
      verify,
      clock,
      timers,
      chains: this.#chains,
      epochs,
      ownLeavesOf: (attestation) => this.#desk.ownLeavesOf(attestation),
      ask: (witness, request, signal) =>
        equalBytes(witness, signer.publicKey)
          ? this.cosigning.answer(toUtf8(request))
          : init.askWitness(witness, request, signal),
    })
  }

  /** Counts what was stored before; nothing is signed yet. */
  async restore(): Promise<void> {
    this.#keeper.restore((member) => this.#init.held().member(member)?.index)
    await this.#desk.restore()
  }

  start(): void {
    this.#attester.start()
  }

  async stop(): Promise<void> {
    const told = this.#desk.stop()
    this.#seeker.stop()
    this.#contradictions.stop()
    this.#contested.stop()
    this.prover.stop()
    await this.#attester.stop()
    await this.cosigning.stop()
    await this.#keeper.stop()
    await told
  }

  get keeper(): FinalityKeeper {
    return this.#keeper
  }

  /** A neighbour has told all attestations that it holds. */
  onTold(peerHex: string): void {
    if (!this.#hasHeard && this.#words.size < MAX_MEMBERS) this.#words.add(peerHex)
    this.#attester.poke()
    this.#seeker.look()
  }

  /** A witness that was restored from an old copy must learn so before it signs (rule W9). */
  #isOpen(): boolean {
    this.#hasHeard ||= this.#words.size >= this.#init.wordsNeeded()
    return this.#init.isAllowed && this.#hasHeard
  }

  /** What a newcomer is to be told: the newest of each witness, the newest epochs first. */
  async stored(): Promise<{ witness: Bytes; epoch: number; sequence: number; bytes: Bytes }[]> {
    const { attestations } = this.#init.store.witness
    const told: { witness: Bytes; epoch: number; sequence: number; bytes: Bytes }[] = []
    for (const epoch of attestations.epochs().reverse()) {
      for (const { bytes } of await attestations.list(epoch)) told.push({ ...peekAttestation(bytes), bytes })
    }
    return told
  }

  async closingsOf(epoch: number): Promise<Bytes[]> {
    return (await this.#init.store.witness.closings.list(epoch)).map(({ bytes }) => bytes)
  }

  /** An attestation from anywhere: see AttestationDesk. */
  take(bytes: Bytes, sourceHex: string): Promise<AttestationOutcome> {
    return this.#desk.take(bytes, sourceHex)
  }

  /** What is final of a chain, and on the disk. */
  final(member: Bytes): Final | undefined {
    return this.#init.store.witness.final(member)
  }

  leavesOf(asked: AskedLeaves): Promise<readonly Leaf[] | undefined> {
    return this.#desk.leavesOf(asked)
  }

  /** More of a chain is held. */
  onStored(member: Bytes): void {
    const index = this.#init.held().member(member)?.index
    if (index === undefined) return
    this.#keeper.grew(index).catch(this.#init.onError)
    this.#desk.onGrew()
    this.#contradictions.onGrew()
    this.#attester.poke()
  }

  /** Another branch of a chain is held from height `from` on. */
  async onReplaced(index: number, from: number): Promise<void> {
    await this.#keeper.replaced(index, from)
    await this.#contradictions.onReplaced()
    this.#desk.onGrew()
    this.#attester.poke()
  }

  /** A chain stopped here: what is final of it may be another branch, or more than is held. */
  onQuarantine(member: Bytes): void {
    const index = this.#init.held().member(member)?.index
    if (index !== undefined) this.#contested.review(index)
    this.poke()
  }

  /** Members or epochs changed, a chain was quarantined, a neighbour's word came. */
  poke(): void {
    this.#desk.onGrew()
    this.#attester.poke()
  }

  #onOwn(attestation: SignedAttestation): void {
    const { store, onHalted, onError } = this.#init
    const { record, halted } = store.witness
    const isOther =
      attestation.sequence === record.sequence && !equalBytes(encodeSignedAttestation(attestation), record.attestation)
    if (halted !== undefined || !(isOther || isAheadOfRecord(record, attestation))) return
    const { sequence } = attestation
    const reason = `this key has attested sequence ${sequence}, which the record of this node (${record.sequence}) does not know`
    store.witness.halt(reason).then(() => onHalted(reason), onError)
  }

  #onUnresolved(index: number, leaf: Leaf, resolution: Exclude<Resolution, 'resolved'>): void {
    if (resolution === 'conflict') this.#init.onDiffering(index, leaf, undefined)
    else this.#init.onLacking([{ index, size: leaf.size }], 'own')
  }
}
