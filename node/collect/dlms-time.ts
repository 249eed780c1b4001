import { DATE_TIME_BYTES } from './dlms-apdu.ts'
import { localMs } from './local-time.ts'
import type { P1Zone } from './p1-time.ts'

/**
 * Date and time of COSEM (IEC 62056-6-2 section 4.1.6.1): year 2, month, day, day of week, hour, minute, second, hundredths,
 * deviation 2, clock status. A field of FF says nothing; the deviation 8000 neither. The deviation is what is added to local
 * time to get UTC: -60 for Central Europe in winter.
 *
 * Quirks: some meters send the deviation with the other sign (India, Italy and Saudi Arabia have it so in their profiles):
 * where the zone bears out that reading and not the standard's, it is taken. Where the deviation says nothing the stamp is the
 * zone's wall clock; in the doubled hour the status tells which pass it is, if it has the bit for summer time set.
 */

export interface DlmsTime {
  /** UTC milliseconds. */
  readonly time: number
  /** The meter says that its clock may be wrong, or the stamp has two meanings. */
  readonly isDoubtful: boolean
}

const UNSPECIFIED = 0xff
const NO_DEVIATION = -0x8000
const MAX_DEVIATION_MIN = 840
/** Clock status: bit 0 invalid, 1 doubtful, 3 invalid status, 7 summer time. */
const WRONG_CLOCK = 0x0b
const SUMMER = 0x80
const MIN_YEAR = 1_990
const MAX_YEAR = 2_105
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

/** Undefined where the bytes name no time. `isStandardTime`: without deviation the clock is the zone's standard time all year. */
export function parseDlmsTime(bytes: Uint8Array, zone: P1Zone, isStandardTime = false): DlmsTime | undefined {
  if (bytes.length !== DATE_TIME_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [year, month, day, hour] = [view.getUint16(0), view.getUint8(2), view.getUint8(3), view.getUint8(5)]
  const [minute, second, hundredths] = [view.getUint8(6), orZero(view.getUint8(7)), orZero(view.getUint8(8))]
  if (year < MIN_YEAR || year > MAX_YEAR || hundredths > 99) return undefined
  const seconds = localMs(year, month, day, hour, minute, second)
  if (seconds === undefined) return undefined
  const local = seconds + hundredths * 10
  const status = view.getUint8(11)
  const isSummer = status !== UNSPECIFIED && (status & SUMMER) !== 0
  const isWrong = status !== UNSPECIFIED && (status & WRONG_CLOCK) !== 0
  const deviation = view.getInt16(9)
  if (deviation === NO_DEVIATION && isStandardTime) return { time: local - zone.standardOffsetMs, isDoubtful: isWrong }
  if (deviation === NO_DEVIATION) {
    const found = ofWallClock(local, zone, isSummer)
    return found === undefined ? undefined : { time: found.time, isDoubtful: found.isDoubtful || isWrong }
  }
  if (Math.abs(deviation) > MAX_DEVIATION_MIN) return undefined
  return { time: ofDeviation(local, deviation * MINUTE_MS, zone), isDoubtful: isWrong }
}

function ofDeviation(local: number, deviationMs: number, zone: P1Zone): number {
  const instants = zone.zone.utcOf(local)
  const [asStandard, turned] = [local + deviationMs, local - deviationMs]
  return !instants.includes(asStandard) && instants.includes(turned) ? turned : asStandard
}

export function ofWallClock(local: number, zone: P1Zone, isSummer: boolean): DlmsTime | undefined {
  const instants = zone.zone.utcOf(local)
  const summer = local - zone.standardOffsetMs - HOUR_MS
  if (isSummer && instants.includes(summer)) return { time: summer, isDoubtful: false }
  const time = instants.at(-1)
  return time === undefined ? undefined : { time, isDoubtful: instants.length > 1 }
}

function orZero(field: number): number {
  return field === UNSPECIFIED ? 0 : field
}
