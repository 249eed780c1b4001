import type { ChainState, WriteRefusal } from '../../protocol/index.ts'

/** This node's own newest signature, as it stood on disk before anybody saw the block. */
export interface SignedRecord {
  readonly size: number
}

export interface SealGateInit {
  readonly head: () => ChainState
  readonly signedRecord: () => SignedRecord | undefined
  /** Members besides this node. */
  readonly otherMembers: () => number
  /** Why membership does not let this node write its next block; undefined where it does. */
  readonly writeRefusal: () => WriteRefusal | undefined
  /** The operator's word that no neighbour can know more: `--seal-alone`. */
  readonly sealAlone: boolean
  readonly maxClockDriftMs: number
  /** Clocks of the connected neighbours, as differences from this node's, milliseconds. */
  readonly clockOffsetsMs: () => readonly number[]
}

/** Neighbours whose word is remembered: every member there can be. */
export const MAX_CLAIMS = 256

/**
 * Whether this node may seal. After a start it may not until a neighbour has said how much of this node's own chain it
 * holds: a node restored from an old copy would otherwise seal a second block for a height, which is equivocation.
 */
export class SealGate {
  readonly #init: SealGateInit
  #heard = false
  /**
   * Sizes of this node's own chain above what it held, by who said so. They outlive the link, since an honest neighbour may
   * go before its blocks are taken back; who cannot show the blocks, or is hung up on for what it did, said nothing.
   */
  readonly #claims = new Map<string, number>()
  #stopReason: string | undefined

  constructor(init: SealGateInit) {
    this.#init = init
  }

  /** A neighbour that is a member said that it holds `size` blocks of this node's chain. */
  heard(peerHex: string, size: number): void {
    this.#heard = true
    if (size <= this.#init.head().size) this.#claims.delete(peerHex)
    else if (this.#claims.has(peerHex) || this.#claims.size < MAX_CLAIMS) this.#claims.set(peerHex, size)
  }

  /** What a neighbour said turned out not to be so. */
  disregard(peerHex: string): void {
    this.#claims.delete(peerHex)
  }

  /** For good: this key must not sign again. */
  stop(reason: string): void {
    this.#stopReason ??= reason
  }

  /** Undefined where sealing is allowed, else why not, for a person. */
  heldBack(): string | undefined {
    const { head, signedRecord, otherMembers, writeRefusal, sealAlone } = this.#init
    if (this.#stopReason !== undefined) return this.#stopReason
    const refusal = writeRefusal()
    if (refusal !== undefined) return `the network takes no blocks of this key: ${refusal}`
    const held = head().size
    const signed = signedRecord()?.size ?? 0
    if (held < signed) return `${signed} blocks were signed, ${held} are held: the missing ones are being taken back`
    const reported = Math.max(0, ...this.#claims.values())
    if (held < reported) return `neighbours hold ${reported} blocks of this chain, ${held} are held here`
    if (!this.#heard && otherMembers() > 0 && !sealAlone) return 'no neighbour has said yet how much of this chain it holds'
    // Alone at its start, a registrar goes on when it has admitted the first member: nobody can have come to know more.
    this.#heard = true
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
