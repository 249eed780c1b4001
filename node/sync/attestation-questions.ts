import type { AttestedLeavesFrame, Bytes, ClosingsFrame, Leaf, SignedAttestation } from '../../protocol/index.ts'
import { toHex } from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import { ANSWER_TIMEOUT_MS } from './bounds.ts'
import type { Fault } from './conduct.ts'
import { Deadlines } from './deadlines.ts'
import { ATTESTATION_IDS, Ids } from './ids.ts'
import type { Session } from './session.ts'

/** Attestations whose leaves are asked for at a time; above it whoever asks has to come again. */
export const MAX_LEAVES_SOUGHT = 64

/** Neighbours that are asked for the leaves of one attestation, one after another. */
export const MAX_ASKED_FOR_LEAVES = 8

/** Questions that one neighbour is asked per second: below the credit that it grants for them (`session.ts`). */
export const MAX_QUESTIONS_PER_SECOND = 32

/** Epochs whose closings one neighbour is asked for at a time. */
export const MAX_CLOSINGS_ASKED = 2

export interface AttestationQuestionsInit {
  readonly platform: Pick<Platform, 'clock' | 'timers'>
  /** Neighbours that have greeted. */
  readonly sessions: () => Iterable<Session>
  readonly isKnownTo: (session: Session, attestation: SignedAttestation) => boolean
  readonly onClosings: (session: Session, attestations: readonly Bytes[]) => void
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
}

interface Question {
  readonly id: number
  readonly session: Session
  /** Asked for the closings of this epoch; undefined: for leaves. */
  readonly closingsOf: number | undefined
  readonly answer: (leaves: readonly Leaf[] | undefined) => void
}

export interface LeavesAnswer {
  readonly leaves: readonly Leaf[]
  readonly session: Session
}

/** What this node asks neighbours about attestations, each question of one neighbour and with an end of its own. */
export class AttestationQuestions {
  readonly #init: AttestationQuestionsInit
  readonly #open = new Map<number, Question>()
  readonly #sought = new Map<string, Promise<LeavesAnswer | undefined>>()
  readonly #deadlines: Deadlines<Question>
  readonly #ids = new Ids(ATTESTATION_IDS)
  /** The second in which a neighbour was asked last, and how often. */
  readonly #pace = new WeakMap<Session, { second: number; count: number }>()
  #stopped = false

  constructor(init: AttestationQuestionsInit) {
    this.#init = init
    this.#deadlines = new Deadlines(init.platform, (question) => this.#onSilence(question))
  }

  get size(): number {
    return this.#open.size
  }

  askLeaves(
    attestation: SignedAttestation,
    preferHex: string | undefined,
    isRight: (leaves: readonly Leaf[]) => boolean,
  ): Promise<LeavesAnswer | undefined> {
    const { witness, epoch, sequence, headsRoot } = attestation
    const key = `${toHex(witness)}/${epoch}/${sequence}/${toHex(headsRoot)}`
    const before = this.#sought.get(key)
    if (before !== undefined) return before
    if (this.#sought.size >= MAX_LEAVES_SOUGHT) return Promise.resolve(undefined)
    const sought = this.#seek(attestation, preferHex, isRight).finally(() => this.#sought.delete(key))
    this.#sought.set(key, sought)
    return sought
  }

  async #seek(
    attestation: SignedAttestation,
    preferHex: string | undefined,
    isRight: (leaves: readonly Leaf[]) => boolean,
  ): Promise<LeavesAnswer | undefined> {
    const { witness, epoch, sequence, frontier, headsRoot } = attestation
    for (const session of this.#inOrder(attestation, preferHex).slice(0, MAX_ASKED_FOR_LEAVES)) {
      if (!this.#mayAsk(session)) continue
      const leaves = await this.#ask(session, undefined, (id) =>
        session.send({ type: 'ask-attested-leaves', id, witness, epoch, sequence, headsRoot }),
      )
      if (leaves === undefined) continue
      if (leaves.length === frontier.length && isRight(leaves)) return { leaves, session }
      const detail = `${leaves.length} leaves for attestation ${sequence} of ${toHex(witness).slice(0, 16)}…: not those it signed`
      this.#init.onFault(session, 'bad-attestation', detail)
    }
    return undefined
  }

  /** Who is preferred, the witness itself, those that are known to hold the attestation, then the others. */
  #inOrder(attestation: SignedAttestation, preferHex: string | undefined): Session[] {
    const witnessHex = toHex(attestation.witness)
    const rank = (session: Session): number => {
      if (session.peerHex === preferHex) return 0
      if (session.peerHex === witnessHex) return 1
      return this.#init.isKnownTo(session, attestation) ? 2 : 3
    }
    return [...this.#init.sessions()].sort((a, b) => rank(a) - rank(b))
  }

  #mayAsk(session: Session): boolean {
    if (!session.isOpen || this.#stopped) return false
    const second = Math.floor(this.#init.platform.clock.monotonicMs() / 1_000)
    const pace = this.#pace.get(session)
    if (pace?.second !== second) this.#pace.set(session, { second, count: 1 })
    else if (pace.count >= MAX_QUESTIONS_PER_SECOND) return false
    else pace.count++
    return true
  }

  #ask(session: Session, closingsOf: number | undefined, send: (id: number) => void): Promise<readonly Leaf[] | undefined> {
    return new Promise((answer) => {
      const question = { id: this.#ids.next(), session, closingsOf, answer }
      this.#open.set(question.id, question)
      this.#deadlines.set(question, ANSWER_TIMEOUT_MS)
      send(question.id)
    })
  }

  askClosings(epoch: number): void {
    for (const session of [...this.#init.sessions()]) {
      const open = [...this.#open.values()].filter((each) => each.session === session && each.closingsOf !== undefined)
      if (open.length >= MAX_CLOSINGS_ASKED || open.some(({ closingsOf }) => closingsOf === epoch)) continue
      if (this.#mayAsk(session)) void this.#ask(session, epoch, (id) => session.send({ type: 'ask-closings', id, epoch }))
    }
  }

  /** An answer that comes after its time is of no use: who needs it asks again. */
  onLeaves(session: Session, { id, leaves }: AttestedLeavesFrame): void {
    const question = this.#open.get(id)
    if (question?.session === session && question.closingsOf === undefined) this.#close(question, leaves)
  }

  onClosings(session: Session, { id, epoch, attestations }: ClosingsFrame): void {
    const question = this.#open.get(id)
    if (question?.session !== session || question.closingsOf !== epoch) return
    this.#close(question, undefined)
    if (attestations.length > 0) this.#init.onClosings(session, attestations)
  }

  /** True where the id is one of these questions', open or not. */
  onMiss(session: Session, id: number): boolean {
    const question = this.#open.get(id)
    if (question?.session === session) this.#close(question, undefined)
    return this.#ids.has(id)
  }

  onSessionEnd(session: Session): void {
    for (const question of [...this.#open.values()]) if (question.session === session) this.#close(question, undefined)
  }

  stop(): void {
    this.#stopped = true
    for (const question of [...this.#open.values()]) this.#close(question, undefined)
    this.#deadlines.stop()
  }

  #onSilence(question: Question): void {
    this.#close(question, undefined)
    const what = question.closingsOf === undefined ? 'leaves of an attestation' : `closings of epoch ${question.closingsOf}`
    this.#init.onFault(question.session, 'no-answer', `no ${what} in ${ANSWER_TIMEOUT_MS} ms`)
  }

  #close(question: Question, leaves: readonly Leaf[] | undefined): void {
    this.#open.delete(question.id)
    this.#deadlines.delete(question)
    question.answer(leaves)
  }
}
