import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { Histogram } from '../histogram.ts'
import { replayOf } from '../report.ts'
import { formatSetting, PRESETS, parseSetting, SETTING_NAMES } from '../settings.ts'

describe('settings', () => {
  it('every preset reads back as it is written', () => {
    for (const name of SETTING_NAMES) {
      expect(parseSetting(formatSetting(name, PRESETS)), name).to.deep.equal({ [name]: PRESETS[name] })
    }
  })

  for (const [text, code] of [
    ['colour=red', 'SETTING_UNKNOWN'],
    ['meters', 'SETTING_UNKNOWN'],
    ['meters=0', 'SETTING_INVALID'],
    ['witnesses=23', 'SETTING_INVALID'],
    ['loss=1.5', 'SETTING_INVALID'],
    ['forMs=soon', 'SETTING_INVALID'],
    ['gossip=maybe', 'SETTING_INVALID'],
    ['startMs=yesterday', 'SETTING_INVALID'],
  ] as const) {
    it(`${code}: ${text}`, () => {
      let thrown: unknown
      try {
        parseSetting(text)
      } catch (error) {
        thrown = error
      }
      expect(isWattnessError(thrown, code)).to.equal(true)
    })
  }

  it('the replay command says what differs from the presets', () => {
    const settings = { ...PRESETS, meters: 12, loss: 0.1 }
    const command = replayOf({ scenario: 'baseline', broken: 'honesty', seed: '7', data: undefined, settings, presets: PRESETS })
    expect(command).to.equal(
      'npm run simulate -- --scenario baseline --seed 7 --break honesty --set meters=12 --set forMs=1d --set loss=0.1',
    )
  })
})

describe('histogram', () => {
  it('quantiles are right to some percent', () => {
    const histogram = new Histogram()
    for (let value = 1; value <= 1_000; value++) histogram.add(value)
    expect(histogram.quantile(0.5)).to.be.closeTo(500, 25)
    expect(histogram.quantile(0.99)).to.be.closeTo(990, 50)
    expect([histogram.count, histogram.max, histogram.curve().at(-1)?.[1]]).to.deep.equal([1_000, 1_000, 1])
    expect(new Histogram().quantile(0.5)).to.equal(undefined)
  })
})
