import {
  buildEvidence,
  buildEvidenceFromCheckpoints,
  type Bytes,
  type CheckpointFrame,
  encodeEvidence,
  type Evidence,
  equalBytes,
  type Genesis,
  isWattnessError,
  type SignedCheckpoint,
  type VerifySignature,
  verifyCheckpoint,
  verifyConsistency,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import type { LocalView } from './local-view.ts'
import { newestSigned } from './newest-signed.ts'
import type { Fault, Session } from './session.ts'

/** Questions about other stories that may be open with one neighbour; above it a new one waits for the next cross-check. */
const MAX_OPEN_PER_SESSION = 16

export interface DisputesInit {
  readonly genesis: Genesis
  readonly store: LedgerStore
  readonly view: LocalView
  readonly verify: VerifySignature
  readonly onEvidence: (evidence: Bytes, source: string) => Promise<void>
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
  readonly onDamage: (error: Error) => void
}

interface Question {
  readonly id: number
  readonly session: Session
  readonly index: number
  readonly size: number
}

/**
 * Where a neighbour holds another history than this node, asks it for the signed checkpoint behind it. That ends in evidence
 * against the author, or in a charge against the neighbour: never in taking anybody's word.
 */
export class Disputes {
  readonly #init: DisputesInit
  readonly #open = new Map<number, Question>()
  // Ids of their own half of the numbers: a miss names only the id, and the fetcher counts from 1.
  #nextId = 0x8000_0000

  constructor(init: DisputesInit) {
    this.#init = init
  }

  /** Asks how the neighbour's chain `index` stands at `size`, where this node holds a root of its own. */
  open(session: Session, index: number, size: number): void {
    const key = this.#init.view.membership.at(index)?.key
    if (key === undefined || size < 1 || this.#init.store.quarantined(key)) return
    let count = 0
    for (const question of this.#open.values()) {
      if (question.session !== session) continue
      if (question.index === index) return
      count++
    }
    if (count >= MAX_OPEN_PER_SESSION) return
    const id = this.#nextId
    this.#nextId = id >= 0xffff_fff0 ? 0x8000_0000 : id + 1
    this.#open.set(id, { id, session, index, size })
    session.send({ type: 'want-checkpoint', id, index, from: size })
  }

  onMiss(session: Session, id: number): void {
    if (this.#open.get(id)?.session === session) this.#open.delete(id)
  }

  onSessionEnd(session: Session): void {
    for (const question of [...this.#open.values()]) if (question.session === session) this.#open.delete(question.id)
  }

  async onCheckpoint(session: Session, frame: CheckpointFrame): Promise<void> {
    const question = this.#open.get(frame.id)
    const key = this.#init.view.membership.at(frame.index)?.key
    if (question === undefined || question.session !== session || key === undefined) return
    this.#open.delete(frame.id)
    const { genesis, verify, onFault } = this.#init
    if (frame.index !== question.index || frame.oldSize !== question.size) {
      onFault(session, 'unasked', `checkpoint of chain ${frame.index} at ${frame.oldSize}, asked: ${question.index} at ${question.size}`)
      return
    }
    const checkpoint: SignedCheckpoint = { member: key, size: frame.size, root: frame.root, signature: frame.signature }
    const isProven = verifyConsistency(frame.oldSize, frame.oldRoot, frame.size, frame.root, frame.proof)
    // A failed proof alone proves nothing against the author: whoever sent it pays.
    if (!isProven || !verifyCheckpoint(verify, genesis.networkId, checkpoint)) {
      onFault(session, 'bad-proof', `checkpoint of chain ${frame.index}, size ${frame.size}: ${isProven ? 'signature' : 'proof'} fails`)
      return
    }
    await this.#settle(key, question, checkpoint, frame)
  }

  async #settle(key: Bytes, question: Question, checkpoint: SignedCheckpoint, frame: CheckpointFrame): Promise<void> {
    const { store, onFault } = this.#init
    const held = await this.#heldCheckpoint(key, question.size)
    if (held === undefined) return
    const other = { checkpoint, root: frame.oldRoot, proof: frame.proof }
    await this.#prove(() => buildEvidence(store.nodeReader(key), held, other, question.size), question.session.peerHex)
    const root = await store.rootAt(key, question.size)
    if (!store.quarantined(key) && root !== undefined && equalBytes(root, frame.oldRoot)) {
      // Both hold the same history: then the neighbour's other answer was of its own making.
      onFault(question.session, 'false-heads', `chain ${question.index} agrees at size ${question.size} after all`)
    }
  }

  /** An authentic checkpoint whose size this node holds under another root: the held tree alone proves it. */
  async settleConflict(announced: SignedCheckpoint): Promise<void> {
    const { store } = this.#init
    const held = await this.#heldCheckpoint(announced.member, announced.size)
    if (held === undefined) return
    await this.#prove(() => buildEvidenceFromCheckpoints(store.nodeReader(announced.member), held, announced), 'door')
  }

  /** A signed checkpoint of the held chain that reaches `size`, and whose every leaf is held. */
  async #heldCheckpoint(key: Bytes, size: number): Promise<SignedCheckpoint | undefined> {
    const newest = await newestSigned(this.#init.store, key)
    return newest !== undefined && newest.size >= size ? newest : undefined
  }

  async #prove(build: () => Promise<Evidence | undefined>, source: string): Promise<void> {
    try {
      const evidence = await build()
      if (evidence !== undefined) await this.#init.onEvidence(encodeEvidence(evidence), source)
    } catch (error) {
      if (isWattnessError(error, 'STORE_DAMAGED')) this.#init.onDamage(error)
      else throw error
    }
  }
}
