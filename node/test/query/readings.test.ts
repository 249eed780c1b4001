import { expect } from 'chai'
import { type Reading, type Register, UNIT, WattnessError } from '../../../protocol/index.ts'
import { CachedValues } from '../../query/cached-values.ts'
import {
  askReadings,
  type GroupLine,
  parseInstant,
  QUERY_LIMITS,
  type QueryLimits,
  type RawLine,
  type ReadingsEnd,
  type ReadingsHead,
  type ReadingsLine,
  type ReadingsQuestion,
  timeZone,
  type ValueStore,
} from '../../query/index.ts'
import { codeOf, reading, register } from './made-home.ts'
import { MadeStreet } from './made-street.ts'

const HOUR = 3_600_000
const HALF = HOUR / 2
const DAY = 24 * HOUR
const COUNTER = register('1-0:1.8.0')
const TOTAL = register('1-0:1.29.0')

interface Told<L> {
  readonly head: ReadingsHead
  readonly lines: L[]
  readonly end: ReadingsEnd
}

describe('readings asked for', () => {
  let street: MadeStreet

  const ask = async <L extends ReadingsLine = GroupLine>(
    index: number,
    question: Partial<Omit<ReadingsQuestion, 'member' | 'zone'>> & { from: string; to: string; tz?: string },
    limits: QueryLimits = QUERY_LIMITS,
    store: ValueStore = street.store,
  ): Promise<Told<L>> => {
    const { from, to, tz = 'UTC', ...rest } = question
    const zone = timeZone(tz)
    const answer = await askReadings(
      store,
      street.membership,
      {
        member: street.members[index] as (typeof street.members)[number],
        fromMs: parseInstant('from', from, zone),
        toMs: parseInstant('to', to, zone),
        resolution: '1h',
        zone,
        follow: false,
        isLines: false,
        ...rest,
      },
      limits,
    )
    const lines: ReadingsLine[] = []
    const all = answer.lines()
    for (;;) {
      const next = await all.next()
      if (next.done === true) return { head: answer.head, lines: lines as L[], end: next.value }
      lines.push(...next.value)
    }
  }
  const values = (told: Told<GroupLine>): (string | null)[] => told.lines.map(({ value }) => value)

  /** Half hours from `from` on, each of 100 Wh and a little. */
  const halfHours = (from: number, count: number, of: Register = TOTAL, unit = 1): Reading[] =>
    Array.from({ length: count }, (_, i) =>
      reading(of, { time: from + (i + 1) * HALF, value: (100 + (i % 3)) * unit, intervalMs: HALF }),
    )

  beforeEach(async () => {
    street = await MadeStreet.create()
    street.add()
  })

  it('days of a zone add up whatever its clock does, in exact decimals', async () => {
    const from = Date.UTC(2025, 2, 28)
    await street.seal(0, halfHours(from, 48 * 5))
    const told = await ask(0, { from: '2025-03-29', to: '2025-04-01', tz: 'Europe/Berlin', resolution: '1d' })
    expect(told.head).to.deep.equal({
      register: '1-0:1.29.0',
      unit: 'kWh',
      kind: 'total',
      from: '2025-03-28T23:00:00Z',
      to: '2025-03-31T22:00:00Z',
      resolution: '1d',
      tz: 'Europe/Berlin',
    })
    expect(told.lines.map(({ values: count, value }) => [count, value])).to.deep.equal([
      [48, '4.848'],
      [46, '4.646'],
      [48, '4.848'],
    ])
    expect([told.end.total, told.end.count, told.end.gaps, told.end.quality]).to.deep.equal(['14.342', 3, [], { good: 142 }])
    const kolkata = await ask(0, { from: '2025-03-30', to: '2025-03-31', tz: 'Asia/Kolkata', resolution: '1d' })
    expect(kolkata.lines[0]).to.include({ values: 48, quality: 'good', coveredMs: DAY })
    const howe = await ask(0, { from: '2025-03-30', to: '2025-03-31', tz: 'Australia/Lord_Howe', resolution: '1h' })
    expect(howe.lines).to.have.length(24)
    expect(howe.lines.every(({ quality, values: count }) => quality === 'good' && count === 2)).to.equal(true)
    const nepal = await ask(0, { from: '2025-03-30', to: '2025-03-31', tz: 'Asia/Kathmandu', resolution: '1d' })
    expect([nepal.lines[0]?.quality, nepal.lines[0]?.estimated]).to.deep.equal(['estimated', 2])
  })

  it('a gap is null in its intervals and named, and never counts as 0', async () => {
    const rows = halfHours(0, 8)
    await street.seal(0, [
      ...rows.slice(0, 2),
      reading(TOTAL, { time: 3 * HALF, value: null, intervalMs: HALF }),
      ...rows.slice(6),
    ])
    const told = await ask(0, { from: '1970-01-01T00:00', to: '1970-01-01T05:00' })
    expect(values(told)).to.deep.equal(['0.201', null, null, '0.201', null])
    expect(told.lines.map(({ quality, missing }) => [quality, missing])[1]).to.deep.equal(['missing', 1])
    expect([told.end.gaps, told.end.gapCount, told.end.quality]).to.deep.equal([
      [
        { from: '1970-01-01T01:00:00Z', to: '1970-01-01T03:00:00Z' },
        { from: '1970-01-01T04:00:00Z', to: '1970-01-01T05:00:00Z' },
      ],
      2,
      { good: 4, missing: 1 },
    ])
  })

  it('raw values are what was sealed, in order of time, once', async () => {
    const late = [reading(COUNTER, { time: HOUR, value: 5 }), reading(COUNTER, { time: 2 * HOUR, value: null })]
    await street.seal(0, [reading(COUNTER, { time: 3 * HOUR, value: 12_345 }), ...late])
    await street.seal(0, [reading(COUNTER, { time: 2 * HOUR, value: 9, quality: 'estimated' })])
    await street.seal(0, [reading(COUNTER, { time: 2 * HOUR, value: null })])
    const told = await ask<RawLine>(0, { from: '1970-01-01', to: '1970-01-02', resolution: 'raw' })
    expect(told.lines).to.deep.equal([
      { time: '1970-01-01T01:00:00Z', value: '0.005', quality: 'good', timeSource: 'meter-clock' },
      { time: '1970-01-01T02:00:00Z', value: '0.009', quality: 'estimated', timeSource: 'meter-clock' },
      { time: '1970-01-01T03:00:00Z', value: '12.345', quality: 'good', timeSource: 'meter-clock' },
    ])
    expect(told.end).to.deep.equal({ total: null, count: 3, gaps: [], gapCount: 0, quality: { good: 2, estimated: 1 } })
  })

  it('a register that was written with more decimals later is one register', async () => {
    const finer = { ...COUNTER, scaler: -3 }
    await street.seal(0, [reading(COUNTER, { time: 0, value: 7 }), reading(COUNTER, { time: HOUR, value: 8 })])
    await street.seal(0, [reading(finer, { time: 2 * HOUR, value: 8_250 }), reading(finer, { time: 3 * HOUR, value: 9_000 })])
    const told = await ask(0, { from: '1970-01-01', to: '1970-01-01T03:00' })
    expect(values(told)).to.deep.equal(['0.001000', '0.000250', '0.000750'])
    expect(told.lines[1]).to.include({ first: '0.008000', last: '0.008250' })
  })

  it('a value that the finest scaler has no room for is missing, not wrong', async () => {
    const finer = { ...TOTAL, scaler: -9 }
    await street.seal(0, [
      reading(TOTAL, { time: HOUR, value: Number.MAX_SAFE_INTEGER, intervalMs: HOUR }),
      reading(finer, { time: 2 * HOUR, value: 1, intervalMs: HOUR }),
      reading({ ...TOTAL, scaler: -100 }, { time: 3 * HOUR, value: 1, intervalMs: HOUR }),
    ])
    const told = await ask(0, { from: '1970-01-01', to: '1970-01-01T03:00' })
    expect(values(told)).to.deep.equal([null, '0.000000000001', null])
    expect(told.lines.map(({ missing }) => missing)).to.deep.equal([1, 0, 0])
  })

  it('a register is named by its code, with its unit where that is needed; it is that of the import unless named', async () => {
    const apparent = register('1-0:1.8.0', UNIT.vaHour)
    const voltage = register('1-0:32.7.0', UNIT.volt, -1)
    await street.seal(
      0,
      [COUNTER, apparent, voltage].map((of) => reading(of, { time: HOUR, value: 2_301 })),
    )
    const span = { from: '1970-01-01', to: '1970-01-02', resolution: 'raw' } as const
    expect((await ask<RawLine>(0, { ...span, register: '1-0:1.8.0/VAh' })).head.unit).to.equal('kVAh')
    expect((await ask<RawLine>(0, span)).head).to.include({ register: '1-0:1.8.0', unit: 'kWh' })
    const volts = await ask<RawLine>(0, { ...span, register: '1-0:32.7.0' })
    expect([volts.head.unit, volts.head.kind, volts.lines[0]?.value]).to.deep.equal(['V', 'mean', '230.1'])
    expect(await codeOf(() => ask(0, { ...span, register: '1-0:1.8.0' }))).to.equal('QUERY_INVALID')
  })

  it('REGISTER_UNKNOWN: names those that there are', async () => {
    const span = { from: '1970-01-01', to: '1970-01-02' }
    expect(await codeOf(() => ask(0, span))).to.equal('REGISTER_UNKNOWN')
    await street.seal(0, [reading(COUNTER, { time: HOUR, value: 1 })])
    expect(await codeOf(() => ask(0, { ...span, register: '1-0:2.8.0' }))).to.equal('REGISTER_UNKNOWN')
    expect(await codeOf(() => ask(0, { ...span, register: '1.8.0' }))).to.equal('MALFORMED_OBIS')
    expect(await codeOf(() => ask(0, { ...span, register: '1-0:1.8.0/furlong' }))).to.equal('UNKNOWN_UNIT')
  })

  describe('a meter that was replaced', () => {
    beforeEach(async () => {
      // Block by block an hour; the chain is held beyond its end.
      const old = Array.from({ length: 8 }, (_, i) => reading(COUNTER, { time: i * HOUR, value: 1_000 + 10 * i }))
      await street.seal(0, old, 1)
      street.add({ replaces: 0 })
      street.change(0, { revoked: { atSize: 1, endSize: 5, endRoot: new Uint8Array(32), replacedBy: 1 } })
      const next = Array.from({ length: 5 }, (_, i) => reading(COUNTER, { time: (4 + i) * HOUR, value: 2_000 + 100 * i }))
      await street.seal(1, next)
    })
    const span = { from: '1970-01-01', to: '1970-01-01T08:00' }

    it('counts up to its end only', async () => {
      expect(values(await ask(0, span))).to.deep.equal(['0.010', '0.010', '0.010', '0.010', null, null, null, null])
      expect((await ask<RawLine>(0, { ...span, resolution: 'raw' })).lines).to.have.length(5)
    })

    it('an end that does not count yet is none', async () => {
      street.change(0, { revoked: undefined as never })
      expect((await ask<RawLine>(0, { ...span, resolution: 'raw' })).lines).to.have.length(8)
    })

    it('is followed where that is asked for; nothing is said of how much one counter is more than the other', async () => {
      expect(values(await ask(1, span))).to.deep.equal([null, null, null, null, '0.100', '0.100', '0.100', '0.100'])
      const told = await ask(1, { ...span, follow: true })
      expect(values(told)).to.deep.equal(['0.010', '0.010', '0.010', null, '0.100', '0.100', '0.100', '0.100'])
      expect(told.end.gaps).to.deep.equal([{ from: '1970-01-01T03:00:00Z', to: '1970-01-01T04:00:00Z' }])
    })
  })

  describe('bounds', () => {
    const week = (): Promise<void> => street.seal(0, halfHours(0, 48 * 60))

    it('QUERY_TOO_LARGE: raw values of a long time, or many intervals, as one object; lines may be longer', async () => {
      await week()
      const span = { from: '1970-01-01', to: '1970-03-01' }
      const limits = { ...QUERY_LIMITS, rawMs: 30 * DAY, intervals: 100, lineIntervals: 2_000 }
      for (const resolution of ['raw', '1h'] as const)
        expect(await codeOf(() => ask(0, { ...span, resolution }, limits)), resolution).to.equal('QUERY_TOO_LARGE')
      expect((await ask(0, { ...span, resolution: '1d' }, limits)).lines).to.have.length(59)
      expect((await ask(0, { ...span, isLines: true }, limits)).lines).to.have.length(59 * 24)
      expect((await ask<RawLine>(0, { ...span, resolution: 'raw', isLines: true }, limits)).lines).to.have.length(59 * 48 - 1)
      expect(await codeOf(() => ask(0, { ...span, resolution: '15m', isLines: true }, limits))).to.equal('QUERY_TOO_LARGE')
    })

    it('QUERY_INVALID: an end that is not after the beginning', async () => {
      await week()
      for (const to of ['1970-01-02', '1970-01-01'])
        expect(await codeOf(() => ask(0, { from: '1970-01-02', to }))).to.equal('QUERY_INVALID')
    })

    it('however few rows are held at once, the answer is the same', async () => {
      await week()
      const span = { from: '1970-01-01', to: '1970-02-20', resolution: '1d' } as const
      const whole = await ask(0, span)
      for (const sliceRows of [100, 400, 3_000]) {
        const sliced = await ask(0, span, { ...QUERY_LIMITS, sliceRows })
        expect([sliced.lines, sliced.end]).to.deep.equal([whole.lines, whole.end])
      }
    })

    it('QUERY_TOO_DENSE: more rows within an hour than may be held', async () => {
      const rows = Array.from({ length: 300 }, (_, i) => reading(COUNTER, { time: i * 1_000, value: i }))
      await street.seal(0, rows, 300)
      const span = { from: '1970-01-01', to: '1970-01-02', resolution: 'raw' } as const
      expect((await ask(0, span)).lines).to.have.length(300)
      expect(await codeOf(() => ask(0, span, { ...QUERY_LIMITS, sliceRows: 299 }))).to.equal('QUERY_TOO_DENSE')
    })

    it('of values kept in memory those not asked for the longest go; a new block makes its chain be read again', async () => {
      await week()
      const cached = new CachedValues(street.store, 1_000)
      const day = (from: string, to: string): Promise<Told<GroupLine>> => ask(0, { from, to }, QUERY_LIMITS, cached)
      for (let i = 10; i < 31; i++) {
        const [from, to] = [`1970-01-${i}`, `1970-01-${i}T23:00`]
        expect(await day(from, to)).to.deep.equal(await ask(0, { from, to }))
        expect(cached.size).to.be.within(1, 1_000)
      }
      expect(values(await day('1970-03-02', '1970-03-02T01:00'))).to.deep.equal([null])
      await street.seal(0, halfHours(60 * DAY, 2))
      expect(values(await day('1970-03-02', '1970-03-02T01:00'))).to.deep.equal(['0.201'])
      expect((await day('1970-01-01', '1970-02-20')).lines).to.have.length(50 * 24)
    })

    it('a chain whose tail is replaced meanwhile is read again, a few times', async () => {
      await week()
      let failures = 2
      const { store } = street
      const failing: ValueStore = {
        head: (member) => store.head(member),
        registersOf: (member) => store.registersOf(member),
        async *values(...given) {
          yield* store.values(...given)
          if (failures-- > 0) await store.readBlock(new Uint8Array(32), 0).then(() => conflict())
        },
      }
      const span = { from: '1970-01-01', to: '1970-01-02' }
      expect(await ask(0, span, QUERY_LIMITS, failing)).to.deep.equal(await ask(0, span))
      failures = 3
      expect(await codeOf(() => ask(0, span, QUERY_LIMITS, failing))).to.equal('STORE_CONFLICT')
    })
  })
})

function conflict(): never {
  throw new WattnessError('STORE_CONFLICT', 'replaced')
}
