import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, toHex } from '../bytes.ts'
import { WattnessError } from '../errors.ts'
import { MAX_BODY_CELLS, MAX_TABLE_REGISTERS, MAX_TABLE_ROWS, MAX_TABLES } from '../limits.ts'
import type { Quality, Reading, Register, RegisterValue, TimeSource } from '../reading.ts'
import { decodeReadings, decodeTables, encodeReadings, MAX_CONTENT_BYTES } from '../readings-body.ts'
import { registerKey } from '../register.ts'
import { anyReadings, meterDay } from './arbitrary-readings.ts'
import { expectRefusal } from './refusal.ts'
import { readingsBodyVectors, readingsOf } from './vectors/make-readings-body.ts'

const MINUTE = 60_000
const START = Date.parse('2013-01-01T00:00:00Z')

const register = (d: number, c = 1): Register => ({ obis: { a: 1, b: 0, c, d, e: 0, f: 255 }, unit: 30, scaler: 0 })
const good = (of: Register, value: number): RegisterValue => ({ register: of, value, quality: 'good' })

function reading(values: readonly RegisterValue[], change: Partial<Reading> = {}): Reading {
  return { time: START, intervalMs: 0, timeSource: 'meter-clock', values, ...change }
}

const registers = (count: number): Register[] => Array.from({ length: count }, (_, i) => register(i % 200, Math.floor(i / 200)))

/** The order that decoding gives: rows of one shape together, shapes in order of first appearance. */
function byShape(readings: readonly Reading[]): Reading[] {
  const groups = new Map<string, Reading[]>()
  for (const row of readings) {
    const key = [row.intervalMs, row.timeSource, ...row.values.map((cell) => registerKey(cell.register))].join()
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups.values()].flat()
}

