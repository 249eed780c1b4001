import {
  type Accusation,
  accusedOf,
  assertAccusation,
  type Bytes,
  decodeAccusation,
  type Genesis,
  type Membership,
  toHex,
  type VerifySignature,
  verdictOf,
} from '../../protocol/index.ts'
import type { LedgerStore, SideTable } from '../store/index.ts'

export interface EvidenceDeskInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly verify: VerifySignature
  readonly membership: () => Membership
  /** Whether this member was in the witness set of an epoch that has begun here. */
  readonly wasWitness: (index: number, epoch: number) => boolean
  /** New evidence, stored. Against an author: its chain is quarantined from now on. */
  readonly onProven: (accusation: Accusation, bytes: Bytes, source: string) => void
}

/** What became of an evidence that was handed in. */
export type EvidenceOutcome = 'accept' | 'ignore' | 'reject'

/** The door for evidence of both kinds: checked against the accused one's own key, stored once for each, then shown on. */
export class EvidenceDesk {
  readonly #init: EvidenceDeskInit
  readonly #underWay = new Set<string>()

  constructor(init: EvidenceDeskInit) {
    this.#init = init
  }

  /**
   * 'ignore' for what is known, or about nobody whom it could concern; 'reject' for what proves nothing. Never throws for what
   * it is given.
   */
  async take(bytes: Bytes, source: string): Promise<EvidenceOutcome> {
    const { genesis, verify, onProven } = this.#init
    let accusation: Accusation
    try {
      accusation = decodeAccusation(bytes)
      const accused = accusedOf(accusation)
      const table = this.#tableOf(accusation)
      const name = `${accusation.kind} ${toHex(accused)}`
      // Rules F7 and A13: one of each kind is enough, and who has no chain or witnesses nothing is not to be accused of it.
      if (!this.#concerns(accusation) || table.has(accused) || this.#underWay.has(name)) return 'ignore'
      assertAccusation(verify, genesis.networkId, accusation)
      this.#underWay.add(name)
      try {
        await table.put(accused, bytes)
      } finally {
        this.#underWay.delete(name)
      }
    } catch (error) {
      return verdictOf(error).verdict
    }
    onProven(accusation, bytes, source)
    return 'accept'
  }

  #tableOf({ kind }: Accusation): SideTable {
    const { store } = this.#init
    return kind === 'witness' ? store.witnessEvidence : store.evidence
  }

  #concerns(accusation: Accusation): boolean {
    const { membership, wasWitness } = this.#init
    const member = membership().member(accusedOf(accusation))
    if (member === undefined || accusation.kind === 'author') return member !== undefined
    return wasWitness(member.index, accusation.evidence.a.attestation.epoch)
  }
}
