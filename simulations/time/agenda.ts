/** Something to be done at an instant of virtual time. */
export interface Entry {
  readonly dueMs: number
  readonly order: number
  run: (() => void) | undefined
}

/** Binary heap by (due, order): what falls on one instant runs in the order in which it was set. */
export class Agenda {
  readonly #heap: Entry[] = []
  #order = 0
  #cancelled = 0

  /** Entries that are set and neither run nor cancelled. */
  get size(): number {
    return this.#heap.length - this.#cancelled
  }

  add(dueMs: number, run: () => void): Entry {
    const entry: Entry = { dueMs, order: this.#order++, run }
    this.#push(entry)
    return entry
  }

  /** Most timers of a node are time-outs that never come: the heap is swept once half of it is such. */
  cancel(entry: Entry): void {
    if (entry.run === undefined) return
    entry.run = undefined
    if (++this.#cancelled < SWEEP_LEAST || this.#cancelled * 2 < this.#heap.length) return
    const left = this.#heap.filter(({ run }) => run !== undefined).sort((a, b) => (isBefore(a, b) ? -1 : 1))
    // A sorted array is a heap.
    this.#heap.length = 0
    for (const each of left) this.#heap.push(each)
    this.#cancelled = 0
  }

  nextMs(): number | undefined {
    this.#dropCancelled()
    return this.#heap[0]?.dueMs
  }

  /** Takes the next entry out and gives its work; undefined where there is none. */
  take(): (() => void) | undefined {
    this.#dropCancelled()
    const entry = this.#pop()
    const run = entry?.run
    // To be cancelled is for what has not run.
    if (entry !== undefined) entry.run = undefined
    return run
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && (this.#heap[0] as Entry).run === undefined) {
      this.#pop()
      this.#cancelled--
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, heap[parent] as Entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++
      if (!isBefore(heap[child] as Entry, last)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
    return first
  }
}

const SWEEP_LEAST = 1_024

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
