import { readFile } from 'node:fs/promises'
import * as Type from 'typebox'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import { parseUnit } from '../../protocol/units.ts'
import { compileTimeFormat } from './csv-time.ts'
import { mappingCheck } from './mapping-schema.ts'

/** What of which messages is a value: a JSON file, or a profile. docs/sources.md explains it. */

const Text = Type.String({ minLength: 1, maxLength: 200 })
const Path = Type.String({ maxLength: 200 })
const closed = { additionalProperties: false }

const ValueSchema = Type.Object(
  {
    /** Only messages of this topic or with these last levels, where each value has a topic; `+` and `#` as in subscriptions. */
    topic: Type.Optional(Text),
    /** `ENERGY.Total`, `list[0].value`; the empty path is the payload itself. */
    path: Path,
    register: Text,
    unit: Text,
    /** Decimals kept; without it, as many as were met so far. More than these are refused, or rounded with `floats`. */
    decimals: Type.Optional(Type.Integer({ minimum: 0, maximum: 12 })),
  },
  closed,
)

export const MqttMappingSchema = Type.Object(
  {
    /** Subscribed to, unless the spec names a topic. */
    topics: Type.Optional(Type.Array(Text, { minItems: 1, maxItems: 32 })),
    time: Type.Optional(
      Type.Object(
        {
          path: Path,
          /** As in CSV mappings: iso, epoch-s, epoch-ms, or a pattern with a zone. The first that fits counts. */
          format: Type.Union([Text, Type.Array(Text, { minItems: 1, maxItems: 4 })]),
          zone: Type.Optional(Text),
        },
        closed,
      ),
    ),
    /** Where the message says which meter it is. */
    meter: Type.Optional(Path),
    values: Type.Array(ValueSchema, { minItems: 1, maxItems: 64 }),
    /** Numbers are printed floats (0.30000000000000004): rounded to `decimals`, instead of refused. */
    floats: Type.Optional(Type.Boolean()),
  },
  closed,
)

export type MqttMapping = Type.Static<typeof MqttMappingSchema>
export type MqttValue = MqttMapping['values'][number]

const MAX_MAPPING_BYTES = 65_536

const check = mappingCheck(MqttMappingSchema)

/** Throws MQTT_MAPPING_INVALID, with every place that is wrong. */
export function validateMqttMapping(value: unknown, where: string): MqttMapping {
  const fault = check(value)
  if (fault !== undefined) return refuse(where, fault)
  const mapping = value as MqttMapping
  attempt(where, '/time', () => timeFormats(mapping).map(({ format, zone }) => compileTimeFormat(zoned(format, zone))))
  for (const [index, { register, unit, decimals }] of mapping.values.entries()) {
    attempt(where, `/values/${index}/register`, () => parseObis(register))
    attempt(where, `/values/${index}/unit`, () => parseUnit(unit))
    if (mapping.floats === true && decimals === undefined) refuse(where, `/values/${index}/decimals is needed with floats`)
  }
  for (const topic of mapping.topics ?? []) if (!isTopicFilter(topic)) refuse(where, `/topics: ${topic} is no topic filter`)
  return mapping
}

/** Throws MQTT_MAPPING_INVALID, also where the file cannot be read or is no JSON. */
export async function readMqttMapping(path: string): Promise<MqttMapping> {
  let parsed: unknown
  try {
    const bytes = await readFile(path)
    if (bytes.length > MAX_MAPPING_BYTES) refuse(path, `the file is larger than ${MAX_MAPPING_BYTES} bytes`)
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    if (isWattnessError(error)) throw error
    return refuse(path, error instanceof Error ? error.message : String(error))
  }
  return validateMqttMapping(parsed, path)
}

export function timeFormats({ time }: MqttMapping): readonly { readonly format: string; readonly zone?: string }[] {
  if (time === undefined) return []
  return [time.format].flat().map((format) => zoned(format, time.zone))
}

function zoned(format: string, zone: string | undefined): { format: string; zone?: string } {
  return zone === undefined ? { format } : { format, zone }
}

/** Levels between slashes; `+` is a whole level, `#` the last one. */
export function isTopicFilter(text: string): boolean {
  const levels = text.split('/')
  return (
    text !== '' &&
    !text.includes('\0') &&
    levels.every((level, at) => level === '+' || (level === '#' && at === levels.length - 1) || !/[+#]/.test(level))
  )
}

/** Whether the filter, or a filter for the last levels alone, takes the topic. */
export function takesTopic(filter: string, topic: string): boolean {
  const levels = topic.split('/')
  const wanted = filter.split('/')
  const open = wanted.at(-1) === '#'
  const from = open ? 0 : levels.length - wanted.length
  return (
    from >= 0 &&
    wanted.every((level, at) => level === '#' || (levels.length > from + at && (level === '+' || level === levels[from + at])))
  )
}

function attempt(where: string, place: string, run: () => unknown): void {
  try {
    run()
  } catch (error) {
    refuse(where, `${place}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function refuse(where: string, reason: string): never {
  throw new WattnessError('MQTT_MAPPING_INVALID', `MQTT mapping ${where}: ${reason}`, { where, reason })
}
