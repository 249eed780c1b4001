import {
  type Bytes,
  type ChainState,
  equalBytes,
  type Genesis,
  type Leaf,
  MAX_BLOCK_BYTES,
  type Membership,
  peekRun,
  type RunFrame,
  type VerifySignature,
  validateRun,
} from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import { chainStateAt } from '../validate/index.ts'
import { ANSWER_TIMEOUT_MS, WANT_BLOCKS, WANT_BYTES } from './bounds.ts'
import type { Fault } from './conduct.ts'
import { Deadlines } from './deadlines.ts'
import { BRANCH_IDS, Ids } from './ids.ts'
import type { Session } from './session.ts'

/**
 * Bytes of one branch, all together: an end to what an author of two stories can have this node fetch. They are handed on run
 * by run, and not kept here.
 */
export const MAX_BRANCH_BYTES = 64 * 1_048_576

/** Blocks of one branch: whoever looks at it keeps 40 bytes of each. At one in 15 minutes, seven years. */
export const MAX_BRANCH_BLOCKS = 262_144

/** Branches that are fetched at a time: with the bound above, the memory of all. */
export const MAX_BRANCH_FETCHES = 2

/** Neighbours that are asked for a branch, one after another. */
export const MAX_ASKED_FOR_BRANCH = 8

/** For all of them together, and as long again for each TIMED_BYTES that have come: a little each time is no progress. */
export const BRANCH_TIMEOUT_MS = 120_000
export const TIMED_BYTES = 8 * 1_048_576

/** Requests given up, whose answer may still come. */
const MAX_LATE = 64

/** Room in an answer beside its blocks: count, end, proof. */
const RUN_ENVELOPE_BYTES = 4_096

export interface BranchesInit {
  readonly genesis: Genesis
  readonly store: LedgerStore
  readonly platform: Pick<Platform, 'clock' | 'timers'>
  readonly verify: VerifySignature
  readonly membership: () => Membership
  readonly sessions: () => Iterable<Session>
  readonly onFault: (session: Session, fault: Fault, detail: string) => void
}

interface Request {
  readonly id: number
  readonly session: Session
  readonly answer: (run: Bytes | undefined) => void
}

/** Takes the runs of one neighbour in their order, each checked and behind the one before. */
export interface BranchTaker {
  /** False: no more of them. */
  readonly take: (run: Bytes) => boolean | Promise<boolean>
}

/** A branch that is being fetched. */
interface Wanted {
  readonly index: number
  readonly member: Bytes
  readonly leaf: Leaf
  /** The held chain as it was where both are still the same. */
  readonly base: ChainState
  endMs: number
}

/**
 * Fetches another branch of a chain than the one held, as far as a leaf that a quorum has attested (rules S24, W14). It stores
 * nothing: what comes is checked as the door checks it, and must end in the leaf's root.
 */
export class Branches {
  readonly #init: BranchesInit
  readonly #requests = new Map<number, Request>()
  readonly #late = new Map<number, Session>()
  readonly #deadlines: Deadlines<Request>
  readonly #ids = new Ids(BRANCH_IDS)
  #fetches = 0
  #stopped = false

  constructor(init: BranchesInit) {
    this.#init = init
    this.#deadlines = new Deadlines(init.platform, (request) => this.#onSilence(request))
  }

  /** Branches that are being fetched. */
  get fetches(): number {
    return this.#fetches
  }

