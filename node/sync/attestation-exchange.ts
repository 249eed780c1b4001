import {
  type Bytes,
  decodeSignedAttestation,
  type Frame,
  type Leaf,
  MAX_ATTESTATIONS_PER_FRAME,
  MAX_WITNESSES,
  SIGNATURE_BYTES,
  type SignedAttestation,
  toHex,
} from '../../protocol/index.ts'
import type { Platform, Timer } from '../platform.ts'
import { msToNextRound } from '../rounds.ts'
import { AnswerLine } from './answer-line.ts'
import { AttestationQuestions } from './attestation-questions.ts'
import type { Fault } from './conduct.ts'
import { KnownAttestations, type Named } from './known-attestations.ts'
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

/** Under gossip a cross-check tells so many of the neighbours, in turn; two where that is more. What was lost comes by others. */
const SHARE_TOLD = 1 / 3
const LEAST_TOLD = 2

/** Attestations remembered as judged: most neighbours tell the same, and a copy need not even be read. */
export const MAX_JUDGED = 4_096

/** What the exchange asks of the rest of the node. */
export interface AttestationCallbacks {
  /** Gossip carries new attestations at present: then neighbours are told at cross-checks, what they are not known to hold. */
  readonly isGossiped: () => boolean
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
  readonly known: KnownAttestations
  /** Judged one after another, in the order in which they came. */
  taking: Promise<void>
  takingBytes: number
  isToldAll: boolean
  /** To be judged again once more of the registrar's chain is held: no neighbour tells one twice. */
  early: Bytes[]
  earlyBytes: number
}

/**
 * Attestations between neighbours: what is new in rounds, many in one frame; all that is held once a neighbour has greeted; and
 * at each cross-check what a neighbour is not known to hold, so that nothing depends on gossip (rules S21 to S23, S25, S26).
 */
export class AttestationExchange {
  readonly #init: AttestationExchangeInit
  readonly #neighbours = new Map<Session, Neighbour>()
  /** New since the last round, the newest of each witness and epoch. */
  readonly #waiting = new Map<string, { readonly named: Named; readonly bytes: Bytes }>()
  readonly #line = new AnswerLine()
  readonly #questions: AttestationQuestions
  readonly #judged = new Map<string, Named>()
  #timer: Timer | undefined
  #stopped = false

