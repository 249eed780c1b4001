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
  /** Indices of the witnesses against whom evidence was shown on each channel: no word of a neighbour's tells what it has. */
  readonly #shown = new WeakMap<Session, Set<number>>()

  constructor(init: EvidenceExchangeInit) {
    this.#init = init
  }

  /** What the neighbour lacks, as far as its word tells: it may have been away when the evidence went round. */
  async show(session: Session, holdings: Holdings): Promise<void> {
    const shown = await this.#showOfAuthors(session, holdings)
    await this.#showOfWitnesses(session, MAX_EVIDENCE_SHOWN - shown)
  }

  /** Whoever does not name a chain that is quarantined here has no evidence against its author. */
  async #showOfAuthors(session: Session, { frontier, named }: Holdings): Promise<number> {
    const { store, view } = this.#init
    if (store.evidence.size === 0) return 0
    const known = new Set(named.map(({ index }) => index))
    let shown = 0
    for (const { index, key } of view.membership.members) {
      // Who does not know the member yet has no use for it.
      if (index >= frontier.length || known.has(index) || !store.quarantined(key)) continue
      if (shown === MAX_EVIDENCE_SHOWN) break
      shown++
      const evidence = await store.evidence.get(key)
      if (evidence !== undefined) session.send({ type: 'evidence', evidence })
    }
    return shown
  }

  /** Once on each channel (rule A13), and not before the neighbour can tell who was a witness. */
  async #showOfWitnesses(session: Session, most: number): Promise<void> {
    const { store, view } = this.#init
    if (store.witnessEvidence.size === 0 || !this.#knowsWitnesses(session)) return
    const before = this.#shownTo(session)
    const now: { readonly index: number; readonly key: Bytes }[] = []
    for (const { index, key } of view.membership.members) {
      if (now.length >= most) break
      if (before.has(index) || !store.witnessEvidence.has(key)) continue
      before.add(index)
      now.push({ index, key })
    }
    for (const { key } of now) {
      const evidence = await store.witnessEvidence.get(key)
      if (evidence !== undefined) session.send({ type: 'evidence', evidence })
    }
  }

  #knowsWitnesses(session: Session): boolean {
    return session.remoteSize(0) >= this.#init.view.membership.size
  }

  #shownTo(session: Session): Set<number> {
    const before = this.#shown.get(session)
    if (before !== undefined) return before
    const shown = new Set<number>()
    this.#shown.set(session, shown)
    return shown
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
