import {
  type Bytes,
  type Epochs,
  equalBytes,
  type Final,
  Finality,
  isWattnessError,
  type LeafStanding,
  toHex,
  type Vote,
} from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { LedgerStore, StoredAttestation } from '../store/index.ts'
import type { OwnChains } from './own-chains.ts'

/** A chain of which more is final than before. */
export interface FinalChange extends Final {
  readonly index: number
  readonly member: Bytes
}

export interface FinalityKeeperInit {
  readonly store: LedgerStore
  readonly chains: OwnChains
  readonly epochs: () => Epochs
  /** A leaf was placed that is not on the chain as held, or lies beyond the end of a quarantined one (rule W14). */
  readonly onContested: (index: number) => void
  /** On the disk by now. */
  readonly onFinal: (changes: readonly FinalChange[]) => void
  /** What is final could not be written down: it is tried again. */
  readonly onError: (error: Error) => void
  readonly timers: Timers
  /** Witnesses speak at the same moments by the clock: one write takes what has come within this time, milliseconds. */
  readonly gatherMs: number
}

/** What could not be written down is tried again after so long, or with the next that comes. */
export const RETRY_MS = 5_000

interface Kept {
  readonly attestation: StoredAttestation
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Puts votes where they belong by the chains as held, and writes down what becomes final before it is shown. */
export class FinalityKeeper {
  readonly #init: FinalityKeeperInit
  readonly #finality: Finality
  #changes = new Map<number, Final>()
  /** Attestations to be stored with what they make final. */
  #kept: Kept[] = []
  #writing: Promise<void> | undefined
  #release: () => void = () => undefined
  #retryTimer: Timer | undefined
  #stopping = false

  constructor(init: FinalityKeeperInit) {
    this.#init = init
    this.#finality = new Finality(init.epochs())
  }

  /** What was final before the restart. */
  restore(indexOf: (member: Bytes) => number | undefined): void {
    for (const { member, size, root, epoch } of this.#init.store.witness.finals()) {
      const index = indexOf(member)
      if (index !== undefined) this.#finality.restore(index, { size, root, epoch })
    }
  }

  /** Written down, not only counted. */
  finalSize(index: number): number {
    const key = this.#init.chains.key(index)
    return key === undefined ? 0 : (this.#init.store.witness.final(key)?.size ?? 0)
  }

  /** Counted, and perhaps not written down yet. */
  final(index: number): Final | undefined {
    return this.#finality.final(index)
  }

  /** How much of it is so: a vote for no more brings nothing. */
  countedSize(index: number): number {
    return this.#finality.finalSize(index)
  }

  async place(votes: readonly Vote[]): Promise<void> {
    this.#finality.setEpochs(this.#init.epochs())
    try {
      for (const vote of votes) if (!this.#placeOwn(vote)) await this.#place(vote)
      this.#takeBegun()
    } finally {
      // One write for all that an attestation has moved.
      this.flush()
    }
  }

  /** Nearly all are of the held chain and of its newest sizes: these take no turn. False for one that may be another. */
  #placeOwn(vote: Vote): boolean {
    const { member, size } = vote
    if (size === 0) return true
    const held = this.#init.chains.leafInMemory(member, size)
    if (held?.epoch === undefined || !equalBytes(held.root, vote.root)) return false
    this.placeHeld(vote, held.epoch)
    return true
  }

  /** Of the chain as held at this moment, by its root and its epoch; `place` is to follow, be it with nothing. */
  placeHeld(vote: Vote, epoch: number): void {
    this.#finality.setEpochs(this.#init.epochs())
    this.#note(vote, 'own', epoch)
  }

  #note(vote: Vote, standing: LeafStanding, epoch: number): void {
    const final = this.#finality.note(vote, standing, () => epoch)
    if (final !== undefined) this.#changes.set(vote.member, final)
  }

  async #place(vote: Vote): Promise<void> {
    const { chains } = this.#init
    const { member, size } = vote
    const isOn = await chains.isOn(member, vote)
    const standing: LeafStanding = isOn === undefined ? 'ahead' : isOn ? 'own' : 'other'
    this.#note(vote, standing, standing === 'own' ? await chains.epochOf(member, size) : 0)
    if (standing === 'own') return
    const key = chains.key(member)
    const isStopped = key !== undefined && this.#init.store.quarantined(key)
    if (standing === 'other' || (standing === 'ahead' && isStopped)) this.#init.onContested(member)
    // It may have grown while its root was looked up.
    if (standing === 'ahead' && chains.size(member) >= size) await this.grew(member)
  }

