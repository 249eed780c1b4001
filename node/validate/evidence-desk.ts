import {
  assertEvidence,
  type Bytes,
  decodeEvidence,
  type Evidence,
  type Genesis,
  type Membership,
  type VerifySignature,
  verdictOf,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

export interface EvidenceDeskInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly verify: VerifySignature
  readonly membership: () => Membership
  /** New evidence, stored: its chain is quarantined from now on. */
  readonly onProven: (evidence: Evidence, bytes: Bytes, source: string) => void
}

/** What became of an evidence that was handed in. */
export type EvidenceOutcome = 'accept' | 'ignore' | 'reject'

/** The door for evidence: checked against the member's own key, stored once per member, then shown on. */
export class EvidenceDesk {
  readonly #init: EvidenceDeskInit
  readonly #underWay = new Set<string>()

  constructor(init: EvidenceDeskInit) {
    this.#init = init
  }

  /** 'ignore' for what is known or about no member; 'reject' for what proves nothing. Never throws for what it is given. */
  async take(bytes: Bytes, source: string): Promise<EvidenceOutcome> {
    const { store, genesis, verify, membership, onProven } = this.#init
    let evidence: Evidence
    try {
      evidence = decodeEvidence(bytes)
      const member = membership().member(evidence.a.member)
      // Rule F7: one evidence per member is enough, and who is no member has no chain to stop.
      if (member === undefined || store.quarantined(member.key) || this.#underWay.has(member.keyHex)) return 'ignore'
      assertEvidence(verify, genesis.networkId, evidence)
      this.#underWay.add(member.keyHex)
      try {
        await store.evidence.put(member.key, bytes)
      } finally {
        this.#underWay.delete(member.keyHex)
      }
    } catch (error) {
      return verdictOf(error).verdict
    }
    onProven(evidence, bytes, source)
    return 'accept'
  }
}