  constructor(init: AttestationExchangeInit) {
    this.#init = init
    this.#questions = new AttestationQuestions({
      platform: init.platform,
      sessions: () => this.#neighbours.keys(),
      isKnownTo: (session, named) => this.#neighbours.get(session)?.known.has(named) === true,
      onClosings: (session, attestations) => this.#take(session, attestations),
      onFault: init.onFault,
    })
  }

  /** Attestations that wait for the end of the round. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Bytes of what this neighbour told that are not judged yet. */
  takingBytes(session: Session): number {
    return this.#neighbours.get(session)?.takingBytes ?? 0
  }

  /** One that was accepted here, or signed. It is not told to whom it came from. */
  noteNew({ witness, epoch, sequence }: SignedAttestation, bytes: Bytes, sourceHex: string): void {
    if (this.#stopped) return
    const named = { witnessHex: toHex(witness), epoch, sequence }
    for (const [session, { known }] of this.#neighbours) if (session.peerHex === sourceHex) known.add(named)
    // The cross-check repairs what gossip loses.
    if (this.#init.isGossiped()) return
    const key = `${named.witnessHex}/${epoch}`
    const before = this.#waiting.get(key)
    if (before !== undefined && before.named.sequence >= sequence) return
    this.#waiting.set(key, { named, bytes })
    if (this.#waiting.size > MAX_TOLD) this.#waiting.delete(this.#waiting.keys().next().value as string)
    if (this.#timer !== undefined) return
    const { platform, announceDelayMs } = this.#init
    this.#timer = platform.timers.set(msToNextRound(platform.clock.now(), announceDelayMs), () => this.#endRound())
  }

  #endRound(): void {
    this.#timer = undefined
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const session of this.#neighbours.keys()) for (const frame of this.#unknownTo(session, waiting)) send(session, frame)
  }

  /** What the neighbour is not known to hold, in parts that fit into a frame. From then on it counts as known. */
  #unknownTo(session: Session, all: readonly { readonly named: Named; readonly bytes: Bytes }[]): Bytes[][] {
    const known = this.#neighbours.get(session)?.known
    const news = known === undefined ? [] : all.filter(({ named }) => known.add(named))
    const frames: Bytes[][] = []
    for (let i = 0; i < news.length; i += MAX_ATTESTATIONS_PER_FRAME) {
      frames.push(news.slice(i, i + MAX_ATTESTATIONS_PER_FRAME).map(({ bytes }) => bytes))
    }
    return frames
  }

  /** Tells everything stored, and that this is all (rule S21). */
  onGreeted(session: Session): void {
    if (this.#stopped || this.#neighbours.has(session)) return
    const known = new KnownAttestations(2 * MAX_TOLD)
    this.#neighbours.set(session, {
      known,
      taking: Promise.resolve(),
      takingBytes: 0,
      isToldAll: false,
      early: [],
      earlyBytes: 0,
    })
    this.#guard(this.#tellAll([session], true))
  }

  /** Repairs: whatever a neighbour is not known to hold. Gossip does not tell who holds what: most would be told in vain. */
  onCrossCheck(): void {
    if (this.#stopped || this.#neighbours.size === 0) return
    // A clock that was behind may be right by now.
    this.onRegistrarGrew()
    const all = [...this.#neighbours]
    const told = this.#init.isGossiped() ? all.slice(0, Math.max(LEAST_TOLD, Math.ceil(all.length * SHARE_TOLD))) : all
    for (const [session, neighbour] of told) {
      this.#neighbours.delete(session)
      this.#neighbours.set(session, neighbour)
    }
    this.#guard(
      this.#tellAll(
        told.map(([session]) => session),
        false,
      ),
    )
  }

  async #tellAll(sessions: readonly Session[], isEndShown: boolean): Promise<void> {
    const all = (await this.#init.stored()).slice(0, MAX_TOLD).map(({ witness, epoch, sequence, bytes }) => {
      return { named: { witnessHex: toHex(witness), epoch, sequence }, bytes }
    })
    await Promise.all(
      sessions.map(async (session) => {
        const frames = this.#unknownTo(session, all)
        if (isEndShown) frames.push([])
        for (const attestations of frames) {
          if (!session.isOpen) return
          // Who has no room now is told the rest when there is some; a channel that ends meanwhile needs nothing more.
          if (!send(session, attestations)) await session.channel.drained().catch(() => undefined)
        }
      }),
    )
  }

  /** Frames of types 14, 15, 16, 18 and 19; false for any other, which is not of this exchange. */
  onFrame(session: Session, frame: Frame): boolean {
    switch (frame.type) {
      case 'attestations':
        this.#onAttestations(session, frame.attestations)
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
    if (judged !== undefined) return void neighbour.known.add(judged)
    const named = nameOf(bytes)
    if (named !== undefined) neighbour.known.add(named)
    try {
      const verdict = await this.#init.take(bytes, session.peerHex)
      if (verdict === 'accept' && named !== undefined) this.#noteJudged(id, named)
      if (verdict === 'early' && neighbour.earlyBytes + bytes.length <= MAX_EARLY_BYTES) {
        neighbour.early.push(bytes)
        neighbour.earlyBytes += bytes.length
      }
      if (verdict === 'reject') this.#init.onFault(session, 'bad-attestation', 'an attestation that no honest node passes on')
    } catch (error) {
      this.#init.onDamage(error as Error)
    }
  }

  #noteJudged(id: string, named: Named): void {
    if (this.#judged.size >= MAX_JUDGED) this.#judged.delete(this.#judged.keys().next().value as string)
    this.#judged.set(id, named)
  }

  /** True where the request that was missed is of this exchange. */
  onMiss(session: Session, id: number): boolean {
    return this.#questions.onMiss(session, id)
  }

  onSessionEnd(session: Session): void {
    this.#neighbours.delete(session)
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
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
    this.#waiting.clear()
    this.#questions.stop()
  }

  #guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#init.onDamage(error as Error))
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
function nameOf(bytes: Bytes): Named | undefined {
  try {
    const { witness, epoch, sequence } = decodeSignedAttestation(bytes)
    return { witnessHex: toHex(witness), epoch, sequence }
  } catch {
    return undefined
  }
}
