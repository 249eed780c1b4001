import { expect } from 'chai'
import type { Outcome } from '../../validate/lanes.ts'
import { Tally } from '../../validate/tally.ts'

describe('what became of runs', () => {
  it('is counted by code, with the time from their coming to their answer', () => {
    let nowMs = 100
    const clock = { monotonicMs: () => nowMs }
    const tally = new Tally()
    const told: Outcome[] = []
    const accepted = { verdict: 'accept' } as Outcome
    const answer = tally.timing(clock, (outcome) => told.push(outcome))
    nowMs = 107
    answer(accepted)
    const refused = { verdict: 'ignore', code: 'DUPLICATE' } as Outcome
    expect(tally.note(refused, 0)).to.equal(refused)
    tally.note(refused, 3)
    expect(told).to.deep.equal([accepted])
    expect([...tally.byCode]).to.deep.equal([
      ['ACCEPTED', 1],
      ['DUPLICATE', 2],
    ])
    expect(tally.totalMs).to.equal(10)
  })
})
