import { parseDecimal } from '../../protocol/decimal.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import type { Obis, Quality, RegisterValue } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { parseUnit } from '../../protocol/units.ts'
import { compileTimeFormat, type TimeReader } from './csv-time.ts'
import { atPath, decimalText, NumberText, parseExactJson } from './exact-json.ts'
import { type MqttMapping, type MqttValue, takesTopic, timeFormats } from './mqtt-mapping.ts'
import { ScalerMemory } from './scaler-memory.ts'
import { fault, type SourceItem } from './source.ts'

/** A plug's message is below 2 KiB; a telegram as JSON below 8. */
export const MAX_PAYLOAD_BYTES = 65_536

/** Clocks that were never set begin in 1970 or 2000. */
const FIRST_SENSIBLE_MS = Date.UTC(2010, 0, 1)

export interface MqttMessage {
  readonly topic: string
  readonly payload: Uint8Array
  /** Kept by the broker: it may be of any age. */
  readonly isRetained: boolean
  /** It may have waited at the broker, so that the time of its coming is not the time of its values. */
  readonly isLate: boolean
}

interface Field {
  readonly declared: MqttValue
  readonly obis: Obis
  readonly unit: number
  readonly exponent: number
}

/** The messages of one source: what of them are readings. */
export class MqttReader {
  readonly #mapping: MqttMapping
  readonly #fields: readonly Field[]
  readonly #times: readonly TimeReader[]
  readonly #memory = new ScalerMemory()
  readonly #now: () => number

