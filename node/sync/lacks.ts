import type { Session } from './session.ts'

/** A chain of which some neighbour says that it holds more than this node. */
export interface Lack {
  /** Of the member. */
  readonly index: number
  /** The height of the first block that is lacking. */
  readonly from: number
  /** The most that somebody holds, or that is wanted. */
  readonly size: number
  /** Whoever holds that block has dropped its body (rule S27): nobody here can give it, and no more is asked of them. */
  readonly isPruned: boolean
}

export interface LacksInit {
  readonly sessions: () => Iterable<Session>
  readonly chainCount: () => number
  readonly ownSize: (index: number) => number
  readonly wantedSize: (index: number) => number
}

/** At most one for each member. */
export function* lacksOf({ sessions, chainCount, ownSize, wantedSize }: LacksInit): Generator<Lack> {
  const count = chainCount()
  for (let index = 0; index < count; index++) {
    const from = ownSize(index)
    const wanted = wantedSize(index)
    let size = from
    let isPruned = true
    for (const session of sessions()) {
      const held = Math.min(session.remoteSize(index), wanted)
      if (held <= from) continue
      size = Math.max(size, held)
      isPruned &&= session.hasPruned(index, from)
    }
    if (size > from) yield { index, from, size, isPruned }
  }
}

/** By chain, the most blocks that some neighbour says it holds. */
export function largestTold(sessions: Iterable<Session>, chainCount: number): number[] {
  const told = new Array<number>(chainCount).fill(0)
  for (const { remote } of sessions) {
    for (let index = 0; index < chainCount && index < remote.length; index++) {
      const size = remote[index] as number
      if (size > (told[index] as number)) told[index] = size
    }
  }
  return told
}
