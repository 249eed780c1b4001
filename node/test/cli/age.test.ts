import { expect } from 'chai'
import { momentBefore } from '../../cli/age.ts'

describe('ages', () => {
  const before = (now: string, age: string): string | undefined => {
    const ms = momentBefore(Date.parse(now), age)
    return ms === undefined ? undefined : new Date(ms).toISOString()
  }

  it('go back by the calendar for months and years, and by the clock for the rest', () => {
    expect(before('2026-11-23T10:00:00Z', '13mo')).to.equal('2025-10-23T10:00:00.000Z')
    expect(before('2026-03-31T00:00:00Z', '1mo')).to.equal('2026-02-28T00:00:00.000Z')
    expect(before('2024-02-29T00:00:00Z', '1y')).to.equal('2023-02-28T00:00:00.000Z')
    expect(before('2026-01-15T00:00:00Z', '1y6mo')).to.equal('2024-07-15T00:00:00.000Z')
    expect(before('2026-11-23T10:00:00Z', '400d')).to.equal('2025-10-19T10:00:00.000Z')
    expect(before('2026-11-23T10:00:00Z', '1mo2d3h')).to.equal('2026-10-21T07:00:00.000Z')
    expect(before('2026-11-23T10:00:00Z', '0d')).to.equal('2026-11-23T10:00:00.000Z')
  })

  it('are refused where they are none', () => {
    for (const text of ['', '13', 'mo', '13 mo', '-1mo', '1mo1y', '99999y', '13months']) {
      expect(before('2026-11-23T10:00:00Z', text), text).to.equal(undefined)
    }
  })
})
