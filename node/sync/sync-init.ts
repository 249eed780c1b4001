import type { Bytes, Frame, Genesis, Holdings, VerifySignature } from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import type { EvidenceOutcome, Outcome } from '../validate/index.ts'
import type { AttestationCallbacks } from './attestation-exchange.ts'
import type { Fault } from './conduct.ts'
import type { Agreement, Session } from './session.ts'

export interface SyncInit {
  readonly genesis: Genesis
  /** This node's own. */
  readonly key: Bytes
  readonly store: LedgerStore
  readonly platform: Platform
  readonly verify: VerifySignature
  readonly announceDelayMs: number
  readonly crossCheckMs: number
  readonly isObserver: () => boolean
  /** Digest of the addresses that neighbours are told (rule S30). */
  readonly knownAddresses: () => Bytes
  readonly agent: string
  readonly submit: (run: Bytes) => Promise<Outcome>
  readonly backlogBytes: () => number
  /** Evidence to be checked, stored, gossiped and shouted about by the node. `source`: key of the neighbour, or 'own'. */
  readonly onEvidence: (evidence: Bytes, source: string) => Promise<EvidenceOutcome>
  /** A neighbour said what it holds: own blocks that this node lacks show here. */
  readonly onHoldings: (session: Session, holdings: Holdings) => void
  /** A neighbour does not hold block `from` of chain `index`, although it said so. */
  readonly onBrokenWord: (session: Session, index: number, from: number) => void
  readonly onAgreement: (peerHex: string, agreement: Agreement) => void
  readonly onFault: (peerHex: string, fault: Fault, detail: string, isLast: boolean) => void
  /** Frames of rooms that ride on the channel (peers, labels). */
  readonly onOther: (session: Session, frame: Frame) => void
  readonly onGreeted: (session: Session) => void
  readonly onDamage: (error: Error) => void
  /** Absent where nothing is witnessed: then attestations of others are not kept, and none are told. */
  readonly attestations?: AttestationCallbacks
}

/** Of a node that keeps no attestations. */
export const NO_ATTESTATIONS: AttestationCallbacks = {
  isGossiped: () => false,
  gossipMesh: () => new Set(),
  stored: () => Promise.resolve([]),
  take: () => Promise.resolve('ignore'),
  leavesOf: () => Promise.resolve(undefined),
  closingsOf: () => Promise.resolve([]),
  onTold: () => undefined,
}
