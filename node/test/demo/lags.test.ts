import { expect } from 'chai'
import { Lags, MAX_LAG_MS } from '../../demo/lags.ts'

describe('times from sealed to final', () => {
  const of = (...lagsMs: number[]): Lags => {
    const lags = new Lags()
    lags.add(lagsMs)
    return lags
  }

  it('a percentile is the least time that is no shorter than its share of all', () => {
    const lags = of(...Array.from({ length: 100 }, (_, at) => 100 - at))
    expect([0.5, 0.99, 1, 0].map((share) => lags.percentile(share))).to.deep.equal([50, 99, 100, 1])
    expect(of(7).percentile(0.5)).to.equal(7)
    expect(of(1, 1, 1, 9).percentile(0.5)).to.equal(1)
  })

  it('there is none of nothing', () => {
    expect(new Lags().percentile(0.5)).to.equal(null)
  })

  it('whole milliseconds from none to the longest: what is kept is bounded', () => {
    const lags = of(-5, 1.6, 1e9)
    expect([0.3, 0.6, 1].map((share) => lags.percentile(share))).to.deep.equal([0, 2, MAX_LAG_MS])
  })
})
