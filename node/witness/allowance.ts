import type { Clock } from '../platform.ts'

/** Attestations of one witness that are looked at in one go, and per second for ever: an honest one waits its delay. */
export const ATTESTATION_BURST = 64
export const ATTESTATIONS_PER_SECOND = 10

/** Witnesses whose credit is kept: a full network's members. */
const MAX_WITNESSES_KEPT = 256

/**
 * How often each witness's attestations are held against the chains, stored and passed on. What is passed over is not lost,
 * since the newest one comes again by sync.
 */
export class WitnessAllowance {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #credits = new Map<string, { credit: number; atMs: number }>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  take(witnessHex: string): boolean {
    const atMs = this.#clock.monotonicMs()
    const before = this.#credits.get(witnessHex)
    this.#credits.delete(witnessHex)
    if (this.#credits.size >= MAX_WITNESSES_KEPT) this.#credits.delete(this.#credits.keys().next().value as string)
    const earned = before === undefined ? ATTESTATION_BURST : ((atMs - before.atMs) / 1000) * ATTESTATIONS_PER_SECOND
    const credit = Math.min(ATTESTATION_BURST, (before?.credit ?? 0) + earned)
    const isAllowed = credit >= 1
    this.#credits.set(witnessHex, { credit: isAllowed ? credit - 1 : credit, atMs })
    return isAllowed
  }
}
