import type { Member } from '../../protocol/index.ts'
import type { HeldBlock, LedgerStore } from '../store/index.ts'

export type MergeStore = Pick<LedgerStore, 'head' | 'findByTime' | 'readHeld'>

/** Where a block stands among all: by its time, then its member, then its height. */
export interface LedgerPlace {
  /** UTC milliseconds. */
  readonly sealedAt: number
  readonly index: number
  readonly height: number
}

export interface MergeQuery {
  readonly order: 'asc' | 'desc'
  /** Sealed at `fromMs` or later, and before `toMs`. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
  /** Only what stands behind this place, in the order that is asked for. */
  readonly after?: LedgerPlace | undefined
}

export interface MergedBlock {
  readonly member: Member
  readonly block: HeldBlock
}

/** Blocks of one chain read at once: two at first, since of most chains one is wanted. */
const FIRST_READ = 2
const READ = 8

/** One chain on its way: heights from `low` up to `high` are still to come, those in `ready` are next. */
interface Source {
  readonly member: Member
  low: number
  high: number
  ready: HeldBlock[]
  read: number
  /** Of the next block; what memory knows of the head serves until it is read. */
  sealedAt: number
}

/**
 * All chains as one, by time. Within a chain times never go back, so that each chain is read from where the question begins, and
 * only as far as it is wanted: at most READ blocks of each chain are in memory.
 */
export async function* mergeChains(
  store: MergeStore,
  members: readonly Member[],
  query: MergeQuery,
): AsyncGenerator<MergedBlock> {
  const isUp = query.order === 'asc'
  const sources: Source[] = []
  for (const member of members) {
    const source = await openSource(store, member, query)
    if (source !== undefined) sources.push(source)
  }
  const isBefore = (a: Source, b: Source): boolean => {
    if (a.sealedAt !== b.sealedAt) return a.sealedAt < b.sealedAt === isUp
    return a.member.index < b.member.index === isUp
  }
  const heap = new Heap(sources, isBefore)
  for (let top = heap.top; top !== undefined; top = heap.top) {
    if (top.ready.length === 0 && !(await refill(store, top, isUp))) {
      heap.drop()
      continue
    }
    const block = top.ready[0] as HeldBlock
    if (block.header.sealedAt !== top.sealedAt) {
      // It changed meanwhile: the head was another one.
      top.sealedAt = block.header.sealedAt
      heap.sink()
      continue
    }
    top.ready.shift()
    yield { member: top.member, block }
    if (top.ready.length === 0 && !(await refill(store, top, isUp))) heap.drop()
    else {
      top.sealedAt = (top.ready[0] as HeldBlock).header.sealedAt
      heap.sink()
    }
  }
}

async function openSource(store: MergeStore, member: Member, query: MergeQuery): Promise<Source | undefined> {
  const head = store.head(member.key)
  if (head === undefined) return undefined
  const find = (ms: number): Promise<number> => store.findByTime(member.key, ms)
  const { order, fromMs, toMs, after } = query
  let low = fromMs === undefined ? 0 : await find(fromMs)
  let high = toMs === undefined || toMs > head.sealedAt ? head.size : await find(toMs)
  if (after !== undefined && order === 'asc') low = Math.max(low, await behind(after, member, find))
  if (after !== undefined && order === 'desc') high = Math.min(high, await before(after, member, find))
  if (low >= high) return undefined
  const source: Source = { member, low, high, ready: [], read: FIRST_READ, sealedAt: head.sealedAt }
  if (order === 'desc' && high === head.size) return source
  if (!(await refill(store, source, order === 'asc'))) return undefined
  source.sealedAt = (source.ready[0] as HeldBlock).header.sealedAt
  return source
}

/** The first height of the chain that stands behind a place. */
async function behind({ sealedAt, index, height }: LedgerPlace, member: Member, find: Find): Promise<number> {
  if (member.index === index) return height + 1
  return find(member.index < index ? sealedAt + 1 : sealedAt)
}

/** The first height of the chain that does not stand before a place. */
async function before({ sealedAt, index, height }: LedgerPlace, member: Member, find: Find): Promise<number> {
  if (member.index === index) return height
  return find(member.index < index ? sealedAt + 1 : sealedAt)
}

type Find = (ms: number) => Promise<number>

/** False at the end of the chain, or of what is held of it by now. */
async function refill(store: MergeStore, source: Source, isUp: boolean): Promise<boolean> {
  const count = Math.min(source.read, source.high - source.low)
  if (count <= 0) return false
  const from = isUp ? source.low : source.high - count
  const blocks = await store.readHeld(source.member.key, from, count)
  source.ready = isUp ? blocks : blocks.toReversed()
  if (isUp) source.low += count
  else source.high -= count
  source.read = READ
  return blocks.length > 0
}

/** A binary heap whose top is always looked at, changed in place, or dropped. */
class Heap {
  readonly #items: Source[]
  readonly #isBefore: (a: Source, b: Source) => boolean

  constructor(items: readonly Source[], isBefore: (a: Source, b: Source) => boolean) {
    this.#isBefore = isBefore
    this.#items = [...items].sort((a, b) => (isBefore(a, b) ? -1 : 1))
  }

  get top(): Source | undefined {
    return this.#items[0]
  }

  drop(): void {
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return
    this.#items[0] = last
    this.sink()
  }

  /** Puts the top, which has changed, where it belongs. */
  sink(): void {
    const items = this.#items
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let first = at
      if (left < items.length && this.#isBefore(items[left] as Source, items[first] as Source)) first = left
      if (right < items.length && this.#isBefore(items[right] as Source, items[first] as Source)) first = right
      if (first === at) return
      const moved = items[at] as Source
      items[at] = items[first] as Source
      items[first] = moved
      at = first
    }
  }
}
