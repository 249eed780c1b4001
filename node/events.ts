import type { Bytes, ChainState, Evidence, WitnessEvidence } from '../protocol/index.ts'
import type { Agreement, Fault } from './sync/index.ts'

/** What a node tells about itself. Keys are lower-case hex. */
export interface NodeEvents {
  /** Blocks of one chain were stored, whichever way they came. */
  stored: {
    readonly member: string
    readonly from: number
    readonly count: number
    readonly state: ChainState
    readonly own: boolean
  }
  sealed: { readonly height: number; readonly rows: number }
  /** Sealing is held back, for the reason given; undefined: no longer. */
  heldBack: { readonly reason: string | undefined }
  sealFailed: { readonly error: unknown }
  /** Readings of this node's own meter find no room on the disk; undefined: they are taken again. */
  taking: { readonly refusal: string | undefined }
  /** A member was proven to have told two stories; its chain is quarantined from now on. */
  evidence: {
    readonly member: string
    readonly evidence: Evidence
    readonly bytes: Bytes
    readonly source: string
    /** True where it is this node's own key. */
    readonly self: boolean
  }
  /** A witness was proven to have contradicted itself. It stops nothing: what a witness says counts by its roots. */
  witnessEvidence: {
    readonly member: string
    readonly evidence: WitnessEvidence
    readonly bytes: Bytes
    readonly source: string
    readonly self: boolean
  }
  /** More is final, and on the disk. */
  final: { readonly member: string; readonly size: number; readonly root: Bytes; readonly epoch: number }
  /** This node has signed, as a witness, what it holds. */
  attested: { readonly epoch: number; readonly sequence: number }
  /** This node signs in another epoch from now on. */
  epoch: { readonly number: number }
  /** This key must not witness any more. */
  witnessHalted: { readonly reason: string }
  membership: { readonly size: number; readonly members: number }
  link: { readonly peer: string; readonly address: string }
  unlink: { readonly peer: string }
  /** A member answered this node's dial by hanging up: this node may have been revoked, or banned, or the other is full. */
  refused: { readonly peer: string }
  /** How a neighbour's ledger compares with this one, when that changed. */
  agreement: { readonly peer: string; readonly agreement: Agreement }
  /** A neighbour did what no honest one does, or was slow. */
  fault: { readonly peer: string; readonly fault: Fault; readonly detail: string; readonly isLast: boolean }
  /** Something in this node's own store is not as it was written. */
  damage: { readonly error: Error }
}

export type NodeEventName = keyof NodeEvents
type Listener<N extends NodeEventName> = (event: NodeEvents[N]) => void

/** Typed events. A listener that throws is reported by `onError` and harms no other. */
export class NodeEmitter {
  readonly #listeners = new Map<NodeEventName, Set<Listener<never>>>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Returns what ends the subscription. */
  on<N extends NodeEventName>(name: N, listener: Listener<N>): () => void {
    let set = this.#listeners.get(name)
    if (set === undefined) {
      set = new Set()
      this.#listeners.set(name, set)
    }
    set.add(listener)
    return () => set.delete(listener)
  }

  emit<N extends NodeEventName>(name: N, event: NodeEvents[N]): void {
    const set = this.#listeners.get(name)
    if (set === undefined) return
    for (const listener of set) {
      try {
        ;(listener as Listener<N>)(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
