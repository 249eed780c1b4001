import {
  type Bytes,
  type ChainState,
  type DoorContext,
  equalBytes,
  type Leaf,
  peekRun,
  type Refused,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import { chainStateAt } from './chain-state-at.ts'
import { type CheckedRun, checkRun } from './checked-run.ts'
import type { StoredRun } from './door.ts'
import type { Outcome } from './lanes.ts'

/** Another branch of a chain, or more of one that is quarantined, up to what is final of it (rule W14). */
export interface Branch {
  readonly member: Bytes
  /** Size up to which the held chain and the branch are the same. */
  readonly fork: number
  /** What is final: nothing beyond it is stored. */
  readonly final: Leaf
  /** Consecutive runs, the first of which begins at the fork or below, the last of which ends at what is final. */
  readonly runs: readonly Bytes[]
}

/** A branch at the door, and who is told of it. */
export interface Adoption {
  readonly branch: Branch
  readonly told: (run: StoredRun) => void
}

type AcceptedRun = Extract<CheckedRun, { verdict: 'accept' }>

/**
 * Checks a branch run by run as the door does any other, but against the chain as it was at the fork, and quarantined or not:
 * a quorum has vouched for it. All of it as one acceptance.
 */
export async function checkBranch(
  { member, fork, final, runs }: Branch,
  store: LedgerStore,
  context: Omit<DoorContext, 'chain' | 'quarantined' | 'known'>,
  turn: () => Promise<void>,
): Promise<AcceptedRun | Refused> {
  let chain: ChainState | undefined = await chainStateAt(store, member, fork)
  if (chain === undefined) return refusal(`fewer than ${fork} blocks are held`)
  const blocks: Bytes[] = []
  const hashes: Bytes[] = []
  for (const bytes of runs) {
    const peeked = peekRun(bytes)
    if (!equalBytes(peeked.member, member) || peeked.from > chain.size || peeked.end > final.size) {
      return refusal(`a run from ${peeked.from} to ${peeked.end} behind ${chain.size} blocks, of ${final.size} final ones`)
    }
    if (peeked.end <= chain.size) continue
    const run = checkRun(bytes, { ...context, chain, quarantined: false })
    if (run.verdict !== 'accept') return run
    for (const block of run.blocks) blocks.push(block)
    for (const hash of run.hashes) hashes.push(hash)
    chain = run.state
    // Up to a MiB was checked: everything else has its turn.
    await turn()
  }
  if (blocks.length === 0 || chain.size !== final.size || !equalBytes(chain.root, final.root)) {
    return refusal(`its ${chain.size} blocks are not the ${final.size} that are final`)
  }
  return { verdict: 'accept', member, from: fork, blocks, hashes, state: chain }
}

/**
 * Writes it in one piece: behind the end of what is held, or in the place of what is held behind the fork. Throws what the store
 * does where nothing was written.
 */
export async function storeBranch(store: LedgerStore, run: AcceptedRun): Promise<Outcome> {
  const { member, from, state } = run
  const accepted: Outcome = { verdict: 'accept', member, from, state }
  if (await holds(store, member, state)) {
    return { verdict: 'ignore', code: 'DUPLICATE', message: `${state.size} blocks of the branch are held`, data: {} }
  }
  try {
    if (from === (store.head(member)?.size ?? 0)) await store.accept([run], { sync: true })
    else await store.replaceTail(member, from, run)
  } catch (error) {
    // A disk may have taken what it said it had not: an empty batch makes the store read anew what it holds.
    await store.accept([])
    if (!(await holds(store, member, state))) throw error
  }
  return accepted
}

async function holds(store: LedgerStore, member: Bytes, { size, root }: Leaf): Promise<boolean> {
  const held = await store.rootAt(member, size)
  return held !== undefined && equalBytes(held, root)
}

/** Whoever asked for the branch has checked the same before: what held then may not hold now. */
function refusal(message: string): Refused {
  return { verdict: 'ignore', code: 'NOT_STORED', message: `branch not taken: ${message}`, data: { cause: 'STORE_CONFLICT' } }
}
