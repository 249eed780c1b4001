import type { SignedAttestation } from '../../protocol/index.ts'

/** Attestations of one witness and epoch that may wait for blocks: the newest. */
export const MAX_WAITING = 4

interface Waiting<T> {
  readonly shown: T
  readonly dueMs: number
}

/** What waits of one witness in one epoch, in the order of sequence. */
interface Line<T> {
  /** When the first that is still in want of a block has waited for long enough. */
  dueMs: number
  /** Not before this: so long after one was given last. */
  againMs: number
  waiting: Waiting<T>[]
}

/**
 * Attestations that wait for blocks (rule A7). A witness speaks several times while a block is on its way: it is in want of
 * one for as long as none of its words finds all of them here.
 */
export class WaitingAttestations<T extends { readonly attestation: SignedAttestation }> {
  readonly #lackingMs: number
  /** By witness and epoch. */
  readonly #lines = new Map<string, Line<T>>()

  /** `lackingMs`: so long none waits before its leaves are asked for. */
  constructor(lackingMs: number) {
    this.#lackingMs = lackingMs
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  add(name: string, shown: T, nowMs: number): void {
    const dueMs = nowMs + this.#lackingMs
    const line = this.#lines.get(name) ?? { dueMs, againMs: 0, waiting: [] }
    this.#lines.set(name, line)
    const others = line.waiting.filter((each) => each.shown.attestation !== shown.attestation)
    const all = [...others, { shown, dueMs }]
    line.waiting = all.sort((a, b) => a.shown.attestation.sequence - b.shown.attestation.sequence).slice(-MAX_WAITING)
  }

  /** Those that wait for nothing any more: they leave. */
  takeReady(isReady: (shown: T) => boolean): T[] {
    const ready: T[] = []
    for (const [name, line] of this.#lines) {
      const left: Waiting<T>[] = []
      for (const each of line.waiting) {
        if (isReady(each.shown)) ready.push(each.shown)
        else left.push(each)
      }
      if (left.length < line.waiting.length) this.#leave(name, line, left)
    }
    return ready
  }

  #leave(name: string, line: Line<T>, left: Waiting<T>[]): void {
    if (left.length === 0) this.#lines.delete(name)
    else Object.assign(line, { dueMs: Math.min(...left.map(({ dueMs }) => dueMs)), waiting: left })
  }

  /** All that it says is known: it needs no blocks any more. */
  delete(name: string, shown: T): void {
    const line = this.#lines.get(name)
    const left = line?.waiting.filter((each) => each.shown.attestation !== shown.attestation)
    if (line !== undefined && left !== undefined && left.length < line.waiting.length) this.#leave(name, line, left)
  }

  /** The newest word of each witness that has been in want for long enough; not again before as long has passed. */
  takeLacking(nowMs: number): T[] {
    const lacking: T[] = []
    for (const line of this.#lines.values()) {
      const newest = line.waiting.at(-1)
      if (newest === undefined || nowMs < dueOf(line)) continue
      line.againMs = nowMs + this.#lackingMs
      lacking.push(newest.shown)
    }
    return lacking
  }

  /** Until `takeLacking` has one to give, whole milliseconds; undefined where none waits. */
  lackingInMs(nowMs: number): number | undefined {
    if (this.isEmpty) return undefined
    let dueMs = Number.POSITIVE_INFINITY
    for (const line of this.#lines.values()) dueMs = Math.min(dueMs, dueOf(line))
    return Math.max(0, Math.ceil(dueMs - nowMs))
  }

  all(): T[] {
    return [...this.#lines.values()].flatMap(({ waiting }) => waiting.map(({ shown }) => shown))
  }

  clear(): void {
    this.#lines.clear()
  }
}

function dueOf({ dueMs, againMs }: { readonly dueMs: number; readonly againMs: number }): number {
  return Math.max(dueMs, againMs)
}
