import type { NodeSettings } from '../../node/index.ts'
import type { Reading } from '../../protocol/index.ts'
import type { HistogramState } from '../histogram.ts'

/** What the main process and its workers say to each other: structured clones. */

/** Said once, before anything else. */
export interface WorkerInit {
  readonly seed: string
  readonly genesisBytes: Uint8Array
  /** By member. */
  readonly names: readonly string[]
  /** Where nodes keep their blocks; undefined: in memory. */
  readonly directory: string | undefined
  /** Of the whole run: gone with the last process. */
  readonly ground: string
  /** The address that its nodes listen at. */
  readonly host: string
  readonly degree: number
  readonly settings: Partial<NodeSettings>
  readonly load: Load
  /** By member and height: when each block so far was sealed. */
  readonly sealedMs: readonly (readonly number[])[]
}

export interface Load {
  readonly intervalMs: number
  /** First and last instant, UTC, at which readings are taken; undefined while nobody reads yet. */
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

export interface OpenInit {
  readonly member: number
  readonly bootstrap: readonly string[]
  /** What its meter shows, one at each block interval. */
  readonly readings: readonly Reading[]
}

/** How one node stands. */
export interface Standing {
  readonly member: number
  readonly links: readonly number[]
  /** Neighbours that have said what they hold. */
  readonly greeted: number
  readonly spooled: number
  /** Blocks of all chains. */
  readonly held: number
  readonly final: number
  /** Blocks of its own chain. */
  readonly own: number
}

/** How a worker stands; counts are since its start. */
export interface Look {
  readonly standings: readonly Standing[]
  readonly cpuUs: number
  readonly rssBytes: number
  readonly deliveries: number
  readonly attestations: number
  readonly finals: number
  readonly delivery: HistogramState
  readonly finality: HistogramState
}

/** One chain as a node holds it: its end, and the end of what is final of it. */
export interface Holding {
  readonly member: number
  readonly size: number
  readonly root: string
  readonly finalSize: number
  readonly finalRoot: string
}

/** What a node holds in the end. */
export interface Findings {
  readonly member: number
  readonly holdings: readonly Holding[]
  /** Times of all readings in its own chain and its spool. */
  readonly times: readonly number[]
}

export interface RootAt {
  readonly node: number
  readonly root: string | undefined
}

/** What a worker tells without being asked. */
export type Notice =
  | { readonly type: 'taken'; readonly member: number; readonly time: number }
  | { readonly type: 'sealed'; readonly member: number; readonly from: number; readonly count: number; readonly atMs: number }
  | { readonly type: 'evidence'; readonly member: number; readonly against: number }
  | { readonly type: 'fault'; readonly member: number; readonly peer: number; readonly fault: string; readonly detail: string }
  | { readonly type: 'note'; readonly member: number; readonly text: string }
  /** Something was thrown that nobody caught. */
  | { readonly type: 'failure'; readonly text: string }

export type Sealed = Extract<Notice, { type: 'sealed' }>

/** What a worker is asked. */
export interface Orders {
  begin(init: WorkerInit): void
  /** Answers with the node's address. */
  open(init: OpenInit): Promise<string>
  /** In order; its directory stays. */
  close(member: number): Promise<void>
  feed(load: Load): void
  /** Blocks of other workers' nodes. */
  sealed(blocks: readonly Sealed[]): void
  /** What waits is sealed now. */
  sealAll(): Promise<void>
  look(): Look
  /** Bytes of the files of each node that runs. */
  storedBytes(): { readonly member: number; readonly bytes: number }[]
  findings(): Promise<Findings[]>
  /** Roots of a chain at a size, in hex, on each of this worker's nodes; undefined where one does not hold as much. */
  rootsAt(asked: { readonly member: number; readonly size: number }): Promise<RootAt[]>
}

export type OrderName = keyof Orders

export interface Call {
  readonly id: number
  readonly order: OrderName
  readonly argument: unknown
}

/** A worker ends in order when it is told so; when its parent is gone it takes the ground with it. */
export type ToWorker = Call | 'end'

export type FromWorker =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly notice: Notice }
