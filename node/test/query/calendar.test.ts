import { expect } from 'chai'
import fc from 'fast-check'
import { boundsOf, type Grouping } from '../../query/calendar.ts'
import { formatInstant, parseInstant } from '../../query/instant.ts'
import { timeZone } from '../../query/time-zone.ts'
import { codeOf } from './made-home.ts'

const HOUR_MS = 3_600_000
const MOST = 40_000

const bounds = (zone: string, grouping: Grouping, from: string, to: string): number[] => {
  const tz = timeZone(zone)
  return boundsOf(tz, grouping, parseInstant('from', from, tz), parseInstant('to', to, tz), MOST)
}
const texts = (...given: Parameters<typeof bounds>): string[] => bounds(...given).map(formatInstant)
const hoursOf = (found: readonly number[]): number[] => found.slice(1).map((at, i) => (at - (found[i] as number)) / HOUR_MS)

describe('intervals of a clock', () => {
  it('days are as long as their zone makes them: 23, 25, 23.5, 24.5 hours', () => {
    expect(hoursOf(bounds('Europe/Berlin', '1d', '2025-03-29', '2025-04-01'))).to.deep.equal([24, 23, 24])
    expect(hoursOf(bounds('Europe/Berlin', '1d', '2025-10-25', '2025-10-28'))).to.deep.equal([24, 25, 24])
    expect(hoursOf(bounds('Australia/Lord_Howe', '1d', '2025-04-05', '2025-04-08'))).to.deep.equal([24, 24.5, 24])
    expect(hoursOf(bounds('Australia/Lord_Howe', '1d', '2025-10-04', '2025-10-07'))).to.deep.equal([24, 23.5, 24])
    expect(hoursOf(bounds('Europe/Moscow', '1d', '2014-10-25', '2014-10-28'))).to.deep.equal([24, 25, 24])
  })

  it('a zone half an hour off the hour has its own midnights and hours', () => {
    expect(texts('Asia/Kolkata', '1d', '2025-01-01', '2025-01-02')).to.deep.equal([
      '2024-12-31T18:30:00Z',
      '2025-01-01T18:30:00Z',
    ])
    expect(texts('Asia/Kolkata', '1h', '2025-01-01T05:00', '2025-01-01T06:00')).to.deep.equal([
      '2024-12-31T23:30:00Z',
      '2025-01-01T00:30:00Z',
    ])
    expect(texts('+05:45', '1h', '2025-01-01T05:00', '2025-01-01T06:00')[0]).to.equal('2024-12-31T23:15:00Z')
  })

  it('an hour that is shown twice is two intervals, one that is left out is none', () => {
    const autumn = texts('Europe/Berlin', '1h', '2025-10-26', '2025-10-27')
    expect(autumn).to.have.length(26)
    expect(autumn.slice(2, 5)).to.deep.equal(['2025-10-26T00:00:00Z', '2025-10-26T01:00:00Z', '2025-10-26T02:00:00Z'])
    expect(bounds('Europe/Berlin', '1h', '2025-03-30', '2025-03-31')).to.have.length(24)
    expect(bounds('Europe/Berlin', '15m', '2025-10-26', '2025-10-27')).to.have.length(101)
  })

  it('where the clock changes by half an hour, an hour ends there', () => {
    // 02:00 +11:00 becomes 01:30 +10:30.
    expect(hoursOf(bounds('Australia/Lord_Howe', '1h', '2025-04-06', '2025-04-06T04:00'))).to.deep.equal([1, 1, 0.5, 1, 1])
    // 02:00 +10:30 becomes 02:30 +11:00.
    expect(hoursOf(bounds('Australia/Lord_Howe', '1h', '2025-10-05', '2025-10-05T04:00'))).to.deep.equal([1, 1, 0.5, 1])
  })

  it('a day without a midnight begins where the clock goes on; one with two begins at the first', () => {
    expect(texts('America/Sao_Paulo', '1d', '2018-11-03', '2018-11-05')).to.deep.equal([
      '2018-11-03T03:00:00Z',
      '2018-11-04T03:00:00Z',
      '2018-11-05T02:00:00Z',
    ])
    expect(texts('America/Havana', '1d', '2025-11-02', '2025-11-03')).to.deep.equal([
      '2025-11-02T04:00:00Z',
      '2025-11-03T05:00:00Z',
    ])
  })

  it('a date that a zone left out has no interval', () => {
    const found = bounds('Pacific/Apia', '1d', '2011-12-29', '2012-01-01')
    expect(hoursOf(found)).to.deep.equal([24, 24])
    expect(formatInstant(found[1] as number)).to.equal('2011-12-30T10:00:00Z')
  })

  it('months are those of the zone', () => {
    expect(texts('Europe/Moscow', '1mo', '2025-01', '2025-04')).to.deep.equal([
      '2024-12-31T21:00:00Z',
      '2025-01-31T21:00:00Z',
      '2025-02-28T21:00:00Z',
      '2025-03-31T21:00:00Z',
    ])
    expect(bounds('UTC', '1mo', '2000-01', '2025-01')).to.have.length(301)
  })

  it('what is asked for is widened to whole intervals', () => {
    expect(texts('UTC', '1d', '2025-01-01T12:00Z', '2025-01-02T00:01Z')).to.deep.equal([
      '2025-01-01T00:00:00Z',
      '2025-01-02T00:00:00Z',
      '2025-01-03T00:00:00Z',
    ])
    expect(texts('UTC', '1mo', '2025-01-31T23:59Z', '2025-02-01')).to.deep.equal(['2025-01-01T00:00:00Z', '2025-02-01T00:00:00Z'])
    expect(texts('UTC', '1h', '1970-01-01T00:30', '1970-01-01T00:31')).to.deep.equal([
      '1970-01-01T00:00:00Z',
      '1970-01-01T01:00:00Z',
    ])
  })

  it('of any time in any zone, intervals follow each other, hold what was asked for, and no more than they must', () => {
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'America/St_Johns',
      'Africa/Casablanca',
    )
    const grouping = fc.constantFrom<Grouping>('15m', '1h', '1d', '1mo')
    const from = fc.integer({ min: Date.UTC(1995, 0, 1), max: Date.UTC(2030, 0, 1) })
    fc.assert(
      fc.property(zones, grouping, from, fc.integer({ min: 1, max: 90 * 24 * HOUR_MS }), (zone, each, fromMs, length) => {
        const found = boundsOf(timeZone(zone), each, fromMs, fromMs + length, MOST)
        expect(found[0]).to.be.at.most(fromMs)
        expect(found[1]).to.be.above(fromMs)
        expect(found.at(-1)).to.be.least(fromMs + length)
        expect(found.at(-2)).to.be.below(fromMs + length)
        for (const [i, at] of found.entries()) if (i > 0) expect(at).to.be.above(found[i - 1] as number)
        const again = boundsOf(timeZone(zone), each, found[0] as number, found.at(-1) as number, MOST)
        expect(again).to.deep.equal(found)
      }),
      { numRuns: 150 },
    )
  })

  it('QUERY_TOO_LARGE: more intervals than an answer may have', async () => {
    const utc = timeZone('UTC')
    expect(boundsOf(utc, '1d', 0, 10 * 24 * HOUR_MS, 10)).to.have.length(11)
    for (const days of [11, 10_000_000])
      expect(await codeOf(() => boundsOf(utc, '1d', 0, days * 24 * HOUR_MS, 10))).to.equal('QUERY_TOO_LARGE')
  })
})

