import type { ChainSize } from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { Session } from './session.ts'

export interface AnnouncerInit {
  readonly timers: Timers
  /** From the first thing that is new to the telling of it, milliseconds: everything new meanwhile is told at once. */
  readonly announceDelayMs: number
  readonly sessions: () => Iterable<Session>
  readonly sizeOf: (index: number) => number
  /** Asks for what is missing of these chains. */
  readonly ask: (chains: ReadonlySet<number>) => void
}

/**
 * Tells neighbours which chains have grown, each neighbour only what it is not known to hold, and asks for what they tell:
 * both in the same rounds, after a quiet time at once. A write, an answer and a batch of the store then carry many chains;
 * what costs is their number (`npm run bench -- mesh paced`).
 */
export class Announcer {
  readonly #init: AnnouncerInit
  readonly #changed = new Set<number>()
  #asking = new Set<number>()
  #stopped = false
  #timer: Timer | undefined

  constructor(init: AnnouncerInit) {
    this.#init = init
  }

  noteGrowth(index: number): void {
    if (this.#stopped) return
    this.#changed.add(index)
    this.#beginRound()
  }

  /** Neighbours hold a little more of these chains. */
  noteAnnounced(chains: readonly number[]): void {
    if (this.#stopped || chains.length === 0) return
    for (const index of chains) this.#asking.add(index)
    if (this.#timer === undefined) this.#ask()
  }

  /** Ends the round now. */
  flush(): void {
    this.#clearTimer()
    this.#ask()
    if (this.#changed.size === 0) return
    // A neighbour that has not greeted yet is told as well: what it lacks came after this node's own hello.
    for (const session of this.#init.sessions()) this.tell(session)
    this.#changed.clear()
  }

  /** Tells one neighbour before the round ends: something is on its way to it anyway. */
  tell(session: Session): void {
    const sizes: ChainSize[] = []
    for (const index of this.#changed) {
      const size = this.#init.sizeOf(index)
      if (size > Math.max(session.remoteSize(index), session.told(index))) {
        sizes.push({ index, size })
        session.tell(index, size)
      }
    }
    if (sizes.length > 0) session.send({ type: 'announce', sizes: sizes.sort((a, b) => a.index - b.index) })
  }

  /** The whole frontier goes out to everybody: nothing is left to be told. */
  forget(): void {
    this.#changed.clear()
    if (this.#asking.size === 0) this.#clearTimer()
  }

  stop(): void {
    this.#stopped = true
    this.#changed.clear()
    this.#asking.clear()
    this.#clearTimer()
  }

  #beginRound(): void {
    this.#timer ??= this.#init.timers.set(this.#init.announceDelayMs, () => this.flush())
  }

  /** What comes of it is told at the end of the round that begins here. */
  #ask(): void {
    if (this.#asking.size === 0) return
    const chains = this.#asking
    this.#asking = new Set()
    this.#beginRound()
    this.#init.ask(chains)
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
  }
}
