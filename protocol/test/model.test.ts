import { expect } from 'chai'
import { run } from './model/run.ts'
import { formatViolations, runSeeds } from './model/seeds.ts'

/** 100,000 take about a minute on two processors; another number: WATTNESS_MODEL_SEEDS. */
const SEEDS = Number(process.env.WATTNESS_MODEL_SEEDS ?? 100_000)

describe('model', () => {
  it(`W15: ${SEEDS.toLocaleString('en-US')} seeds: finals never conflict, all nodes agree in the end, new blocks become final`, async function () {
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
})
