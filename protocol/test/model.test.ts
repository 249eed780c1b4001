import { expect } from 'chai'
import * as plays from './model/plays.ts'
import { run } from './model/run.ts'
import { formatViolations, runRange, runSeeds } from './model/seeds.ts'
import { SWITCHES } from './model/switches.ts'

/**
 * A hundred times as many as any rule that is left out needs to show: they take about a minute on two processors. After a change
 * of the rules more are due: WATTNESS_MODEL_SEEDS.
 */
const SEEDS = Number(process.env.WATTNESS_MODEL_SEEDS ?? 50_000)

/** A rule that is left out shows within so many seeds. */
const MOST_SEEDS = 500

describe('model', () => {
  it(`W15: ${SEEDS} seeds: finals never conflict, all agree in the end, new blocks become final`, async function () {
    this.timeout(15 * 60_000)
    const tally = await runSeeds(SEEDS)
    expect(formatViolations(tally)).to.equal('')
    expect(tally.kept + tally.void).to.equal(SEEDS)
    // A model that claims nothing finds nothing.
    expect(tally.void).to.be.below(Math.max(2, SEEDS / 20))
  })

  it('a seed tells the whole run', () => {
    const lines = (seed: number): string[] => {
      const log: string[] = []
      run(seed, { log: (line) => log.push(line) })
      return log
    }
    expect(lines(7)).to.deep.equal(lines(7))
    expect(lines(7)).to.not.deep.equal(lines(8))
  })

  it('W15: the plays that show a rule left out keep it where none is', () => {
    for (const play of Object.values(plays)) {
      expect(formatViolations(runRange({ from: 1, count: 50 }, { play }))).to.equal('')
    }
  })

  for (const left of SWITCHES) {
    it(`${left.rule}: without ${left.leavesOut} the model finds a violation`, () => {
      const { violations } = runRange({ from: 1, count: MOST_SEEDS }, left)
      expect(violations).to.have.length.above(0)
    })
  }
})
