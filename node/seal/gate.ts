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
  /** So many members must have said what they hold; as many as there are where there are fewer. */
  readonly wordsNeeded: () => number
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

/** Members whose word counts, neighbours and witnesses: every one there can be. */
export const MAX_WORDS = 256

/**
 * Whether this node may seal. After a start it may not until others have said how much of this node's own chain they
 * hold: a node restored from an old copy would otherwise seal a second block for a height, which is equivocation.
 */
export class SealGate {
  readonly #init: SealGateInit
  readonly #words = new Set<string>()
  #isOpen = false
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
    this.#word(peerHex)
    if (size <= this.#init.head().size) this.#claims.delete(peerHex)
    else if (this.#claims.has(peerHex) || this.#claims.size < MAX_CLAIMS) this.#claims.set(peerHex, size)
  }

  /**
   * A witness has attested `size` blocks of this node's chain, since this node's start as far as anyone can tell. More than are
   * held here is no word: one that lies must not stop this chain, and where it is true its neighbours say so too.
   */
  attested(witnessHex: string, size: number): void {
    if (size <= this.#init.head().size) this.#word(witnessHex)
  }

  #word(hex: string): void {
    if (!this.#isOpen && this.#words.size < MAX_WORDS) this.#words.add(hex)
  }

  /** Whether enough has been heard of others; then for as long as this node runs. */
  get hasHeard(): boolean {
    const { otherMembers, wordsNeeded } = this.#init
    this.#isOpen ||= this.#words.size >= Math.min(wordsNeeded(), otherMembers())
    return this.#isOpen
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
    const { head, signedRecord, otherMembers, wordsNeeded, writeRefusal, sealAlone } = this.#init
    if (this.#stopReason !== undefined) return this.#stopReason
    const refusal = writeRefusal()
    if (refusal !== undefined) return `the network takes no blocks of this key: ${refusal}`
    const held = head().size
    const signed = signedRecord()?.size ?? 0
    if (held < signed) return `${signed} blocks were signed, ${held} are held: the missing ones are being taken back`
    const reported = Math.max(0, ...this.#claims.values())
    if (held < reported) return `neighbours hold ${reported} blocks of this chain, ${held} are held here`
    // Alone at its start, a registrar goes on when it has admitted the first member: nobody can have come to know more.
    if (!this.hasHeard && !sealAlone) return this.#unheard(Math.min(wordsNeeded(), otherMembers()))
    return this.#clockAhead()
  }

  #unheard(needed: number): string {
    if (needed === 1) return 'no neighbour has said yet how much of this chain it holds'
    return `${this.#words.size} of ${needed} members have said yet how much of this chain they hold`
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
