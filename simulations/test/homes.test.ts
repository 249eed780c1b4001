import { expect } from 'chai'
import { systemPlatform } from '../../node/index.ts'
import { realData, thrownCode } from '../../node/test/collect/inputs.ts'
import { builtInHomes, realHomes } from '../loads/homes.ts'

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2013, 0, 1)
const INIT = { meters: 5, startMs: START_MS, forMs: 24 * HOUR_MS, readingIntervalMs: HOUR_MS / 2 }

describe('homes', () => {
  it('built-in households read at each interval of the run, and differ from each other', () => {
    const homes = builtInHomes(INIT)
    expect(homes.map(({ readings }) => readings.length)).to.deep.equal([48, 48, 48, 48, 48])
    expect(homes[0]?.readings.at(0)?.time).to.equal(START_MS + HOUR_MS / 2)
    expect(homes[0]?.readings.at(-1)?.time).to.equal(START_MS + 24 * HOUR_MS)
    expect(new Set(homes.map(({ readings }) => JSON.stringify(readings.at(-1)?.values))).size).to.equal(5)
  })

  it('real homes begin on the first day of the run, wherever their own days are', async () => {
    const path = realData('load')
    if (path === undefined) return
    const homes = await realHomes(path, { ...INIT, startMs: Date.UTC(2031, 5, 1) }, systemPlatform)
    expect(homes).to.have.length(5)
    for (const { readings } of homes) {
      expect(readings.length).to.be.within(47, 49)
      expect(readings[0]?.time).to.be.within(Date.UTC(2031, 5, 1), Date.UTC(2031, 5, 1) + HOUR_MS / 2)
    }
  })

  it('TOO_FEW_HOMES: a meter has a home of its own', async () => {
    const path = realData('load')
    if (path === undefined) return
    expect(await thrownCode(() => realHomes(`${path}/bdew_h25.csv`, INIT, systemPlatform))).to.equal('TOO_FEW_HOMES')
  })
})
