import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, Reader, toHex, Writer } from '../bytes.ts'
import type { TimeSource } from '../reading.ts'
import { assertTimeMs, decodeRowTimes, encodeRowTimes, MAX_TIME_MS, type RowTimes } from '../row-times.ts'
import { expectRefusal } from './refusal.ts'

const MINUTE = 60_000

function encode(times: readonly number[], intervalMs = 0, timeSource: TimeSource = 'meter-clock'): Uint8Array {
  const writer = new Writer()
  encodeRowTimes(writer, Float64Array.from(times), times.length, intervalMs, timeSource)
  return writer.finish()
}

function decode(bytes: Uint8Array, rowCount: number): RowTimes {
  const reader = new Reader(bytes, 'times')
  const times = decodeRowTimes(reader, rowCount)
  reader.done()
  return times
}

function refused(code: string, hex: string, rowCount: number): void {
  expectRefusal(code, () => decode(fromHex(hex), rowCount))
}

describe('row times', () => {
  it('R14: VALUE_OUT_OF_RANGE outside 0 to 2^52-1 milliseconds', () => {
    assertTimeMs(0, 'time')
    assertTimeMs(MAX_TIME_MS, 'time')
    for (const time of [-1, 0.5, Number.NaN, MAX_TIME_MS + 1])
      expectRefusal('VALUE_OUT_OF_RANGE', () => assertTimeMs(time, 'time'))
  })

  it('R14: the whole range comes back, from end to end and back', () => {
    for (const times of [
      [0, MAX_TIME_MS, 0, MAX_TIME_MS],
      [MAX_TIME_MS, 0, MAX_TIME_MS],
    ]) {
      expect(decode(encode(times, MAX_TIME_MS), times.length)).to.deep.equal({
        times,
        intervalMs: MAX_TIME_MS,
        timeSource: 'meter-clock',
      })
    }
  })

  it('R14: OUT_OF_RANGE for decoded times before 0 or after the last', () => {
    refused('OUT_OF_RANGE', '00010501', 2)
    const beyond = new Writer().u8(0).varint(MAX_TIME_MS).signed(1).varint(1).finish()
    expectRefusal('OUT_OF_RANGE', () => decode(beyond, 2))
    expectRefusal('OUT_OF_RANGE', () =>
      decode(
        new Writer()
          .u8(0)
          .varint(MAX_TIME_MS + 1)
          .finish(),
        1,
      ),
    )
    expectRefusal('OUT_OF_RANGE', () =>
      decode(
        new Writer()
          .u8(2)
          .varint(Math.ceil(MAX_TIME_MS / MINUTE))
          .finish(),
        1,
      ),
    )
    expectRefusal('OUT_OF_RANGE', () =>
      decode(
        new Writer()
          .u8(0x20)
          .varint(MAX_TIME_MS + 1)
          .u8(1)
          .finish(),
        1,
      ),
    )
  })

  it('R15: the coarsest unit that divides all times and the interval', () => {
    const unit = (times: readonly number[], intervalMs = 0): number => (encode(times, intervalMs)[0] as number) & 3
    expect(unit([MINUTE, 3 * MINUTE])).to.equal(2)
    expect(unit([MINUTE, 3 * MINUTE], 1_000)).to.equal(1)
    expect(unit([MINUTE, 3 * MINUTE + 1_000])).to.equal(1)
    expect(unit([MINUTE], 1)).to.equal(0)
    expect(unit([MINUTE + 1])).to.equal(0)
  })

  it('R15: NON_CANONICAL for a finer unit', () => {
    refused('NON_CANONICAL', '013c', 1)
    refused('NON_CANONICAL', '008768', 1)
    refused('NON_CANONICAL', '213c3c', 1)
    expect(decode(fromHex('213c3d'), 1).times).to.deep.equal([61_000])
    expect(decode(fromHex('213d3c'), 1).intervalMs).to.equal(61_000)
  })

  it('R16: the header names unit, source and interval', () => {
    expect(toHex(encode([5 * MINUTE], 15 * MINUTE, 'interval-end'))).to.equal('2a0f05')
    expect(toHex(encode([5 * MINUTE], 0, 'node-clock'))).to.equal('0605')
    expect(decode(fromHex('2a0f05'), 1)).to.deep.equal({ times: [300_000], intervalMs: 900_000, timeSource: 'interval-end' })
  })

  it('R16: OUT_OF_RANGE for a unit or source that does not exist, NON_CANONICAL for a reserved bit', () => {
    refused('OUT_OF_RANGE', '0301', 1)
    refused('OUT_OF_RANGE', '0c01', 1)
    refused('NON_CANONICAL', '4201', 1)
    refused('NON_CANONICAL', '8201', 1)
    expectRefusal('OUT_OF_RANGE', () => encode([0], 0, 'sundial' as TimeSource))
  })

  it('R17: NON_CANONICAL for an interval of 0 written as one', () => {
    refused('NON_CANONICAL', '220001', 1)
  })

  it('R18: regular times are two pairs, whatever their number', () => {
    const times = Array.from({ length: 96 }, (_, row) => (1_000 + row * 15) * MINUTE)
    expect(toHex(encode(times))).to.equal('02' + '8768' + '1e01' + '005e')
    expect(decode(encode(times), 96).times).to.deep.equal(times)
  })

  it('R18: times may repeat and go back', () => {
    const times = [5, 5, 5, 3, 9].map((minutes) => minutes * MINUTE)
    expect(decode(encode(times), 5).times).to.deep.equal(times)
  })

  it('R19: NON_CANONICAL for two runs that are one', () => {
    refused('NON_CANONICAL', '020100010001', 3)
  })

  it('R19: OUT_OF_RANGE for an empty run and one beyond the rows', () => {
    refused('OUT_OF_RANGE', '02010000', 2)
    refused('OUT_OF_RANGE', '02010002', 2)
  })

  it('TRUNCATED at each byte', () => {
    const bytes = encode([MINUTE, 3 * MINUTE, 900 * MINUTE], 15 * MINUTE)
    for (let length = 0; length < bytes.length; length++) expectRefusal('TRUNCATED', () => decode(bytes.subarray(0, length), 3))
  })

  it('all times come back', () => {
    const time = fc.oneof(
      fc.nat(100).map((n) => n * MINUTE),
      fc.nat(10_000).map((n) => n * 1_000),
      fc.nat({ max: 1_000_000 }),
    )
    const any = fc.oneof(time, fc.integer({ min: 0, max: MAX_TIME_MS }))
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 30 }), any, (times, intervalMs) => {
        expect(decode(encode(times, intervalMs), times.length)).to.deep.equal({ times, intervalMs, timeSource: 'meter-clock' })
      }),
      { numRuns: 500 },
    )
  })
})
