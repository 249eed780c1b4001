import { parseDecimal } from '../../protocol/decimal.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { MAX_TABLE_REGISTERS } from '../../protocol/limits.ts'
import { formatObis } from '../../protocol/obis.ts'
import type { Reading, Register, RegisterValue } from '../../protocol/reading.ts'
import type { CosemContext, CosemRows } from './cosem-reading.ts'
import { shortest32 } from './dlms-data.ts'
import { type DlmsTime, ofWallClock } from './dlms-time.ts'
import { localMs } from './local-time.ts'
import { MbusCodes, type Measured } from './mbus-quantity.ts'
import type { MbusRecord } from './mbus-record.ts'
import type { MbusTelegram } from './mbus-telegram.ts'
import type { P1Zone } from './p1-time.ts'

/** An answer as readings: every measurement with a code, at the meter's own time where it says one, else the node's. */

const DATE_TIME_VIF = 0x6d
const CENTURY = 2_000

export function readingsOf({ medium, records, measured: found }: MbusTelegram, context: CosemContext): CosemRows {
  const faults: { code: string; message: string }[] = []
  const clock = clockOf(records, context.zone)
  const quality = clock === undefined ? (context.live ? 'good' : 'clock-doubtful') : clock.isDoubtful ? 'clock-doubtful' : 'good'
  const codes = new MbusCodes(medium)
  const values: RegisterValue[] = []
  for (const { record, measured } of found) {
    const obis = codes.codeOf(record, measured.quantity)
    try {
      const { value, scaler } = valueOf(record, measured)
      const register: Register = { obis, unit: measured.unit, scaler }
      values.push(value === null ? { register, value, quality: 'missing' } : { register, value, quality })
    } catch (error) {
      if (!isWattnessError(error)) throw error
      faults.push({ code: 'MBUS_VALUE_INVALID', message: `${formatObis(obis)}: ${error.message}` })
    }
  }
  if (values.length === 0) faults.push({ code: 'MBUS_TELEGRAM_EMPTY', message: 'the answer holds no measurement' })
  const readings: Reading[] = []
  for (let from = 0; from < values.length; from += MAX_TABLE_REGISTERS) {
    readings.push({
      time: clock?.time ?? context.nowMs,
      intervalMs: 0,
      timeSource: clock === undefined ? 'node-clock' : 'meter-clock',
      values: values.slice(from, from + MAX_TABLE_REGISTERS),
    })
  }
  return { readings, faults }
}

/** Throws VALUE_OUT_OF_RANGE, MALFORMED_DECIMAL. */
function valueOf({ value: raw }: MbusRecord, { scaler, factor }: Measured): { value: number | null; scaler: number } {
  if (raw.type === 'real' && Number.isFinite(raw.value)) {
    const { value, scaler: decimals } = parseDecimal(shortest32(raw.value))
    return { value: safe(value * factor), scaler: scaler + decimals }
  }
  if (raw.type === 'integer') return { value: safe(typeof raw.value === 'bigint' ? Number.NaN : raw.value * factor), scaler }
  return { value: null, scaler }
}

function safe(value: number): number {
  if (Number.isSafeInteger(value)) return value
  throw new WattnessError('VALUE_OUT_OF_RANGE', 'its integer exceeds 2^53-1')
}

/** The meter's time of this answer: the date and time that belongs to no stored value. */
function clockOf(records: readonly MbusRecord[], zone: P1Zone): DlmsTime | undefined {
  for (const { table, vif, storage, tariff, subunit, function: processed, extensions, value } of records) {
    const isTime = table === 'primary' && vif === DATE_TIME_VIF && extensions.length === 0
    const isOwn = storage === 0 && tariff === 0 && subunit === 0 && processed === 'instantaneous'
    if (isTime && isOwn && value.type === 'integer') return parseMbusTime(value.bytes, zone)
  }
  return undefined
}

/** Types F (four bytes) and I (six, with seconds): wall clock, with a bit for summer time and one for "invalid". */
export function parseMbusTime(bytes: Uint8Array, zone: P1Zone): DlmsTime | undefined {
  if (bytes.length !== 4 && bytes.length !== 6) return undefined
  const [second, fields] = bytes.length === 6 ? [(bytes[0] as number) & 0x3f, bytes.subarray(1)] : [0, bytes]
  const [minute, hour, day, month] = fields as unknown as readonly [number, number, number, number]
  const year = CENTURY + ((day >> 5) | ((month & 0xf0) >> 1))
  const local = localMs(year, month & 0x0f, day & 0x1f, hour & 0x1f, minute & 0x3f, second)
  if (local === undefined) return undefined
  const isSummer = bytes.length === 4 && (hour & 0x80) !== 0
  const found = ofWallClock(local, zone, isSummer)
  return found === undefined ? undefined : { time: found.time, isDoubtful: found.isDoubtful || (minute & 0x80) !== 0 }
}
