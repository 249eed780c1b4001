import type { ChainSize } from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { Session } from './session.ts'

export interface AnnouncerInit {
  readonly timers: Timers
  /** From the first thing that is new to the telling of it, milliseconds: everything new meanwhile is told at once. */
  readonly announceDelayMs: number
  readonly sessions: () => Iterable<Session>
  readonly sizeOf: (index: number) => number
}

/** Tells neighbours which chains have grown, each neighbour only what it is not known to hold. */
export class Announcer {
  readonly #init: AnnouncerInit
  readonly #changed = new Set<number>()
  #stopped = false
  #timer: Timer | undefined

  constructor(init: AnnouncerInit) {
    this.#init = init
  }

  noteGrowth(index: number): void {
    if (this.#stopped) return
    this.#changed.add(index)
    this.#timer ??= this.#init.timers.set(this.#init.announceDelayMs, () => this.flush())
  }

  flush(): void {
    this.#clearTimer()
    if (this.#changed.size === 0) return
    const changed = [...this.#changed].sort((a, b) => a - b)
    this.#changed.clear()
    for (const session of this.#init.sessions()) {
      // A neighbour that has not greeted yet is told as well: what it lacks came after this node's own hello.
      const sizes: ChainSize[] = []
      for (const index of changed) {
        const size = this.#init.sizeOf(index)
        if (size > Math.max(session.remoteSize(index), session.told(index))) {
          sizes.push({ index, size })
          session.tell(index, size)
        }
      }
      if (sizes.length > 0) session.send({ type: 'announce', sizes })
    }
  }

  /** The whole frontier goes out to everybody: nothing is left to be told. */
  forget(): void {
    this.#clearTimer()
    this.#changed.clear()
  }

  stop(): void {
    this.#stopped = true
    this.forget()
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
  }
}