describe('readings body', () => {
  it('R9 to R27: the vectors hold, and are what their script makes', () => {
    const text = readFileSync(new URL('vectors/readings-body.json', import.meta.url), 'utf8')
    const file = JSON.parse(text) as typeof readingsBodyVectors
    expect(JSON.parse(JSON.stringify(readingsBodyVectors))).to.deep.equal(file)
    for (const { tables, hex, name, framesRoot } of file.cases) {
      const decoded = decodeReadings(fromHex(hex))
      expect(decoded.readings, name).to.deep.equal(readingsOf(tables))
      expect(decoded.framesRoot && toHex(decoded.framesRoot)).to.equal(framesRoot)
    }
    for (const { hex, refused } of file.refused) expectRefusal(refused, () => decodeReadings(fromHex(hex)))
  })

  it('any readings come back, shape by shape', () => {
    fc.assert(
      fc.property(anyReadings, fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 })), (readings, framesRoot) => {
        const decoded = decodeReadings(encodeReadings(readings, framesRoot ?? undefined))
        expect(decoded.readings).to.deep.equal(byShape(readings))
        expect(decoded.framesRoot).to.deep.equal(framesRoot ?? undefined)
      }),
      { numRuns: 500 },
    )
  })

  it('decoded readings encode to the bytes they came from', () => {
    fc.assert(
      fc.property(fc.oneof(anyReadings, meterDay), (readings) => {
        const content = encodeReadings(readings)
        expect(toHex(encodeReadings(decodeReadings(content).readings))).to.equal(toHex(content))
      }),
      { numRuns: 500 },
    )
  })

  it('R9: MISSING_MISMATCH unless null and missing go together', () => {
    const of = register(8)
    expectRefusal('MISSING_MISMATCH', () => encodeReadings([reading([{ register: of, value: null, quality: 'good' }])]))
    expectRefusal('MISSING_MISMATCH', () => encodeReadings([reading([{ register: of, value: 0, quality: 'missing' }])]))
    expect(decodeReadings(encodeReadings([reading([{ register: of, value: null, quality: 'missing' }])])).readings).to.deep.equal(
      [reading([{ register: of, value: null, quality: 'missing' }])],
    )
  })

  it('R9: VALUE_OUT_OF_RANGE for a value that is no safe integer, naming the register', () => {
    for (const value of [2 ** 53, -(2 ** 53), 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = expectRefusal('VALUE_OUT_OF_RANGE', () => encodeReadings([reading([good(register(8), value)])]))
      expect(error.data).to.deep.equal({ register: '1-0:1.8.0/30/0', value })
    }
  })

  it('R9: OUT_OF_RANGE for a quality, time source or register that does not exist, for no reading and no value', () => {
    const cell = good(register(8), 1)
    expectRefusal('OUT_OF_RANGE', () => encodeReadings([]))
    expectRefusal('OUT_OF_RANGE', () => encodeReadings([reading([])]))
    expectRefusal('OUT_OF_RANGE', () => encodeReadings([reading([{ ...cell, quality: 'fine' as Quality }])]))
    expectRefusal('OUT_OF_RANGE', () => encodeReadings([reading([cell], { timeSource: 'sundial' as TimeSource })]))
    expectRefusal('OUT_OF_RANGE', () => encodeReadings([reading([good({ ...register(8), unit: 256 }, 1)])]))
  })

  it('R9: DUPLICATE_REGISTER where a row names one twice', () => {
    expectRefusal('DUPLICATE_REGISTER', () => encodeReadings([reading([good(register(8), 1), good(register(8), 2)])]))
  })

  it('R10: one table for each list of registers, interval and time source', () => {
    const one = [good(register(8), 1)]
    const both = [good(register(8), 1), good(register(7), 2)]
    const shapes = [
      reading(one),
      reading(both),
      reading([...both].reverse()),
      reading(one, { intervalMs: MINUTE }),
      reading(one, { timeSource: 'node-clock' }),
      reading([good({ ...register(8), scaler: 1 }, 1)]),
    ]
    const { tables, readings } = decodeReadings(encodeReadings([...shapes, ...shapes.toReversed()]))
    expect(tables.map(({ times }) => times.length)).to.deep.equal(shapes.map(() => 2))
    expect(readings).to.deep.equal(shapes.flatMap((row) => [row, row]))
  })

  it('R11: OUT_OF_RANGE for a frames root of another length than 32', () => {
    for (const length of [0, 31, 33]) {
      expectRefusal('OUT_OF_RANGE', () => encodeReadings([reading([good(register(8), 1)])], new Uint8Array(length)))
    }
  })

  it('R14: VALUE_OUT_OF_RANGE for times and intervals outside the range', () => {
    const cells = [good(register(8), 1)]
    for (const ms of [-1, 0.5, 2 ** 52]) {
      expectRefusal('VALUE_OUT_OF_RANGE', () => encodeReadings([reading(cells, { time: ms })]))
      expectRefusal('VALUE_OUT_OF_RANGE', () => encodeReadings([reading(cells, { intervalMs: ms })]))
    }
  })

  it('R12, R18: one row of one register is at most 19 bytes at whole minutes, for a value below 2^27', () => {
    expect(encodeReadings([reading([good(register(8), 2 ** 27 - 1)])]).length).to.equal(19)
    expect(encodeReadings([reading([good(register(29), 8_191)], { intervalMs: 15 * MINUTE })]).length).to.equal(18)
  })

  it('R27: rows of one table keep their order, tables that of their first row', () => {
    const a = reading([good(register(8), 1)])
    const b = reading([good(register(7), 2)])
    const later = reading([good(register(8), 3)], { time: START - MINUTE })
    expect(decodeReadings(encodeReadings([a, b, later])).readings).to.deep.equal([a, later, b])
  })

  it('decodeTables gives the same by column', () => {
    const { tables } = decodeTables(
      encodeReadings([
        reading([good(register(8), 5)]),
        reading([{ register: register(8), value: null, quality: 'missing' }], { time: START + MINUTE }),
      ]),
    )
    expect(tables).to.deep.equal([
      {
        registers: [register(8)],
        intervalMs: 0,
        timeSource: 'meter-clock',
        times: [START, START + MINUTE],
        columns: [{ values: [5, Number.NaN], qualities: [0, 2] }],
      },
    ])
  })
})

