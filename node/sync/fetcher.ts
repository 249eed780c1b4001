import { type Bytes, equalBytes, MAX_BLOCK_BYTES, type MissReason, type RunFrame } from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import type { Outcome } from '../validate/index.ts'
import { ANSWER_TIMEOUT_MS, LEAST_WANT_BYTES, LONGEST_WAIT_MS, WANT_BLOCKS, WANT_BYTES } from './bounds.ts'
import type { Fault } from './conduct.ts'
import { Deadlines } from './deadlines.ts'
import { FETCHER_IDS, Ids } from './ids.ts'
import { largestTold } from './lacks.ts'
import { type PauseReason, Pauses, pauseReasonOf } from './pauses.ts'
import { type Progress, peekSafely, type Request, Room } from './requests.ts'
import type { Session } from './session.ts'
import { Waker } from './waker.ts'

/** What a block is taken to weigh before it has come: a few are asked for with little room, many with all of it. */
const TYPICAL_BLOCK_BYTES = 1_024

/** Room in an answer beside its blocks: count, end, proof. */
const RUN_ENVELOPE_BYTES = 4_096

/** Requests given up, whose answer may still come. */
const MAX_LATE = 1_024

/** The registrar's chain says who the others are: they wait for it this long. */
const HEAD_START_MS = 2_000

/** When there was no room to ask for more, and nothing else wakes the fetcher. */
const NO_ROOM_RETRY_MS = 250

export interface FetcherInit {
  readonly platform: Platform
  readonly sessions: () => Iterable<Session>
  /** Chains that membership knows. */
  readonly chainCount: () => number
  readonly ownSize: (index: number) => number
  /** The same of all chains, as this node tells it. */
  readonly frontier: () => readonly number[]
  /** The size up to which a chain is wanted: 0 where it is not at all, the end that a revocation names, else no bound. */
  readonly wantedSize: (index: number) => number
  readonly keyAt: (index: number) => Bytes | undefined
  readonly backlogBytes: () => number
  readonly submit: (run: Bytes) => Promise<Outcome>
  readonly onRefused: (session: Session, outcome: Exclude<Outcome, { verdict: 'accept' }>, index: number) => void
  /** The neighbour does not hold block `from`, although it said so. */
  readonly onBrokenWord: (session: Session, index: number, from: number) => void
  readonly onFault: (session: Session, fault: Fault, detail: string, times?: number) => void
}

/**
 * Asks neighbours for the blocks this node lacks: each chain from one neighbour at a time, each block once, the next batch
 * asked for while the last is being checked. The registrar's chain comes first, since it says who the others are.
 */
export class Fetcher {
  readonly #init: FetcherInit
  readonly #requests = new Map<number, Request>()
  readonly #late = new Map<number, Request>()
  readonly #deadlines: Deadlines<Request>
  readonly #chains = new Map<number, Progress>()
  readonly #pauses = new Pauses()
  readonly #room = new Room()
  /** Some chain was not asked for, for want of room. */
  #isShort = false
  /** The neighbour that is asked for other chains in this very turn: another frame to it costs least. */
  #preferred: Session | undefined
  readonly #ids = new Ids(FETCHER_IDS)
  readonly #waker: Waker
  #stopped = false

  constructor(init: FetcherInit) {
    this.#init = init
    this.#waker = new Waker(init.platform, () => this.consider())
    this.#deadlines = new Deadlines(init.platform, (request) => this.#onSilence(request))
  }

  get isIdle(): boolean {
    return this.#chains.size === 0
  }

  /** Bytes asked for and not come. */
  get askedBytes(): number {
    return this.#room.askedBytes
  }

