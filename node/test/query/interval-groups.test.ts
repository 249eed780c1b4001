import { expect } from 'chai'
import fc from 'fast-check'
import { QUALITIES, type Quality } from '../../../protocol/index.ts'
import { GapList, MAX_GAPS } from '../../query/gap-list.ts'
import { type Group, IntervalGroups } from '../../query/interval-groups.ts'
import type { RegisterKind } from '../../query/register-kind.ts'
import { Rows } from '../../query/row-reader.ts'

const MINUTE_MS = 60_000
const QUARTER = 15 * MINUTE_MS
const HOUR = 60 * MINUTE_MS

/** time, value, interval, quality, chain */
type Row = readonly [number, number | null, number?, Quality?, number?]

function rowsOf(given: readonly Row[]): Rows {
  const rows = new Rows()
  for (const [time, value, intervalMs = 0, quality = value === null ? 'missing' : 'good', chain = 0] of given) {
    const qualities = [quality]
    rows.add({ intervalMs, timeSource: 'meter-clock', times: [time], values: [value ?? Number.NaN], qualities }, 1, chain)
  }
  return rows.settle()
}

interface Grouped {
  readonly groups: readonly Group[]
  readonly all: IntervalGroups
}

/** Given in batches of any size, the answer is the same. */
function grouped(kind: RegisterKind, bounds: readonly number[], given: readonly Row[], sharedMs = HOUR, batch = 3): Grouped {
  const all = new IntervalGroups(kind, bounds, sharedMs)
  const groups: Group[] = []
  for (let at = 0; at < given.length; at += batch) groups.push(...all.take(rowsOf(given.slice(at, at + batch))))
  groups.push(...all.end())
  return { groups, all }
}

const amounts = ({ groups }: Grouped): (number | null)[] => groups.map(({ amount }) => (amount === null ? null : Number(amount)))
const qualities = ({ groups }: Grouped): string[] => groups.map(({ quality }) => quality)
const gapsOf = ({ all }: Grouped): number[][] =>
  all.gaps.longest
    .toSorted((x, y) => x.fromMs - y.fromMs)
    .map(({ fromMs, toMs, amount }) => (amount === undefined ? [fromMs, toMs] : [fromMs, toMs, amount]))
const every = (step: number, count: number, from = 0): number[] => Array.from({ length: count + 1 }, (_, i) => from + i * step)

