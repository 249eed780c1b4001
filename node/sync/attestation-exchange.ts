import {
  type AttestationName,
  type Bytes,
  type Frame,
  isSameKnown,
  type Leaf,
  MAX_ATTESTATIONS_PER_FRAME,
  MAX_WITNESSES,
  NO_DIGEST,
  peekAttestation,
  SIGNATURE_BYTES,
  type SignedAttestation,
} from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import { keptKey } from '../store/index.ts'
import { AnswerLine, MAX_WAITING_WANTS } from './answer-line.ts'
import { nameOf } from './attestation-book.ts'
import { AttestationNames } from './attestation-names.ts'
import { AttestationQuestions } from './attestation-questions.ts'
import type { Fault } from './conduct.ts'
import type { Session } from './session.ts'

/** Attestations that one neighbour is told after its greeting: 64 epochs of as many witnesses as there can be. */
export const MAX_TOLD = 64 * MAX_WITNESSES

/** Told by one neighbour and not yet judged here: all that it may tell after its greeting, at several times the usual length. */
export const MAX_TAKING_BYTES = 8 * 1_048_576

/** Of those that one neighbour told before this node held enough of the registrar's chain to judge them. */
export const MAX_EARLY_BYTES = 1_048_576

export interface StoredAttestationBytes {
  readonly witness: Bytes
  readonly epoch: number
  readonly sequence: number
  /** As it was signed and sent. */
  readonly bytes: Bytes
}

/** Of which attestation. A witness may have signed two of one sequence. */
export type AskedLeaves = Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence' | 'headsRoot'>

/** A question by names has none: what answers it says what it is. */
const NO_ID = 0

/** Attestations remembered as judged: most neighbours tell the same, and a copy need not even be read. */
export const MAX_JUDGED = 4_096

/** What the exchange asks of the rest of the node. */
export interface AttestationCallbacks {
  /** Gossip carries new attestations at present: whom it leaves out is told in rounds, the others at cross-checks. */
  readonly isGossiped: () => boolean
  /** Neighbours, keys in hex, that gossip brings what it brings here. */
  readonly gossipMesh: () => ReadonlySet<string>
  /** All that a newcomer should be told, newest epochs first; MAX_TOLD of them are. */
  readonly stored: () => Promise<readonly StoredAttestationBytes[]>
  /** Never rejects for what the bytes are. `source`: key of the neighbour that told it. */
  readonly take: (bytes: Bytes, sourceHex: string) => Promise<'accept' | 'ignore' | 'reject' | 'early'>
  /** Leaves of an attestation in member order (rule A7); undefined where they are not known here. */
  readonly leavesOf: (asked: AskedLeaves) => Promise<readonly Leaf[] | undefined>
  /** Signed closing attestations of an epoch; MAX_WITNESSES of them are sent. */
  readonly closingsOf: (epoch: number) => Promise<readonly Bytes[]>
  /** The neighbour has told all that it holds after its greeting, and all of it has been judged. Once a session. */
  readonly onTold: (session: Session) => void
}

export interface AttestationExchangeInit extends AttestationCallbacks {
  readonly platform: Pick<Platform, 'clock' | 'timers'>
  readonly sessions: () => Iterable<Session>
  readonly announceDelayMs: number
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
  /** This node's own store failed while it was asked. */
  readonly onDamage: (error: Error) => void
}

/** One neighbour's part in the exchange. */
interface Neighbour {
  /** Judged one after another, in the order in which they came. */
  taking: Promise<void>
  takingBytes: number
  isToldAll: boolean
  /** To be judged again once more of the registrar's chain is held: no neighbour tells one twice. */
  early: Bytes[]
  earlyBytes: number
}

/**
 * Attestations between neighbours: what is new is named in rounds, and asked of one who has it; all that is held is sent once a
 * neighbour has greeted; and at each cross-check what a neighbour is not known to hold is named, so that nothing depends on
 * gossip (rules S21 to S23, S25, S26, S28, S29).
 */
export class AttestationExchange {
  readonly #init: AttestationExchangeInit
  readonly #neighbours = new Map<Session, Neighbour>()
  readonly #line = new AnswerLine()
  readonly #questions: AttestationQuestions
  /** Who is told of what, and asked for what. */
  readonly names: AttestationNames
  /** By signature. */
  readonly #judged = new Map<string, Pick<AttestationName, 'witness' | 'epoch' | 'sequence'>>()
  /** What was stored before the start is in the book, too. */
  #isRead = false
  #stopped = false

