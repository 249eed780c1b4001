import type { Clock, Platform, Random, Timer, Timers } from '../../node/index.ts'
import { Agenda, type Entry } from './agenda.ts'

/**
 * Lets all promises settle: nothing that nodes wait for in a simulation needs more than that. Ticks come when no promise is left
 * to run, without the system call that a turn of the event loop takes.
 */
const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** A whole turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const SETTLED = Promise.resolve()

/** Events between two whole turns of the event loop: signals are heard then. */
const EVENTS_PER_TURN = 256

/**
 * Time that passes only as fast as its events are worked off. Between two events all promises settle, so that a run depends
 * on nothing but its inputs.
 */
export class VirtualTime {
  readonly startMs: number
  readonly #agenda = new Agenda()
  #elapsedMs = 0
  #events = 0

  /** `startMs`: UTC milliseconds. */
  constructor(startMs: number) {
    this.startMs = startMs
  }

  /** Since the start. */
  get elapsedMs(): number {
    return this.#elapsedMs
  }

  /** UTC milliseconds by a clock that is right. */
  get nowMs(): number {
    return this.startMs + Math.floor(this.#elapsedMs)
  }

  /** Events that were worked off. */
  get events(): number {
    return this.#events
  }

  get pending(): number {
    return this.#agenda.size
  }

  after(ms: number, run: () => void): Entry {
    return this.#agenda.add(this.#elapsedMs + Math.max(0, ms), run)
  }

  cancel(entry: Entry): void {
    this.#agenda.cancel(entry)
  }

  /** Works off what falls due until `untilMs` since the start, or until `isOver`; time stands at `untilMs` then. */
  async runUntil(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    await settle()
    const isCutShort = await this.#work((nextMs) => nextMs === undefined || nextMs > untilMs, isOver)
    if (!isCutShort) this.#elapsedMs = untilMs
  }

  /** Waits for a promise while time passes, for `limitMs` at most. */
  async wait<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let isDone = false
    const mark = (): void => {
      isDone = true
    }
    promise.then(mark, mark)
    const untilMs = this.#elapsedMs + limitMs
    await settle()
    const isLate = (nextMs: number | undefined): boolean => nextMs === undefined || nextMs > untilMs
    for (;;) {
      const isCutShort = await this.#work(
        (nextMs) => !isDone && isLate(nextMs),
        () => isDone,
      )
      if (isCutShort || isDone) return promise
      // What the process itself has put off may go on with it.
      await turn()
      if (!isDone && isLate(this.#agenda.nextMs())) throw new Error(`virtual time: nothing came of a promise in ${limitMs} ms`)
    }
  }

  /**
   * One event after the other until the next one is not to be worked off, or until it is over: then true. Events follow one
   * another by ticks, without a promise for each: there are millions of them.
   */
  #work(isEnd: (nextMs: number | undefined) => boolean, isOver: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const nextMs = this.#agenda.nextMs()
          if (isEnd(nextMs)) return resolve(false)
          if (isOver()) return resolve(true)
          this.#elapsedMs = nextMs ?? this.#elapsedMs
          this.#events++
          this.#agenda.take()?.()
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)))
        }
        if (this.#events % EVENTS_PER_TURN === 0) setImmediate(inTurn)
        else process.nextTick(inTurn)
      }
      // As a promise's own step: what ticks and turns begin themselves is followed by ticks before promises have settled.
      const inTurn = (): void => void SETTLED.then(step)
      step()
    })
  }
}

/** Clock and timers of one node's machine: its clock may be wrong, and when it crashes nothing of it happens any more. */
export class Machine {
  readonly clock: Clock
  readonly timers: Timers
  readonly platform: Platform
  /** How far its clock is ahead of the right time. */
  skewMs: number
  #isDead = false

  constructor(time: VirtualTime, random: Random, skewMs = 0) {
    this.skewMs = skewMs
    this.clock = { now: () => time.nowMs + this.skewMs, monotonicMs: () => time.elapsedMs }
    this.timers = {
      set: (ms, run): Timer => ({ id: time.after(ms, () => this.#isDead || run()) }),
      clear: (timer) => time.cancel(timer.id as Entry),
    }
    this.platform = { clock: this.clock, timers: this.timers, random, turn: () => Promise.resolve() }
  }

  get isDead(): boolean {
    return this.#isDead
  }

  die(): void {
    this.#isDead = true
  }
}