  /**
   * Hands on the runs that lead from height `from`, which this node holds and which both branches have, to exactly the leaf;
   * `preferHex` is asked first. Each neighbour's go to a taker of their own: answers with the one that has all. Undefined where
   * nobody gives them, for now or at all. Rejects with what a taker throws.
   */
  async fetchBranch<T extends BranchTaker>(
    index: number,
    from: number,
    leaf: Leaf,
    taker: () => T,
    preferHex?: string,
  ): Promise<T | undefined> {
    if (this.#stopped || this.#fetches >= MAX_BRANCH_FETCHES) return undefined
    if (leaf.size <= from || leaf.size - from > MAX_BRANCH_BLOCKS) return undefined
    this.#fetches++
    try {
      const member = this.#init.membership().at(index)?.key
      const base = member && (await chainStateAt(this.#init.store, member, from))
      if (member === undefined || base === undefined) return undefined
      const endMs = this.#nowMs() + BRANCH_TIMEOUT_MS
      return await this.#fetch({ index, member, leaf, base, endMs }, taker, preferHex)
    } finally {
      this.#fetches--
    }
  }

  async #fetch<T extends BranchTaker>(wanted: Wanted, taker: () => T, preferHex: string | undefined): Promise<T | undefined> {
    const { index, leaf } = wanted
    const isHolder = (session: Session): boolean => session.remoteSize(index) >= leaf.size
    const sessions = [...this.#init.sessions()].filter((session) => session.hello !== undefined)
    const rank = (session: Session): number => (session.peerHex === preferHex ? 0 : isHolder(session) ? 1 : 2)
    for (const session of sessions.sort((a, b) => rank(a) - rank(b)).slice(0, MAX_ASKED_FOR_BRANCH)) {
      const own = taker()
      if (await this.#fetchFrom(session, wanted, own)) return own
    }
    return undefined
  }

  /** All of it from one neighbour: who gave which part would not be known where the root is wrong. */
  async #fetchFrom(session: Session, wanted: Wanted, taker: BranchTaker): Promise<boolean> {
    const { index, member, leaf, base } = wanted
    const { onFault } = this.#init
    let chain = base
    let bytes = 0
    while (chain.size < leaf.size) {
      if (this.#stopped || !session.isOpen || this.#nowMs() >= wanted.endMs) return false
      const run = await this.#ask(session, index, chain.size, leaf)
      if (run === undefined) return false
      if (Math.floor((bytes + run.length) / TIMED_BYTES) > Math.floor(bytes / TIMED_BYTES)) wanted.endMs += BRANCH_TIMEOUT_MS
      bytes += run.length
      if (bytes > MAX_BRANCH_BYTES) return false
      if (!isPartOf(run, member, chain.size, leaf.size)) {
        onFault(session, 'unasked', `branch of chain ${index} from ${chain.size} to ${leaf.size} was asked for: another run came`)
        return false
      }
      const after = this.#stateAfter(session, index, chain, run)
      if (after === undefined || !(await taker.take(run))) return false
      chain = after
    }
    if (equalBytes(chain.root, leaf.root)) return true
    onFault(session, 'bad-proof', `branch of chain ${index}: its ${leaf.size} blocks do not make the root that was asked for`)
    return false
  }

  #stateAfter(session: Session, index: number, chain: ChainState, run: Bytes): ChainState | undefined {
    const { genesis, verify, membership, platform, onFault } = this.#init
    const context = { genesis, membership: membership(), chain, quarantined: false, nowMs: platform.clock.now(), verify }
    const result = validateRun(run, context)
    if (result.verdict === 'accept') return result.state
    if (result.verdict === 'reject')
      onFault(session, 'rejected-run', `${result.code} in a branch of chain ${index}: ${result.message}`)
    return undefined
  }

  #ask(session: Session, index: number, from: number, { size, root }: Leaf): Promise<Bytes | undefined> {
    return new Promise((answer) => {
      const request = { id: this.#ids.next(), session, answer }
      this.#requests.set(request.id, request)
      this.#deadlines.set(request, ANSWER_TIMEOUT_MS)
      const maxBlocks = Math.min(size - from, WANT_BLOCKS)
      session.send({ type: 'want-branch', id: request.id, index, from, size, root, maxBlocks, maxBytes: WANT_BYTES })
    })
  }

  #nowMs(): number {
    return this.#init.platform.clock.monotonicMs()
  }

  #close(request: Request, run: Bytes | undefined): void {
    this.#requests.delete(request.id)
    this.#deadlines.delete(request)
    request.answer(run)
  }

  #onSilence(request: Request): void {
    if (this.#late.size >= MAX_LATE) this.#late.delete(this.#late.keys().next().value as number)
    this.#late.set(request.id, request.session)
    this.#close(request, undefined)
    this.#init.onFault(request.session, 'no-answer', `no part of a branch in ${ANSWER_TIMEOUT_MS} ms`)
  }

  /** True where the run has an id of these requests': it is nobody else's then. */
  onRun(session: Session, { id, run }: RunFrame): boolean {
    if (!this.#ids.has(id)) return false
    const request = this.#requests.get(id)
    if (request?.session === session) this.#close(request, run)
    else if (this.#late.get(id) === session) this.#late.delete(id)
    else this.#init.onFault(session, 'unasked', `run ${id} was never asked for`)
    return true
  }

  /** True where the id is one of these requests', open or not. */
  onMiss(session: Session, id: number): boolean {
    const request = this.#requests.get(id)
    if (request?.session === session) this.#close(request, undefined)
    else if (this.#late.get(id) === session) this.#late.delete(id)
    return this.#ids.has(id)
  }

  onSessionEnd(session: Session): void {
    for (const [id, late] of [...this.#late]) if (late === session) this.#late.delete(id)
    for (const request of [...this.#requests.values()]) if (request.session === session) this.#close(request, undefined)
  }

  stop(): void {
    this.#stopped = true
    for (const request of [...this.#requests.values()]) this.#close(request, undefined)
    this.#deadlines.stop()
  }
}

/** Whether a run is of this chain, begins where it was asked for, goes no further than that, and is no larger. */
function isPartOf(run: Bytes, member: Bytes, from: number, end: number): boolean {
  if (run.length > Math.max(WANT_BYTES, MAX_BLOCK_BYTES) + RUN_ENVELOPE_BYTES) return false
  try {
    const found = peekRun(run)
    return equalBytes(found.member, member) && found.from === from && found.end <= end
  } catch {
    return false
  }
}
