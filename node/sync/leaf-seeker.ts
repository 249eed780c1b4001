import type { ChainSize, Leaf, SignedAttestation } from '../../protocol/index.ts'
import type { AttestationExchange } from './attestation-exchange.ts'
import type { Fault } from './conduct.ts'
import type { Disputes } from './disputes.ts'
import type { Fetcher } from './fetcher.ts'
import type { Session } from './session.ts'

export interface LeafSeekerInit {
  readonly session: (peerHex: string) => Session | undefined
  readonly sessions: () => Iterable<Session>
  readonly fetcher: Pick<Fetcher, 'considerChain'>
  readonly disputes: Pick<Disputes, 'open'>
  readonly attestations: Pick<AttestationExchange, 'askLeaves'>
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
}

/** Finds what stands behind an attestation's leaves: blocks, lists of leaves, signed checkpoints. */
export class LeafSeeker {
  readonly #init: LeafSeekerInit

  constructor(init: LeafSeekerInit) {
    this.#init = init
  }

  /**
   * Blocks that an attestation shows to exist. Asked for of whoever says that it holds them: who passed the attestation on has
   * said nothing of the kind.
   */
  fetch(chains: readonly ChainSize[]): void {
    for (const { index } of chains) this.#init.fetcher.considerChain(index)
  }

  /** A list of leaves, and how to charge for it where it is not what the witness signed. */
  async ask(
    attestation: SignedAttestation,
    peerHex: string,
  ): Promise<{ readonly leaves: readonly Leaf[]; readonly refuse: (detail: string) => void } | undefined> {
    const answer = await this.#init.attestations.askLeaves(attestation, peerHex)
    if (answer === undefined) return undefined
    const { leaves, session } = answer
    return { leaves, refuse: (detail) => this.#init.onFault(session, 'bad-attestation', detail) }
  }

  /**
   * Looks for the signed checkpoint behind another root of a chain at `size`. Nobody is to blame for not having it: it was a
   * witness that spoke, whoever passed it on.
   */
  dispute(index: number, size: number, peerHex: string | undefined): void {
    const from = peerHex === undefined ? undefined : this.#init.session(peerHex)
    for (const session of from === undefined ? this.#init.sessions() : [from]) {
      this.#init.disputes.open(session, index, size, false)
    }
  }
}
