import { type Register, registerKey, toHex } from '../../protocol/index.ts'
import type { ValueColumns } from '../store/index.ts'
import type { ValueStore } from './row-reader.ts'

const DAY_MS = 86_400_000
/** As long as the spans by which the store files values: a shorter one would read as much. */
const SPAN_MS = 8 * DAY_MS
/** Longer times are read as they are: they would push out what is asked for again and again. */
const MOST_SPANS = 2

/** Values in memory, of some 30 bytes: an eight-day span of four registers of 256 members at half hours. */
export const MAX_CACHED_VALUES = 524_288
/** Lists of registers in memory. */
const MAX_CACHED_MEMBERS = 1_024

/** Names of arrays that stay what they are: members' keys, roots, registers. To print one costs more than to find it. */
const names = new WeakMap<object, string>()

function nameOf<T extends object>(of: T, print: (of: T) => string): string {
  let name = names.get(of)
  if (name === undefined) {
    name = print(of)
    names.set(of, name)
  }
  return name
}

interface Span {
  readonly columns: Promise<readonly ValueColumns[]>
  /** 0 until they have come. */
  count: number
}

/**
 * The values of a store, where short times are asked for again and again: of a whole neighbourhood's day most members wrote
 * nothing since the last question. What was read of a chain is forgotten with its next block.
 */
export class CachedValues implements ValueStore {
  readonly #store: ValueStore
  readonly #maxValues: number
  /** The one not asked for the longest first. */
  readonly #spans = new Map<string, Span>()
  readonly #registers = new Map<string, { readonly root: string; readonly listed: Promise<Register[]> }>()
  #count = 0

  constructor(store: ValueStore, maxValues = MAX_CACHED_VALUES) {
    this.#store = store
    this.#maxValues = maxValues
  }

  /** Values that are in memory. */
  get size(): number {
    return this.#count
  }

  head(member: Uint8Array): { readonly size: number; readonly root: Uint8Array } | undefined {
    return this.#store.head(member)
  }

  registersOf(member: Uint8Array, limit?: number): Promise<Register[]> {
    if (limit !== undefined) return this.#store.registersOf(member, limit)
    const name = nameOf(member, toHex)
    const root = this.#rootOf(member)
    const known = this.#registers.get(name)
    if (known?.root === root) return known.listed
    const listed = this.#store.registersOf(member)
    this.#registers.delete(name)
    this.#registers.set(name, { root, listed })
    if (this.#registers.size > MAX_CACHED_MEMBERS) this.#registers.delete(this.#registers.keys().next().value as string)
    listed.catch(() => this.#registers.delete(name))
    return listed
  }

  #rootOf(member: Uint8Array): string {
    const head = this.head(member)
    return head === undefined ? '' : nameOf(head.root, toHex)
  }

  async *values(
    member: Uint8Array,
    register: Register,
    fromMs: number,
    toMs: number,
    endSize?: number,
  ): AsyncGenerator<ValueColumns> {
    const first = Math.floor(fromMs / SPAN_MS)
    const last = Math.floor((toMs - 1) / SPAN_MS)
    if (last - first >= MOST_SPANS) {
      yield* this.#store.values(member, register, fromMs, toMs, endSize)
      return
    }
    const name = `${nameOf(member, toHex)} ${this.#rootOf(member)} ${nameOf(register, registerKey)} ${endSize ?? ''} `
    for (let span = first; span <= last; span++) {
      for (const columns of await this.#span(name + span, member, register, span, endSize).columns) {
        const found = cut(columns, fromMs, toMs)
        if (found !== undefined) yield found
      }
    }
  }

  #span(name: string, member: Uint8Array, register: Register, span: number, endSize: number | undefined): Span {
    const known = this.#spans.get(name)
    if (known !== undefined) {
      this.#spans.delete(name)
      this.#spans.set(name, known)
      return known
    }
    const read = async (): Promise<readonly ValueColumns[]> => {
      const columns: ValueColumns[] = []
      let count = 0
      for await (const each of this.#store.values(member, register, span * SPAN_MS, (span + 1) * SPAN_MS, endSize)) {
        columns.push(each)
        count += each.times.length
      }
      // An empty span is worth remembering too.
      this.#noteRead(name, count + 1)
      return columns
    }
    const made: Span = { columns: read(), count: 0 }
    this.#spans.set(name, made)
    made.columns.catch(() => this.#spans.delete(name))
    return made
  }

  #noteRead(name: string, count: number): void {
    const made = this.#spans.get(name)
    if (made === undefined) return
    made.count = count
    this.#count += count
    for (const [oldest, span] of this.#spans) {
      if (this.#count <= this.#maxValues) return
      if (span.count === 0) continue
      this.#spans.delete(oldest)
      this.#count -= span.count
    }
  }
}

/** The rows of a time; undefined where there are none. */
function cut(columns: ValueColumns, fromMs: number, toMs: number): ValueColumns | undefined {
  const { times, values, qualities } = columns
  let from = 0
  let to = times.length
  while (from < to && (times[from] as number) < fromMs) from++
  while (to > from && (times[to - 1] as number) >= toMs) to--
  if (from === to) return undefined
  if (from === 0 && to === times.length && isWithin(times, fromMs, toMs)) return columns
  const rows: number[] = []
  for (let row = from; row < to; row++) {
    const time = times[row] as number
    if (time >= fromMs && time < toMs) rows.push(row)
  }
  return {
    ...columns,
    times: rows.map((row) => times[row] as number),
    values: rows.map((row) => values[row] as number),
    qualities: rows.map((row) => qualities[row] as (typeof qualities)[number]),
  }
}

function isWithin(times: readonly number[], fromMs: number, toMs: number): boolean {
  return times.every((time) => time >= fromMs && time < toMs)
}