describe('time zones', () => {
  it('ZONE_UNKNOWN: neither UTC, an offset nor a name', async () => {
    for (const text of ['', 'Mars/Olympus', '+5:30', '+25:00', '+05:99', 'x'.repeat(1_000), 'Europe/Berlin; drop'])
      expect(await codeOf(() => timeZone(text)), text).to.equal('ZONE_UNKNOWN')
  })

  it('offsets are those in force, also before there was a standard time', () => {
    expect(timeZone('Z').offsetAt(0)).to.equal(0)
    expect(timeZone('-09:30').offsetAt(0)).to.equal(-9.5 * HOUR_MS)
    expect(timeZone('Europe/Moscow').offsetAt(Date.UTC(2025, 0, 1))).to.equal(3 * HOUR_MS)
    expect(timeZone('Europe/London').offsetAt(Date.UTC(1969, 0, 1))).to.equal(HOUR_MS)
    expect(timeZone('America/St_Johns').offsetAt(Date.UTC(1850, 0, 1))).to.equal(-(3 * 3_600 + 30 * 60 + 52) * 1_000)
  })

  it('as many zones as anybody asks for are answered, and few are remembered', () => {
    for (let minutes = 0; minutes < 100; minutes++) {
      const text = `+${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
      expect(timeZone(text).offsetAt(0)).to.equal(minutes * 60_000)
    }
    expect(timeZone('UTC')).to.equal(timeZone('UTC'))
  })
})

describe('instants', () => {
  const berlin = timeZone('Europe/Berlin')
  const at = (text: string): string => formatInstant(parseInstant('from', text, berlin))

  it('are read with an offset, by the clock of the zone, or as UTC milliseconds', () => {
    expect(at('2025-03-01T12:00:00Z')).to.equal('2025-03-01T12:00:00Z')
    expect(at('2025-03-01T12:00:00.250+05:30')).to.equal('2025-03-01T06:30:00.250Z')
    expect(at('2025-03-01T12:00-0100')).to.equal('2025-03-01T13:00:00Z')
    expect(at('2025-03-01 12:00')).to.equal('2025-03-01T11:00:00Z')
    expect(at('2025-07-01')).to.equal('2025-06-30T22:00:00Z')
    expect(at('2025-07')).to.equal('2025-06-30T22:00:00Z')
    expect(at('1735689600000')).to.equal('2025-01-01T00:00:00Z')
  })

  it('of a time that the clock shows twice the first, of one that it leaves out the change', () => {
    expect(at('2025-10-26T02:30')).to.equal('2025-10-26T00:30:00Z')
    expect(at('2025-03-30T02:30')).to.equal('2025-03-30T01:00:00Z')
  })

  it('QUERY_INVALID: what is no time, or none that is asked for', async () => {
    for (const text of [
      '',
      'now',
      '2025',
      '2025-13',
      '2025-02-30',
      '2025-01-01T24:00',
      '2025-01-01T12:60',
      '2025-01-01Z',
      '-1',
      '1e3',
      '99999999999999'.repeat(2),
      '999999999999999',
      '1969-01-01',
    ])
      expect(await codeOf(() => parseInstant('from', text, timeZone('UTC'))), text).to.equal('QUERY_INVALID')
  })
})
