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

/** What neighbours tell at the end of a round has been asked for, and has come, within this time, milliseconds. */
const ARRIVAL_MS = 2_500

/**
 * The rounds of who makes something of what the rounds of another bring, `carrierMs` long: not shorter than `lengthMs`, nor than
 * these, and over once what those brought has come. Shorter ones would bring the same in more pieces.
 */
export function carriedRounds(lengthMs: number, carrierMs: number): Rounds {
  return { lengthMs: Math.ceil(lengthMs / carrierMs) * carrierMs, phaseMs: Math.min(ARRIVAL_MS, Math.floor(carrierMs / 4)) }
}

/** In short rounds, and in long ones: a hundredth of a round, within these bounds. */
export const LEAST_GATHER_MS = 20
export const MOST_GATHER_MS = 100

/**
 * What neighbours answer to what they were asked in one turn comes shortly after each other: so long what came first waits for
 * the rest, milliseconds, and all of it is checked and written at once.
 */
export function gatherMsOf(announceDelayMs: number): number {
  return Math.min(Math.max(Math.round(announceDelayMs / 100), LEAST_GATHER_MS), MOST_GATHER_MS)
}
