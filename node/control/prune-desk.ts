import { equalBytes, type Member, WattnessError } from '../../protocol/index.ts'
import type { Platform } from '../platform.ts'
import { nameOf } from './member-name.ts'
import type { LedgerView } from './status.ts'

export interface PruneOrder {
  /** UTC milliseconds: bodies of blocks that were sealed earlier go. */
  readonly beforeMs: number
  /** Readings of those blocks as well. */
  readonly dropValues: boolean
  /** The operator's word that nothing will ever become final here, and that what is held may be taken as such. */
  readonly withoutWitnesses: boolean
}

export interface PrunedLine {
  readonly member: string
  readonly key: string
  /** Blocks held, and those of them that are final. */
  readonly size: number
  readonly final: number
  /** Blocks whose bodies are dropped by now, from height 0, and whose readings are. */
  readonly pruned: number
  readonly valuesPruned: number
  /** By this pruning. */
  readonly bodies: number
  readonly bytes: number
  /** Why nothing of this chain may go; null where it may. */
  readonly kept: string | null
}

export interface PruneReport {
  readonly before: string
  readonly dropValues: boolean
  readonly chains: readonly PrunedLine[]
  readonly bodies: number
  readonly bytes: number
  /** Records of readings. */
  readonly chunks: number
}

export interface PruneProgress {
  readonly blocks: number
  readonly ofBlocks: number
}

export type PruneLine = { readonly progress: PruneProgress } | { readonly report: PruneReport }

/** The node's side of it, where one runs. */
export interface PruningNode extends LedgerView {
  readonly sync?: { greetAgain?(): void }
}

interface Task {
  readonly member: Member
  /** Size of the chain's beginning that may lose its bodies. */
  readonly to: number
  readonly kept: string | null
}

/**
 * Drops bodies chain by chain, and says how far it is. What is done is done: broken off, it goes on where it was the next time.
 * To be run beside a node as well as on a store of its own. Throws PRUNE_REFUSED, STORE_DAMAGED, DISK_FULL.
 */
export async function* pruneLines(
  view: PruningNode,
  platform: Pick<Platform, 'turn'>,
  order: PruneOrder,
): AsyncGenerator<PruneLine> {
  const { store } = view
  const { dropValues, withoutWitnesses } = order
  assertFinality(view, withoutWitnesses)
  const wasPruned = store.isPruned
  const tasks: Task[] = []
  for (const member of view.membership.members) tasks.push(await taskOf(view, member, order))
  const ofBlocks = tasks.reduce((sum, { member, to }) => sum + Math.max(0, to - store.pruned(member.key).to), 0)
  let blocks = 0
  let chunks = 0
  const chains: PrunedLine[] = []
  try {
    for (const task of tasks) {
      const { key } = task.member
      let bodies = 0
      let bytes = 0
      for (let isDone = task.to === 0; !isDone; ) {
        const { to } = store.pruned(key)
        const step = await store.prune(key, task.to, { dropValues, unfinal: withoutWitnesses })
        isDone = step.isDone
        bodies += step.bodies
        bytes += step.bytes
        chunks += step.chunks
        blocks += step.pruned.to - to
        yield { progress: { blocks, ofBlocks } }
        await platform.turn()
      }
      chains.push(lineOf(view, task, bodies, bytes))
    }
  } finally {
    // Broken off too: neighbours are told by the greeting that this node does not hold everything any more.
    if (!wasPruned && store.isPruned) view.sync?.greetAgain?.()
  }
  if (chains.some((line) => line.bodies > 0) || chunks > 0) await store.compact()
  const bodies = chains.reduce((sum, line) => sum + line.bodies, 0)
  const bytes = chains.reduce((sum, line) => sum + line.bytes, 0)
  yield { report: { before: new Date(order.beforeMs).toISOString(), dropValues, chains, bodies, bytes, chunks } }
}

function assertFinality({ epochs }: LedgerView, withoutWitnesses: boolean): void {
  const hasWitnesses = epochs.all.some(({ witnesses }) => witnesses.length > 0)
  if (hasWitnesses !== withoutWitnesses) return
  throw new WattnessError(
    'PRUNE_REFUSED',
    hasWitnesses
      ? 'this network has witnesses: only what is final is pruned, and --without-witnesses is not for it'
      : 'this network has no witnesses, so nothing in it is final: --without-witnesses prunes what is old enough all the same',
    { hasWitnesses },
  )
}

async function taskOf({ genesis, store }: LedgerView, member: Member, order: PruneOrder): Promise<Task> {
  const { key, revoked } = member
  // Who joins later is told by it who belongs, and whoever proves a block shows it: nobody could without its bodies.
  if (equalBytes(key, genesis.registrar)) return { member, to: 0, kept: 'the chain of the registrar is kept whole' }
  if (order.withoutWitnesses && store.quarantined(key)) return { member, to: 0, kept: 'it has told two stories' }
  const size = store.head(key)?.size ?? 0
  const settled = order.withoutWitnesses ? size : Math.min(size, store.witness.final(key)?.size ?? 0)
  // What was written beyond a revocation is no part of the ledger: where it begins is read from bodies.
  const to = Math.min(settled, revoked?.endSize ?? settled, await store.findByTime(key, order.beforeMs))
  return { member, to, kept: size > 0 && settled === 0 ? 'nothing of it is final' : null }
}

function lineOf({ store }: LedgerView, { member, kept }: Task, bodies: number, bytes: number): PrunedLine {
  const { key, keyHex } = member
  const { to, valuesTo } = store.pruned(key)
  return {
    member: nameOf(member),
    key: keyHex,
    size: store.head(key)?.size ?? 0,
    final: store.witness.final(key)?.size ?? 0,
    pruned: to,
    valuesPruned: valuesTo,
    bodies,
    bytes,
    kept,
  }
}
