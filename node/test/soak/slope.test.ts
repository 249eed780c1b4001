import { expect } from 'chai'
import { seededRandom } from '../harness/seeded-random.ts'
import { floors, isRising, MAX_WINDOWS, MIN_SAMPLES, type Sample, trendOf } from './slope.ts'

const MINUTE_MS = 60_000
/** A twentieth of the level. */
const LEAST = { rise: 0, share: 0.05 }
const series = (count: number, value: (i: number) => number): Sample[] =>
  Array.from({ length: count }, (_, i) => ({ atMs: i * MINUTE_MS, value: value(i) }))

describe('slopes of a soak', () => {
  it('a line has its slope, per hour, whatever one outlier says', () => {
    const trend = trendOf(series(60, (i) => (i === 30 ? 5_000 : 100 + i)))
    expect(trend?.perHour).to.be.closeTo(60, 0.5)
    expect(trend?.leastPerHour).to.be.closeTo(60, 0.5)
    expect(trend?.level).to.be.closeTo(130, 1)
  })

  it('a leak under the saw teeth of a collector is a rise, the teeth alone are none', () => {
    const noise = noiseOf(7)
    const teeth = (i: number): number => 100 + (i % 7) * 4 + noise()
    const leaking = floors(
      series(240, (i) => teeth(i) + i / 10),
      24,
    )
    const steady = floors(series(240, teeth), 24)
    const watchedMs = 240 * MINUTE_MS
    const [rise, none] = [trendOf(leaking), trendOf(steady)]
    expect(rise !== undefined && isRising(rise, watchedMs, LEAST)).to.equal(true)
    expect(none !== undefined && isRising(none, watchedMs, LEAST)).to.equal(false)
  })

  it('noise is no rise, in a hundred draws', () => {
    const rising = Array.from({ length: 100 }, (_, seed) => {
      const noise = noiseOf(seed)
      const trend = trendOf(series(30, () => 100 + noise() * 40))
      return trend !== undefined && isRising(trend, 30 * MINUTE_MS, LEAST)
    }).filter(Boolean)
    expect(rising.length).to.be.at.most(4)
  })

  it('a certain rise that comes to nothing is none', () => {
    const small = trendOf(series(60, (i) => 100 + (i / 60) * 100 * LEAST.share * 0.9))
    expect(small?.leastPerHour).to.be.above(0)
    expect(small !== undefined && isRising(small, 60 * MINUTE_MS, LEAST)).to.equal(false)
  })

  it('a rise below what is told is none', () => {
    const line = trendOf(series(60, (i) => 10 + i / 10))
    expect(line !== undefined && isRising(line, 60 * MINUTE_MS, { rise: 5, share: 0 })).to.equal(true)
    expect(line !== undefined && isRising(line, 60 * MINUTE_MS, { rise: 7, share: 0 })).to.equal(false)
  })

  it('too few samples tell nothing', () => {
    expect(trendOf(series(MIN_SAMPLES - 1, (i) => i))).to.equal(undefined)
    expect(floors([], 10)).to.deep.equal([])
  })

  it('the number of pairs is bounded, whatever the length', () => {
    expect(
      floors(
        series(5_000, (i) => i),
        1_000,
      ),
    ).to.have.length.at.most(MAX_WINDOWS + 1)
    expect(trendOf(series(5_000, (i) => 10 + i))?.perHour).to.be.closeTo(60, 1)
  })
})

/** Between 0 and 1. */
function noiseOf(seed: number): () => number {
  const random = seededRandom(seed)
  return () => (random.bytes(1)[0] ?? 0) / 255
}
