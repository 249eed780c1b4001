import Type, { type Static } from 'typebox'
import { Count, Decimal, MemberRef, Next, nullable, object, Quality, Text, Time, TimeSource, words } from './fields.ts'

export const Resolution = words(['raw', '15m', '1h', '1d', '1mo'], 'raw: as sealed; else regrouped by the clock of `tz`.')
export type Resolution = Static<typeof Resolution>

/** Whole and half-open: the interval ends where the next begins. */
const span = {
  from: Time,
  to: Type.String({ format: 'date-time', description: 'Not part of it.' }),
}

const Gap = object('Gap', 'A time of which no interval says anything.', {
  ...span,
  value: Type.Optional(
    Type.String({ description: 'What a register grew over it as a whole, where that is known: it is in no interval.' }),
  ),
})

export const RawValue = object('RawValue', 'One value as it was sealed.', {
  time: Type.String({ format: 'date-time', description: 'The instant, or the end of the interval.' }),
  value: nullable(Decimal),
  quality: Quality,
  timeSource: TimeSource,
  intervalMs: Type.Optional(Type.Integer({ minimum: 1 })),
})
export type RawValue = Static<typeof RawValue>

export const IntervalValue = object('IntervalValue', 'What one interval of the clock holds.', {
  ...span,
  value: nullable(
    Type.String({
      description: 'Total in `unit`: the difference of a register, or the sum of its intervals; null where nothing is known.',
    }),
  ),
  quality: words(
    ['good', 'estimated', 'partial', 'missing', 'clock-doubtful', 'overflow'],
    'The worst of what it is made of; partial: some of the interval is missing.',
  ),
  values: Type.Integer({ minimum: 0, description: 'Stored values that it is made of.' }),
  missing: Type.Integer({ minimum: 0, description: 'Stored values of it that say "missing".' }),
  estimated: Type.Integer({ minimum: 0, description: 'Values that are other than good, or were shared out over intervals.' }),
  coveredMs: Type.Integer({ minimum: 0, description: 'How much of the interval is known; 0 for samples of instants.' }),
  first: Type.Optional(nullable(Decimal)),
  last: Type.Optional(nullable(Decimal)),
})
export type IntervalValue = Static<typeof IntervalValue>

export const ReadingsAnswer = object('ReadingsAnswer', 'A register of one member over time. Streamed: the totals come last.', {
  member: MemberRef,
  register: Type.String({ description: 'OBIS code, such as 1-0:1.8.0.' }),
  unit: Text,
  kind: words(['counter', 'total', 'mean', 'maximum', 'minimum'], 'What the numbers of an interval are: docs/queries.md.'),
  ...span,
  resolution: Resolution,
  tz: Type.String({ description: 'IANA time zone by whose clock intervals begin.' }),
  values: Type.Array(Type.Union([RawValue, IntervalValue])),
  total: nullable(Decimal),
  count: Count,
  gaps: Type.Array(Gap, { description: 'The longest first, 1,000 at most.' }),
  gapCount: Type.Integer({ minimum: 0, description: 'All of them.' }),
  quality: Type.Record(Type.String(), Count, { description: 'Stored values of each quality.' }),
  next: Next,
})
export type ReadingsAnswer = Static<typeof ReadingsAnswer>

const Posted = Type.Object(
  {
    source: Type.String({
      minLength: 1,
      maxLength: 60,
      description: 'Name of the meter: the same source, time and register is the same value.',
    }),
    time: Type.String({ maxLength: 40, format: 'date-time', description: 'With Z or an offset.' }),
    intervalMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 31_622_400_000 })),
    timeSource: Type.Optional(TimeSource),
    values: Type.Record(
      Type.String(),
      Type.Union([
        Type.String({ maxLength: 64, description: 'Such as `1234.567 kWh`.' }),
        Type.Object(
          {
            // A union would turn null into an empty text.
            value: Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 64 }),
            unit: Type.Optional(Type.String({ maxLength: 16 })),
            quality: Type.Optional(Quality),
          },
          { additionalProperties: false },
        ),
      ]),
      { minProperties: 1, maxProperties: 64, description: 'By OBIS code.' },
    ),
  },
  {
    additionalProperties: false,
    title: 'PostedReading',
    description: 'As a line of the `jsonl` source, with the name of the source.',
  },
)

export const PostReadings = Type.Object(
  { readings: Type.Array(Posted, { minItems: 1, maxItems: 1_000 }) },
  { additionalProperties: false, title: 'PostReadings' },
)
export type PostReadings = Static<typeof PostReadings>

export const TakenAnswer = object('TakenAnswer', 'What is on the disk now, and is sealed with the next block.', {
  taken: Type.Integer({ minimum: 0, description: 'Values that were new.' }),
  duplicates: Type.Integer({ minimum: 0, description: 'Values of a source, time and register that had been taken before.' }),
})
export type TakenAnswer = Static<typeof TakenAnswer>

const balanced = {
  import: nullable(Decimal),
  export: nullable(Decimal),
  selfConsumption: nullable(Type.String({ description: 'What members took while others of them gave.' })),
  net: nullable(Decimal),
  feeder: nullable(Type.String({ description: 'By the feeder meter, where one was named.' })),
  loss: nullable(Type.String({ description: 'Feeder less the sum of the members.' })),
}

const faults = {
  missing: Type.Array(Count, { description: 'Members by index of which something is missing in it.' }),
  estimated: Type.Array(Count, { description: 'Members by index of which something is estimated in it.' }),
}

export const BalanceAnswer = object('BalanceAnswer', 'Import, export and self-consumption of chosen members per interval.', {
  members: Type.Array(MemberRef),
  feeder: nullable(MemberRef),
  unit: Text,
  ...span,
  resolution: Resolution,
  settlement: words(['15m', '1h'], 'Within which what one gives and another takes is shared.'),
  tz: Text,
  intervals: Type.Array(
    object('BalanceInterval', 'One interval of the clock.', {
      ...span,
      ...balanced,
      ...faults,
    }),
  ),
  total: object('BalanceTotal', 'Over all intervals.', { ...balanced, ...faults }),
})
export type BalanceAnswer = Static<typeof BalanceAnswer>
