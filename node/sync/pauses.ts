import { PAUSE_MS } from './bounds.ts'

/** Pairs of a neighbour and a chain that are remembered: every chain of as many neighbours as a node seeks, and more. */
export const MAX_PAUSES = 4_096

/** A pair that leads nowhere again and again is tried ever more seldom, up to this. */
export const LONGEST_PAUSE_MS = 320_000

interface Pause {
  readonly untilMs: number
  readonly lengthMs: number
  readonly reason: PauseReason
}

/**
 * Why the neighbour is left alone: it led nowhere, the registrar's chain must grow first, or this node could not take more; where
 * its disk refuses, whoever is asked next brings it in vain.
 */
export type PauseReason = 'nowhere' | 'registrar' | 'own' | 'disk'

/** Refusals, or their causes, that say nothing against the neighbour; any other led nowhere. */
const REASONS: Readonly<Record<string, PauseReason>> = {
  REGISTRAR_AHEAD: 'registrar',
  NOT_A_MEMBER: 'registrar',
  NOT_STORED: 'own',
  DISK_FULL: 'disk',
  STORE_FAILED: 'disk',
}

/** By the code of a refusal, and the code of what caused it where something did. */
export function pauseReasonOf(code: string, cause: unknown): PauseReason | undefined {
  return REASONS[String(cause)] ?? REASONS[code]
}

/** Which neighbour is left alone for which chain, and until when. */
export class Pauses {
  /**
   * By neighbour, and then by chain: strangers who boast of every chain are asked after again and again, and a name made of both
   * for each look took half of a node's time. The neighbour that was paused last stands last.
   */
  readonly #pauses = new Map<string, Map<number, Pause>>()
  #size = 0
  /** Since the disk refused a write, and took none after it: of all neighbours and chains. */
  #rest: { readonly untilMs: number; readonly lengthMs: number } | undefined

  get size(): number {
    return this.#size
  }

  /** Answers the length of the pause: doubled for each one in a row, unless the neighbour has no part in it. */
  begin(peerHex: string, index: number, nowMs: number, reason: PauseReason): number {
    const ofPeer = this.#pauses.get(peerHex) ?? new Map<number, Pause>()
    const before = ofPeer.get(index)
    const isFirst = before === undefined || reason === 'own' || reason === 'disk'
    const lengthMs = isFirst ? PAUSE_MS : Math.min(LONGEST_PAUSE_MS, before.lengthMs * 2)
    this.clear(peerHex, index)
    if (this.#size >= MAX_PAUSES) this.#forgetOldest()
    this.#pauses.delete(peerHex)
    this.#pauses.set(peerHex, ofPeer.set(index, { untilMs: nowMs + lengthMs, lengthMs, reason }))
    this.#size++
    if (reason === 'disk') this.#beginRest(nowMs)
    return Math.max(lengthMs, this.#restLeftMs(nowMs))
  }

  /** One refusal may be a hiccup, and another neighbour is asked at once; the next ones in a row make the whole node wait. */
  #beginRest(nowMs: number): void {
    if (this.#rest === undefined) this.#rest = { untilMs: nowMs, lengthMs: 0 }
    else if (nowMs >= this.#rest.untilMs) {
      const lengthMs = Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, 2 * this.#rest.lengthMs))
      this.#rest = { untilMs: nowMs + lengthMs, lengthMs }
    }
  }

  #restLeftMs(nowMs: number): number {
    return this.#rest === undefined ? 0 : Math.max(0, this.#rest.untilMs - nowMs)
  }

  /** 0 where there is none. */
  leftMs(peerHex: string, index: number, nowMs: number): number {
    if (this.#size === 0) return 0
    const pause = this.#pauses.get(peerHex)?.get(index)
    return Math.max(this.#restLeftMs(nowMs), pause === undefined ? 0 : pause.untilMs - nowMs)
  }

  /** The disk took something. True where everybody had been left alone for it. */
  endRest(): boolean {
    const wasResting = this.#rest !== undefined && this.#rest.lengthMs > 0
    this.#rest = undefined
    return wasResting
  }

  /** It led somewhere again. */
  clear(peerHex: string, index: number): void {
    const ofPeer = this.#pauses.get(peerHex)
    if (ofPeer === undefined || !ofPeer.delete(index)) return
    this.#size--
    if (ofPeer.size === 0) this.#pauses.delete(peerHex)
  }

  /** The first one of the neighbour that was left alone longest. */
  #forgetOldest(): void {
    for (const [peerHex, ofPeer] of this.#pauses) {
      for (const index of ofPeer.keys()) return this.clear(peerHex, index)
    }
  }

  /** More of the registrar's chain is held. */
  registrarGrew(): void {
    for (const [peerHex, ofPeer] of [...this.#pauses]) {
      for (const [index, { reason }] of [...ofPeer]) if (reason === 'registrar') this.clear(peerHex, index)
    }
  }
}
