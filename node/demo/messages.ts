import type { GossipMode } from '../gossip/index.ts'

/** What the demonstration's main process and its hosts say to each other: plain objects over the channel of `fork`. */

/** One node for a host to run. */
export interface NodeOrder {
  /** `registrar`, `meter-01`, `observer`. */
  readonly name: string
  readonly dir: string
  /** Where its readings come from; absent for a node that is no meter. */
  readonly source?: SourceOrder
  /** Where it serves its page and the API; absent for a node that serves nothing. */
  readonly http?: HttpOrder
}

export interface HttpOrder {
  readonly host: string
  readonly port: number
  /** Nobody asked for this very port: where it is taken, a free one will do. */
  readonly orAnyPort: boolean
}

export interface SourceOrder {
  /** As openSource takes it. */
  readonly spec: string
  /** Rows of one block; absent: a day of the source's own interval. */
  readonly rowsPerBlock?: number
}

export interface StartOrder {
  readonly type: 'start'
  readonly nodes: readonly NodeOrder[]
  readonly bootstrap: readonly string[]
  readonly intervalMs: number
  readonly gossip: GossipMode
}

export type Order =
  | StartOrder
  /** Readings begin to flow. */
  | { readonly type: 'feed' }
  | { readonly type: 'report'; readonly id: number }
  | { readonly type: 'end-sealing' }
  /** Tell the neighbours now what is held. */
  | { readonly type: 'cross-check' }
  | { readonly type: 'stop' }

/** One node as it stands. */
export interface NodeReport {
  readonly name: string
  /** Its key, hex. */
  readonly key: string
  /** Keys of the neighbours that it exchanges with, hex. */
  readonly peers: readonly string[]
  /** By member index. */
  readonly frontier: readonly number[]
  /** Root of each chain at that size, its first half as hex; '' where there is none to compare. By member index. */
  readonly roots: readonly string[]
  /** Hex. */
  readonly headsRoot: string
  /** Blocks of each chain that are final, and written down as such. By member index. */
  readonly final: readonly number[]
  /** Root of each chain at its final size, as `roots` gives them. By member index. */
  readonly finalRoots: readonly string[]
  /** From the sealing of a block to its being final here, milliseconds, for each that came since the last report. */
  readonly finalLagsMs: readonly number[]
  /** In the epoch in force. */
  readonly witnesses: number
  /** It is one of them. */
  readonly isWitness: boolean
  /** Blocks of its own chain; undefined for an observer. */
  readonly height: number | undefined
  /** Hash of its own chain's last block, hex. */
  readonly head: string | undefined
  /** Readings in its own chain. */
  readonly readings: number
  /** Readings on the disk that no block holds yet. */
  readonly waiting: number
  /** Time of the newest reading that was taken, UTC milliseconds. */
  readonly lastReadingMs: number | undefined
  readonly gossipsBlocks: boolean
  /** Why it does not seal at present. */
  readonly heldBack: string | undefined
  /** Its source has no more readings. */
  readonly ended: boolean
}

export type Word =
  | { readonly type: 'started'; readonly name: string; readonly addresses: readonly string[]; readonly http?: string }
  /** All nodes of the order run. */
  | { readonly type: 'ready' }
  | { readonly type: 'report'; readonly id: number; readonly nodes: readonly NodeReport[] }
  /** Something that a person should know of. */
  | { readonly type: 'note'; readonly name: string; readonly text: string }
  | { readonly type: 'sealing-ended' }
  /** An order could not be carried out; the host ends after it. */
  | { readonly type: 'failed'; readonly name: string; readonly code: string; readonly text: string }
