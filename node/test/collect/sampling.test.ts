import { expect } from 'chai'
import { parseQuantity } from '../../../protocol/decimal.ts'
import { parseObis } from '../../../protocol/obis.ts'
import type { RegisterValue } from '../../../protocol/reading.ts'
import { MAX_MISSING_INTERVALS } from '../../collect/power-interval.ts'
import {
  DEFAULT_SAMPLING,
  MAX_SAMPLED_REGISTERS,
  type SampledItem,
  Sampler,
  type SamplingPolicy,
  samplingKind,
} from '../../collect/sampling.ts'
import type { ReadingItem } from '../../collect/source.ts'
import { codesOf, itemsOf, linesOf, readingsOf, realData, shown } from './inputs.ts'

const QUARTER = 900_000
const START = Date.UTC(2025, 0, 1, 12)

function value(text: string): RegisterValue {
  const [code, number, unit = ''] = text.split(' ') as [string, string, string?]
  const { value, unit: unitCode, scaler } = parseQuantity(number, unit)
  return { register: { obis: parseObis(code), unit: unitCode, scaler }, value, quality: 'good' }
}

function item(time: number, ...values: string[]): ReadingItem {
  const reading = { time, intervalMs: 0, timeSource: 'meter-clock' as const, values: values.map(value) }
  return { type: 'reading', reading, frame: Uint8Array.of(1), exponents: values.map(() => 3) }
}

function sampler(policy: Partial<SamplingPolicy> = {}): Sampler {
  return new Sampler({ ...DEFAULT_SAMPLING, ...policy })
}

/** A telegram a second over so many seconds, from `from` on. */
function seconds(into: Sampler, from: number, count: number, values: (second: number) => string[]): SampledItem[] {
  return Array.from({ length: count }, (_, second) => into.take(item(from + second * 1_000, ...values(second)))).flat()
}

const clock = (time: number): string => new Date(time).toISOString().slice(11, 19)

