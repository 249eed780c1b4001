import type { ChainState } from '../../protocol/index.ts'

/** This node's own newest signature, as it stood on disk before anybody saw the block. */
export interface SignedRecord {
  readonly size: number
}

export interface SealGateInit {
  readonly head: () => ChainState
  readonly signedRecord: () => SignedRecord | undefined
  /** Members besides this node. */
  readonly otherMembers: () => number
  /** The operator's word that no neighbour can know more: `--seal-alone`. */
  readonly sealAlone: boolean
  readonly maxClockDriftMs: number
  /** Clocks of the connected neighbours, as differences from this node's, milliseconds. */
  readonly clockOffsetsMs: () => readonly number[]
}

/**
 * Whether this node may seal. After a start it may not until a neighbour has said how much of this node's own chain it
 * holds: a node restored from an old copy would otherwise seal a second block for a height, which is equivocation.
 */
export class SealGate {
  readonly #init: SealGateInit
  #heard = false
  /** Largest size of this node's own chain that any neighbour has reported. */
  #reported = 0
  #stopReason: string | undefined

  constructor(init: SealGateInit) {
    this.#init = init
  }

  /** A neighbour said that it holds `size` blocks of this node's chain. */
  heard(size: number): void {
    this.#heard = true
    if (size > this.#reported) this.#reported = size
  }

  /** For good: this key must not sign again. */
  stop(reason: string): void {
    this.#stopReason ??= reason
  }

  /** Undefined where sealing is allowed, else why not, for a person. */
  heldBack(): string | undefined {
    const { head, signedRecord, otherMembers, sealAlone } = this.#init
    if (this.#stopReason !== undefined) return this.#stopReason
    const held = head().size
    const signed = signedRecord()?.size ?? 0
    if (held < signed) return `${signed} blocks were signed, ${held} are held: the missing ones are being taken back`
    if (held < this.#reported) return `neighbours hold ${this.#reported} blocks of this chain, ${held} are held here`
    if (!this.#heard && otherMembers() > 0 && !sealAlone) return 'no neighbour has said yet how much of this chain it holds'
    return this.#clockAhead()
  }

  /** One block dated years ahead would stop its chain until then. */
  #clockAhead(): string | undefined {
    const offsets = [...this.#init.clockOffsetsMs()].sort((a, b) => a - b)
    if (offsets.length === 0) return undefined
    const median = offsets[offsets.length >> 1] as number
    if (-median <= this.#init.maxClockDriftMs) return undefined
    return `this clock is ${-median} ms ahead of the neighbours' median, ${this.#init.maxClockDriftMs} allowed`
  }
}
