import type { Clock, Platform, Random, Timer, Timers } from '../../platform.ts'

interface Entry {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
}

/** Binary heap by (due, order): timers of one instant run in the order they were set. */
class Agenda {
  #entries: Entry[] = []

  get size(): number {
    return this.#entries.length
  }

  peek(): Entry | undefined {
    return this.#entries[0]
  }

  push(entry: Entry): void {
    const heap = this.#entries
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent] as Entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  pop(): Entry | undefined {
    const heap = this.#entries
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child++
      if (!before(heap[child] as Entry, last)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
    return first
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}

export interface VirtualTimeInit {
  /** UTC milliseconds at the start; default 2024-01-01T00:00:00Z. */
  readonly startMs?: number
  /** Turns of the event loop after each timer: more than one where the code under test waits for real I/O. */
  readonly turns?: number
}

/**
 * Clock and timers that move only when told to. Between two timers all promises settle, so a run depends on nothing but
 * its inputs.
 */
export class VirtualTime {
  readonly clock: Clock
  readonly timers: Timers
  readonly #startMs: number
  readonly #turns: number
  readonly #agenda = new Agenda()
  readonly #live = new Set<Entry>()
  #elapsedMs = 0
  #order = 0

  constructor(init: VirtualTimeInit = {}) {
    this.#startMs = init.startMs ?? 1_704_067_200_000
    this.#turns = init.turns ?? 1
    this.clock = { now: () => this.#startMs + Math.floor(this.#elapsedMs), monotonicMs: () => this.#elapsedMs }
    this.timers = {
      set: (ms, run) => {
        const entry: Entry = { dueMs: this.#elapsedMs + Math.max(0, ms), order: this.#order++, run }
        this.#agenda.push(entry)
        this.#live.add(entry)
        return { id: entry }
      },
      clear: (timer: Timer) => {
        this.#live.delete(timer.id as Entry)
      },
    }
  }

  /** Timers that are set and not yet due. */
  get pending(): number {
    return this.#live.size
  }

  /** This time with a source of randomness, as nodes take it. A turn takes no time. */
  platform(random: Random): Platform {
    return { clock: this.clock, timers: this.timers, random, turn: () => Promise.resolve() }
  }

  /** Lets promises settle without moving time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves time on by `ms`, running what falls due on the way, in order. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms
    await this.settle()
    while (await this.#step(untilMs));
    this.#elapsedMs = untilMs
  }

  /** Runs until no timer is left; throws after `limitMs` of virtual time, since periodic work never ends. */
  async run(limitMs = 3_600_000): Promise<void> {
    const untilMs = this.#elapsedMs + limitMs
    await this.settle()
    while (await this.#step(untilMs));
    if (this.pending > 0) throw new Error(`virtual time: ${this.pending} timers still set after ${limitMs} ms`)
  }

  /** Runs until `holds` does; throws after `limitMs` of virtual time. */
  async until(holds: () => boolean, limitMs = 3_600_000, what = 'the condition'): Promise<void> {
    const untilMs = this.#elapsedMs + limitMs
    await this.settle()
    while (!holds()) {
      if (!(await this.#step(untilMs))) throw new Error(`virtual time: ${what} does not hold after ${limitMs} ms`)
    }
  }

  /** Waits for a promise while time moves; throws after `limitMs` of virtual time. */
  async wait<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let done = false
    const mark = (): void => {
      done = true
    }
    promise.then(mark, mark)
    await this.until(() => done, limitMs, 'the promise')
    return promise
  }

  async #step(untilMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#agenda.peek()
      if (next === undefined || next.dueMs > untilMs) return false
      this.#agenda.pop()
      if (!this.#live.delete(next)) continue
      this.#elapsedMs = next.dueMs
      next.run()
      await this.settle()
      return true
    }
  }
}