describe('sampling', () => {
  it('registers at each boundary: the first telegram at or after it, its own time and frame kept', () => {
    const items = seconds(sampler(), START - 5_000, 1_000, (second) => [`1-0:1.8.1 ${second}.000 kWh`])
    expect(readingsOf(items).map(({ reading, frame }) => [clock(reading.time), frame])).to.deep.equal([
      ['11:59:55', Uint8Array.of(1)],
      ['12:00:00', Uint8Array.of(1)],
      ['12:15:00', Uint8Array.of(1)],
    ])
    const late = sampler()
    late.take(item(START + 1_000, '1-0:1.8.1 1 kWh'))
    expect(
      readingsOf(late.take(item(START + QUARTER + 7_000, '1-0:1.8.1 2 kWh'))).map(({ reading }) => clock(reading.time)),
    ).to.deep.equal(['12:15:07'])
  })

  it('power as mean and maximum of the interval, as D = 27 and 53, at its end', () => {
    const into = sampler()
    const items = seconds(into, START, 901, (second) => [`1-0:1.7.0 0.${second < 450 ? '100' : '201'} kW`, '1-0:2.7.0 0.000 kW'])
    expect(shown(items)).to.deep.equal([
      '2025-01-01T12:15:00Z 1-0:1.27.0 0.151 kW',
      '2025-01-01T12:15:00Z 1-0:1.53.0 0.201 kW',
      '2025-01-01T12:15:00Z 1-0:2.27.0 0.000 kW',
      '2025-01-01T12:15:00Z 1-0:2.53.0 0.000 kW',
    ])
    expect(readingsOf(items)[0]?.reading).to.include({ intervalMs: QUARTER, timeSource: 'interval-end' })
  })

  it('a mean whose samples leave out more than a tenth of the interval is estimated', () => {
    const begun = sampler()
    seconds(begun, START + 100_000, 1, () => ['1-0:1.7.0 0.1 kW'])
    const [partial] = linesOf(seconds(begun, START + QUARTER, 1, () => ['1-0:1.7.0 0.1 kW']))
    expect(partial?.quality).to.equal('estimated')
    const holed = sampler()
    const items = [
      ...seconds(holed, START, 300, () => ['1-0:1.7.0 0.1 kW']),
      ...seconds(holed, START + 380_000, 521, () => ['1-0:1.7.0 0.1 kW']),
    ]
    expect(linesOf(items)[0]?.quality).to.equal('good')
  })

  it('an interval without any telegram is a stored fact', () => {
    const into = sampler()
    into.take(item(START, '1-0:1.7.0 0.1 kW'))
    const items = into.take(item(START + 3 * QUARTER, '1-0:1.7.0 0.2 kW'))
    expect(shown(items).filter((line) => line.includes('1.27.0'))).to.deep.equal([
      '2025-01-01T12:15:00Z 1-0:1.27.0 0.1 kW estimated',
      '2025-01-01T12:30:00Z 1-0:1.27.0 - kW missing',
      '2025-01-01T12:45:00Z 1-0:1.27.0 - kW missing',
    ])
  })

  it('of a very long outage the last intervals are written, not all', () => {
    const into = sampler()
    into.take(item(START, '1-0:1.7.0 0.1 kW'))
    expect(into.take(item(START + 100_000 * QUARTER, '1-0:1.7.0 0.2 kW'))).to.have.length(1 + MAX_MISSING_INTERVALS)
  })

  it('a sub-meter’s own time: once per boundary of its own, whenever its telegrams come', () => {
    const into = sampler({ intervalMs: 3_600_000 })
    const times = [0, 0, 300_000, 600_000, 3_600_000, 3_600_000, 3_900_000].map((offset) => START + offset)
    const items = times.flatMap((time) => into.take(item(time, '0-1:24.2.1 1.5 m3')))
    expect(readingsOf(items).map(({ reading }) => clock(reading.time))).to.deep.equal(['12:00:00', '13:00:00'])
  })

  it('what happens to which register', () => {
    const kinds = [
      '1-0:1.8.1 1 kWh',
      '1-0:3.8.0 1 kvarh',
      '1-0:1.6.0 1 kW',
      '0-1:24.2.1 1 m3',
      '7-0:3.0.0 1 m3',
      '1-0:1.7.0 1 kW',
      '1-0:9.7.0 1 kVA',
      '1-0:32.7.0 1 V',
      '1-0:1.4.0 1 kW',
      '0-0:96.7.21 1',
    ]
    expect(kinds.map((text) => samplingKind(value(text).register))).to.deep.equal([
      ...Array(5).fill('register'),
      'power',
      'power',
      'other',
      'other',
      'other',
    ])
  })

  it('other values are left out, or kept at each boundary where asked for', () => {
    const dropped = seconds(sampler(), START, 3, () => ['1-0:32.7.0 230.1 V'])
    expect(dropped).to.deep.equal([])
    const kept = seconds(sampler({ others: 'boundary' }), START, 3, () => ['1-0:32.7.0 230.1 V', '1-0:1.7.0 1 kW'])
    expect(shown(kept).map((line) => line.slice(21))).to.deep.equal(['1-0:32.7.0 0.2301 kV'])
  })

  it('mode all keeps every reading as it is, and so do readings over an interval', () => {
    const one = item(START, '1-0:1.8.1 1 kWh', '1-0:32.7.0 230 V')
    const every = sampler({ mode: 'all' })
    expect([...every.take(one), ...every.take(one)]).to.deep.equal([one, one])
    const interval: ReadingItem = { ...one, reading: { ...one.reading, intervalMs: QUARTER } }
    expect(sampler().take(interval)).to.deep.equal([interval])
  })

  it('a record that is signed is kept as it is, in whatever interval', () => {
    const record: ReadingItem = { ...item(START, '1-0:1.8.0 1 kWh'), signed: {} }
    const into = sampler()
    expect([...into.take(record), ...into.take(record)]).to.deep.equal([record, record])
  })

  it('a clock that is set back is an event, and the registers go on at once', () => {
    const into = sampler()
    into.take(item(START + 365 * 86_400_000, '1-0:1.8.1 1 kWh'))
    const items = into.take(item(START, '1-0:1.8.1 2 kWh'))
    expect(items.map(({ type }) => type)).to.deep.equal(['event', 'reading'])
    expect(items[0]).to.include({ event: 'clock-set', time: START })
  })

  it('the end of the source ends the open interval with what there is', () => {
    const into = sampler()
    into.take(item(START, '1-0:1.7.0 0.1 kW'))
    expect(shown(into.end())).to.deep.equal(
      ['2025-01-01T12:15:00Z 1-0:1.27.0 0.0001 MW estimated', '2025-01-01T12:15:00Z 1-0:1.53.0 0.0001 MW estimated'].map((line) =>
        line.replace('0.0001 MW', '0.1 kW'),
      ),
    )
    expect(into.end()).to.deep.equal([])
  })

  it('SAMPLING_TOO_MANY_REGISTERS: the number of registers followed is bounded', () => {
    const into = sampler()
    const codes = Array.from({ length: MAX_SAMPLED_REGISTERS + 2 }, (_, n) => `1-${n % 60}:${1 + Math.floor(n / 60)}.8.0 1 kWh`)
    const items = codes.flatMap((code) => into.take(item(START, code)))
    expect(readingsOf(items)).to.have.length(MAX_SAMPLED_REGISTERS)
    expect(codesOf(items)).to.deep.equal(['SAMPLING_TOO_MANY_REGISTERS', 'SAMPLING_TOO_MANY_REGISTERS'])
  })

  it('six minutes of a real meter at one telegram a second come to a handful of values', async () => {
    const dsmr = realData('dsmr')
    if (dsmr === undefined) return
    const into = sampler({ intervalMs: 300_000 })
    const raw = readingsOf(await itemsOf(`p1:${dsmr}/capture_iskra_m550t_part1.txt`))
    const kept = raw.flatMap((one) => into.take(one))
    expect(linesOf(raw).length).to.be.above(9_000)
    expect(linesOf(kept).length).to.be.below(60)
    const [first, last] = [raw[0], raw.at(-1)].map(
      (one) => linesOf(one === undefined ? [] : [one]).find(({ register }) => register === '1-0:1.8.1')?.value,
    )
    expect(linesOf(kept).find(({ register }) => register === '1-0:1.8.1')?.value).to.equal(first)
    expect(Number(last)).to.be.at.least(Number(first))
  })
})