  stop(): void {
    this.#stopped = true
    this.#waker.stop()
    for (const request of [...this.#requests.values()]) this.#settle(request)
    this.#deadlines.stop()
  }

  /** Looks for everything that some neighbour holds and this node neither holds nor has asked for. */
  consider(): void {
    this.#isShort = false
    const askable: Session[] = []
    for (const session of this.#init.sessions()) {
      if (session.isAskable) askable.push(session)
      else this.#isShort = true
    }
    this.#considerLarger(largestTold(askable, this.#init.chainCount()))
  }

  /** The same where only this neighbour's word is new. */
  considerWord(session: Session): void {
    if (this.#isShort) return this.consider()
    this.#considerLarger(session.remote)
  }

  /** Of nearly all chains nobody holds more: only the others are looked up. */
  #considerLarger(told: readonly number[]): void {
    const held = this.#init.frontier()
    for (let i = 0; i < told.length; i++) {
      if ((told[i] as number) <= (held[i] ?? 0)) continue
      if (!this.#hasRoom()) return
      this.considerChain(i)
    }
  }

  /** The disk takes what comes, of this node's own or from anywhere. */
  onStored(): void {
    if (this.#pauses.endRest()) this.consider()
  }

  /** More of the registrar's chain is held: what was refused for the lack of it is asked for again. */
  registrarGrew(): void {
    this.#pauses.registrarGrew()
    this.consider()
  }

  /** Chains of which little is missing: asked for of as few neighbours as hold them, so that their answers come together. */
  considerTogether(chains: ReadonlySet<number>): void {
    const left = new Map<number, number>()
    for (const index of chains) left.set(index, this.#init.ownSize(index))
    for (;;) {
      const preferred = this.#holderOfMost(left)
      if (preferred === undefined) return
      this.#preferred = preferred
      for (const [index, ownSize] of left) {
        if (preferred.remoteSize(index) <= ownSize) continue
        left.delete(index)
        this.considerChain(index)
      }
      this.#preferred = undefined
    }
  }

  /** `chains`: how much is held of each. */
  #holderOfMost(chains: ReadonlyMap<number, number>): Session | undefined {
    let best: Session | undefined
    let most = 0
    for (const session of this.#init.sessions()) {
      let count = 0
      for (const [index, ownSize] of chains) if (session.remoteSize(index) > ownSize) count++
      // Who still owes an answer is not the one to be asked for everything.
      if (session.outstanding > 0) count /= 2
      if (count <= most) continue
      best = session
      most = count
    }
    return best
  }

  considerChain(index: number): void {
    const progress = this.#chains.get(index)
    if (this.#stopped || progress?.request !== undefined) return
    const from = Math.max(this.#init.ownSize(index), progress?.claimed ?? 0)
    const wanted = this.#init.wantedSize(index) - from
    if (wanted <= 0) return
    const session = this.#bestFor(index, from)
    if (session === undefined) return
    if (index !== 0 && this.#registrarGoesFirst()) return
    const missing = session.remoteSize(index) - from
    const expected = Math.min(session.wantBytes, missing * TYPICAL_BLOCK_BYTES)
    const bytes = Math.max(LEAST_WANT_BYTES, expected)
    if (this.#hasRoom(bytes, expected)) this.#ask(session, { index, from, bytes, expected }, Math.min(wanted, WANT_BLOCKS))
  }

  /** For the least that is ever asked for, where nothing is said. Without room it looks again after a while. */
  #hasRoom(bytes = LEAST_WANT_BYTES, expected = TYPICAL_BLOCK_BYTES): boolean {
    if (this.#room.has(bytes, expected, this.#init.backlogBytes())) return true
    this.#isShort = true
    this.#waker.in(NO_ROOM_RETRY_MS)
    return false
  }

  #registrarGoesFirst(): boolean {
    const registrar = this.#chains.get(0)
    if (registrar === undefined) return false
    const left = registrar.sinceMs + HEAD_START_MS - this.#nowMs()
    if (left <= 0) return false
    this.#waker.in(left)
    return true
  }

  #bestFor(index: number, from: number): Session | undefined {
    const now = this.#nowMs()
    const preferred = this.#preferred
    const isFree = preferred?.isAskable === true && preferred.canGive(index, from)
    if (isFree && this.#pauses.leftMs(preferred.peerHex, index, now) <= 0) return preferred
    let best: Session | undefined
    let isFull = false
    for (const session of this.#init.sessions()) {
      if (!session.canGive(index, from)) continue
      if (!session.isAskable) {
        isFull = true
        continue
      }
      const left = this.#pauses.leftMs(session.peerHex, index, now)
      if (left > 0) this.#waker.afterPause(left)
      else if (best === undefined || session.outstanding < best.outstanding) best = session
    }
    if (best === undefined && isFull) this.#isShort = true
    return best
  }

  #nowMs(): number {
    return this.#init.platform.clock.monotonicMs()
  }

  #ask(session: Session, asked: Pick<Request, 'index' | 'from' | 'bytes' | 'expected'>, maxBlocks: number): void {
    const { index, from, bytes } = asked
    const id = this.#ids.next()
    const request: Request = { ...asked, id, session, askedMs: this.#nowMs() }
    this.#requests.set(id, request)
    this.#deadlines.set(request, ANSWER_TIMEOUT_MS)
    this.#room.take(request)
    this.#progressOf(index).request = request
    session.outstanding++
    session.send({ type: 'want', id, index, from, maxBlocks, maxBytes: bytes })
  }

  #progressOf(index: number): Progress {
    let progress = this.#chains.get(index)
    if (progress === undefined) {
      progress = { sinceMs: this.#nowMs(), attempt: 0, claimed: 0, submitted: 0, request: undefined }
      this.#chains.set(index, progress)
    }
    return progress
  }

  /** The request is over, whatever became of it. */
  #settle(request: Request): void {
    if (!this.#requests.delete(request.id)) return
    this.#deadlines.delete(request)
    this.#room.leave(request)
    request.session.outstanding--
    const progress = this.#chains.get(request.index)
    if (progress !== undefined) progress.request = undefined
    this.#release(request.index)
  }

  #release(index: number): void {
    const progress = this.#chains.get(index)
    if (progress !== undefined && progress.request === undefined && progress.submitted === 0) this.#chains.delete(index)
  }

  /** Nothing more is waited for, but an answer that comes after all is late, not unasked. */
  #giveUp(request: Request): void {
    this.#settle(request)
    if (this.#late.size >= MAX_LATE) this.#late.delete(this.#late.keys().next().value as number)
    this.#late.set(request.id, request)
  }

  #pause(session: Session, index: number, reason: PauseReason = 'nowhere'): void {
    this.#waker.afterPause(this.#pauses.begin(session.peerHex, index, this.#nowMs(), reason))
  }

  #onSilence(request: Request): void {
    const now = this.#nowMs()
    const { session, index, from } = request
    const silentMs = now - Math.max(session.answeredMs, request.askedMs)
    // It answers, one after the other: this request has not had its turn.
    if (silentMs < ANSWER_TIMEOUT_MS && now - request.askedMs < LONGEST_WAIT_MS) {
      // Clocks tell fractions: a rest of one would be over before it began, for ever.
      return this.#deadlines.set(request, Math.max(1, ANSWER_TIMEOUT_MS - silentMs))
    }
    this.#giveUp(request)
    this.#pause(session, index)
    session.wantBytes = Math.max(LEAST_WANT_BYTES, session.wantBytes / 2)
    // All that was asked of it times out together: that is one silence.
    if (now - session.silenceChargedMs >= ANSWER_TIMEOUT_MS) {
      session.silenceChargedMs = now
      const detail = `no answer for chain ${index} from ${from} in ${ANSWER_TIMEOUT_MS} ms`
      this.#init.onFault(session, 'no-answer', detail, ++session.silences)
    }
    if (this.#isShort) this.consider()
    else this.considerChain(index)
  }

  /** Takes an answer. What was not asked for, or is another chain or height than asked, costs the sender. */
  onRun(session: Session, frame: RunFrame): void {
    const request = this.#requests.get(frame.id)
    if (request === undefined || request.session !== session) return this.#onLateRun(session, frame)
    this.#settle(request)
    session.answered(this.#nowMs())
    session.wantBytes = Math.min(WANT_BYTES, session.wantBytes * 2)
    this.#take(request, frame)
  }

  /** A slow link's answer is as good as any, where nobody else has brought the blocks by now. */
  #onLateRun(session: Session, frame: RunFrame): void {
    const request = this.#late.get(frame.id)
    if (request === undefined || request.session !== session) {
      this.#init.onFault(session, 'unasked', `run ${frame.id} was never asked for`)
      return
    }
    this.#late.delete(frame.id)
    session.answered(this.#nowMs())
    const { index, from } = request
    const isOfUse = this.#init.wantedSize(index) > from && this.#init.ownSize(index) === from && !this.#chains.has(index)
    if (isOfUse && !this.#stopped) this.#take(request, frame)
  }

  #take(request: Request, frame: RunFrame): void {
    const { session, index, from, bytes } = request
    const key = this.#init.keyAt(index)
    const found = peekSafely(frame.run)
    const isAsked = found !== undefined && key !== undefined && equalBytes(found.member, key) && found.from === from
    const most = Math.max(bytes, MAX_BLOCK_BYTES) + RUN_ENVELOPE_BYTES
    if (!isAsked || frame.run.length > most) {
      this.#pause(session, index)
      const came = isAsked ? `${frame.run.length} bytes came, ${bytes} were asked for` : 'another run came'
      this.#init.onFault(session, 'unasked', `chain ${index} from ${from} was asked for: ${came}`)
      this.considerChain(index)
      return
    }
    void this.#store(session, index, frame.run, found.end)
  }

  async #store(session: Session, index: number, run: Bytes, end: number): Promise<void> {
    const progress = this.#progressOf(index)
    const { attempt } = progress
    progress.claimed = end
    progress.submitted++
    const stored = this.#init.submit(run)
    // While this batch is being checked the next one travels.
    this.considerChain(index)
    const outcome = await stored
    progress.submitted--
    if (outcome.verdict === 'accept') {
      // A later batch may have failed meanwhile: the pause is for that one.
      if (attempt === progress.attempt) this.#pauses.clear(session.peerHex, index)
    } else if (outcome.code !== 'DUPLICATE') {
      if (attempt === progress.attempt) this.#onFailed(session, index, progress, outcome)
      // It was built on a batch that failed; what its own bytes say against it still holds.
      else if (outcome.verdict === 'reject') this.#init.onRefused(session, outcome, index)
    }
    this.#release(index)
    if (index === 0 || this.#isShort) this.consider()
    else this.considerChain(index)
  }

  /** Nothing that was asked for on top of this batch is of use: the chain begins again from what is held. */
  #onFailed(session: Session, index: number, progress: Progress, outcome: Exclude<Outcome, { verdict: 'accept' }>): void {
    progress.attempt++
    progress.claimed = 0
    if (progress.request !== undefined) this.#giveUp(progress.request)
    const { code, data } = outcome
    // A full queue here is no reason to leave the neighbour alone, only to come later.
    if (code === 'OVERLOADED') this.#waker.in(NO_ROOM_RETRY_MS)
    else this.#pause(session, index, pauseReasonOf(code, data['cause']))
    this.#init.onRefused(session, outcome, index)
  }

  onMiss(session: Session, id: number, reason: MissReason): void {
    const request = this.#requests.get(id)
    if (request === undefined || request.session !== session) {
      if (this.#late.get(id)?.session === session) this.#late.delete(id)
      return
    }
    this.#settle(request)
    session.answered(this.#nowMs())
    const { index, from } = request
    if (reason === 'not-held') {
      // Not asked again until it says so anew.
      session.missed(index, from)
      this.#init.onBrokenWord(session, index, from)
    } else if (reason === 'pruned') session.notePruned(index, from)
    else this.#pause(session, index)
    this.considerChain(index)
  }

  /** A neighbour that is gone answers nothing: its requests go to others at once. */
  onSessionEnd(session: Session): void {
    for (const request of [...this.#late.values()]) if (request.session === session) this.#late.delete(request.id)
    for (const request of [...this.#requests.values()]) {
      if (request.session !== session) continue
      this.#settle(request)
      this.considerChain(request.index)
    }
  }
}
