import type { ChainSize } from '../../protocol/index.ts'
import type { Clock, Timer, Timers } from '../platform.ts'
import { msToNextRound } from '../rounds.ts'
import type { Session } from './session.ts'

/** What neighbours tell at the end of a round comes within this time, milliseconds. */
export const ASK_WAIT_MS = 1_000

export interface AnnouncerInit {
  readonly clock: Clock
  readonly timers: Timers
  /** Length of a round, milliseconds: everything new in it is told at its end. */
  readonly announceDelayMs: number
  readonly sessions: () => Iterable<Session>
  readonly sizeOf: (index: number) => number
  /** Asks for what is missing of these chains. */
  readonly ask: (chains: ReadonlySet<number>) => void
}

/**
 * Tells neighbours which chains have grown, each neighbour only what it is not known to hold, and asks for what they tell:
 * both in the same rounds, but after a quiet time at once, and in a long round without waiting for its end. A write, an
 * answer and a batch of the store then carry many chains; what costs is their number (`npm run bench -- mesh pull`).
 */
export class Announcer {
  readonly #init: AnnouncerInit
  readonly #changed = new Set<number>()
  /** Counts growths; and by neighbour, of which of them it has been told what there was to tell. */
  #growths = 0
  readonly #toldGrowths = new WeakMap<Session, number>()
  /** The same, ascending; until another chain grows. */
  #inOrder: readonly number[] | undefined
  #asking = new Set<number>()
  #stopped = false
  #timer: Timer | undefined
  #askTimer: Timer | undefined

  constructor(init: AnnouncerInit) {
    this.#init = init
  }

  noteGrowth(index: number): void {
    if (this.#stopped) return
    this.#changed.add(index)
    this.#growths++
    this.#inOrder = undefined
    this.#beginRound()
  }

  /** Neighbours hold a little more of these chains. */
  noteAnnounced(chains: readonly number[]): void {
    if (this.#stopped || chains.length === 0) return
    for (const index of chains) this.#asking.add(index)
    if (this.#timer === undefined) return this.#ask()
    this.#askTimer ??= this.#init.timers.set(ASK_WAIT_MS, () => this.#ask())
  }

  /** Ends the round now. */
  flush(): void {
    this.#clearTimer()
    this.#ask()
    if (this.#changed.size === 0) return
    // A neighbour that has not greeted yet is told as well: what it lacks came after this node's own hello.
    for (const session of this.#init.sessions()) this.#tell(session)
    this.#clear()
  }

  /** Tells one neighbour before the round ends, since something is on its way to it anyway: of many answers the first. */
  tell(session: Session): void {
    if (this.#toldGrowths.get(session) === this.#growths) return
    this.#toldGrowths.set(session, this.#growths)
    this.#tell(session)
  }

  #tell(session: Session): void {
    const sizes: ChainSize[] = []
    this.#inOrder ??= [...this.#changed].sort((a, b) => a - b)
    for (const index of this.#inOrder) {
      const size = this.#init.sizeOf(index)
      if (size > Math.max(session.remoteSize(index), session.told(index))) {
        sizes.push({ index, size })
        session.tell(index, size)
      }
    }
    if (sizes.length > 0) session.send({ type: 'announce', sizes })
  }

  /** The whole frontier goes out to everybody: nothing is left to be told. */
  forget(): void {
    this.#clear()
    if (this.#asking.size === 0) this.#clearTimer()
  }

  stop(): void {
    this.#stopped = true
    this.#clear()
    this.#asking.clear()
    this.#clearAskTimer()
    this.#clearTimer()
  }

  #clear(): void {
    this.#changed.clear()
    this.#inOrder = undefined
  }

  /** Apart from each other's, the same rounds cost a quarter more CPU (`npm run bench -- mesh pull`). */
  #beginRound(): void {
    if (this.#timer !== undefined) return
    const { clock, timers, announceDelayMs } = this.#init
    this.#timer = timers.set(msToNextRound(clock.now(), announceDelayMs), () => this.flush())
  }

  /** What comes of it is told at the end of the round that begins here. */
  #ask(): void {
    this.#clearAskTimer()
    if (this.#asking.size === 0) return
    const chains = this.#asking
    this.#asking = new Set()
    this.#beginRound()
    this.#init.ask(chains)
  }

  #clearAskTimer(): void {
    if (this.#askTimer !== undefined) this.#init.timers.clear(this.#askTimer)
    this.#askTimer = undefined
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
  }
}
