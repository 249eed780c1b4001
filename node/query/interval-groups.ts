import { QUALITIES, type Quality } from '../../protocol/index.ts'
import { GapList } from './gap-list.ts'
import { IntegerSum, meanOf, shareOf } from './integer-sum.ts'
import type { RegisterKind } from './register-kind.ts'
import type { Rows } from './row-reader.ts'

/** `partial`: some of the interval is not known. */
export type GroupQuality = Quality | 'partial'

/** What one interval of the clock holds; docs/queries.md defines every field. */
export interface Group {
  readonly fromMs: number
  readonly toMs: number
  /** In the register's own scaler; null where nothing is known: that is not 0. */
  readonly amount: number | bigint | null
  readonly quality: GroupQuality
  readonly coveredMs: number
  /** Stored values with a number, that are missing, and that are another than good or were shared out. */
  readonly values: number
  readonly missing: number
  readonly estimated: number
  /** Of counters: the first and the last reading in it, both ends included. */
  readonly first: number | null
  readonly last: number | null
}

class OpenGroup {
  readonly sum = new IntegerSum()
  /** Milliseconds, or samples: what a mean is divided by. */
  weight = 0
  sampleSum: IntegerSum | undefined
  samples = 0
  extreme: number | undefined
  coveredMs = 0
  values = 0
  missing = 0
  estimated = 0
  worst = 0
  first: number | null = null
  last: number | null = null
}

const MISSING = QUALITIES.indexOf('missing')
const ESTIMATED = QUALITIES.indexOf('estimated')
/** The first reading behind an overflow, or of another meter at the same place. */
const OVERFLOW = QUALITIES.indexOf('overflow')
/** From good to worse. */
const ORDER: readonly number[] = (['good', 'clock-doubtful', 'estimated', 'overflow', 'missing'] as const).map((each) =>
  QUALITIES.indexOf(each),
)
const RANK: readonly number[] = QUALITIES.map((_, index) => ORDER.indexOf(index))

/**
 * Puts the rows of a series into intervals, in one pass over rows in the order of time, and keeps only the intervals that are
 * still open.
 *
 * A row says something of a step of time: a counter of the time since its last reading, a total or mean of its interval. A step
 * within an interval belongs to it whole. One that crosses from interval to interval is shared out by time, as estimated, where
 * it is no longer than `sharedMs`; a longer one is a gap: what was measured over it is said there, and is in no interval.
 */
export class IntervalGroups {
  readonly #kind: RegisterKind
  readonly #addsUp: boolean
  readonly #bounds: readonly number[]
  readonly #sharedMs: number
  readonly gaps: GapList
  readonly total = new OpenGroup()
  /** Stored values in the time asked for, by quality. */
  readonly qualities = new Array<number>(QUALITIES.length).fill(0)
  readonly #open = new Map<number, OpenGroup>()
  #done: Group[] = []
  /** The next interval to be finished. */
  #next = 0
  /** The interval in which the last step began. */
  #at = 0
  #coveredTo: number
  /** Where the last step ended, be it in a gap. */
  #steppedTo = Number.NEGATIVE_INFINITY
  #hasSteps = false
  #hasSamples = false
  #lastTime = Number.NEGATIVE_INFINITY
  #lastValue = 0
  #lastQuality = 0
  #lastChain = -1

  constructor(kind: RegisterKind, bounds: readonly number[], sharedMs: number) {
    this.#kind = kind
    this.#addsUp = kind === 'counter' || kind === 'total'
    this.#bounds = bounds
    this.#sharedMs = sharedMs
    this.#coveredTo = bounds[0] as number
    this.gaps = new GapList()
  }