describe('limits of a readings body', () => {
  const limitOf = (work: () => unknown): unknown => expectRefusal('LIMIT_EXCEEDED', work).data['what']

  it('R26: 32 tables, LIMIT_EXCEEDED for more', () => {
    const rows = registers(MAX_TABLES + 1).map((of) => reading([good(of, 1)]))
    expect(decodeReadings(encodeReadings(rows.slice(1))).tables.length).to.equal(MAX_TABLES)
    expect(limitOf(() => encodeReadings(rows))).to.equal('tables')
    expect(limitOf(() => decodeTables(fromHex('21')))).to.equal('tables')
  })

  it('R26: 64 registers in a table, LIMIT_EXCEEDED for more', () => {
    const cells = registers(MAX_TABLE_REGISTERS + 1).map((of) => good(of, 1))
    const content = encodeReadings([reading(cells.slice(1))])
    expect(decodeReadings(content).readings).to.deep.equal([reading(cells.slice(1))])
    expect(limitOf(() => encodeReadings([reading(cells)]))).to.equal('registers')
    content[1] = MAX_TABLE_REGISTERS + 1
    expect(limitOf(() => decodeTables(content))).to.equal('registers')
  })

  it('R26: 4,096 rows in a table, LIMIT_EXCEEDED for more', () => {
    const rows = Array.from({ length: MAX_TABLE_ROWS + 1 }, (_, i) => reading([good(register(8), i)], { time: i * MINUTE }))
    expect(decodeReadings(encodeReadings(rows.slice(1))).readings).to.deep.equal(rows.slice(1))
    expect(limitOf(() => encodeReadings(rows))).to.equal('rows')
    expect(limitOf(() => decodeTables(fromHex('0101010108001e00' + 'a001')))).to.equal('rows')
  })

  it('R26: 65,536 cells in a body, over all tables, LIMIT_EXCEEDED for more before anything is built', () => {
    const full = registers(MAX_BODY_CELLS / MAX_TABLE_ROWS)
    const missing = (of: Register): RegisterValue => ({ register: of, value: null, quality: 'missing' })
    const rows = Array.from({ length: MAX_TABLE_ROWS }, () => reading(full.map(missing)))
    const content = encodeReadings(rows)
    expect(content.length).to.be.below(200)
    expect(decodeTables(content).tables[0]?.columns.length).to.equal(16)
    const more = reading([missing(register(250))])
    expect(limitOf(() => encodeReadings([...rows, more]))).to.equal('cells')
    const second = encodeReadings([more]).subarray(1)
    expect(limitOf(() => decodeTables(Uint8Array.of(2, ...content.subarray(1), ...second)))).to.equal('cells')
  })

  it('R26: content of 65,519 bytes, so that it fits a body with its salt, LIMIT_EXCEEDED for more', () => {
    const wide = registers(16)
    const swing = (i: number): number => (i % 2 === 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER)
    const rows = (count: number): Reading[] =>
      Array.from({ length: count }, (_, i) => reading(wide.map((of) => good(of, swing(i)))))
    expect(encodeReadings(rows(500)).length).to.be.below(MAX_CONTENT_BYTES)
    expect(limitOf(() => encodeReadings(rows(520)))).to.equal('bytes')
    expect(limitOf(() => decodeTables(new Uint8Array(MAX_CONTENT_BYTES + 1)))).to.equal('bytes')
  })
})

describe('hostile readings bodies', () => {
  /** Throws what is not a WattnessError; where the bytes decode, what they say must have an encoding that is no longer. */
  function check(bytes: Uint8Array): void {
    let decoded: ReturnType<typeof decodeReadings>
    try {
      decoded = decodeReadings(bytes)
    } catch (error) {
      if (error instanceof WattnessError) return
      throw error
    }
    const again = encodeReadings(decoded.readings, decoded.framesRoot)
    expect(again.length).to.be.at.most(bytes.length)
    expect(decodeReadings(again)).to.deep.equal(decoded)
  }

  it('random bytes decode or are refused', () => {
    const short = fc.uint8Array({ maxLength: 60 })
    const plausible = short.map((tail) => Uint8Array.of(1, 1, 1, 1, 8, 0, 30, 0, ...tail))
    fc.assert(fc.property(fc.oneof(short, plausible), check), { numRuns: 5_000 })
  })

  it('bodies with bytes changed, cut out or put in decode or are refused', () => {
    const edit = fc.record({ at: fc.nat(), cut: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) })
    const edits = fc.array(edit, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.oneof(anyReadings, meterDay), edits, (readings, changes) => {
        let bytes = [...encodeReadings(readings)]
        for (const { at, cut, put } of changes) bytes = bytes.toSpliced(at % (bytes.length + 1), cut, ...put)
        check(Uint8Array.from(bytes))
      }),
      { numRuns: 3_000 },
    )
  })

  it('TRUNCATED at each byte, TRAILING_BYTES after the last', () => {
    const content = encodeReadings([reading([good(register(8), 70_000), good(register(7), -1)], { intervalMs: MINUTE })])
    for (let length = 0; length < content.length; length++) {
      expectRefusal('TRUNCATED', () => decodeTables(content.subarray(0, length)))
    }
    expectRefusal('TRAILING_BYTES', () => decodeTables(Uint8Array.of(...content, 0)))
  })
})
