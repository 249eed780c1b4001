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

/** Bytes of one branch, which are in memory until they are stored in one write: some ten thousand blocks. */
export const MAX_BRANCH_BYTES = 8 * 1_048_576

/** Branches that are fetched at a time: with the bound above, the memory of all. */
export const MAX_BRANCH_FETCHES = 2

/** Neighbours that are asked for a branch, one after another. */
export const MAX_ASKED_FOR_BRANCH = 8

/** For all of them together. */
export const BRANCH_TIMEOUT_MS = 120_000

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

/** A branch that is being fetched. */
interface Wanted {
  readonly index: number
  readonly member: Bytes
  readonly leaf: Leaf
  /** The held chain as it was where both are still the same. */
  readonly base: ChainState
  readonly endMs: number
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
   * Runs that lead from height `from`, which this node holds and which both branches have, to exactly the leaf; `preferHex` is
   * asked first. Undefined where nobody gives them, for now or at all.
   */
  async fetchBranch(index: number, from: number, leaf: Leaf, preferHex?: string): Promise<Bytes[] | undefined> {
    if (this.#stopped || this.#fetches >= MAX_BRANCH_FETCHES || leaf.size <= from) return undefined
    this.#fetches++
    try {
      const member = this.#init.membership().at(index)?.key
      const base = member && (await chainStateAt(this.#init.store, member, from))
      if (member === undefined || base === undefined) return undefined
      const endMs = this.#nowMs() + BRANCH_TIMEOUT_MS
      return await this.#fetch({ index, member, leaf, base, endMs }, preferHex)
    } finally {
      this.#fetches--
    }
  }

  async #fetch(wanted: Wanted, preferHex: string | undefined): Promise<Bytes[] | undefined> {
    const { index, leaf } = wanted
    const isHolder = (session: Session): boolean => session.remoteSize(index) >= leaf.size
    const sessions = [...this.#init.sessions()].filter((session) => session.hello !== undefined)
    const rank = (session: Session): number => (session.peerHex === preferHex ? 0 : isHolder(session) ? 1 : 2)
    for (const session of sessions.sort((a, b) => rank(a) - rank(b)).slice(0, MAX_ASKED_FOR_BRANCH)) {
      const runs = await this.#fetchFrom(session, wanted)
      if (runs !== undefined) return runs
    }
    return undefined
  }

  /** All of it from one neighbour: who gave which part would not be known where the root is wrong. */
  async #fetchFrom(session: Session, { index, member, leaf, base, endMs }: Wanted): Promise<Bytes[] | undefined> {
    const { genesis, verify, membership, platform, onFault } = this.#init
    const runs: Bytes[] = []
    let chain = base
    let bytes = 0
    while (chain.size < leaf.size) {
      if (this.#stopped || !session.isOpen || this.#nowMs() >= endMs) return undefined
      const run = await this.#ask(session, index, chain.size, leaf)
      if (run === undefined) return undefined
      bytes += run.length
      if (bytes > MAX_BRANCH_BYTES) return undefined
      if (!isPartOf(run, member, chain.size, leaf.size)) {
        onFault(session, 'unasked', `branch of chain ${index} from ${chain.size} to ${leaf.size} was asked for: another run came`)
        return undefined
      }
      const context = { genesis, membership: membership(), chain, quarantined: false, nowMs: platform.clock.now(), verify }
      const result = validateRun(run, context)
      if (result.verdict !== 'accept') {
        if (result.verdict === 'reject')
          onFault(session, 'rejected-run', `${result.code} in a branch of chain ${index}: ${result.message}`)
        return undefined
      }
      runs.push(run)
      chain = result.state
    }
    if (equalBytes(chain.root, leaf.root)) return runs
    onFault(session, 'bad-proof', `branch of chain ${index}: its ${leaf.size} blocks do not make the root that was asked for`)
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
