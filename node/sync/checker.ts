import type { Holdings, LeavesFrame } from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import { ANSWER_TIMEOUT_MS } from './bounds.ts'
import type { Fault } from './conduct.ts'
import { compareHeads, compareLeaves, leavesMakeRoot } from './cross-check.ts'
import type { LocalView } from './local-view.ts'
import type { Agreement, Session } from './session.ts'

/** One question at a time: its id tells nothing. The fetcher counts from 1. */
const LEAVES_ID = 0

export interface CheckerInit {
  readonly store: LedgerStore
  readonly view: LocalView
  readonly nowMs: () => number
  readonly onAgreement: (session: Session, agreement: Agreement) => void
  /** The neighbour holds another history of chain `index` than this node, at `size` or below. */
  readonly onDiffering: (session: Session, index: number, size: number) => void
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
  readonly onDamage: (error: Error) => void
}

interface Asked {
  /** Its heads root was found to differ. */
  isDifferent: boolean
  atMs: number
}

/** The cross-check of heads roots: what each neighbour said last is compared as soon as this node holds as much. */
export class Checker {
  readonly #init: CheckerInit
  /** What each neighbour said last, until it could be compared. */
  readonly #unchecked = new Map<Session, Holdings>()
  /** Who was asked for its leaves. */
  readonly #asked = new Map<Session, Asked>()
  #checking = false
  #again = false

  constructor(init: CheckerInit) {
    this.#init = init
  }

  onHoldings(session: Session, holdings: Holdings): void {
    // What it said the last time could not be compared since this node lacks some of it, and may for long: a chain that
    // cannot be had must not keep the others from being compared.
    const isOverdue = this.#unchecked.has(session)
    this.#unchecked.set(session, holdings)
    if (isOverdue) this.#ask(session, false)
    this.onChange()
  }

  /** Something was stored, or a chain was quarantined. */
  onChange(): void {
    if (this.#unchecked.size === 0) return
    if (this.#checking) this.#again = true
    else void this.#checkAll()
  }

  onSessionEnd(session: Session): void {
    this.#unchecked.delete(session)
    this.#asked.delete(session)
  }

  async #checkAll(): Promise<void> {
    this.#checking = true
    do {
      this.#again = false
      for (const [session, holdings] of [...this.#unchecked]) await this.#check(session, holdings)
    } while (this.#again)
    this.#checking = false
  }

  async #check(session: Session, holdings: Holdings): Promise<void> {
    const { view, store, onAgreement, onDamage } = this.#init
    try {
      const agreement = await compareHeads(view, store, holdings)
      if (this.#unchecked.get(session) !== holdings) return
      if (session.agreement !== agreement) {
        session.agreement = agreement
        onAgreement(session, agreement)
      }
      if (agreement === 'behind') return
      this.#unchecked.delete(session)
      if (agreement === 'different') this.#ask(session, true)
    } catch (error) {
      this.#unchecked.delete(session)
      onDamage(error as Error)
    }
  }

  #ask(session: Session, isDifferent: boolean): void {
    const now = this.#init.nowMs()
    const asked = this.#asked.get(session)
    if (asked !== undefined) {
      asked.isDifferent ||= isDifferent
      if (now - asked.atMs < ANSWER_TIMEOUT_MS) return
      this.#init.onFault(session, 'no-answer', `no leaves in ${ANSWER_TIMEOUT_MS} ms`)
    }
    this.#asked.set(session, { isDifferent: isDifferent || asked?.isDifferent === true, atMs: now })
    session.send({ type: 'ask-leaves', id: LEAVES_ID })
  }

  onMiss(session: Session, id: number): void {
    if (id === LEAVES_ID) this.#asked.delete(session)
  }

  async onLeaves(session: Session, frame: LeavesFrame): Promise<void> {
    const { view, onDiffering, onFault } = this.#init
    const asked = this.#asked.get(session)
    this.#asked.delete(session)
    if (asked === undefined) return onFault(session, 'unasked', 'leaves were not asked for')
    if (!leavesMakeRoot(view, frame)) return onFault(session, 'false-heads', 'leaves that do not make its heads root')
    const { differing, isWhole } = await compareLeaves(view, frame.leaves)
    for (const index of differing) onDiffering(session, index, frame.leaves[index]?.size as number)
    if (asked.isDifferent && differing.length === 0 && isWhole) {
      onFault(session, 'false-heads', 'its heads root differed, and none of its leaves does')
    }
  }
}