  constructor(init: AttestationExchangeInit) {
    this.#init = init
    const { platform, isGossiped, gossipMesh, announceDelayMs } = init
    this.names = new AttestationNames({ ...platform, announceDelayMs, limit: MAX_TOLD, isGossiped, gossipMesh })
    this.#questions = new AttestationQuestions({
      platform,
      sessions: () => this.#neighbours.keys(),
      isKnownTo: (session, attestation) => this.names.isKnownTo(session, attestation),
      onClosings: (session, attestations) => this.#take(session, attestations),
      onFault: init.onFault,
    })
  }

  /** Bytes of what this neighbour told that are not judged yet. */
  takingBytes(session: Session): number {
    return this.#neighbours.get(session)?.takingBytes ?? 0
  }

  /** One that was accepted here, or signed. It is not told to whom it came from. */
  noteNew(attestation: SignedAttestation, bytes: Bytes, sourceHex: string): void {
    if (!this.#stopped) this.names.noteNew(attestation, bytes, sourceHex)
  }

  /** Of all that this node would tell a newcomer (rule S30); says nothing before that was read. */
  digest(): Bytes {
    return this.#isRead ? this.names.digest : NO_DIGEST
  }

  /** Tells everything stored, and that this is all (rule S21). */
  onGreeted(session: Session): void {
    if (this.#stopped || this.#neighbours.has(session)) return
    this.#neighbours.set(session, {
      taking: Promise.resolve(),
      takingBytes: 0,
      isToldAll: false,
      early: [],
      earlyBytes: 0,
    })
    this.names.add(session)
    const told = session.hello?.known.attestations
    if (told !== undefined && isSameKnown(this.digest(), told)) {
      this.names.noteEqual(session)
      send(session, [])
      return
    }
    this.#tellAll(session).catch((error: unknown) => this.#init.onDamage(error as Error))
  }

  /** Repairs what rounds and gossip have left out. */
  onCrossCheck(): void {
    if (this.#stopped || this.#neighbours.size === 0) return
    // A clock that was behind may be right by now.
    this.onRegistrarGrew()
    this.names.onCrossCheck()
  }

  async #tellAll(session: Session): Promise<void> {
    const stored = (await this.#init.stored()).slice(0, MAX_TOLD)
    // The newest are noted last: they stay longest.
    for (const each of stored.toReversed()) this.names.noteHeld(each, each.bytes)
    this.#isRead = true
    await this.#send(
      session,
      stored.filter((each) => this.names.noteKnown(session, each)).map(({ bytes }) => bytes),
    )
    if (session.isOpen) send(session, [])
  }

  /** In parts that fit into a frame, at the neighbour's pace; a channel that ends meanwhile needs nothing more. */
  async #send(session: Session, attestations: readonly Bytes[]): Promise<void> {
    for (let i = 0; i < attestations.length && session.isOpen; i += MAX_ATTESTATIONS_PER_FRAME) {
      if (send(session, attestations.slice(i, i + MAX_ATTESTATIONS_PER_FRAME))) continue
      await session.channel.drained().catch(() => undefined)
    }
  }

  /** Frames of types 14, 15, 16 and 18 to 21; false for any other, which is not of this exchange. */
  onFrame(session: Session, frame: Frame): boolean {
    switch (frame.type) {
      case 'attestations':
        this.#onAttestations(session, frame.attestations)
        return true
      case 'attested':
        if (!this.#stopped) this.names.onNames(session, frame.names)
        return true
      case 'want-attestations':
        // Whoever asks so much at once asks again: a miss would answer another question, since this one has no id.
        if (this.#line.waiting(session) >= MAX_WAITING_WANTS) return true
        this.#line.add(session, NO_ID, async () => {
          const attestations = this.names.give(session, frame.names)
          return attestations.length === 0 || send(session, attestations)
        })
        return true
      case 'ask-attested-leaves': {
        const { id } = frame
        this.#line.add(session, id, () =>
          this.#answer(session, id, async () => {
            const leaves = await this.#init.leavesOf(frame)
            return leaves && session.send({ type: 'attested-leaves', id, leaves })
          }),
        )
        return true
      }
      case 'ask-closings': {
        const { id, epoch } = frame
        this.#line.add(session, id, () =>
          this.#answer(session, id, async () => {
            const attestations = (await this.#init.closingsOf(epoch)).slice(0, MAX_WITNESSES)
            return session.send({ type: 'closings', id, epoch, attestations })
          }),
        )
        return true
      }
      case 'attested-leaves':
        this.#questions.onLeaves(session, frame)
        return true
      case 'closings':
        this.#questions.onClosings(session, frame)
        return true
      default:
        return false
    }
  }

  async #answer(session: Session, id: number, give: () => Promise<boolean | undefined>): Promise<boolean> {
    try {
      const hasRoom = await give()
      if (hasRoom !== undefined) return hasRoom
    } catch (error) {
      this.#init.onDamage(error as Error)
    }
    return session.send({ type: 'miss', id, reason: 'not-held' })
  }

  #onAttestations(session: Session, attestations: readonly Bytes[]): void {
    if (attestations.length > 0) return this.#take(session, attestations)
    const neighbour = this.#neighbours.get(session)
    if (neighbour === undefined || neighbour.isToldAll) return
    neighbour.isToldAll = true
    neighbour.taking = neighbour.taking.then(() => {
      if (session.isOpen && !this.#stopped) this.#init.onTold(session)
    })
  }

  #take(session: Session, attestations: readonly Bytes[]): void {
    const neighbour = this.#neighbours.get(session)
    if (neighbour === undefined) return
    const byteLength = attestations.reduce((sum, { length }) => sum + length, 0)
    // More than any neighbour may tell at once, and than this node keeps up with. Newer ones will come.
    if (neighbour.takingBytes + byteLength > MAX_TAKING_BYTES) return
    neighbour.takingBytes += byteLength
    neighbour.taking = neighbour.taking.then(async () => {
      for (const bytes of attestations) await this.#judge(session, neighbour, bytes)
      neighbour.takingBytes -= byteLength
    })
  }

  /** More of the registrar's chain is held. */
  onRegistrarGrew(): void {
    for (const [session, neighbour] of this.#neighbours) {
      if (neighbour.early.length === 0) continue
      const { early } = neighbour
      Object.assign(neighbour, { early: [], earlyBytes: 0 })
      this.#take(session, early)
    }
  }

  async #judge(session: Session, neighbour: Neighbour, bytes: Bytes): Promise<void> {
    if (!session.isOpen || this.#stopped) return
    const id = idOf(bytes)
    const judged = this.#judged.get(id)
    const name = judged === undefined ? nameIn(bytes) : nameOf(judged, bytes)
    if (name !== undefined) this.names.noteKnown(session, name)
    if (judged !== undefined && name !== undefined) return this.names.settle(name)
    try {
      const verdict = await this.#init.take(bytes, session.peerHex)
      // What was changed on its way is asked for again, of another neighbour.
      if (verdict !== 'reject' && name !== undefined) this.names.settle(name)
      if (verdict === 'accept' && name !== undefined) this.#noteJudged(id, name)
      if (verdict === 'early' && neighbour.earlyBytes + bytes.length <= MAX_EARLY_BYTES) {
        neighbour.early.push(bytes)
        neighbour.earlyBytes += bytes.length
      }
      if (verdict === 'reject') this.#init.onFault(session, 'bad-attestation', 'an attestation that no honest node passes on')
    } catch (error) {
      this.#init.onDamage(error as Error)
    }
  }

  #noteJudged(id: string, { witness, epoch, sequence }: AttestationName): void {
    if (this.#judged.size >= MAX_JUDGED) this.#judged.delete(this.#judged.keys().next().value as string)
    this.#judged.set(id, { witness: keptKey(witness), epoch, sequence })
  }

  /** True where the request that was missed is of this exchange. */
  onMiss(session: Session, id: number): boolean {
    return this.#questions.onMiss(session, id)
  }

  onSessionEnd(session: Session): void {
    this.#neighbours.delete(session)
    this.names.delete(session)
    this.#line.onSessionEnd(session)
    this.#questions.onSessionEnd(session)
  }

  /**
   * Asks one neighbour after another for the leaves of an attestation, `preferHex` first, until one answers with as many as
   * its frontier is long and `isRight`, where that is given, agrees: rule A7, by which who answers with others is at fault.
   */
  askLeaves(
    attestation: SignedAttestation,
    preferHex: string | undefined,
    isRight: (leaves: readonly Leaf[]) => boolean = () => true,
  ): Promise<{ readonly leaves: readonly Leaf[]; readonly session: Session } | undefined> {
    if (this.#stopped) return Promise.resolve(undefined)
    return this.#questions.askLeaves(attestation, preferHex, isRight)
  }

  /** Asks every neighbour for the closing attestations of an epoch; what they answer is judged like any other. */
  askClosings(epoch: number): void {
    if (!this.#stopped) this.#questions.askClosings(epoch)
  }

  stop(): void {
    this.#stopped = true
    this.names.stop()
    this.#questions.stop()
  }
}

function send(session: Session, attestations: readonly Bytes[]): boolean {
  return session.send({ type: 'attestations', attestations })
}

/** Its signature: of two that share it one is what was signed, and was judged; the other was made to look like it. */
function idOf(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', Math.max(0, bytes.length - SIGNATURE_BYTES))
}

/** Which one it says it is; undefined for bytes that are none. */
function nameIn(bytes: Bytes): AttestationName | undefined {
  try {
    return nameOf(peekAttestation(bytes), bytes)
  } catch {
    return undefined
  }
}