  constructor(mapping: MqttMapping, now: () => number) {
    this.#mapping = mapping
    this.#now = now
    this.#times = timeFormats(mapping).map((format) => compileTimeFormat(format))
    this.#fields = mapping.values.map((declared) => ({
      declared,
      obis: parseObis(declared.register),
      ...parseUnit(declared.unit),
    }))
  }

  /** A reading and what was wrong with it; nothing where the message holds no value of the mapping. */
  read(message: MqttMessage): SourceItem[] {
    const { topic, payload } = message
    if (payload.length > MAX_PAYLOAD_BYTES) {
      return [fault('MQTT_PAYLOAD_TOO_LONG', `MQTT ${topic}: ${payload.length} bytes, at most ${MAX_PAYLOAD_BYTES}`, topic)]
    }
    const fields = this.#fields.filter(({ declared }) => declared.topic === undefined || takesTopic(declared.topic, topic))
    if (fields.length === 0 || payload.length === 0) return []
    const body = bodyOf(payload, this.#fields)
    if (body === undefined) return [fault('MQTT_PAYLOAD_MALFORMED', `MQTT ${topic}: the message is no JSON`, topic)]
    const items: SourceItem[] = []
    const stamp = this.#stamp(body, message, items)
    if (stamp === undefined) return items
    const values = this.#values(fields, body, stamp.quality, topic, items)
    if (values.size === 0) return items
    const meter = this.#mapping.meter === undefined ? undefined : textOf(atPath(body, this.#mapping.meter))
    items.push({
      type: 'reading',
      reading: {
        time: stamp.time,
        intervalMs: 0,
        timeSource: stamp.timeSource,
        values: Array.from(values.values(), ({ value }) => value),
      },
      exponents: Array.from(values.values(), ({ exponent }) => exponent),
      frame: payload,
      ...(meter === undefined ? {} : { meter }),
    })
    return items
  }

  #values(
    fields: readonly Field[],
    body: unknown,
    quality: Quality,
    topic: string,
    items: SourceItem[],
  ): Map<string, { readonly value: RegisterValue; readonly exponent: number }> {
    const values = new Map<string, { value: RegisterValue; exponent: number }>()
    for (const field of fields) {
      const found = atPath(body, field.declared.path)
      if (found === undefined || found === null) continue
      try {
        const value: RegisterValue = { ...this.#value(field, found), quality }
        // The first of several names for one register counts.
        const key = registerKey(value.register)
        if (!values.has(key)) values.set(key, { value, exponent: field.exponent })
      } catch (error) {
        if (!isWattnessError(error)) throw error
        const what = field.declared.path === '' ? 'the message' : field.declared.path
        items.push(fault('MQTT_VALUE_MALFORMED', `MQTT ${topic}: ${what}: ${error.message}`, topic))
      }
    }
    return values
  }

  #value({ declared, obis, unit, exponent }: Field, found: unknown): Omit<RegisterValue, 'quality'> {
    const text = decimalText(found)
    if (text === undefined) {
      throw new WattnessError(
        'MQTT_VALUE_MALFORMED',
        `expected a number, found ${JSON.stringify(textOf(found) ?? typeof found).slice(0, 60)}`,
      )
    }
    const { decimals } = declared
    if (decimals === undefined) {
      const { value, scaler } = parseDecimal(text)
      return this.#memory.settle(obis, unit, value, scaler + exponent)
    }
    const { value } = parseDecimal(fitted(text, decimals, this.#mapping.floats === true))
    return { register: { obis, unit, scaler: exponent - decimals }, value }
  }

  #stamp(
    body: unknown,
    { topic, isRetained, isLate }: MqttMessage,
    items: SourceItem[],
  ): { time: number; timeSource: 'meter-clock' | 'node-clock'; quality: Quality } | undefined {
    const path = this.#mapping.time?.path
    const said = path === undefined ? undefined : textOf(atPath(body, path))
    const found = said === undefined ? [] : this.#instants(said)
    const nearest = found.toSorted((a, b) => Math.abs(a - this.#now()) - Math.abs(b - this.#now()))[0]
    if (nearest !== undefined && nearest >= FIRST_SENSIBLE_MS) {
      return { time: nearest, timeSource: 'meter-clock', quality: found.length > 1 ? 'clock-doubtful' : 'good' }
    }
    if (said !== undefined && this.#times.length > 0 && !isZoneMissing(said, this.#mapping)) {
      items.push(
        fault(
          'MQTT_TIME_INVALID',
          `MQTT ${topic}: time ${JSON.stringify(said.slice(0, 40))} names no time; the node's clock is taken`,
          topic,
        ),
      )
    }
    // Nobody knows when that was said: hours ago, or a year.
    if (isRetained) return undefined
    return { time: this.#now(), timeSource: 'node-clock', quality: isLate ? 'clock-doubtful' : 'good' }
  }

  #instants(text: string): readonly number[] {
    for (const read of this.#times) {
      const found = read(text)
      if (found !== undefined && found.length > 0) return found
    }
    return []
  }
}

/** JSON; plain text only for mappings with values that are a payload by themselves, undefined for others. */
function bodyOf(payload: Uint8Array, fields: readonly Field[]): unknown {
  const text = new TextDecoder().decode(payload)
  try {
    return parseExactJson(text)
  } catch {
    return fields.some(({ declared }) => declared.path === '') ? text : undefined
  }
}

function textOf(value: unknown): string | undefined {
  if (value instanceof NumberText) return value.text
  return typeof value === 'string' ? value : undefined
}

/** A wall clock that a profile without zone leaves aside on purpose. */
function isZoneMissing(text: string, { time }: MqttMapping): boolean {
  return time?.zone === undefined && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(text)
}

/** Exactly so many decimals: fewer are padded, more are rounded (half away from zero) where they come from floats. */
function fitted(text: string, decimals: number, rounds: boolean): string {
  const [whole = '', part = ''] = text.split('.')
  if (part.length <= decimals) return decimals === 0 ? whole : `${whole}.${part.padEnd(decimals, '0')}`
  const rest = part.slice(decimals)
  if (!rounds && /[^0]/.test(rest)) {
    throw new WattnessError('MQTT_VALUE_MALFORMED', `${text.slice(0, 60)} has more than the declared ${decimals} decimals`)
  }
  const sign = /^[+-]/.exec(whole)?.[0] ?? ''
  const digits = whole.slice(sign.length) + part.slice(0, decimals)
  const rounded = (BigInt(digits) + (rounds && (rest[0] as string) >= '5' ? 1n : 0n)).toString().padStart(decimals + 1, '0')
  const point = rounded.length - decimals
  return decimals === 0 ? sign + rounded : `${sign}${rounded.slice(0, point)}.${rounded.slice(point)}`
}
