import { parseDecimal } from '../../protocol/decimal.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import { formatObis } from '../../protocol/obis.ts'
import type { Obis, Quality, Reading, RegisterValue } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { type CosemObject, readCosemList } from './cosem-list.ts'
import type { DeclaredScalers, Maker } from './cosem-tables.ts'
import type { DataNotification } from './dlms-apdu.ts'
import { parseDlmsTime } from './dlms-time.ts'
import type { P1Zone } from './p1-time.ts'

/** A pushed message as readings: every number with its code; identifiers, texts and times of other things are left out. */

export interface CosemContext {
  readonly zone: P1Zone
  /** The node's clock: for messages without a time of their own. */
  readonly nowMs: number
  /** True where the bytes come from a meter now; false for a file, whose node time says little. */
  readonly live: boolean
  /** Of values that are sent without a scaler. */
  readonly scalers?: DeclaredScalers
}

export interface CosemRows {
  /** Which meter it is, as it says itself. */
  readonly meter?: string
  readonly readings: readonly Reading[]
  readonly faults: readonly { readonly code: string; readonly message: string }[]
}

const MIN_SCALER = -128
const MAX_SCALER = 127

export function readingsOf(notification: DataNotification, context: CosemContext): CosemRows {
  const list = readCosemList(notification.data, notification.isShort, context.scalers)
  if (list === undefined) {
    const found = notification.isShort ? 'announces more values than it holds' : 'is written in no way that is known here'
    return { readings: [], faults: [{ code: 'DLMS_LIST_UNKNOWN', message: `the list ${found}` }] }
  }
  const faults: { code: string; message: string }[] = []
  if (notification.isShort) {
    const message = `the list announces more values than it holds: its ${list.objects.length} whole ones are read`
    faults.push({ code: 'DLMS_LIST_SHORT', message })
  }
  const isStandardTime = list.maker !== undefined && STANDARD_TIME.has(list.maker)
  const stamp = stampOf(list.clock ?? notification.dateTime, isStandardTime, context, faults)
  const values = new Map<string, RegisterValue>()
  for (const object of list.objects) {
    try {
      const value = measured(object, stamp.quality)
      if (value === undefined) continue
      const key = registerKey(value.register)
      if (!values.has(key)) values.set(key, value)
      else faults.push({ code: 'DLMS_OBJECT_REPEATED', message: `${formatObis(object.obis)} stands twice; the first counts` })
    } catch (error) {
      if (!isWattnessError(error)) throw error
      faults.push({ code: 'DLMS_VALUE_INVALID', message: `${formatObis(object.obis)}: ${error.message}` })
    }
  }
  if (values.size === 0) faults.push({ code: 'DLMS_LIST_EMPTY', message: 'the list holds no measurement' })
  const meter = list.meter === undefined ? {} : { meter: list.meter }
  return { readings: split(Array.from(values.values()), stamp), faults, ...meter }
}

interface Stamp {
  readonly time: number
  readonly timeSource: 'meter-clock' | 'node-clock'
  readonly quality: Quality
}

/**
 * Makers whose clocks know no summer time, where the deviation says nothing: UtilitechAS/amsreader-firmware, pull request 1227
 * (Kamstrup, against a clock that was right) and issue 303 (Aidon).
 */
const STANDARD_TIME: ReadonlySet<Maker> = new Set(['aidon', 'kamstrup', 'kamstrup-ct'])

function stampOf(
  bytes: Uint8Array | undefined,
  isStandardTime: boolean,
  context: CosemContext,
  faults: { code: string; message: string }[],
): Stamp {
  const parsed = bytes === undefined ? undefined : parseDlmsTime(bytes, context.zone, isStandardTime)
  if (parsed !== undefined) {
    return { time: parsed.time, timeSource: 'meter-clock', quality: parsed.isDoubtful ? 'clock-doubtful' : 'good' }
  }
  if (bytes !== undefined) {
    const found = Buffer.from(bytes).toString('hex')
    faults.push({ code: 'DLMS_CLOCK_INVALID', message: `the time ${found} names none; the node's clock is taken` })
  }
  return { time: context.nowMs, timeSource: 'node-clock', quality: context.live ? 'good' : 'clock-doubtful' }
}

/** Undefined for what is no measurement. Throws VALUE_OUT_OF_RANGE, MALFORMED_DECIMAL. */
function measured({ obis, value: data, unit, scaler }: CosemObject, quality: Quality): RegisterValue | undefined {
  if (isIdentifier(obis)) return undefined
  if (data.type === 'float') {
    const { value, scaler: decimals } = parseDecimal(data.text)
    return { register: { obis, unit, scaler: inRange(scaler + decimals) }, value, quality }
  }
  if (data.type !== 'number') return undefined
  if (typeof data.value === 'bigint') {
    throw new WattnessError('VALUE_OUT_OF_RANGE', `value ${data.value} exceeds 2^53-1`, { found: String(data.value) })
  }
  return { register: { obis, unit, scaler: inRange(scaler) }, value: data.value, quality }
}

function inRange(scaler: number): number {
  if (scaler >= MIN_SCALER && scaler <= MAX_SCALER) return scaler
  throw new WattnessError('VALUE_OUT_OF_RANGE', `scaler ${scaler} is below ${MIN_SCALER}`, { scaler })
}

/** Numbers of meters (C = 0, 42, 96.1) and of the push itself (25). */
function isIdentifier({ a, c, d }: Obis): boolean {
  return c === 0 || (a === 0 && (c === 42 || c === 25 || (c === 96 && d === 1)))
}

/** A table of a block holds so many registers: a longer row becomes several of the same time. */
function split(values: readonly RegisterValue[], { time, timeSource }: Stamp): Reading[] {
  const readings: Reading[] = []
  for (let from = 0; from < values.length; from += MAX_TABLE_REGISTERS) {
    readings.push({ time, intervalMs: 0, timeSource, values: values.slice(from, from + MAX_TABLE_REGISTERS) })
  }
  return readings
}
