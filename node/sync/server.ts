import {
  type AskLeavesFrame,
  type Bytes,
  encodeRun,
  equalBytes,
  isWattnessError,
  type Leaf,
  MAX_RUN_BYTES,
  type MissReason,
  type WantBranchFrame,
  type WantCheckpointFrame,
  type WantFrame,
} from '../../protocol/index.ts'
import type { LedgerStore, StoredBlock } from '../store/index.ts'
import type { StoredRun } from '../validate/index.ts'
import { AnswerLine } from './answer-line.ts'
import { newestSigned } from './newest-signed.ts'
import { RecentRuns } from './recent-runs.ts'
import type { Session } from './session.ts'

/** Room in a frame for everything beside the blocks: end, proof, envelope. */
const ENVELOPE_BYTES = 4_096

export interface ServerInit {
  readonly store: LedgerStore
  readonly keyAt: (index: number) => Bytes | undefined
  readonly leaves: () => { readonly leaves: readonly Leaf[]; readonly headsRoot: Bytes }
  readonly onDamage: (error: Error) => void
  /** Blocks are on their way to this neighbour: what else it should know may travel along. */
  readonly onAnswer?: (session: Session) => void
}

type Wanted = WantFrame | WantBranchFrame | WantCheckpointFrame | AskLeavesFrame

/** Answers what neighbours ask for, one request at a time for each, at the pace at which the neighbour takes the answers. */
export class Server {
  readonly #init: ServerInit
  readonly #recent = new RecentRuns()
  readonly #line = new AnswerLine()

  constructor(init: ServerInit) {
    this.#init = init
  }

  /** Requests that wait for their turn. */
  waiting(session: Session): number {
    return this.#line.waiting(session)
  }

  onWant(session: Session, frame: Wanted): void {
    this.#line.add(session, frame.id, () => this.#answer(session, frame))
  }

  /** A run was stored: neighbours are about to ask for it. */
  onStored(run: StoredRun): void {
    this.#recent.add(run)
  }

  onSessionEnd(session: Session): void {
    this.#line.onSessionEnd(session)
  }

  #answer(session: Session, frame: Wanted): boolean | Promise<boolean> {
    if (frame.type === 'want') return this.#sendRun(session, frame)
    return this.#fromStore(session, frame.id, () => {
      if (frame.type === 'want-branch') return this.#sendBranch(session, frame)
      if (frame.type === 'want-checkpoint') return this.#sendCheckpoint(session, frame)
      return session.send({ type: 'leaves', id: frame.id, ...this.#init.leaves() })
    })
  }

  async #fromStore(session: Session, id: number, answer: () => boolean | Promise<boolean>): Promise<boolean> {
    try {
      return await answer()
    } catch (error) {
      const isDamaged = isWattnessError(error, 'STORE_DAMAGED')
      if (isDamaged) this.#init.onDamage(error)
      return session.send({ type: 'miss', id, reason: isDamaged ? 'damaged' : 'not-held' })
    }
  }

  /** At once where memory has the answer: nearly always. */
  #sendRun(session: Session, want: WantFrame): boolean | Promise<boolean> {
    const { id, index, from } = want
    const miss = (reason: MissReason): boolean => session.send({ type: 'miss', id, reason })
    const key = this.#init.keyAt(index)
    if (key === undefined || from >= (this.#init.store.head(key)?.size ?? 0)) return miss('not-held')
    // Rule S27: the few bodies that are kept below are of no use without the rest.
    if (from < this.#init.store.pruned(key).to) return miss('pruned')
    const recent = this.#recent.runFrom(key, from)
    if (recent !== undefined) return this.#giveRun(session, want, recent)
    return this.#fromStore(session, id, async () => {
      const run = await this.#runFrom(key, from, want.maxBlocks, Math.min(want.maxBytes, MAX_RUN_BYTES - ENVELOPE_BYTES))
      // It is held, and nothing here vouches for it yet: the rest of the chain is still on its way.
      return run === undefined ? miss('busy') : this.#giveRun(session, want, run)
    })
  }

  #giveRun(session: Session, { id, index, from }: Pick<WantFrame, 'id' | 'index' | 'from'>, run: Bytes): boolean {
    const hasRoom = session.send({ type: 'run', id, index, from, run })
    this.#init.onAnswer?.(session)
    return hasRoom
  }

  /** Rule S24: only where this is the branch that is held here; nothing beyond the size that was named. */
  async #sendBranch(session: Session, want: WantBranchFrame): Promise<boolean> {
    const { id, index, from, size, root } = want
    const key = this.#init.keyAt(index)
    const held = key && (await this.#init.store.rootAt(key, size))
    if (held === undefined || !equalBytes(held, root)) return session.send({ type: 'miss', id, reason: 'not-held' })
    const { maxBytes } = want
    return this.#sendRun(session, { type: 'want', id, index, from, maxBlocks: Math.min(want.maxBlocks, size - from), maxBytes })
  }

  /** Blocks from `from` on under the best end there is: the last signature within reach, else the newest one and a proof. */
  async #runFrom(key: Bytes, from: number, maxBlocks: number, maxBytes: number): Promise<Bytes | undefined> {
    const { store } = this.#init
    const { blocks, signed } = await store.readRun(key, from, maxBlocks, maxBytes)
    if (blocks.length === 0) return undefined
    const ofOwn = signed === undefined ? 0 : signed.size - from
    const upToSigned = (): Bytes | undefined =>
      signed && encodeRun(bytesOf(blocks.slice(0, ofOwn)), { type: 'signed', ...signed })
    // Cutting off less than half for a signature of the run's own is cheaper than a proof on both sides.
    if (ofOwn >= blocks.length / 2) return upToSigned()
    const size = from + blocks.length
    const newest = await newestSigned(store, key)
    if (newest === undefined || newest.size <= size) return upToSigned()
    const { root, signature } = newest
    const proof = await store.consistencyProof(key, size, newest.size)
    return encodeRun(bytesOf(blocks), { type: 'covered', size: newest.size, root, signature, proof })
  }

  async #sendCheckpoint(session: Session, { id, index, from }: WantCheckpointFrame): Promise<boolean> {
    const { store } = this.#init
    const key = this.#init.keyAt(index)
    const newest = key === undefined ? undefined : await newestSigned(store, key)
    if (key === undefined || newest === undefined || newest.size < from) {
      const isHeld = key !== undefined && from <= (store.head(key)?.size ?? 0)
      return session.send({ type: 'miss', id, reason: isHeld ? 'busy' : 'not-held' })
    }
    return session.send({
      type: 'checkpoint',
      id,
      index,
      size: newest.size,
      root: newest.root,
      signature: newest.signature,
      oldSize: from,
      oldRoot: (await store.rootAt(key, from)) as Bytes,
      proof: await store.consistencyProof(key, from, newest.size),
    })
  }
}

function bytesOf(blocks: readonly StoredBlock[]): Bytes[] {
  return blocks.map((block) => block.bytes)
}
