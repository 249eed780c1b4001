import fc from 'fast-check'
import type { Obis, Quality, Reading, Register, RegisterValue } from '../reading.ts'
import { QUALITIES, TIME_SOURCES } from '../reading.ts'
import { equalRegisters } from '../register.ts'
import { MAX_TIME_MS } from '../row-times.ts'

/** Arbitrary readings for properties: few registers of few kinds, so that tables, runs and predictors all occur. */

const byte = fc.integer({ min: 0, max: 255 })

export const anyObis: fc.Arbitrary<Obis> = fc.oneof(
  fc.record({ a: byte, b: byte, c: byte, d: byte, e: byte, f: byte }),
  fc.record({
    a: fc.constant(1),
    b: fc.constant(0),
    c: fc.constantFrom(1, 2),
    d: fc.constantFrom(8, 7),
    e: fc.constant(0),
    f: fc.constantFrom(255, 0),
  }),
)

export const anyRegister: fc.Arbitrary<Register> = fc.record({
  obis: anyObis,
  unit: fc.oneof(fc.constantFrom(30, 27), byte),
  scaler: fc.oneof(fc.constantFrom(0, -1), fc.integer({ min: -128, max: 127 })),
})

export const anyQuality: fc.Arbitrary<Quality> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Quality>('good') },
  fc.constantFrom(...QUALITIES),
)

/** Small steps, large steps and the ends of the range: each predictor is the best, and each is ruled out, now and then. */
export const anyValue: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -100, max: 100 }),
  fc.integer({ min: 1_000_000, max: 1_000_100 }),
  fc.maxSafeInteger(),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -(2 ** 52), 2 ** 52),
)

const anyTime = fc.oneof(
  fc.integer({ min: 0, max: 200 }).map((count) => 1_356_998_400_000 + count * 900_000),
  fc.integer({ min: 0, max: 1_000_000 }).map((count) => count * 1_000),
  fc.integer({ min: 0, max: MAX_TIME_MS }),
  fc.constantFrom(0, MAX_TIME_MS),
)

const anyInterval = fc.oneof(fc.constantFrom(0, 900_000, 1_800_000, 1_000, 1), fc.integer({ min: 0, max: MAX_TIME_MS }))

function cell(register: Register): fc.Arbitrary<RegisterValue> {
  return fc
    .tuple(anyQuality, anyValue)
    .map(([quality, value]) => ({ register, quality, value: quality === 'missing' ? null : value }))
}

const anyRegisters = fc.uniqueArray(anyRegister, { minLength: 1, maxLength: 5, comparator: equalRegisters })

const anyShape = fc.record({ registers: anyRegisters, intervalMs: anyInterval, timeSource: fc.constantFrom(...TIME_SOURCES) })

function rowsOf(shape: {
  registers: Register[]
  intervalMs: number
  timeSource: Reading['timeSource']
}): fc.Arbitrary<Reading[]> {
  const { registers, intervalMs, timeSource } = shape
  const row = fc
    .tuple(anyTime, fc.tuple(...registers.map(cell)))
    .map(([time, values]) => ({ time, intervalMs, timeSource, values }))
  return fc.array(row, { minLength: 1, maxLength: 12 })
}

/** Rows of up to three shapes, shuffled together. */
export const anyReadings: fc.Arbitrary<Reading[]> = fc
  .array(anyShape.chain(rowsOf), { minLength: 1, maxLength: 3 })
  .chain((groups) => fc.shuffledSubarray(groups.flat(), { minLength: groups.flat().length }))

/** A day as meters send it: regular times, one shape, values that grow. */
export const meterDay: fc.Arbitrary<Reading[]> = fc
  .record({ registers: anyRegisters, steps: fc.array(fc.nat(3_000), { minLength: 1, maxLength: 96 }) })
  .map(({ registers, steps }) => {
    let total = 1_234_567
    return steps.map((step, row) => {
      total += step
      const value = total
      const values = registers.map((register): RegisterValue => ({ register, value, quality: 'good' }))
      return { time: 1_356_998_400_000 + row * 900_000, intervalMs: 900_000, timeSource: 'meter-clock' as const, values }
    })
  })
