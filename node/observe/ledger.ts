import Type, { type Static } from 'typebox'
import { type Member, WattnessError } from '../../protocol/index.ts'
import { sendJson } from './answers.ts'
import type { ApiContext, Noun } from './api.ts'
import { headOf } from './blocks.ts'
import { type LedgerPlace, mergeChains } from './ledger-merge.ts'
import { MAX_PAGE_ITEMS, PAGE_ITEMS } from './limits.ts'
import { nextPath, Order, parseTime } from './paging.ts'
import { routeSchema } from './route-schema.ts'
import { type BlockHead, LedgerAnswer } from './schemas/index.ts'

const Query = Type.Object({
  order: Order('desc'),
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE_ITEMS, default: PAGE_ITEMS }),
  from: Type.Optional(Type.String({ maxLength: 40, description: 'Sealed at this time or later.' })),
  to: Type.Optional(Type.String({ maxLength: 40, description: 'Sealed before this time.' })),
  cursor: Type.Optional(Type.String({ maxLength: 40, description: 'As the page before gave it.' })),
})
type Query = Static<typeof Query>

/** `/v1/ledger`. */
export const ledger: Noun = (app, context, done) => {
  app.get<{ Querystring: Query }>(
    '/v1/ledger',
    {
      schema: routeSchema({
        noun: 'ledger',
        id: 'listLedger',
        summary: 'Blocks of all members by the time they were sealed',
        description:
          'Blocks of one moment stand in order of members. Pages do not overlap, however many blocks come meanwhile; one that ' +
          'comes late, with an earlier time, stands where its time is.',
        query: Query,
        answer: LedgerAnswer,
      }),
    },
    async (request, reply) => sendJson(request, reply, await ledgerOf(context, request.query)),
  )
  done()
}

async function ledgerOf(context: ApiContext, query: Query): Promise<LedgerAnswer> {
  const { node } = context
  const { order, limit, from, to, cursor } = query
  const { membership, heldMembership = membership } = node
  const found: BlockHead[] = []
  let last: LedgerPlace | undefined
  let isMore = false
  const merged = mergeChains(node.store, heldMembership.members, {
    order,
    fromMs: from === undefined ? undefined : parseTime('from', from),
    toMs: to === undefined ? undefined : parseTime('to', to),
    after: cursor === undefined ? undefined : parseCursor(cursor),
  })
  for await (const { member, block } of merged) {
    if (found.length === limit) {
      isMore = true
      break
    }
    found.push(headOf(context, member, block))
    last = placeOf(member, block.header)
  }
  const next =
    isMore && last !== undefined ? nextPath('/v1/ledger', { order, limit, from, to, cursor: formatCursor(last) }) : undefined
  return { blocks: found, ...(next === undefined ? {} : { next }) }
}

function placeOf({ index }: Member, { sealedAt, height }: { readonly sealedAt: number; readonly height: number }): LedgerPlace {
  return { sealedAt, index, height }
}

/** A place, not a state of this node: another observer goes on from it as well. */
export function formatCursor({ sealedAt, index, height }: LedgerPlace): string {
  return `${sealedAt}.${index}.${height}`
}

/** Throws CURSOR_INVALID. */
export function parseCursor(text: string): LedgerPlace {
  const [, sealedAt, index, height] = /^(\d{1,15})\.(\d{1,3})\.(\d{1,15})$/.exec(text) ?? []
  if (sealedAt !== undefined) return { sealedAt: Number(sealedAt), index: Number(index), height: Number(height) }
  throw new WattnessError('CURSOR_INVALID', 'cursor: expected one as an answer gave it, such as 1767225600000.3.17', {
    found: text,
  })
}
