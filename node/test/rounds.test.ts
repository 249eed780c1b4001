import { expect } from 'chai'
import fc from 'fast-check'
import { carriedRounds, gatherMsOf, msToNextRound } from '../rounds.ts'
import { announceDelayOf, attestDelayOf, crossCheckOf, DEFAULT_SETTINGS } from '../settings.ts'

describe('rounds that others carry', () => {
  it('are over shortly after one of those, not shorter than asked for, and as short as that allows', () => {
    expect(carriedRounds(2_000, 10_000)).to.deep.equal({ lengthMs: 10_000, phaseMs: 2_500 })
    expect(carriedRounds(45_000, 30_000)).to.deep.equal({ lengthMs: 60_000, phaseMs: 2_500 })
    expect(carriedRounds(500, 250)).to.deep.equal({ lengthMs: 500, phaseMs: 62 })
    const anyMs = fc.integer({ min: 10, max: 600_000 })
    fc.assert(
      fc.property(anyMs, anyMs, fc.integer({ min: 0, max: 1e13 }), (length, carrier, now) => {
        const { lengthMs, phaseMs } = carriedRounds(length, carrier)
        expect(lengthMs).to.be.within(length, length + carrier - 1)
        const signedMs = now + msToNextRound(now, lengthMs, phaseMs)
        expect(signedMs % carrier).to.equal(phaseMs)
        expect(phaseMs).to.be.at.most(carrier / 4)
      }),
    )
  })
})

describe('how long what comes is gathered', () => {
  it('is a hundredth of a round, within bounds', () => {
    expect([250, 2_000, 5_000, 10_000, 30_000].map(gatherMsOf)).to.deep.equal([20, 20, 50, 100, 100])
  })
})

describe('times that go by the block interval', () => {
  const of = (intervalMs: number): number[] => {
    const settings = { ...DEFAULT_SETTINGS, intervalMs }
    return [announceDelayOf(settings), attestDelayOf(settings), crossCheckOf(settings)]
  }

  it('are bounded below, and grow with it', () => {
    expect(of(1_000)).to.deep.equal([250, 2_000, 30_000])
    expect(of(60_000)).to.deep.equal([10_000, 12_000, 30_000])
    expect(of(900_000)).to.deep.equal([30_000, 180_000, 90_000])
    expect(of(1_800_000)).to.deep.equal([30_000, 360_000, 180_000])
  })

  it('are as set, where they are; an attestation waits for a fifth of the interval in any case', () => {
    const set = { ...DEFAULT_SETTINGS, intervalMs: 900_000, announceDelayMs: 7, attestDelayMs: 7, crossCheckMs: 7 }
    expect([announceDelayOf(set), attestDelayOf(set), crossCheckOf(set)]).to.deep.equal([7, 180_000, 7])
  })
})