describe('values put into intervals', () => {
  describe('counters', () => {
    const quarters = every(QUARTER, 8, HOUR).map((time, i): Row => [time, 1_000 + i * i])

    it('a difference belongs to the interval in which it came about; the one on the bound ends it and begins the next', () => {
      const found = grouped('counter', [HOUR, 2 * HOUR, 3 * HOUR], quarters)
      expect(amounts(found)).to.deep.equal([16, 48])
      expect(qualities(found)).to.deep.equal(['good', 'good'])
      expect(found.groups.map(({ first, last }) => [first, last])).to.deep.equal([
        [1_000, 1_016],
        [1_016, 1_064],
      ])
      expect(found.groups.map(({ values, coveredMs }) => [values, coveredMs])).to.deep.equal([
        [4, HOUR],
        [4, HOUR],
      ])
      expect([found.all.amount, found.all.gaps.count]).to.deep.equal([64, 0])
    })

    it('a step over a bound is shared out by time, as estimated, and nothing of it is lost', () => {
      const found = grouped(
        'counter',
        [0, HOUR, 2 * HOUR],
        [
          [0, 0],
          [50 * MINUTE_MS, 100],
          [HOUR + 5 * MINUTE_MS, 131],
          [2 * HOUR, 200],
        ],
      )
      expect(amounts(found)).to.deep.equal([120, 80])
      expect(qualities(found)).to.deep.equal(['estimated', 'estimated'])
      expect(found.groups.map(({ estimated }) => estimated)).to.deep.equal([1, 1])
    })

    it('a longer one is a gap: its amount is said there and is in no interval', () => {
      const found = grouped('counter', every(HOUR, 4), [
        [0, 0],
        [HOUR, 10],
        [HOUR + MINUTE_MS, 11],
        [3 * HOUR + 30 * MINUTE_MS, 500],
        [4 * HOUR, 520],
      ])
      expect(amounts(found)).to.deep.equal([10, 1, null, 20])
      expect(qualities(found)).to.deep.equal(['good', 'partial', 'missing', 'partial'])
      expect(gapsOf(found)).to.deep.equal([[HOUR + MINUTE_MS, 3 * HOUR + 30 * MINUTE_MS, 489]])
    })

    it('however long it is, what began and ended within an interval is known', () => {
      const found = grouped(
        'counter',
        [0, 30 * HOUR],
        [
          [0, 5],
          [30 * HOUR, 905],
        ],
      )
      expect([amounts(found), qualities(found), gapsOf(found)]).to.deep.equal([[900], ['good'], []])
    })

    it('one that goes back, or is of another meter, grew by nobody knows how much', () => {
      const back = grouped('counter', every(HOUR, 3), [
        [0, 700],
        [HOUR, 710],
        [2 * HOUR, 3],
        [3 * HOUR, 5],
      ])
      expect([amounts(back), gapsOf(back)]).to.deep.equal([[10, null, 2], [[HOUR, 2 * HOUR]]])
      const replaced = grouped('counter', every(HOUR, 2), [
        [0, 700],
        [HOUR, 710, 0, 'good', 0],
        [2 * HOUR, 9_000, 0, 'good', 1],
      ])
      expect(amounts(replaced)).to.deep.equal([10, null])
    })

    it('one that was read behind an overflow, or of another meter, begins anew, be it higher than the last', () => {
      const found = grouped('counter', every(HOUR, 3), [
        [0, 700],
        [HOUR, 710],
        [2 * HOUR, 9_000, 0, 'overflow'],
        [3 * HOUR, 9_005],
      ])
      expect([amounts(found), gapsOf(found)]).to.deep.equal([[10, null, 5], [[HOUR, 2 * HOUR]]])
      expect(found.groups[2]?.quality).to.equal('good')
    })

    it('a missing reading takes nothing away: the next one says what came meanwhile', () => {
      const found = grouped(
        'counter',
        [0, HOUR],
        [
          [0, 0],
          [QUARTER, null],
          [2 * QUARTER, 20],
          [HOUR, 40],
        ],
      )
      expect([amounts(found), qualities(found)]).to.deep.equal([[40], ['good']])
      expect(found.groups[0]?.missing).to.equal(1)
    })

    it('what is made of an estimated or doubtful reading is that', () => {
      const found = grouped('counter', every(HOUR, 3), [
        [0, 0],
        [HOUR, 1, 0, 'clock-doubtful'],
        [2 * HOUR, 2, 0, 'estimated'],
        [3 * HOUR, 3, 0, 'overflow'],
      ])
      expect(qualities(found)).to.deep.equal(['clock-doubtful', 'estimated', 'missing'])
    })
  })

  describe('totals of intervals', () => {
    it('add up; one that is missing leaves its interval partial, never counts as 0', () => {
      const rows = every(QUARTER, 7, QUARTER).map((time, i): Row => [time, i === 5 ? null : 10, QUARTER])
      const found = grouped('total', every(HOUR, 2), rows)
      expect([amounts(found), qualities(found)]).to.deep.equal([
        [40, 30],
        ['good', 'partial'],
      ])
      expect(found.groups[1]).to.include({ values: 3, missing: 1, coveredMs: 3 * QUARTER })
      expect(gapsOf(found)).to.deep.equal([[HOUR + QUARTER, HOUR + 2 * QUARTER]])
    })

    it('an interval of nothing but missing values, or of no values, has no amount; one of zeros has 0', () => {
      const found = grouped('total', every(HOUR, 3), [
        [HOUR, null, HOUR],
        [3 * HOUR, 0, HOUR],
      ])
      expect([amounts(found), qualities(found)]).to.deep.equal([
        [null, null, 0],
        ['missing', 'missing', 'good'],
      ])
      expect(gapsOf(found)).to.deep.equal([[0, 2 * HOUR]])
    })

    it('what is coarser than the intervals is shared out as estimated, to the last unit', () => {
      const found = grouped('total', every(QUARTER, 4), [
        [2 * QUARTER, 5, 2 * QUARTER],
        [4 * QUARTER, -5, 2 * QUARTER],
      ])
      expect([amounts(found), qualities(found)]).to.deep.equal([
        [2, 3, -3, -2],
        ['estimated', 'estimated', 'estimated', 'estimated'],
      ])
    })

    it('of what overlaps the first counts', () => {
      const found = grouped(
        'total',
        [0, HOUR],
        [
          [QUARTER, 1, QUARTER],
          [2 * QUARTER, 1, QUARTER],
          [3 * QUARTER, 1, QUARTER],
          [HOUR, 1, QUARTER],
          [HOUR, 400, HOUR],
        ],
      )
      expect(amounts(found)).to.deep.equal([4])
    })

    it('of a row at the edge the part within counts', () => {
      const found = grouped(
        'total',
        [HOUR, 2 * HOUR],
        [
          [HOUR + 2 * QUARTER, 100, HOUR],
          [2 * HOUR + 2 * QUARTER, 60, HOUR],
        ],
      )
      expect([amounts(found), qualities(found)]).to.deep.equal([[80], ['estimated']])
    })

    it('without an interval nothing can be said of when', () => {
      expect(amounts(grouped('total', [0, HOUR], [[QUARTER, 7]]))).to.deep.equal([null])
    })

    it('sums beyond 2^53 are exact', () => {
      const most = Number.MAX_SAFE_INTEGER
      const found = grouped(
        'total',
        [0, HOUR],
        every(QUARTER, 3, QUARTER).map((time): Row => [time, most, QUARTER]),
      )
      expect(found.groups[0]?.amount).to.equal(4n * BigInt(most))
      const share = grouped('total', every(QUARTER, 3), [[3 * QUARTER, most, 3 * QUARTER]])
      expect(share.groups.reduce((sum, { amount }) => sum + BigInt(amount as number), 0n)).to.equal(BigInt(most))
    })
  })

  describe('means and extremes', () => {
    it('means of intervals weigh by time, samples count alike, and each belongs to the interval in which it was taken', () => {
      const means = grouped(
        'mean',
        [0, HOUR],
        [
          [QUARTER, 100, QUARTER],
          [HOUR, 201, 3 * QUARTER],
        ],
      )
      expect(amounts(means)).to.deep.equal([176])
      const samples = grouped('mean', every(HOUR, 3), [
        [0, 10],
        [MINUTE_MS, 11],
        [HOUR, 50],
        [HOUR + 1, null],
      ])
      expect([amounts(samples), qualities(samples)]).to.deep.equal([
        [11, 50, null],
        ['good', 'good', 'missing'],
      ])
      expect([samples.groups.map(({ values, missing }) => [values, missing]), samples.all.amount]).to.deep.equal([
        [
          [2, 0],
          [1, 1],
          [0, 0],
        ],
        24n,
      ])
    })

    it('a maximum is the largest, a minimum the smallest of what is known', () => {
      const rows: Row[] = [
        [QUARTER, 3, QUARTER],
        [2 * QUARTER, 9, QUARTER],
        [3 * QUARTER, null, QUARTER],
        [HOUR, 5, QUARTER],
      ]
      expect(amounts(grouped('maximum', [0, HOUR], rows))).to.deep.equal([9])
      const low = grouped('minimum', [0, HOUR, 2 * HOUR], rows)
      expect([amounts(low), qualities(low)]).to.deep.equal([
        [3, null],
        ['partial', 'missing'],
      ])
    })
  })

  it('whatever the rows are: amounts and gaps together are what the counter grew, in any batches', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 * HOUR }), fc.integer({ min: 0, max: 5_000 })), { maxLength: 60 })
    fc.assert(
      fc.property(steps, fc.constantFrom(QUARTER, HOUR, 5 * HOUR), fc.integer({ min: 1, max: 7 }), (given, length, batch) => {
        let time = 0
        let value = 0
        const rows: Row[] = [[0, 0], ...given.map(([step, grown]): Row => [(time += step), (value += grown)])]
        const bounds = every(length, Math.ceil((time + 1) / length))
        const found = grouped('counter', bounds, rows, HOUR, batch)
        const sum = found.groups.reduce((all, { amount }) => all + Number(amount ?? 0), 0)
        const inGaps = found.all.gaps.longest.reduce((all, { amount = 0 }) => all + amount, 0)
        expect(sum + inGaps).to.equal(value)
        expect(Number(found.all.amount ?? 0)).to.equal(sum)
        expect(found.groups.map(({ fromMs }) => fromMs)).to.deep.equal(bounds.slice(0, -1))
        const covered = found.groups.reduce((all, { coveredMs }) => all + coveredMs, 0)
        const gaps = found.all.gaps.longest.reduce((all, { fromMs, toMs }) => all + toMs - fromMs, 0)
        expect(covered + gaps).to.equal((bounds.at(-1) as number) - (bounds[0] as number))
        expect(grouped('counter', bounds, rows, HOUR, 1_000).groups).to.deep.equal(found.groups)
      }),
      { numRuns: 300 },
    )
  })

  it('counts every quality', () => {
    const rows = QUALITIES.map((quality, i): Row => [(i + 1) * QUARTER, quality === 'missing' ? null : 1, QUARTER, quality])
    expect(grouped('total', [0, 2 * HOUR], rows).all.qualities).to.deep.equal([1, 1, 1, 1, 1])
  })

  it('of more than MAX_GAPS gaps the longest are kept', () => {
    const gaps = new GapList()
    for (let i = 0; i < 3 * MAX_GAPS; i++) gaps.add({ fromMs: i * 10_000, toMs: i * 10_000 + ((i * 7) % 6_000) })
    expect([gaps.count, gaps.longest.length]).to.deep.equal([3 * MAX_GAPS, MAX_GAPS])
    const lengths = gaps.longest.map(({ fromMs, toMs }) => toMs - fromMs)
    expect(Math.min(...lengths)).to.be.least(3_000)
  })
})
