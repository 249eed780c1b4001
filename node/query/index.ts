/** The door of the room: what the chains say of a time, by intervals of a clock. docs/queries.md says what every number means. */

export { askBalance, type BalanceAnswer, type BalanceLine, type BalanceQuestion, type BalanceValues } from './balance.ts'
export { CachedValues, MAX_CACHED_VALUES } from './cached-values.ts'
export { type Grouping, RESOLUTIONS, type Resolution } from './calendar.ts'
export { formatInstant, parseInstant } from './instant.ts'
export { QUERY_LIMITS, type QueryLimits } from './limits.ts'
export {
  balanceText,
  csvHead,
  csvLine,
  type LineFormat,
  readingLines,
  readingsText,
  TEXT_TYPES,
  type TextFormat,
} from './line-text.ts'
export {
  askReadings,
  type GapLine,
  type GroupLine,
  type RawLine,
  type ReadingsAnswer,
  type ReadingsEnd,
  type ReadingsHead,
  type ReadingsLine,
  type ReadingsQuestion,
} from './readings.ts'
export { nameOfSeries, seriesOf } from './register-choice.ts'
export type { ValueStore } from './row-reader.ts'
export { type TimeZone, timeZone } from './time-zone.ts'
