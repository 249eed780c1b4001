import { formatObis, formatQuantity, headLeafSize, type Member, toBase64, toHex } from '../../protocol/index.ts'
import { readLines } from '../collect/index.ts'
import { chainLine, describeMembers, findMember } from '../control/index.ts'
import { CachedAnswer, sendJson } from './answers.ts'
import type { ApiContext, Noun } from './api.ts'
import { LastReadings } from './last-readings.ts'
import type { ObservedNode } from './observed-node.ts'
import { MemberId, routeSchema } from './route-schema.ts'
import { MemberAnswer, type Member as MemberFields, MembersAnswer } from './schemas/index.ts'

/** Registers named of one member. */
const MAX_REGISTERS = 256

/** Values shown of the newest reading. */
const MAX_LAST_VALUES = 64

/** `/v1/members` and `/v1/members/:id`. */
export const members: Noun = (app, context, done) => {
  const { node, changes, clock, limits } = context
  const readings = new LastReadings(node.store)
  const cached = new CachedAnswer({
    make: async () => ({ members: await membersOf(context, readings) }),
    version: () => changes.ledger,
    clock,
    limits,
  })

  app.get(
    '/v1/members',
    {
      schema: routeSchema({
        noun: 'members',
        id: 'listMembers',
        summary: 'All members and how far their chains are',
        answer: MembersAnswer,
      }),
    },
    (request, reply) => cached.send(request, reply),
  )

  app.get<{ Params: { readonly id: string } }>(
    '/v1/members/:id',
    {
      schema: routeSchema({
        noun: 'members',
        id: 'getMember',
        summary: 'One member, its registers and newest values',
        params: MemberId,
        answer: MemberAnswer,
      }),
    },
    async (request, reply) => {
      const member = memberNamed(node, request.params.id)
      const line = await memberOf(context, readings, member, countsOf(node)[member.index] === true)
      const registers = await node.store.registersOf(member.key, MAX_REGISTERS)
      const last = await readings.of(member)
      const record = member.label === undefined ? undefined : await node.store.labels.get(member.key)
      const answer: MemberAnswer = {
        ...line,
        labelRecord: record === undefined ? null : toBase64(record),
        root: line.size === 0 ? null : toHex(node.store.head(member.key)?.root as Uint8Array),
        registers: registers.map((register) => ({
          register: formatObis(register.obis),
          unit: formatQuantity(register, 0).unit,
          scaler: register.scaler,
        })),
        lastReadings:
          last.reading === undefined ? [] : [...readLines({ type: 'reading', reading: last.reading })].slice(0, MAX_LAST_VALUES),
      }
      return sendJson(request, reply, answer)
    },
  )
  done()
}

/** Among all that are held, whether they count yet or not. Throws MEMBER_UNKNOWN, MEMBER_AMBIGUOUS. */
export function memberNamed({ membership, heldMembership = membership }: ObservedNode, id: string): Member {
  return findMember(heldMembership, id)
}

function membersOf(context: ApiContext, readings: LastReadings): Promise<MemberFields[]> {
  const { membership, heldMembership = membership } = context.node
  const counts = countsOf(context.node)
  return Promise.all(heldMembership.members.map((member) => memberOf(context, readings, member, counts[member.index] === true)))
}

/** By index: whether what the registrar wrote of a member is final. */
function countsOf(node: ObservedNode): boolean[] {
  return describeMembers(node).map(({ counts }) => counts)
}

async function memberOf({ node }: ApiContext, readings: LastReadings, member: Member, counts: boolean): Promise<MemberFields> {
  const { store, membership } = node
  const line = chainLine(store, member)
  const counted = membership.at(member.index)
  const last = await readings.of(member)
  const isStopped = line.quarantined || line.revoked !== null
  return {
    ...line,
    counts,
    counted: counted === undefined ? 0 : headLeafSize(counted, line.size),
    lastReadingAt: last.timeMs === undefined ? null : new Date(last.timeMs).toISOString(),
    lateAfter: isStopped || last.nextMs === undefined ? null : new Date(last.nextMs).toISOString(),
    health: line.quarantined ? 'quarantined' : line.revoked !== null ? 'ended' : line.size === 0 ? 'new' : 'fine',
  }
}
