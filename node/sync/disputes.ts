import {
  type Bytes,
  buildEvidence,
  buildEvidenceFromCheckpoints,
  type CheckpointFrame,
  type Evidence,
  encodeEvidence,
  equalBytes,
  type Genesis,
  type MissReason,
  type SignedCheckpoint,
  toHex,
  type VerifySignature,
  verifyCheckpoint,
  verifyConsistency,
  WattnessError,
} from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import { ANSWER_TIMEOUT_MS } from './bounds.ts'
import type { Fault } from './conduct.ts'
import { DISPUTE_IDS, Ids } from './ids.ts'
import type { LocalView } from './local-view.ts'
import { newestSigned } from './newest-signed.ts'
import type { Session } from './session.ts'

/** Questions about other stories that may be open with one neighbour; above it a new one waits for the next cross-check. */
export const MAX_OPEN_PER_SESSION = 16

export interface DisputesInit {
  readonly genesis: Genesis
  readonly store: LedgerStore
  readonly view: LocalView
  readonly timers: Timers
  readonly verify: VerifySignature
  /** Evidence that this node has made itself. */
  readonly onProven: (evidence: Bytes) => Promise<void>
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
}

interface Question {
  readonly id: number
  readonly session: Session
  readonly index: number
  readonly size: number
  readonly timer: Timer
  /** Whether the neighbour has spoken of another history itself: then it must be able to show it. */
  readonly isClaimed: boolean
}

/**
 * Where a neighbour holds another history than this node, asks it for the signed checkpoint behind it. That ends in evidence
 * against the author, or in a charge against the neighbour: never in taking anybody's word.
 */
export class Disputes {
  readonly #init: DisputesInit
  readonly #open = new Map<number, Question>()
  readonly #ids = new Ids(DISPUTE_IDS)

  constructor(init: DisputesInit) {
    this.#init = init
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Asks how the neighbour's chain `index` stands at `size`, where this node holds a root of its own and the neighbour has
   * shown or said that it holds another; or, not `isClaimed`, where a witness has.
   */
  open(session: Session, index: number, size: number, isClaimed = true): void {
    const { view, store, timers, onFault } = this.#init
    const key = view.membership.at(index)?.key
    if (key === undefined || size < 1 || store.quarantined(key) || !session.isOpen) return
    let count = 0
    for (const question of this.#open.values()) {
      if (question.session !== session) continue
      if (question.index === index) return
      count++
    }
    if (count >= MAX_OPEN_PER_SESSION) return
    const id = this.#ids.next()
    const timer = timers.set(ANSWER_TIMEOUT_MS, () => {
      this.#open.delete(id)
      if (isClaimed) onFault(session, 'no-answer', `no checkpoint of chain ${index} at ${size} in ${ANSWER_TIMEOUT_MS} ms`)
    })
    this.#open.set(id, { id, session, index, size, timer, isClaimed })
    session.send({ type: 'want-checkpoint', id, index, from: size })
  }

  #close(question: Question): void {
    this.#open.delete(question.id)
    this.#init.timers.clear(question.timer)
  }

  onMiss(session: Session, id: number, reason: MissReason): void {
    const question = this.#open.get(id)
    if (question === undefined || question.session !== session) return
    this.#close(question)
    if (reason !== 'not-held' || !question.isClaimed) return
    const { index, size } = question
    this.#init.onFault(session, 'false-heads', `spoke of another history of chain ${index}, holds none at size ${size}`)
  }

  onSessionEnd(session: Session): void {
    for (const question of [...this.#open.values()]) if (question.session === session) this.#close(question)
  }

  stop(): void {
    for (const question of [...this.#open.values()]) this.#close(question)
  }

  async onCheckpoint(session: Session, frame: CheckpointFrame): Promise<void> {
    const { genesis, verify, view, onFault } = this.#init
    const question = this.#open.get(frame.id)
    const key = view.membership.at(frame.index)?.key
    // An answer that comes after its time is of no use: the next cross-check asks again.
    if (question === undefined || question.session !== session || key === undefined) return
    this.#close(question)
    if (frame.index !== question.index || frame.oldSize !== question.size) {
      onFault(
        session,
        'unasked',
        `checkpoint of chain ${frame.index} at ${frame.oldSize}, asked: ${question.index} at ${question.size}`,
      )
      return
    }
    const checkpoint: SignedCheckpoint = { member: key, size: frame.size, root: frame.root, signature: frame.signature }
    const isProven = verifyConsistency(frame.oldSize, frame.oldRoot, frame.size, frame.root, frame.proof)
    // A failed proof alone proves nothing against the author: whoever sent it pays.
    if (!isProven || !verifyCheckpoint(verify, genesis.networkId, checkpoint)) {
      onFault(
        session,
        'bad-proof',
        `checkpoint of chain ${frame.index}, size ${frame.size}: ${isProven ? 'signature' : 'proof'} fails`,
      )
      return
    }
    await this.#settle(key, question, checkpoint, frame)
  }

  async #settle(key: Bytes, question: Question, checkpoint: SignedCheckpoint, frame: CheckpointFrame): Promise<void> {
    const { store, onFault } = this.#init
    const { session, index, size } = question
    const root = await store.rootAt(key, size)
    if (root !== undefined && equalBytes(root, frame.oldRoot)) {
      // Both hold the same history: then the neighbour's other answer was of its own making.
      if (question.isClaimed && !store.quarantined(key))
        onFault(session, 'false-heads', `chain ${index} agrees at size ${size} after all`)
      return
    }
    const held = await this.#heldCheckpoint(key, size)
    if (held === undefined) throw unsignedTail(key, size)
    const other = { checkpoint, root: frame.oldRoot, proof: frame.proof }
    await this.#prove(() => buildEvidence(store.nodeReader(key), held, other, size))
  }

  /** An authentic checkpoint whose size this node holds under another root: the held tree alone proves it. */
  async settleConflict(announced: SignedCheckpoint): Promise<void> {
    const { store } = this.#init
    const held = await this.#heldCheckpoint(announced.member, announced.size)
    if (held === undefined) return
    await this.#prove(() => buildEvidenceFromCheckpoints(store.nodeReader(announced.member), held, announced))
  }

  /** A signed checkpoint of the held chain that reaches `size`, and whose every leaf is held. */
  async #heldCheckpoint(key: Bytes, size: number): Promise<SignedCheckpoint | undefined> {
    const newest = await newestSigned(this.#init.store, key)
    return newest !== undefined && newest.size >= size ? newest : undefined
  }

  async #prove(build: () => Promise<Evidence | undefined>): Promise<void> {
    const evidence = await build()
    if (evidence !== undefined) await this.#init.onProven(encodeEvidence(evidence))
  }
}

/**
 * The chain's newest blocks here stand under no signature, as in a catch-up, and are of another history than one that the author
 * did sign: nobody's fault but this store's.
 */
function unsignedTail(key: Bytes, size: number): WattnessError {
  const member = toHex(key)
  const what = `${member.slice(0, 16)}…: its first ${size} blocks, under no signature, contradict what its author signed`
  return new WattnessError('STORE_DAMAGED', what, { member, height: size - 1, isUnsigned: true })
}
