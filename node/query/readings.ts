import {
  formatObis,
  type Member,
  type Membership,
  QUALITIES,
  type Quality,
  type Register,
  registerKey,
  type TimeSource,
  WattnessError,
} from '../../protocol/index.ts'
import { boundsOf, type Resolution } from './calendar.ts'
import { countedChains } from './counted-chains.ts'
import { formatInstant } from './instant.ts'
import { ValueText } from './integer-sum.ts'
import { type Group, type GroupQuality, IntervalGroups } from './interval-groups.ts'
import { QUERY_LIMITS, type QueryLimits, SHARED_MS } from './limits.ts'
import { chooseSeries, type Series, seriesOf } from './register-choice.ts'
import { type CountedChain, type Rows, readRows, type ValueStore } from './row-reader.ts'
import type { TimeZone } from './time-zone.ts'

export interface ReadingsQuestion {
  readonly member: Member
  /** A code, see chooseSeries; what says most about a home unless given. */
  readonly register?: string | undefined
  readonly fromMs: number
  readonly toMs: number
  readonly resolution: Resolution
  readonly zone: TimeZone
  /** Also the chains of the keys that the member's key replaced. */
  readonly follow: boolean
  /** The answer is held by nobody as a whole: more may be asked for. */
  readonly isLines: boolean
}

/** One value as it was sealed. */
export interface RawLine {
  readonly time: string
  readonly value: string | null
  readonly quality: Quality
  readonly timeSource: TimeSource
  readonly intervalMs?: number
}

/** One interval of the clock. */
export interface GroupLine {
  readonly from: string
  readonly to: string
  readonly value: string | null
  readonly quality: GroupQuality
  readonly values: number
  readonly missing: number
  readonly estimated: number
  readonly coveredMs: number
  readonly first?: string | null
  readonly last?: string | null
}

export type ReadingsLine = RawLine | GroupLine

export interface GapLine {
  readonly from: string
  readonly to: string
  readonly value?: string
}

/** What stands before the lines. */
export interface ReadingsHead {
  readonly register: string
  readonly unit: string
  readonly kind: Series['kind']
  readonly from: string
  readonly to: string
  readonly resolution: Resolution
  readonly tz: string
}

/** What is known once all of them have been read. */
export interface ReadingsEnd {
  readonly total: string | null
  readonly count: number
  readonly gaps: readonly GapLine[]
  readonly gapCount: number
  readonly quality: Readonly<Partial<Record<Quality, number>>>
}

/** A question that was found answerable; its lines come in batches, each of what one read of the store gave. */
export interface ReadingsAnswer {
  readonly head: ReadingsHead
  lines(): AsyncGenerator<ReadingsLine[], ReadingsEnd>
}

/**
 * Finds what is asked for. Throws QUERY_INVALID, QUERY_TOO_LARGE, REGISTER_UNKNOWN, and what `registersOf` throws; the lines
 * throw QUERY_TOO_DENSE and what `values` throws.
 */
export async function askReadings(
  store: ValueStore,
  membership: Membership,
  question: ReadingsQuestion,
  limits: QueryLimits = QUERY_LIMITS,
): Promise<ReadingsAnswer> {
  const { member, fromMs, toMs, resolution, zone, follow, isLines } = question
  assertForward(fromMs, toMs)
  const chains = countedChains(membership, member, follow)
  const series = chooseSeries(await allSeries(store, chains), question.register)
  const text = new ValueText(series.register)
  const head = (from: number, to: number): ReadingsHead => ({
    register: formatObis(series.register.obis),
    unit: text.unit,
    kind: series.kind,
    from: formatInstant(from),
    to: formatInstant(to),
    resolution,
    tz: zone.name,
  })
  if (resolution === 'raw') {
    if (!isLines && toMs - fromMs > limits.rawMs) tooLong(limits.rawMs)
    const rows = (): AsyncGenerator<Rows> => readRows(store, chains, series, fromMs, toMs, limits.sliceRows)
    return { head: head(fromMs, toMs), lines: () => rawLines(rows(), text) }
  }
  const bounds = boundsOf(zone, resolution, fromMs, toMs, isLines ? limits.lineIntervals : limits.intervals)
  const [first, last] = [bounds[0] as number, bounds.at(-1) as number]
  const sharedMs = SHARED_MS[resolution]
  const rows = (): AsyncGenerator<Rows> =>
    readRows(store, chains, series, Math.max(0, first - sharedMs), last + sharedMs + 1, limits.sliceRows)
  const groups = (): IntervalGroups => new IntervalGroups(series.kind, bounds, sharedMs)
  return { head: head(first, last), lines: () => groupLines(rows(), groups(), text, series.kind === 'counter') }
}

