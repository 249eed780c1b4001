/** What a neighbour is charged for; the sum ends the link. */
export type Fault =
  | 'malformed'
  | 'wrong-network'
  | 'rejected-run'
  | 'unasked'
  | 'no-answer'
  | 'no-hello'
  | 'broken-word'
  | 'flood'
  | 'false-heads'
  | 'bad-proof'
  | 'bad-evidence'
  | 'bad-attestation'

/** Points per fault. A neighbour is hung up on at FAULT_LIMIT: at once for what no honest node can send. */
const FAULT_POINTS: Readonly<Record<Fault, number>> = {
  malformed: 100,
  'wrong-network': 100,
  // One lie about signed bytes could be a damaged disk; five are a habit.
  'rejected-run': 20,
  unasked: 20,
  // Slow is not dishonest: a weak link may fall silent for minutes. Each silence in a row counts once more than the last.
  'no-answer': 8,
  // The first frame of every stream: who never sends it takes up a link and gives nothing.
  'no-hello': 50,
  // Blocks that it said it holds, and does not: a repaired store may have lost some.
  'broken-word': 10,
  flood: 100,
  'false-heads': 20,
  'bad-proof': 20,
  'bad-evidence': 20,
  'bad-attestation': 20,
}
export const FAULT_LIMIT = 100

/** Points are forgotten by half in this time: a link that stands for years must not end for what adds up over months. */
export const FAULT_HALF_LIFE_MS = 600_000

/** Keys whose conduct is remembered: twice the members of the largest neighbourhood, and strangers besides. */
export const MAX_CONDUCT_ENTRIES = 1_024

/** What each key is charged with. It outlives the link: a liar would only have to connect afresh. */
export class Conduct {
  readonly #entries = new Map<string, { points: number; atMs: number }>()

  get size(): number {
    return this.#entries.size
  }

  points(peerHex: string, nowMs: number): number {
    const entry = this.#entries.get(peerHex)
    return entry === undefined ? 0 : entry.points * 0.5 ** ((nowMs - entry.atMs) / FAULT_HALF_LIFE_MS)
  }

  /** True once the key has been charged too much to stay. `times`: what happens again and again weighs more each time. */
  charge(peerHex: string, fault: Fault, nowMs: number, times = 1): boolean {
    const points = this.points(peerHex, nowMs) + FAULT_POINTS[fault] * times
    this.#entries.delete(peerHex)
    if (this.#entries.size >= MAX_CONDUCT_ENTRIES) this.#entries.delete(this.#entries.keys().next().value as string)
    this.#entries.set(peerHex, { points: Math.min(points, FAULT_LIMIT), atMs: nowMs })
    return points >= FAULT_LIMIT
  }
}
