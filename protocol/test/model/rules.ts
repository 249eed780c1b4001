import type { Epochs } from '../../epochs.ts'
import { Finality, type Vote, votesOf } from '../../finality.ts'
import type { Leaf } from '../../frames.ts'
import {
  type AttestationPlan,
  type ClosingLeaves,
  enterNextEpoch,
  type HeldChains,
  planAttestation,
  recordAfter,
  type WitnessRecord,
} from '../../witness.ts'

/** What a witness has signed, with all its leaves: in the model everybody can supply them. */
export interface Attested {
  /** Key of the witness, and its member index where it was signed. */
  readonly key: Uint8Array
  readonly witness: number
  readonly epoch: number
  readonly sequence: number
  readonly frontier: readonly number[]
  readonly leaves: readonly Leaf[]
}

/** The code that is tried, and what a node does around it. A switch replaces one of these. */
export interface Rules {
  readonly epochsOf: (epochs: Epochs) => Epochs
  readonly finality: (epochs: Epochs) => Finality
  readonly plan: (self: number, record: WitnessRecord, epochs: Epochs, chains: HeldChains) => AttestationPlan | undefined
  readonly after: (record: WitnessRecord, plan: AttestationPlan) => WitnessRecord
  readonly enter: (
    record: WitnessRecord,
    epochs: Epochs,
    chains: HeldChains,
    closingsOf: (epoch: number) => readonly ClosingLeaves[],
  ) => WitnessRecord | undefined
  readonly votes: (epochs: Epochs, attested: Attested) => readonly Vote[]
  /** Rule W11: a leaf counts in its own epoch. */
  readonly countsAnyEpoch: boolean
  /** Rule W12: a leaf of another branch stands for itself alone. */
  readonly isBranchBlind: boolean
  /** Rule W10: an attestation that comes late brings what it brings. */
  readonly takesOld: boolean
  /** Rule W14. */
  readonly fetchesBranches: boolean
  /** Rule W5: what a restart finds is what was written before the last signature left. */
  readonly isRecordDurable: boolean
  /** Rule W9: who meets a newer attestation of its own signs no more. */
  readonly halts: boolean
  /** Rule W9: a quarantined chain stops at the door. */
  readonly stopsQuarantined: boolean
}

export const REAL: Rules = {
  epochsOf: (epochs) => epochs,
  finality: (epochs) => new Finality(epochs),
  plan: planAttestation,
  after: recordAfter,
  enter: (record, epochs, chains, closingsOf) => enterNextEpoch(record, epochs, chains, closingsOf(record.epoch)),
  votes: (epochs, attested) => votesOf(epochs, attested.witness, attested, attested.leaves),
  countsAnyEpoch: false,
  isBranchBlind: false,
  takesOld: true,
  fetchesBranches: true,
  isRecordDurable: true,
  halts: true,
  stopsQuarantined: true,
}
