import Type, { type Static } from 'typebox'
import { WattnessError } from '../../protocol/index.ts'
import { askReadings, CachedValues, parseInstant, type Resolution, readingsText, TEXT_TYPES, timeZone } from '../query/index.ts'
import type { Noun } from './api.ts'
import { ATOM, greenButtonText } from './green-button.ts'
import { memberNamed } from './members.ts'
import { refOf } from './paging.ts'
import { MemberId, routeSchema } from './route-schema.ts'
import { words } from './schemas/fields.ts'
import { ReadingsAnswer, Resolution as ResolutionWord } from './schemas/index.ts'
import { StreamGate } from './streams.ts'

const When = (description: string): ReturnType<typeof Type.String> => Type.String({ minLength: 1, maxLength: 40, description })

export const From = When(
  'Such as 2025-03-30T12:00:00Z, or by the clock of `tz`: 2025-03-30, 2025-03. Widened to whole intervals.',
)
export const To = When('Not part of it.')
export const Tz = Type.String({
  maxLength: 64,
  default: 'UTC',
  description: 'UTC, an offset, or an IANA name such as Europe/Moscow.',
})
export const Format = words(['json', 'csv', 'ndjson'], 'Lines of csv and ndjson may be asked for longer times.')

const ReadingsFormat = words(
  ['json', 'csv', 'ndjson', 'green-button'],
  'Lines of csv and ndjson, and Green Button (ESPI XML, of `resolution=raw` only), may be asked for longer times.',
)

const Query = Type.Object({
  register: Type.Optional(
    Type.String({ maxLength: 48, description: 'OBIS code, such as 1-0:1.8.0; what says most of a home unless given.' }),
  ),
  from: From,
  to: To,
  resolution: Type.Unsafe<Resolution>({ ...ResolutionWord, default: '1h' }),
  tz: Tz,
  format: Type.Unsafe<Static<typeof Format> | 'green-button'>({ ...ReadingsFormat, default: 'json' }),
  follow: Type.Unsafe<'yes' | 'no'>({
    ...words(['yes', 'no'], '`yes`: also what the keys wrote that this one replaced, each up to its end.'),
    default: 'no',
  }),
})

/** A page that is looked at asks for the same days again; whole neighbourhoods are asked for by the balance. */
const CACHED_VALUES = 65_536

/** `/v1/members/:id/readings`: docs/queries.md says what every number means. */
export const readings: Noun = (app, { node, clock }, done) => {
  const store = new CachedValues(node.store, CACHED_VALUES)
  const gate = new StreamGate()

  app.get<{ Params: { readonly id: string }; Querystring: Static<typeof Query> }>(
    '/v1/members/:id/readings',
    {
      config: { answer: 'long' },
      schema: routeSchema({
        noun: 'readings',
        id: 'getReadings',
        summary: "A register's values over time: as sealed, or by quarter hours, hours, days and months of a time zone",
        description:
          'What is missing is null, never 0, and stands among the gaps. Lines of ndjson end with one that says `end`, or ' +
          '`error` where there should have been more.',
        params: MemberId,
        query: Query,
        answer: ReadingsAnswer,
      }),
    },
    ({ params, query }, reply) =>
      gate.send(reply, query.format === 'green-button' ? ATOM : TEXT_TYPES[query.format], async () => {
        if (query.format === 'green-button' && query.resolution !== 'raw') {
          throw new WattnessError('QUERY_INVALID', 'format: green-button says readings as they were sealed: resolution=raw', {
            name: 'format',
          })
        }
        const zone = timeZone(query.tz)
        const member = memberNamed(node, params.id)
        const answer = await askReadings(store, node.membership, {
          member,
          register: query.register,
          fromMs: parseInstant('from', query.from, zone),
          toMs: parseInstant('to', query.to, zone),
          resolution: query.resolution,
          zone,
          follow: query.follow === 'yes',
          isLines: query.format !== 'json',
        })
        if (query.format === 'green-button') return greenButtonText(answer, member, clock.now())
        return readingsText(answer, query.format, { member: refOf(member) })
      }),
  )
  done()
}
