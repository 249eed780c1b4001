import { type Block, bodyContent, KIND_READINGS } from './block.ts'
import { formatQuantity } from './decimal.ts'
import { formatObis } from './obis.ts'
import type { Quality, TimeSource } from './reading.ts'
import { decodeReadings } from './readings-body.ts'

/** One value of one reading, as people and programs read it (rule P18). */
export interface ReadingText {
  /** UTC, such as `2013-01-01T00:00:00Z`: the instant, or the end of the interval. */
  readonly time: string
  readonly register: string
  /** Decimal text with exactly the decimals stored; null where it is missing. */
  readonly value: string | null
  readonly unit: string
  readonly quality: Quality
  readonly timeSource: TimeSource
  /** Where the reading is about an interval. */
  readonly intervalMs?: number
}

export function formatUtc(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

/** Rule P18: the values of a block of readings, row by row; none for a block of another kind. */
export function readingTexts({ header, body }: Pick<Block, 'header' | 'body'>): ReadingText[] {
  if (header.kind !== KIND_READINGS) return []
  return decodeReadings(bodyContent(body)).readings.flatMap(({ time, intervalMs, timeSource, values }) =>
    values.map(({ register, value, quality }) => {
      const shown = formatQuantity(register, value ?? 0)
      return {
        time: formatUtc(time),
        register: formatObis(register.obis),
        value: value === null ? null : shown.value,
        unit: shown.unit,
        quality,
        timeSource,
        ...(intervalMs === 0 ? {} : { intervalMs }),
      }
    }),
  )
}
