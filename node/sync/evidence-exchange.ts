import type { Bytes, Holdings } from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import type { EvidenceOutcome } from '../validate/index.ts'
import type { LocalView } from './local-view.ts'
import type { Session } from './session.ts'

/** Evidence shown to one neighbour after one of its words; the rest follows after the next one. */
export const MAX_EVIDENCE_SHOWN = 32

export interface EvidenceExchangeInit {
  readonly store: LedgerStore
  readonly view: LocalView
  readonly sessions: () => Iterable<Session>
  readonly onEvidence: (evidence: Bytes, source: string) => Promise<EvidenceOutcome>
  readonly onBadEvidence: (session: Session) => void
}

/** Evidence between neighbours, also where all gossip is lost. */
export class EvidenceExchange {
  readonly #init: EvidenceExchangeInit

  constructor(init: EvidenceExchangeInit) {
    this.#init = init
  }

  /** Whoever does not name a chain that is quarantined here was away when the evidence went round. */
  async show(session: Session, { frontier, named }: Holdings): Promise<void> {
    const { store, view } = this.#init
    const known = new Set(named.map(({ index }) => index))
    let shown = 0
    for (const { index, key } of view.membership.members) {
      // Who does not know the member yet has no use for it.
      if (index >= frontier.length || known.has(index) || !store.quarantined(key)) continue
      if (++shown > MAX_EVIDENCE_SHOWN) return
      const evidence = await store.evidence.get(key)
      if (evidence !== undefined) session.send({ type: 'evidence', evidence })
    }
  }

  async take(session: Session, evidence: Bytes): Promise<void> {
    if ((await this.#init.onEvidence(evidence, session.peerHex)) === 'reject') this.#init.onBadEvidence(session)
  }

  /** Shows it to every neighbour but the one that it came from. */
  spread(evidence: Bytes, exceptPeerHex?: string): void {
    for (const session of this.#init.sessions()) {
      if (session.peerHex !== exceptPeerHex) session.send({ type: 'evidence', evidence })
    }
  }
}