export function assertForward(fromMs: number, toMs: number): void {
  if (fromMs < toMs) return
  const [from, to] = [formatInstant(fromMs), formatInstant(toMs)]
  throw new WattnessError('QUERY_INVALID', `to: expected a time after from, which is ${from}, found ${to}`, { name: 'to' })
}

function tooLong(limitMs: number): never {
  const days = limitMs / 86_400_000
  throw new WattnessError(
    'QUERY_TOO_LARGE',
    `raw values of more than ${days} days as one JSON object: ask for a shorter time, or for format=ndjson or csv`,
    { limitMs },
  )
}

/** Of lists of registers that are asked for again and again. */
const made = new WeakMap<readonly Register[], readonly Series[]>()

/** Of all chains together. */
export async function allSeries(store: ValueStore, chains: readonly CountedChain[]): Promise<readonly Series[]> {
  const lists = await Promise.all(chains.map(({ member }) => store.registersOf(member)))
  const [first] = lists
  const known = first === undefined || lists.length > 1 ? undefined : made.get(first)
  if (known !== undefined) return known
  const unique = new Map(lists.flat().map((register) => [registerKey(register), register]))
  const series = seriesOf([...unique.values()])
  if (first !== undefined && lists.length === 1) made.set(first, series)
  return series
}

async function* rawLines(rows: AsyncGenerator<Rows>, text: ValueText): AsyncGenerator<RawLine[], ReadingsEnd> {
  const qualities = new Array<number>(QUALITIES.length).fill(0)
  let count = 0
  for await (const slice of rows) {
    const lines: RawLine[] = []
    for (let row = 0; row < slice.count; row++) {
      const value = slice.values[row] as number
      const intervalMs = slice.intervals[row] as number
      const quality = slice.qualities[row] as number
      qualities[quality] = (qualities[quality] as number) + 1
      lines.push({
        time: formatInstant(slice.times[row] as number),
        value: Number.isNaN(value) ? null : text.of(value),
        quality: slice.qualityAt(row),
        timeSource: slice.sourceAt(row),
        ...(intervalMs > 0 ? { intervalMs } : {}),
      })
      if (lines.length < BATCH_LINES) continue
      count += lines.length
      yield lines.splice(0)
    }
    count += lines.length
    if (lines.length > 0) yield lines
  }
  return { total: null, count, gaps: [], gapCount: 0, quality: qualityCounts(qualities) }
}

const BATCH_LINES = 2_048

async function* groupLines(
  rows: AsyncGenerator<Rows>,
  groups: IntervalGroups,
  text: ValueText,
  isCounter: boolean,
): AsyncGenerator<GroupLine[], ReadingsEnd> {
  let count = 0
  function* batches(done: readonly Group[]): Generator<GroupLine[]> {
    count += done.length
    for (let at = 0; at < done.length; at += BATCH_LINES) {
      yield done.slice(at, at + BATCH_LINES).map((group) => groupLine(group, text, isCounter))
    }
  }
  for await (const slice of rows) yield* batches(groups.take(slice))
  yield* batches(groups.end())
  const { amount, gaps, qualities } = groups
  return {
    total: amount === null ? null : text.of(amount),
    count,
    gaps: gaps.longest.map(({ fromMs, toMs, amount: value }) => ({
      from: formatInstant(fromMs),
      to: formatInstant(toMs),
      ...(value === undefined ? {} : { value: text.of(value) }),
    })),
    gapCount: gaps.count,
    quality: qualityCounts(qualities),
  }
}

function groupLine(group: Group, text: ValueText, isCounter: boolean): GroupLine {
  const { fromMs, toMs, amount, quality, values, missing, estimated, coveredMs, first, last } = group
  const printed = (value: number | null): string | null => (value === null ? null : text.of(value))
  return {
    from: formatInstant(fromMs),
    to: formatInstant(toMs),
    value: amount === null ? null : text.of(amount),
    quality,
    values,
    missing,
    estimated,
    coveredMs,
    ...(isCounter ? { first: printed(first), last: printed(last) } : {}),
  }
}

function qualityCounts(counts: readonly number[]): Partial<Record<Quality, number>> {
  return Object.fromEntries(
    QUALITIES.flatMap((quality, index) => ((counts[index] as number) > 0 ? [[quality, counts[index]]] : [])),
  )
}
