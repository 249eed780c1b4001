import { type Bytes, peekRun, type RunFrame, toHex } from '../../protocol/index.ts'
import type { Platform, Timer } from '../platform.ts'
import type { Outcome } from '../validate/index.ts'
import type { Fault, Session } from './session.ts'

/** Bytes asked for at once: large enough to make round trips rare, small enough for a slow link's time-out. */
export const WANT_BYTES = 524_288
export const WANT_BLOCKS = 4_096

/** An answer that has not come by then is asked of another neighbour. */
export const ANSWER_TIMEOUT_MS = 15_000

/** Requests that one neighbour is asked to hold at a time. */
const MAX_OUTSTANDING = 64

/** After an answer that led nowhere (a fork, a miss) the same neighbour is not asked for that chain again so soon. */
const PAUSE_MS = 10_000

/** Bytes waiting at the door above which nothing more is asked for. */
export const MAX_BACKLOG_BYTES = 6 * 1_048_576

interface Request {
  readonly id: number
  readonly index: number
  readonly from: number
  readonly session: Session
  readonly timer: Timer
}

export interface FetcherInit {
  readonly platform: Platform
  readonly sessions: () => Iterable<Session>
  /** Chains that membership knows. */
  readonly chainCount: () => number
  readonly ownSize: (index: number) => number
  readonly isWanted: (index: number) => boolean
  readonly keyAt: (index: number) => Bytes | undefined
  readonly backlogBytes: () => number
  readonly submit: (run: Bytes) => Promise<Outcome>
  readonly onRefused: (session: Session, outcome: Exclude<Outcome, { verdict: 'accept' }>, index: number) => void
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
}

/**
 * Asks neighbours for the blocks this node lacks: each chain from one neighbour at a time, each block once, the next batch
 * asked for while the last is being checked. The registrar's chain comes first, since it says who the others are.
 */
export class Fetcher {
  readonly #init: FetcherInit
  readonly #requests = new Map<number, Request>()
  /** By chain: the size that will be held once everything asked for and received has passed the door. */
  readonly #claimed = new Map<number, number>()
  readonly #busy = new Set<number>()
  readonly #paused = new Map<string, number>()
  #nextId = 1
  #stopped = false

  constructor(init: FetcherInit) {
    this.#init = init
  }

  get isIdle(): boolean {
    return this.#requests.size === 0 && this.#busy.size === 0
  }

  stop(): void {
    this.#stopped = true
    for (const request of this.#requests.values()) this.#forget(request)
  }

  /** Looks for everything that some neighbour holds and this node neither holds nor has asked for. */
  consider(): void {
    if (this.#stopped) return
    const count = this.#init.chainCount()
    for (let index = 0; index < count; index++) {
      if (this.#init.backlogBytes() > MAX_BACKLOG_BYTES) return
      this.considerChain(index)
    }
  }

  considerChain(index: number): void {
    if (this.#stopped || this.#busy.has(index) || !this.#init.isWanted(index)) return
    const from = Math.max(this.#init.ownSize(index), this.#claimed.get(index) ?? 0)
    const session = this.#bestFor(index, from)
    if (session !== undefined) this.#ask(session, index, from)
  }

  #bestFor(index: number, from: number): Session | undefined {
    const now = this.#init.platform.clock.monotonicMs()
    let best: Session | undefined
    for (const session of this.#init.sessions()) {
      if (!session.isOpen || session.remoteSize(index) <= from || session.outstanding >= MAX_OUTSTANDING) continue
      const pausedUntil = this.#paused.get(pauseKey(session, index))
      if (pausedUntil !== undefined) {
        if (pausedUntil > now) continue
        this.#paused.delete(pauseKey(session, index))
      }
      if (best === undefined || session.outstanding < best.outstanding) best = session
    }
    return best
  }

  #ask(session: Session, index: number, from: number): void {
    const id = this.#nextId
    this.#nextId = this.#nextId >= 0x7fff_ffff ? 1 : this.#nextId + 1
    const timer = this.#init.platform.timers.set(ANSWER_TIMEOUT_MS, () => {
      this.#forget(request)
      this.#pause(session, index)
      this.#init.onFault(session, 'no-answer', `no answer for chain ${index} from ${from} in ${ANSWER_TIMEOUT_MS} ms`)
      this.considerChain(index)
    })
    const request: Request = { id, index, from, session, timer }
    this.#requests.set(id, request)
    this.#busy.add(index)
    session.outstanding++
    session.send({ type: 'want', id, index, from, maxBlocks: WANT_BLOCKS, maxBytes: WANT_BYTES })
  }

  #forget(request: Request): void {
    if (!this.#requests.delete(request.id)) return
    this.#init.platform.timers.clear(request.timer)
    this.#busy.delete(request.index)
    request.session.outstanding--
  }

  #pause(session: Session, index: number): void {
    if (this.#paused.size > 4_096) this.#paused.clear()
    this.#paused.set(pauseKey(session, index), this.#init.platform.clock.monotonicMs() + PAUSE_MS)
  }

  /** Takes an answer. What was not asked for, or is another chain or height than asked, costs the sender. */
  onRun(session: Session, frame: RunFrame): void {
    const request = this.#requests.get(frame.id)
    if (request === undefined || request.session !== session) {
      // An answer that comes after its time-out is late, not unasked: the id tells.
      if (frame.id >= this.#nextId) this.#init.onFault(session, 'unasked', `run ${frame.id} was never asked for`)
      return
    }
    this.#forget(request)
    const key = this.#init.keyAt(request.index)
    const found = peekSafely(frame.run)
    if (found === undefined || key === undefined || toHex(found.member) !== toHex(key) || found.from !== request.from) {
      this.#pause(session, request.index)
      this.#init.onFault(session, 'unasked', `chain ${request.index} from ${request.from} was asked for, another run came`)
      this.considerChain(request.index)
      return
    }
    void this.#store(session, request.index, frame.run, found.end)
  }

  async #store(session: Session, index: number, run: Bytes, end: number): Promise<void> {
    this.#claimed.set(index, end)
    const stored = this.#init.submit(run)
    // While this batch is being checked the next one travels.
    if (this.#init.backlogBytes() <= MAX_BACKLOG_BYTES) this.considerChain(index)
    const outcome = await stored
    if (outcome.verdict !== 'accept') {
      this.#claimed.delete(index)
      if (outcome.code !== 'DUPLICATE') {
        this.#pause(session, index)
        this.#init.onRefused(session, outcome, index)
      }
    } else if (this.#claimed.get(index) === end) {
      this.#claimed.delete(index)
    }
    this.considerChain(index)
  }

  onMiss(session: Session, id: number): void {
    const request = this.#requests.get(id)
    if (request === undefined || request.session !== session) return
    this.#forget(request)
    // It does not hold what it said: not asked again until it says so anew.
    session.remote[request.index] = Math.min(session.remoteSize(request.index), request.from)
    this.considerChain(request.index)
  }

  /** A neighbour that is gone answers nothing: its requests go to others at once. */
  onSessionEnd(session: Session): void {
    for (const request of [...this.#requests.values()]) {
      if (request.session !== session) continue
      this.#forget(request)
      this.considerChain(request.index)
    }
  }
}

function pauseKey(session: Session, index: number): string {
  return `${session.peerHex}/${index}`
}

function peekSafely(run: Bytes): ReturnType<typeof peekRun> | undefined {
  try {
    return peekRun(run)
  } catch {
    return undefined
  }
}
