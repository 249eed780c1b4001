/**
 * Time left to the end of the round that `nowMs` (UTC) falls in, from 1 to `lengthMs` milliseconds; rounds are whole multiples
 * of their length, `phaseMs` later. Without a phase, all nodes end them together, by the clock they share: what they tell
 * each other then comes together, is asked for and checked together, and wakes each process once.
 */
export function msToNextRound(nowMs: number, lengthMs: number, phaseMs = 0): number {
  const into = (nowMs - phaseMs) % lengthMs
  return lengthMs - (into < 0 ? into + lengthMs : into)
}

/** Rounds that end `phaseMs` later than whole multiples of their length: milliseconds, both. */
export interface Rounds {
  readonly lengthMs: number
  readonly phaseMs: number
}

/** What is made for a round is ready by its end if it is begun so long before, milliseconds. */
const LEAD_MS = 1_000

/**
 * The rounds of what is carried by the rounds of another, `carrierMs` long: not shorter than `lengthMs`, nor than these, and over
 * shortly before one of these, since what comes right after waits for the next. Shorter ones would make what nobody is told.
 */
export function carriedRounds(lengthMs: number, carrierMs: number): Rounds {
  return { lengthMs: Math.ceil(lengthMs / carrierMs) * carrierMs, phaseMs: -Math.min(LEAD_MS, Math.floor(carrierMs / 4)) }
}
