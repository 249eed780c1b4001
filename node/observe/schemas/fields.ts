import Type, {
  type Static,
  type TLiteral,
  type TNull,
  type TObject,
  type TProperties,
  type TSchema,
  type TUnion,
  type TUnsafe,
} from 'typebox'

/** What the answers are made of. A schema with a `title` is a named one in /openapi.json. */

/** An answer's fields are all there are: what else a later version adds is no fault, so that none is forbidden to readers. */
export const object = <P extends TProperties>(title: string, description: string, properties: P): TObject<P> =>
  Type.Object(properties, { title, description })

export const nullable = <T extends TSchema>(schema: T): TUnion<[T, TNull]> => Type.Union([schema, Type.Null()])

export const words = <const W extends readonly string[]>(names: W, description: string): TUnsafe<W[number]> =>
  Type.Unsafe<W[number]>({ type: 'string', enum: [...names], description })

export const only = <const V extends string | boolean>(value: V): TLiteral<V> => Type.Literal(value)

export const Count = Type.Integer({ minimum: 0 })

const hex = (bytes: number, description: string): typeof Text => Type.String({ pattern: `^[0-9a-f]{${2 * bytes}}$`, description })

export const Text = Type.String()

export const Key = hex(32, "A member's key, Ed25519, in lower-case hex.")
export const Hash = hex(32, 'SHA-256 in lower-case hex.')
export const Base64 = Type.String({ contentEncoding: 'base64' })
/** With milliseconds where there are any. */
export const Time = Type.String({ format: 'date-time', description: 'UTC, such as 2026-01-01T00:15:00Z.' })
/** Exact: a float would lose digits of a register. */
export const Decimal = Type.String({ pattern: '^-?[0-9]+(\\.[0-9]+)?$', description: 'A number as decimal text, exact.' })

export const MemberRef = object('MemberRef', 'Which member.', {
  index: Type.Integer({ minimum: 0, maximum: 255, description: 'Order of admission; the registrar is 0.' }),
  key: Key,
  label: nullable(Type.String({ description: 'Null where this node may not know it, or does not yet.' })),
})
export type MemberRef = Static<typeof MemberRef>

export const Quality = words(
  ['good', 'estimated', 'missing', 'clock-doubtful', 'overflow'],
  'Of a value: a missing one is a stored fact, and null.',
)
export const TimeSource = words(['meter-clock', 'node-clock', 'interval-end'], 'Where the time came from.')

/** As `wattness blocks --json` and `wattness read` have it. */
export const ReadingLine = object('ReadingLine', "One register's value in one reading.", {
  time: Time,
  register: Type.String({ description: 'OBIS code, such as 1-0:1.8.0.' }),
  value: nullable(Decimal),
  unit: Text,
  quality: Quality,
  timeSource: TimeSource,
  intervalMs: Type.Optional(Type.Integer({ minimum: 1, description: 'Length of the interval that ends at `time`.' })),
})
export type ReadingLine = Static<typeof ReadingLine>

/** Of lists that go on. Absent on the last page. */
export const Next = Type.Optional(
  Type.String({ description: 'Path and query of the next page, to be asked for as it stands; absent on the last one.' }),
)
