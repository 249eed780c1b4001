import type { Refused, SignedCheckpoint } from '../../protocol/index.ts'
import type { Outcome } from '../validate/index.ts'
import type { Fault } from './conduct.ts'
import type { Disputes } from './disputes.ts'
import type { Fetcher } from './fetcher.ts'
import type { LocalView } from './local-view.ts'
import type { Session } from './session.ts'

export interface RefusedRunsInit {
  readonly view: LocalView
  /** Blocks of a chain that are stored: the view may not be told of them yet. */
  readonly heldSize: (index: number) => number
  readonly fetcher: Pick<Fetcher, 'considerChain'>
  readonly disputes: Pick<Disputes, 'open' | 'settleConflict'>
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
  readonly onDamage: (error: Error) => void
}

/** What follows from a run that the door refused: a charge, and what the checkpoint that came with it is good for. */
export class RefusedRuns {
  readonly #init: RefusedRunsInit

  constructor(init: RefusedRunsInit) {
    this.#init = init
  }

  /** `session`: of the neighbour that sent it, by gossip or by sync, where it is linked. */
  note(session: Session | undefined, outcome: Exclude<Outcome, { verdict: 'accept' }>, index?: number): void {
    if (outcome.announced !== undefined) this.#noteAnnounced(session, outcome.announced, outcome)
    if (session !== undefined && outcome.verdict === 'reject') {
      const where = index === undefined ? '' : ` in chain ${index}`
      this.#init.onFault(session, 'rejected-run', `${outcome.code}${where}: ${outcome.message}`)
    }
  }

  #noteAnnounced(session: Session | undefined, announced: SignedCheckpoint, { code, data }: Refused): void {
    const { view, heldSize, fetcher, disputes, onDamage } = this.#init
    const index = view.membership.member(announced.member)?.index
    if (index === undefined) return
    if (code === 'CONFLICT') {
      disputes.settleConflict(announced).catch((error: unknown) => onDamage(error as Error))
    } else if (session !== undefined && code === 'FORK') {
      const held = heldSize(index)
      // It was judged by blocks that may not be written yet: below the fork both hold the same, and nobody is to blame for it.
      if (held >= (data['height'] as number)) disputes.open(session, index, Math.min(announced.size, held))
    } else if (session !== undefined) {
      session.learn(index, announced.size)
      fetcher.considerChain(index)
    }
  }
}
