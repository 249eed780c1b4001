import { readFile } from 'node:fs/promises'
import * as Type from 'typebox'
import { WattnessError } from '../../protocol/errors.ts'
import { parseObis } from '../../protocol/obis.ts'
import { parseUnit } from '../../protocol/units.ts'
import { compileTimeFormat } from './csv-time.ts'
import { parseZone } from './local-time.ts'
import { mappingCheck } from './mapping-schema.ts'
import { parseDuration } from './source-spec.ts'

/** The declared column mapping of an interval CSV: a JSON file, or one of the built-in ones. docs/sources.md explains it. */

const Text = Type.String({ minLength: 1, maxLength: 200 })
const closed = { additionalProperties: false }

const ValueSchema = Type.Object(
  {
    /** Column name; not in layouts "wide" and "columns", where the place says it. */
    column: Type.Optional(Type.String({ maxLength: 200 })),
    /** Only rows whose cells are equal to these count for this value; `G*` is every cell that begins with G. */
    where: Type.Optional(Type.Record(Type.String(), Type.String())),
    /** OBIS code of what is printed. */
    register: Text,
    unit: Text,
    /** Decimals kept; without it, as many as were met so far. */
    decimals: Type.Optional(Type.Integer({ minimum: 0, maximum: 12 })),
    /** Also a running total from 0, as this register, or true for the same code with D = 8. Only for interval energy. */
    cumulative: Type.Optional(Type.Union([Type.Boolean(), Text])),
  },
  closed,
)

const TimeSchema = Type.Object(
  {
    /** One column, or several joined by a blank (date and hour apart). */
    column: Type.Union([
      Type.String({ maxLength: 200 }),
      Type.Array(Type.String({ maxLength: 200 }), { minItems: 1, maxItems: 4 }),
    ]),
    /**
     * `YYYY-MM-DD HH:mm`, …, with `*` at its end for whatever follows; or iso, epoch-s, epoch-ms; or index: a whole number of
     * intervals since `start`.
     */
    format: Text,
    /** IANA name or offset; not for iso, epoch and index. */
    zone: Type.Optional(Text),
    /** What the stamp names: the interval's start or end. */
    names: Type.Union([Type.Literal('start'), Type.Literal('end')]),
    /** format index: the instant of index 0, ISO with offset. */
    start: Type.Optional(Text),
  },
  closed,
)

export const CsvMappingSchema = Type.Object(
  {
    layout: Type.Union([Type.Literal('long'), Type.Literal('wide'), Type.Literal('columns')]),
    encoding: Type.Optional(Type.Union([Type.Literal('utf-8'), Type.Literal('windows-1252')])),
    delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
    decimal: Type.Optional(Type.Union([Type.Literal('.'), Type.Literal(',')])),
    /** Lines before the header line. */
    skipLines: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 })),
    /** Rows stand newest first: they are turned round. */
    order: Type.Optional(Type.Union([Type.Literal('oldest-first'), Type.Literal('newest-first')])),
    /** Column that names the home, where a file holds several. */
    home: Type.Optional(Text),
    time: TimeSchema,
    /** Length of the interval, `15m`; without it each row is a register read-out of one instant. */
    interval: Type.Optional(Text),
    /** layout wide: how the slot columns are headed, `HHmm` or `HH:mm-HH:mm`. */
    slots: Type.Optional(Text),
    values: Type.Array(ValueSchema, { minItems: 1, maxItems: 32 }),
    /** The cells are floats as programs print them (0.34600000000000003): rounded to `decimals`, instead of refused. */
    floats: Type.Optional(Type.Boolean()),
    /** Cells that stand for "no value"; the empty cell always does. */
    missing: Type.Optional(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 20 })),
    quality: Type.Optional(
      Type.Object(
        {
          /** Quality of every value, where the data as a whole is modelled or its times assumed. */
          always: Type.Optional(Type.Union([Type.Literal('estimated'), Type.Literal('clock-doubtful')])),
          column: Type.Optional(Text),
          estimated: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
          missing: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
        },
        closed,
      ),
    ),
  },
  closed,
)

export type CsvMapping = Type.Static<typeof CsvMappingSchema>
export type CsvValue = Type.Static<typeof ValueSchema>

const MAX_MAPPING_BYTES = 65_536

const check = mappingCheck(CsvMappingSchema)

/** Throws CSV_MAPPING_INVALID, with every place that is wrong. */
export function validateMapping(value: unknown, where: string): CsvMapping {
  const fault = check(value)
  if (fault !== undefined) return refuse(where, fault)
  const mapping = value as CsvMapping
  for (const reason of contradictions(mapping)) refuse(where, reason)
  return mapping
}

/** Throws CSV_MAPPING_INVALID, also where the file cannot be read or is no JSON. */
export async function readMapping(path: string): Promise<CsvMapping> {
  let parsed: unknown
  try {
    const bytes = await readFile(path)
    if (bytes.length > MAX_MAPPING_BYTES) refuse(path, `the file is larger than ${MAX_MAPPING_BYTES} bytes`)
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    if (error instanceof WattnessError) throw error
    return refuse(path, error instanceof Error ? error.message : String(error))
  }
  return validateMapping(parsed, path)
}

/** What the schema cannot say. */
function* contradictions(mapping: CsvMapping): Generator<string> {
  yield* reasons(() => compileTimeFormat(mapping.time), '/time')
  if (mapping.time.zone !== undefined) yield* reasons(() => parseZone(mapping.time.zone as string), '/time/zone')
  if (mapping.interval !== undefined && !(Number(parseDuration(mapping.interval)) > 0))
    yield '/interval is no duration such as 15m'
  if (mapping.interval === undefined && mapping.layout !== 'long') yield `/interval is needed in layout ${mapping.layout}`
  if (mapping.interval === undefined && mapping.time.format === 'index') yield '/interval is needed with the time format index'
  if ((mapping.slots !== undefined) !== (mapping.layout === 'wide')) yield '/slots belongs to layout wide, and is needed there'
  if (mapping.layout !== 'long' && mapping.values.length !== 1) yield `/values: layout ${mapping.layout} has exactly one`
  if (mapping.layout === 'columns' && mapping.home !== undefined) yield '/home: in layout columns the column names are the homes'
  for (const [index, value] of mapping.values.entries()) {
    const place = `/values/${index}`
    if ((value.column !== undefined) !== (mapping.layout === 'long'))
      yield `${place}/column belongs to layout long, and is needed there`
    if (value.cumulative !== undefined && mapping.interval === undefined) yield `${place}/cumulative needs an interval`
    if (value.cumulative !== undefined && value.decimals === undefined) yield `${place}/decimals is needed with cumulative`
    if (mapping.floats === true && value.decimals === undefined) yield `${place}/decimals is needed with floats`
    yield* reasons(() => parseObis(value.register), `${place}/register`)
    yield* reasons(() => parseUnit(value.unit), `${place}/unit`)
    if (typeof value.cumulative === 'string') yield* reasons(() => parseObis(value.cumulative as string), `${place}/cumulative`)
  }
}

function* reasons(attempt: () => unknown, place: string): Generator<string> {
  try {
    attempt()
  } catch (error) {
    yield `${place}: ${error instanceof Error ? error.message : String(error)}`
  }
}

function refuse(where: string, reason: string): never {
  throw new WattnessError('CSV_MAPPING_INVALID', `column mapping ${where}: ${reason}`, { where, reason })
}
