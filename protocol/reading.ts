/**
 * What a meter says. A value is an integer times 10^scaler in a DLMS unit: never a float. Section R of the specification.
 */

/** OBIS code, six numbers A-B:C.D.E*F as DLMS/COSEM (IEC 62056-61) names them, each 0 to 255. */
export interface Obis {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly e: number
  readonly f: number
}

/** An OBIS code with its DLMS unit code (IEC 62056-62, table of physical units) and its decimal scaler, −128 to 127. */
export interface Register {
  readonly obis: Obis
  readonly unit: number
  readonly scaler: number
}

/** Where a reading's time came from. */
export type TimeSource = 'meter-clock' | 'node-clock' | 'interval-end'
export const TIME_SOURCES: readonly TimeSource[] = ['meter-clock', 'node-clock', 'interval-end']

export type Quality = 'good' | 'estimated' | 'missing' | 'clock-doubtful' | 'overflow'
export const QUALITIES: readonly Quality[] = ['good', 'estimated', 'missing', 'clock-doubtful', 'overflow']

/** One register's number in one reading; `value` is a safe integer, or null exactly where quality is 'missing'. */
export interface RegisterValue {
  readonly register: Register
  readonly value: number | null
  readonly quality: Quality
}

/**
 * One row: the values of one or more registers measured at one instant (`intervalMs` 0) or over the interval of
 * `intervalMs` milliseconds that ended at `time` (UTC milliseconds).
 */
export interface Reading {
  readonly time: number
  readonly intervalMs: number
  readonly timeSource: TimeSource
  readonly values: readonly RegisterValue[]
}
