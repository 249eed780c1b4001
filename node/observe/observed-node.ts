import type { ProofFile } from '../../protocol/index.ts'
import type { ControlledNode, LedgerView } from '../control/index.ts'
import type { NodeEventName, NodeEvents } from '../events.ts'
import type { Link, Traffic } from '../net/index.ts'
import type { Appended, SpoolItem } from '../store/index.ts'
import type { Agreement } from '../sync/index.ts'

/** The running node as this room reads it. */
export interface ObservedNode extends LedgerView {
  readonly network: { links(): Link[]; addresses(): string[]; traffic?(): Traffic }
  readonly sync: Omit<ControlledNode['sync'], 'sessions'> & {
    readonly sessions: Iterable<{
      readonly peerHex: string
      readonly agreement: Agreement
      remoteSize(index: number): number
    }>
  }
  readonly gossipsBlocks: boolean
  /** Of runs that wait to be checked. */
  readonly waitingBytes: number
  /** What became of all runs of blocks that came. */
  readonly checkedRuns: { readonly byCode: ReadonlyMap<string, number>; readonly totalMs: number }
  meshSize(): number
  heldBack(): string | undefined
  refusedBy(): readonly string[]
  prove(key: Uint8Array, height: number): Promise<ProofFile>
  /** Readings for this node's own meter: on the disk when it resolves. Throws SPOOL_FULL, DISK_FULL. */
  take(items: readonly SpoolItem[]): Promise<Appended>
  /** Subscribes; the answer ends the subscription. */
  on<N extends NodeEventName>(name: N, listener: (event: NodeEvents[N]) => void): () => void
}
