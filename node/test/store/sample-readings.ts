import type { Reading } from '../../../protocol/reading.ts'
import type { SpoolEvent, SpoolReading } from '../../store/index.ts'

const IMPORTED = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: -3 }
const TEMPERATURE = { obis: { a: 1, b: 2, c: 96, d: 9, e: 0, f: 255 }, unit: 9, scaler: -1 }

export const START_MS = 1_700_000_000_000

/** The `number`th quarter hour of a meter. */
export function sampleReading(number: number, value = 1_000 + number): Reading {
  return {
    time: START_MS + number * 900_000,
    intervalMs: 900_000,
    timeSource: 'meter-clock',
    values: [
      { register: IMPORTED, value, quality: 'good' },
      { register: TEMPERATURE, value: null, quality: 'missing' },
    ],
  }
}

export const sampleItem = (number: number, value?: number, source = 'p1'): SpoolReading => ({
  source,
  reading: sampleReading(number, value),
})

export const sampleEvent = (number: number, source = 'p1'): SpoolEvent => ({
  source,
  event: { time: START_MS + number * 900_000, code: 1, detail: `power fail ${number}` },
})
