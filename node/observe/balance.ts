import Type, { type Static } from 'typebox'
import { hasRoles, type Member, ROLE_METER, WattnessError } from '../../protocol/index.ts'
import { askBalance, balanceText, CachedValues, parseInstant, TEXT_TYPES, timeZone } from '../query/index.ts'
import type { Noun } from './api.ts'
import { memberNamed } from './members.ts'
import type { ObservedNode } from './observed-node.ts'
import { refOf } from './paging.ts'
import { Format, From, To, Tz } from './readings.ts'
import { routeSchema } from './route-schema.ts'
import { words } from './schemas/fields.ts'
import { BalanceAnswer } from './schemas/index.ts'
import { StreamGate } from './streams.ts'

const MAX_NAMED = 256

/** Made at once: a year of a whole neighbourhood is seconds of work. */
const MAX_BALANCES = 4

const Query = Type.Object({
  members: Type.Optional(
    Type.String({ maxLength: 6_000, description: 'Separated by commas; all meters but the feeder unless given.' }),
  ),
  feeder: Type.Optional(
    Type.String({ maxLength: 256, description: 'The meter through which all of them are fed, to tell what is lost between.' }),
  ),
  from: From,
  to: To,
  resolution: Type.Unsafe<'15m' | '1h' | '1d' | '1mo'>({
    ...words(['15m', '1h', '1d', '1mo'], 'Intervals of the clock of `tz`.'),
    default: '1h',
  }),
  settlement: Type.Unsafe<'15m' | '1h'>({
    ...words(['15m', '1h'], 'Within which what one member gives and another takes is shared.'),
    default: '15m',
  }),
  tz: Tz,
  format: Type.Unsafe<Static<typeof Format>>({ ...Format, default: 'json' }),
})

/** `/v1/balance`: docs/queries.md defines its quantities. */
export const balance: Noun = (app, { node, limits }, done) => {
  const store = new CachedValues(node.store)
  const gate = new StreamGate(MAX_BALANCES)

  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/balance',
    {
      config: { answer: 'long', rateLimit: { max: limits.costlyRate, timeWindow: limits.rateMs } },
      schema: routeSchema({
        noun: 'balance',
        id: 'getBalance',
        summary: 'What members take, give and share per interval, and what a feeder meter says beside it',
        description: 'Members of which something is missing are named; a loss is told only where nothing is.',
        query: Query,
        answer: BalanceAnswer,
      }),
    },
    ({ query }, reply) =>
      gate.send(reply, TEXT_TYPES[query.format], async () => {
        const zone = timeZone(query.tz)
        const feeder = query.feeder === undefined ? undefined : memberNamed(node, query.feeder)
        const members = membersOf(node, query.members, feeder)
        const { resolution, settlement } = query
        const answer = await askBalance(store, node.membership, {
          members,
          feeder,
          fromMs: parseInstant('from', query.from, zone),
          toMs: parseInstant('to', query.to, zone),
          resolution,
          settlement,
          zone,
        })
        const before = { members: members.map(refOf), feeder: feeder === undefined ? null : refOf(feeder) }
        return balanceText(answer, query.format, { ...before, resolution, settlement, tz: zone.name })
      }),
  )
  done()
}

/** One that was replaced is counted with the one that goes on in its place. */
function membersOf(node: ObservedNode, named: string | undefined, feeder: Member | undefined): Member[] {
  if (named === undefined) {
    return node.membership.members.filter(
      ({ roles, revoked, index }) => hasRoles(roles, ROLE_METER) && revoked === undefined && index !== feeder?.index,
    )
  }
  const names = named.split(',')
  if (names.length > MAX_NAMED) {
    throw new WattnessError('QUERY_INVALID', `members: ${names.length} names, at most ${MAX_NAMED}`, { name: 'members' })
  }
  const found = new Map(names.map((name) => memberNamed(node, name.trim())).map((member) => [member.index, member]))
  return [...found.values()]
}
