/**
 * Time left to the end of the round that `nowMs` (UTC) falls in, from 1 to `lengthMs` milliseconds; rounds are whole multiples
 * of their length, `phaseMs` later. Without a phase, all nodes end them together, by the clock they share: what they tell
 * each other then comes together, is asked for and checked together, and wakes each process once.
 */
export function msToNextRound(nowMs: number, lengthMs: number, phaseMs = 0): number {
  const into = (nowMs - phaseMs) % lengthMs
  return lengthMs - (into < 0 ? into + lengthMs : into)
}
