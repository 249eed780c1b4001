import { expect } from 'chai'
import { type Member, type Reading, type Register, UNIT } from '../../../protocol/index.ts'
import { askBalance, type BalanceLine, type BalanceQuestion, QUERY_LIMITS, timeZone } from '../../query/index.ts'
import { codeOf, reading, register } from './made-home.ts'
import { MadeStreet } from './made-street.ts'

const HOUR = 3_600_000
const QUARTER = HOUR / 4
const IMPORT = register('1-0:1.29.0')
const EXPORT = register('1-0:2.29.0')
const COUNTER = register('1-0:1.8.0')
const BACK = register('1-0:2.8.0')

describe('the balance of a community', () => {
  let street: MadeStreet

  const ask = async (question: Partial<BalanceQuestion> = {}): Promise<{ lines: BalanceLine[]; total: object; unit: string }> => {
    const members = street.members.filter((member) => member !== question.feeder)
    const { lines, total, unit } = await askBalance(street.store, street.membership, {
      members,
      fromMs: 0,
      toMs: 2 * HOUR,
      resolution: '1h',
      settlement: '15m',
      zone: timeZone('UTC'),
      ...question,
    })
    return { lines: [...lines()], total, unit }
  }
  const quarters = (of: Register, values: readonly (number | null)[]): Reading[] =>
    values.map((value, i) => reading(of, { time: (i + 1) * QUARTER, value, intervalMs: QUARTER }))
  const counter = (of: Register, values: readonly number[], step = QUARTER): Reading[] =>
    values.map((value, i) => reading(of, { time: i * step, value }))

  beforeEach(async () => {
    street = await MadeStreet.create()
    street.add()
    street.add()
  })

  it('what one gives while another takes is shared; over an hour it is what was shared within its quarters', async () => {
    await street.seal(0, quarters(IMPORT, [100, 100, 100, 100, 50, 50, 50, 50]))
    await street.seal(1, [...quarters(IMPORT, [0, 0, 10, 10, 10, 10, 10, 10]), ...quarters(EXPORT, [300, 80, 0, 0, 0, 0, 0, 0])])
    const { lines, total, unit } = await ask()
    expect(unit).to.equal('kWh')
    expect(lines[0]).to.deep.equal({
      from: '1970-01-01T00:00:00Z',
      to: '1970-01-01T01:00:00Z',
      import: '0.420',
      export: '0.380',
      selfConsumption: '0.180',
      net: '0.040',
      feeder: null,
      loss: null,
      missing: [],
      estimated: [],
    })
    expect(lines[1]).to.include({ import: '0.240', export: '0.000', selfConsumption: '0.000' })
    expect(total).to.include({ import: '0.660', export: '0.380', selfConsumption: '0.180', net: '0.280' })
    const hourly = await ask({ settlement: '1h' })
    expect(hourly.lines[0]?.selfConsumption).to.equal('0.380')
    const fine = await ask({ resolution: '15m' })
    expect(fine.lines.map(({ selfConsumption }) => selfConsumption).slice(0, 3)).to.deep.equal(['0.100', '0.080', '0.000'])
  })

  it('a feeder meter tells what is lost, where nothing is missing', async () => {
    const feeder = street.add()
    await street.seal(0, counter(COUNTER, [0, 100, 200, 300, 400, 500, 600, 700, 800]))
    await street.seal(1, counter(COUNTER, [7, 7, 7, 7, 7]))
    await street.seal(2, counter(COUNTER, [0, 105, 215, 320, 440, 540, 640, 740, 850]))
    const { lines, total } = await ask({ feeder })
    expect(
      lines.map(({ import: imported, net, feeder: fed, loss, missing }) => [imported, net, fed, loss, missing]),
    ).to.deep.equal([
      ['0.400', '0.400', '0.440', '0.040', []],
      ['0.400', '0.400', '0.410', null, [1]],
    ])
    expect(total).to.deep.include({ feeder: '0.850', loss: null, missing: [1] })
  })

  it('a feeder with something missing says nothing, and so does one that is fed from behind as much as it takes', async () => {
    const feeder = street.add()
    for (const index of [0, 1]) await street.seal(index, counter(COUNTER, [0, 10, 20, 30, 40, 50, 60, 70, 80]))
    await street.seal(2, [...counter(COUNTER, [0, 20, 40, 60, 90]), ...counter(BACK, [0, 0, 0, 0, 5])])
    const { lines } = await ask({ feeder })
    expect(lines.map(({ feeder: fed, loss }) => [fed, loss])).to.deep.equal([
      ['0.085', '0.005'],
      [null, null],
    ])
  })

  it('missing is never zero: nobody known is null, somebody missing is named and left out', async () => {
    const { lines, total } = await ask()
    expect(lines[0]).to.include({ import: null, export: null, selfConsumption: null, net: null })
    expect([lines[0]?.missing, (total as BalanceLine).missing]).to.deep.equal([
      [0, 1],
      [0, 1],
    ])
    await street.seal(0, quarters(IMPORT, [10, null, 10, 10]))
    const known = await ask()
    expect(known.lines.map(({ import: imported, missing }) => [imported, missing])).to.deep.equal([
      ['0.030', [0, 1]],
      [null, [0, 1]],
    ])
  })

  it('a member with only an export register, or readings that were estimated or shared out, is named', async () => {
    await street.seal(0, quarters(EXPORT, [10, 10, 10, 10, 10, 10, 10, 10]))
    await street.seal(1, [
      reading(IMPORT, { time: HOUR, value: 9, intervalMs: HOUR, quality: 'estimated' }),
      reading(IMPORT, { time: 2 * HOUR, value: 9, intervalMs: HOUR }),
    ])
    const { lines } = await ask()
    expect(lines.map(({ missing, estimated }) => [missing, estimated])).to.deep.equal([
      [[0], [1]],
      [[0], []],
    ])
    const fine = await ask({ resolution: '15m' })
    expect(fine.lines.every(({ estimated }) => estimated.includes(1))).to.equal(true)
  })

  it('tariffs add up, and so do channels; a total of all tariffs counts alone; other units and codes do not count', async () => {
    const tariffs = ['1-0:1.8.1', '1-0:1.8.2', '1-3:1.8.0'].map((code) => register(code))
    await street.seal(
      0,
      tariffs.flatMap((of) => counter(of, [0, 1, 2, 3, 4, 5, 6, 7, 8])),
    )
    await street.seal(
      1,
      [COUNTER, register('1-0:1.8.1'), register('1-0:1.8.0', UNIT.vaHour), register('7-0:3.0.0', UNIT.m3)].flatMap((of) =>
        counter(of, [0, 10, 20, 30, 40, 50, 60, 70, 80]),
      ),
    )
    expect((await ask()).lines[0]?.import).to.equal('0.052')
  })

  it('scalers are brought together; numbers that no home has make their member missing, and nobody else wrong', async () => {
    await street.seal(0, quarters({ ...IMPORT, scaler: 3 }, [1, 1, 1, 1, 2, 2, 2, 2]))
    await street.seal(1, quarters({ ...IMPORT, scaler: -3 }, [1, 1, 1, 1, 2 ** 50, 2, 2, 2]))
    const { lines } = await ask()
    expect(lines.map(({ import: imported, missing }) => [imported, missing])).to.deep.equal([
      ['4.000004', []],
      ['8.000000', [1]],
    ])
  })

  it('a meter that was replaced counts up to its end, then the one in its place', async () => {
    await street.seal(0, quarters(IMPORT, [10, 10, 10, 10, 99, 99, 99, 99]), 4)
    street.change(0, { revoked: { atSize: 1, endSize: 1, endRoot: new Uint8Array(32), replacedBy: 2 } })
    const next = street.add({ replaces: 0 })
    await street.seal(2, quarters(IMPORT, [null, null, null, null, 5, 5, 5, 5]).slice(4))
    const { lines } = await ask({ members: [next] })
    expect(lines.map(({ import: imported, missing }) => [imported, missing])).to.deep.equal([
      ['0.040', []],
      ['0.020', []],
    ])
  })

  it('QUERY_TOO_LARGE, QUERY_INVALID: too many intervals, shares, members; a settlement longer than the resolution', async () => {
    expect(await codeOf(() => ask({ resolution: '15m', settlement: '1h' }))).to.equal('QUERY_INVALID')
    expect(await codeOf(() => ask({ toMs: 0 }))).to.equal('QUERY_INVALID')
    expect(await codeOf(() => ask({ toMs: 40_000 * HOUR }))).to.equal('QUERY_TOO_LARGE')
    expect((await ask({ toMs: 10_000 * HOUR, resolution: '1mo' })).lines).to.have.length(14)
    await street.seal(0, quarters(EXPORT, [1]))
    expect(await codeOf(() => ask({ toMs: 10_000 * HOUR, resolution: '1mo' }))).to.equal('QUERY_TOO_LARGE')
    const many = Array.from({ length: QUERY_LIMITS.members + 1 }, () => street.members[0] as Member)
    expect(await codeOf(() => ask({ members: many }))).to.equal('QUERY_TOO_LARGE')
  })
})
