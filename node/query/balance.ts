import { type Member, type Membership, UNIT, WattnessError } from '../../protocol/index.ts'
import { BalanceSums, type MemberSums } from './balance-sums.ts'
import { boundsOf, type Grouping } from './calendar.ts'
import { countedChains } from './counted-chains.ts'
import { formatInstant } from './instant.ts'
import { ValueText } from './integer-sum.ts'
import { IntervalGroups } from './interval-groups.ts'
import { QUERY_LIMITS, type QueryLimits, SHARED_MS } from './limits.ts'
import { allSeries, assertForward } from './readings.ts'
import { energySeries, type Series } from './register-choice.ts'
import { type CountedChain, readRows, type ValueStore } from './row-reader.ts'
import type { TimeZone } from './time-zone.ts'

export interface BalanceQuestion {
  readonly members: readonly Member[]
  /** The meter through which all of them are fed. */
  readonly feeder?: Member | undefined
  readonly fromMs: number
  readonly toMs: number
  readonly resolution: Grouping
  /** Within which what one member gives and another takes is shared. */
  readonly settlement: '15m' | '1h'
  readonly zone: TimeZone
}

/** Quantities of one time, as docs/queries.md defines them: decimal text in kWh, null where nothing is known. */
export interface BalanceValues {
  readonly import: string | null
  readonly export: string | null
  readonly selfConsumption: string | null
  readonly net: string | null
  readonly feeder: string | null
  readonly loss: string | null
}

export interface BalanceLine extends BalanceValues {
  readonly from: string
  readonly to: string
  /** Indexes of members of which something is missing in it; of whom something is estimated. */
  readonly missing: readonly number[]
  readonly estimated: readonly number[]
}

export interface BalanceAnswer {
  readonly unit: string
  readonly from: string
  readonly to: string
  readonly lines: () => Generator<BalanceLine>
  readonly total: BalanceValues & Pick<BalanceLine, 'missing' | 'estimated'>
}

/** Members read side by side: while one waits for the disk another is decoded. */
const AT_ONCE = 8

/** Throws QUERY_INVALID, QUERY_TOO_LARGE, QUERY_TOO_DENSE, and what `values` throws. */
export async function askBalance(
  store: ValueStore,
  membership: Membership,
  question: BalanceQuestion,
  limits: QueryLimits = QUERY_LIMITS,
): Promise<BalanceAnswer> {
  const { members, feeder, fromMs, toMs, resolution, settlement, zone } = question
  assertForward(fromMs, toMs)
  if (members.length > limits.members) {
    throw new WattnessError('QUERY_TOO_LARGE', `${members.length} members, at most ${limits.members}`, { limit: limits.members })
  }
  if (resolution === '15m' && settlement !== '15m') {
    throw new WattnessError('QUERY_INVALID', 'settlement: expected 15m, no longer than the resolution', { name: 'settlement' })
  }
  const bounds = boundsOf(zone, resolution, fromMs, toMs, limits.intervals)
  const [first, last] = [bounds[0] as number, bounds.at(-1) as number]
  const meters = await Promise.all(
    [...members, ...(feeder === undefined ? [] : [feeder])].map(async (member) => {
      const chains = countedChains(membership, member, true)
      return { member, chains, series: energySeries(await allSeries(store, chains)) }
    }),
  )
  // Where nobody gives nothing is shared, within whatever intervals.
  const isShared = settlement !== resolution && meters.some(({ series }) => series.exported.length > 0)
  const slots = isShared ? boundsOf(zone, settlement, first, last, limits.intervals) : bounds
  const scaler = Math.min(0, ...meters.flatMap(({ series }) => [...series.imported, ...series.exported].map(scalerOf)))
  const sums = new BalanceSums(bounds, slots, members.length)
  const waiting = [...meters.entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, { chains, series }] = next
      const member = place < members.length ? sums.member(place) : sums.feeder()
      const read = (each: Series, isExport: boolean): Promise<void> =>
        readSeries(store, chains, each, question, { bounds, slots, limits }, member, 10 ** (scalerOf(each) - scaler), isExport)
      for (const each of series.imported) await read(each, false)
      for (const each of series.exported) await read(each, true)
      if (series.imported.length === 0) member.hasNothing()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const text = new ValueText({ obis: NO_CODE, unit: UNIT.wattHour, scaler })
  const indexes = members.map(({ index }) => index)
  const values = (of: ReturnType<BalanceSums['at']>): BalanceValues & Pick<BalanceLine, 'missing' | 'estimated'> => {
    const printed = (value: bigint | null): string | null => (value === null ? null : text.of(value))
    return {
      import: printed(of.imported),
      export: printed(of.exported),
      selfConsumption: printed(of.shared),
      net: printed(of.net),
      feeder: printed(of.feeder),
      loss: printed(of.loss),
      missing: of.missing.map((place) => indexes[place] as number),
      estimated: of.estimated.map((place) => indexes[place] as number),
    }
  }
  return {
    unit: text.unit,
    from: formatInstant(first),
    to: formatInstant(last),
    lines: function* lines() {
      for (const [at, fromMs] of bounds.slice(0, -1).entries()) {
        yield { from: formatInstant(fromMs), to: formatInstant(bounds[at + 1] as number), ...values(sums.at(at)) }
      }
    },
    total: values(sums.total()),
  }
}

const NO_CODE = { a: 1, b: 0, c: 0, d: 0, e: 0, f: 255 }

const scalerOf = ({ register }: Series): number => register.scaler

interface Plan {
  readonly bounds: readonly number[]
  readonly slots: readonly number[]
  readonly limits: QueryLimits
}

/** The rows of one register, put both into the intervals of the answer and into those within which energy is shared. */
async function readSeries(
  store: ValueStore,
  chains: readonly CountedChain[],
  series: Series,
  { resolution, settlement }: BalanceQuestion,
  { bounds, slots, limits }: Plan,
  member: MemberSums,
  factor: number,
  isExport: boolean,
): Promise<void> {
  const coarse = new IntervalGroups(series.kind, bounds, SHARED_MS[resolution])
  const fine = slots === bounds ? undefined : new IntervalGroups(series.kind, slots, SHARED_MS[settlement])
  const marginMs = Math.max(SHARED_MS[resolution], SHARED_MS[settlement])
  const from = Math.max(0, (bounds[0] as number) - marginMs)
  const to = (bounds.at(-1) as number) + marginMs + 1
  let at = 0
  let slot = 0
  for await (const rows of readRows(store, chains, series, from, to, limits.sliceRows)) {
    for (const group of coarse.take(rows)) member.add(at++, group, factor, isExport)
    if (fine !== undefined) for (const group of fine.take(rows)) member.share(slot++, group, factor, isExport)
  }
  for (const group of coarse.end()) member.add(at++, group, factor, isExport)
  if (fine !== undefined) for (const group of fine.end()) member.share(slot++, group, factor, isExport)
}