  /** More of a chain is held: leaves that waited for it are placed. */
  async grew(index: number): Promise<void> {
    await this.place(this.#finality.takeReached(index, this.#init.chains.size(index)))
  }

  /** Another branch of a chain is held from height `from` on. */
  async replaced(index: number, from: number): Promise<void> {
    this.#init.chains.forget(index)
    await this.place(this.#finality.replaced(index, from))
    await this.grew(index)
  }

  /** Leaves of other branches that a quorum may have made final. */
  candidates(index: number): Final[] {
    return this.#finality.candidates(index)
  }

  /** The largest leaf above what is held that a witness has attested; 0 for none. */
  wantedSize(index: number): number {
    return this.#finality.ahead(index)[0]?.size ?? 0
  }

  finalOn(
    index: number,
    on: (leaf: { readonly size: number; readonly root: Bytes }) => boolean,
    epochOf: (size: number) => number,
  ): Final | undefined {
    return this.#finality.finalOn(index, on, (_, size) => epochOf(size))
  }

  /** Rule W14: final by a branch that was at hand, of which the chain as held has so much. */
  confirm(index: number, final: Final): void {
    this.#finality.setEpochs(this.#init.epochs())
    const moved = this.#finality.restore(index, final)
    if (moved !== undefined) this.#changes.set(index, moved)
    this.#takeBegun()
    this.flush()
  }

  /** An epoch may have begun by what was placed: votes that waited for it count. */
  #takeBegun(): void {
    for (const [index, final] of this.#finality.takeBegun()) this.#changes.set(index, final)
  }

  /** Stores an attestation in one write with what it makes final; resolves once it is stored. */
  keep(attestation: StoredAttestation): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#kept.push({ attestation, resolve, reject })
      this.flush()
    })
  }

  /** Writes what has become final and is not written yet, and what is to be kept; many chains in one write. */
  flush(): void {
    if (this.#changes.size > 0 || this.#kept.length > 0) this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    const left: [number, Final][] = []
    while (this.#changes.size > 0 || this.#kept.length > 0) {
      await this.#gather()
      const batch = this.#changes
      const kept = this.#kept
      this.#changes = new Map()
      this.#kept = []
      const changes = [...batch].map(([index, final]) => ({ ...final, index, member: this.#init.chains.key(index) as Bytes }))
      try {
        // Rule W13: a crash before this line leaves it to the attestations, which are counted again; after it, it stays final.
        await this.#init.store.witness.setFinal(
          changes,
          kept.map(({ attestation }) => attestation),
        )
      } catch (error) {
        const refused = changes.find(({ member }) => isRefusalOf(error, member))
        if (refused !== undefined) {
          // Not of the chain as held at present: it waits, and holds up none of the others.
          this.#onRefused(refused, batch, kept, error as Error)
          left.push([refused.index, batch.get(refused.index) as Final])
          continue
        }
        this.#putBack(batch)
        this.#init.onError(error as Error)
        // They may not be to blame for it.
        for (const each of kept) this.#init.store.witness.attestations.put([each.attestation]).then(each.resolve, each.reject)
        if (changes.length > 0) this.#retry()
        break
      }
      for (const { resolve } of kept) resolve()
      if (changes.length > 0) this.#init.onFinal(changes)
    }
    this.#putBack(left)
    this.#writing = undefined
  }

  #gather(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopping) return resolve()
      this.#release = resolve
      this.#init.timers.set(this.#init.gatherMs, resolve)
    })
  }

  #retry(): void {
    if (this.#stopping) return
    this.#retryTimer ??= this.#init.timers.set(RETRY_MS, () => {
      this.#retryTimer = undefined
      this.flush()
    })
  }

  #onRefused({ index }: FinalChange, batch: ReadonlyMap<number, Final>, kept: readonly Kept[], error: Error): void {
    this.#putBack([...batch].filter(([each]) => each !== index))
    this.#kept.unshift(...kept)
    this.#init.onError(error)
  }

  /** To be written with the next flush, unless more is final by then. */
  #putBack(finals: Iterable<readonly [number, Final]>): void {
    for (const [index, final] of finals) if (!this.#changes.has(index)) this.#changes.set(index, final)
  }

  /** Writes what has come, at once. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#retryTimer !== undefined) this.#init.timers.clear(this.#retryTimer)
    this.#release()
    await this.#writing
  }
}

/** Whether the store refuses what is to be final of this very chain: nothing was written then. */
function isRefusalOf(error: unknown, member: Bytes): boolean {
  const isRefusal = isWattnessError(error, 'FINAL_CONFLICT') || isWattnessError(error, 'FINAL_REVERSED')
  return isRefusal && error.data['member'] === toHex(member)
}