  get #end(): number {
    return this.#bounds[this.#bounds.length - 1] as number
  }

  /** Takes rows, each later than all before; the answer is the intervals that they end. */
  take(rows: Rows): Group[] {
    const { times, values, intervals, qualities, chains } = rows
    const isCounter = this.#kind === 'counter'
    for (let row = 0; row < rows.count; row++) {
      const time = times[row] as number
      const quality = qualities[row] as number
      const value = values[row] as number
      const interval = intervals[row] as number
      const isSample = interval === 0 && !this.#addsUp
      const group = this.#groupOf(time, isSample)
      this.#count(group, quality)
      if (quality === MISSING || Number.isNaN(value)) continue
      if (isCounter) this.#counted(time, value, quality, chains[row] as number)
      else if (isSample) this.#sampled(group, time, value, quality)
      // What overlaps a step that counts already is left out.
      else if (interval > 0 && time - interval >= this.#steppedTo) this.#step(time - interval, time, value, quality)
    }
    return this.#take()
  }

  /** No more rows: the answer is the intervals that are left. */
  end(): Group[] {
    if (this.#hasSteps || !this.#hasSamples) this.#uncovered(this.#end)
    this.#finishBelow(this.#bounds.length - 1)
    return this.#take()
  }

  /** Over all intervals. */
  get amount(): number | bigint | null {
    return this.#amountOf(this.total)
  }

  #take(): Group[] {
    const done = this.#done
    this.#done = []
    return done
  }

  /** The interval that a row stands in: with its end where it speaks of the time before, with its beginning for a sample. */
  #groupOf(time: number, isSample: boolean): OpenGroup | undefined {
    const bounds = this.#bounds
    let at = this.#at
    while (at < bounds.length - 1 && (isSample ? (bounds[at + 1] as number) <= time : (bounds[at + 1] as number) < time)) at++
    if (at >= bounds.length - 1) return undefined
    const from = bounds[at] as number
    return (isSample ? time >= from : time > from) ? this.#group(at) : undefined
  }

  #count(group: OpenGroup | undefined, quality: number): void {
    if (group === undefined) return
    this.qualities[quality] = (this.qualities[quality] as number) + 1
    if (quality === MISSING) group.missing++
    else group.values++
    if (quality !== MISSING && quality !== 0) group.estimated++
  }

  #group(at: number): OpenGroup {
    let group = this.#open.get(at)
    if (group === undefined) {
      group = new OpenGroup()
      this.#open.set(at, group)
    }
    return group
  }

  #counted(time: number, value: number, quality: number, chain: number): void {
    const last = this.#lastTime
    const grown = value - this.#lastValue
    // Another meter's counter, or one that began anew: how much it grew is not known.
    const isSame = chain === this.#lastChain && quality !== OVERFLOW
    const isStep = isSame && grown >= 0 && Number.isSafeInteger(grown)
    // What made that reading doubtful is the step before it, not the one from it on.
    const before = this.#lastQuality === OVERFLOW ? quality : this.#lastQuality
    if (isStep && time > last) this.#step(last, time, grown, worse(quality, before))
    this.#mark(time, value)
    this.#lastTime = time
    this.#lastValue = value
    this.#lastQuality = quality
    this.#lastChain = chain
    this.#moveTo(time)
  }

  /** First and last readings of the intervals that hold this one: two, where it stands between them. */
  #mark(time: number, value: number): void {
    const bounds = this.#bounds
    for (let at = this.#at; at < bounds.length - 1 && (bounds[at] as number) <= time; at++) {
      if ((bounds[at + 1] as number) < time) continue
      const group = this.#group(at)
      group.first ??= value
      group.last = value
    }
  }

  #sampled(group: OpenGroup | undefined, time: number, value: number, quality: number): void {
    if (group === undefined) return
    this.#moveTo(time)
    this.#hasSamples = true
    for (const each of [group, this.total]) {
      each.sampleSum ??= new IntegerSum()
      each.sampleSum.add(value)
      each.samples++
      this.#extend(each, value, quality)
    }
  }

  #step(fromMs: number, toMs: number, amount: number, quality: number): void {
    const bounds = this.#bounds
    this.#steppedTo = toMs
    if (toMs <= (bounds[0] as number) || fromMs >= this.#end) return
    this.#uncovered(fromMs)
    this.#hasSteps = true
    this.#moveTo(fromMs)
    const at = this.#at
    const isWhole = fromMs >= (bounds[at] as number) && toMs <= (bounds[at + 1] as number)
    if (isWhole) this.#add(at, toMs - fromMs, amount, quality)
    else if (toMs - fromMs > this.#sharedMs) this.#gap(fromMs, toMs, amount)
    else this.#share(fromMs, toMs, amount, quality)
    this.#coveredTo = Math.max(this.#coveredTo, Math.min(toMs, this.#end))
  }

  #share(fromMs: number, toMs: number, amount: number, quality: number): void {
    const bounds = this.#bounds
    const length = toMs - fromMs
    for (let at = this.#at; at < bounds.length - 1 && (bounds[at] as number) < toMs; at++) {
      const begin = Math.max(fromMs, bounds[at] as number)
      const end = Math.min(toMs, bounds[at + 1] as number)
      const share = shareOf(amount, end - fromMs, length) - shareOf(amount, begin - fromMs, length)
      this.#add(at, end - begin, this.#addsUp ? share : amount, worse(quality, ESTIMATED))
      if (quality === 0) this.#group(at).estimated++
    }
  }

  #add(at: number, coveredMs: number, amount: number, quality: number): void {
    this.#addTo(this.#group(at), coveredMs, amount, quality)
    this.#addTo(this.total, coveredMs, amount, quality)
  }

  #addTo(group: OpenGroup, coveredMs: number, amount: number, quality: number): void {
    group.coveredMs += coveredMs
    if (this.#kind === 'mean') {
      group.sum.addProduct(amount, coveredMs)
      group.weight += coveredMs
    } else if (this.#addsUp) group.sum.add(amount)
    this.#extend(group, amount, quality)
  }

  #extend(group: OpenGroup, value: number, quality: number): void {
    if (quality !== 0) group.worst = worse(group.worst, quality)
    if (this.#addsUp) return
    const { extreme } = group
    if (extreme === undefined) group.extreme = value
    else if (this.#kind === 'maximum') group.extreme = Math.max(extreme, value)
    else if (this.#kind === 'minimum') group.extreme = Math.min(extreme, value)
  }

  #uncovered(toMs: number): void {
    const end = Math.min(toMs, this.#end)
    if (end > this.#coveredTo) this.gaps.add({ fromMs: this.#coveredTo, toMs: end })
    this.#coveredTo = Math.max(this.#coveredTo, end)
  }

  #gap(fromMs: number, toMs: number, amount: number): void {
    const begin = Math.max(fromMs, this.#bounds[0] as number)
    const end = Math.min(toMs, this.#end)
    const isWhole = this.#addsUp && begin === fromMs && end === toMs
    this.gaps.add({ fromMs: begin, toMs: end, ...(isWhole ? { amount } : {}) })
  }

  /** Steps begin at `timeMs` or later from now on. */
  #moveTo(timeMs: number): void {
    const bounds = this.#bounds
    while (this.#at < bounds.length - 2 && (bounds[this.#at + 1] as number) <= timeMs) this.#at++
    this.#finishBelow(this.#at - 1)
  }

  /** One interval behind: a value on the bound, and samples, may still belong to it. */
  #finishBelow(end: number): void {
    for (; this.#next < end; this.#next++) {
      this.#done.push(this.#finished(this.#next, this.#open.get(this.#next) ?? NOTHING))
      this.#open.delete(this.#next)
    }
  }

  #finished(at: number, group: OpenGroup): Group {
    const { coveredMs, values, missing, estimated, first, last } = group
    const fromMs = this.#bounds[at] as number
    const toMs = this.#bounds[at + 1] as number
    const amount = this.#amountOf(group)
    const isPartial = coveredMs < toMs - fromMs && group.samples === 0
    const quality = amount === null ? 'missing' : isPartial ? 'partial' : (QUALITIES[group.worst] as Quality)
    return { fromMs, toMs, amount, quality, coveredMs, values, missing, estimated, first, last }
  }

  #amountOf({ sum, weight, sampleSum, samples, extreme, coveredMs }: OpenGroup): number | bigint | null {
    if (coveredMs === 0 && samples === 0) return null
    switch (this.#kind) {
      case 'counter':
      case 'total':
        return sum.value
      case 'maximum':
      case 'minimum':
        return extreme as number
      case 'mean':
        if (weight > 0) return meanOf(BigInt(sum.value), BigInt(weight))
        return meanOf(BigInt((sampleSum as IntegerSum).value), BigInt(samples))
    }
  }
}

const NOTHING = new OpenGroup()

function worse(x: number, y: number): number {
  return (RANK[x] as number) >= (RANK[y] as number) ? x : y
}
