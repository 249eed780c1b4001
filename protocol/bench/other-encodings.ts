import protobuf from 'protobufjs'
import { formatQuantity } from '../decimal.ts'
import { formatObis } from '../obis.ts'
import type { Reading } from '../reading.ts'
import { QUALITIES } from '../reading.ts'

/** The same readings as other systems would naturally write them: content only, without header, signature or framing. */

/** JSON rows as `wattness read` prints them, time and values of a row together. */
export function toJsonRows(readings: readonly Reading[]): string {
  return JSON.stringify(
    readings.map(({ time, intervalMs, values }) => ({
      time: new Date(time).toISOString(),
      intervalMs,
      values: values.map(({ register, value, quality }) => ({
        register: formatObis(register.obis),
        ...(value === null ? { value: null, unit: '' } : formatQuantity(register, value)),
        quality,
      })),
    })),
  )
}

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Register { bytes obis = 1; uint32 unit = 2; sint32 scaler = 3; }
  message Value { uint32 register = 1; sint64 value = 2; uint32 quality = 3; }
  message Row { uint64 time_ms = 1; repeated Value values = 2; }
  message Rows { repeated Register registers = 1; uint32 interval_ms = 2; repeated Row rows = 3; }
  message Column { Register register = 1; repeated sint64 values = 2; repeated uint32 qualities = 3; }
  message Columns {
    uint64 first_time_ms = 1; uint32 interval_ms = 2; repeated sint64 time_steps = 3; repeated Column columns = 4;
  }
`)
const Rows = root.lookupType('Rows')
const Columns = root.lookupType('Columns')

/** Protobuf, one message a row, registers named once and pointed to by index: what a careful schema of rows looks like. */
export function toProtobufRows(readings: readonly Reading[]): Uint8Array {
  const registers = registersOf(readings)
  const rows = readings.map(({ time, values }) => ({
    timeMs: time,
    values: values.map(({ value, quality }, register) => ({ register, value: value ?? 0, quality: QUALITIES.indexOf(quality) })),
  }))
  return Rows.encode({ registers, intervalMs: readings[0]?.intervalMs ?? 0, rows }).finish()
}

export function fromProtobufRows(bytes: Uint8Array): unknown {
  return Rows.decode(bytes)
}

/** Protobuf by hand-made columns of differences: the most that the format gives without a coding of one's own. */
export function toProtobufColumns(readings: readonly Reading[]): Uint8Array {
  const first = readings[0] as Reading
  let lastTime = first.time
  const timeSteps = readings.slice(1).map(({ time }) => {
    const step = time - lastTime
    lastTime = time
    return step
  })
  const columns = registersOf(readings).map((register, i) => {
    let last = 0
    const values = readings.map(({ values: cells }) => {
      const value = cells[i]?.value ?? last
      const delta = value - last
      last = value
      return delta
    })
    const qualities = readings.map(({ values: cells }) => QUALITIES.indexOf(cells[i]?.quality ?? 'missing'))
    return { register, values, qualities: qualities.every((quality) => quality === 0) ? [] : qualities }
  })
  return Columns.encode({ firstTimeMs: first.time, intervalMs: first.intervalMs, timeSteps, columns }).finish()
}

function registersOf(readings: readonly Reading[]): { obis: Uint8Array; unit: number; scaler: number }[] {
  return (readings[0] as Reading).values.map(({ register: { obis, unit, scaler } }) => ({
    obis: Uint8Array.of(obis.a, obis.b, obis.c, obis.d, obis.e, obis.f),
    unit,
    scaler,
  }))
}
