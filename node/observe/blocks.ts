import Type, { type Static } from 'typebox'
import type { Member } from '../../protocol/index.ts'
import { blockHeadLine, blockLine, type BlockLine as ControlLine } from '../control/index.ts'
import type { HeldBlock } from '../store/index.ts'
import { sendJson } from './answers.ts'
import type { ApiContext, Noun } from './api.ts'
import { BlockFinder } from './block-finder.ts'
import { proveInChain } from './block-proof.ts'
import { MAX_PAGE_BLOCKS, MAX_PAGE_CHARS, PAGE_BLOCKS } from './limits.ts'
import { memberNamed } from './members.ts'
import { nextPath, Order, parseTime, refOf } from './paging.ts'
import { MemberId, routeSchema } from './route-schema.ts'
import { BlockAnswer, type BlockHead, type BlockLine, BlocksAnswer } from './schemas/index.ts'

/** Values shown of one block; whoever wants more of a body decodes it. */
const MAX_VALUES = 4_096

/** Of one value, and of a block without any. */
const VALUE_CHARS = 140
const HEAD_CHARS = 700

/** Blocks read at once. */
const BATCH_BYTES = 1_048_576

const Query = Type.Object({
  from: Type.Optional(
    Type.Integer({ minimum: 0, description: 'First height; of order `desc` the highest. The end of the chain unless given.' }),
  ),
  time: Type.Optional(
    Type.String({
      maxLength: 40,
      description: 'In place of `from`: the first block sealed then or later; of order `desc` the last one before.',
    }),
  ),
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE_BLOCKS, default: PAGE_BLOCKS }),
  order: Order('asc'),
  content: Type.Union([Type.Literal('yes'), Type.Literal('no')], {
    default: 'yes',
    description: '`no`: without what the bodies say.',
  }),
})
type Query = Static<typeof Query>

const HashOf = Type.Object({
  hash: Type.String({ pattern: '^[0-9a-fA-F]{8,64}$', description: 'Its hash in hex, or the first eight digits of it or more.' }),
})

/** `/v1/members/:id/blocks` and `/v1/blocks/:hash`. */
export const blocks: Noun = (app, context, done) => {
  const { node, limits } = context
  const finder = new BlockFinder(node.store, limits.foundBlocks)

  app.get<{ Params: { readonly id: string }; Querystring: Query }>(
    '/v1/members/:id/blocks',
    {
      schema: routeSchema({
        noun: 'blocks',
        id: 'listBlocks',
        summary: "Blocks of one member's chain",
        description: 'A page may end before its limit where blocks are large; `next` goes on from there.',
        params: MemberId,
        query: Query,
        answer: BlocksAnswer,
      }),
    },
    async (request, reply) =>
      sendJson(request, reply, await blocksOf(context, memberNamed(node, request.params.id), request.query)),
  )

  app.get<{ Params: { readonly hash: string } }>(
    '/v1/blocks/:hash',
    {
      schema: routeSchema({
        noun: 'blocks',
        id: 'getBlock',
        summary: 'One block, with all that a reader needs to check it without trust in this node',
        params: HashOf,
        answer: BlockAnswer,
      }),
    },
    async (request, reply) => {
      const { membership, heldMembership = membership } = node
      const { member, block } = await finder.find(heldMembership.members, request.params.hash.toLowerCase())
      return sendJson(request, reply, { ...lineOf(context, member, block, true), ...(await proveInChain(node, member, block)) })
    },
  )
  done()
}

async function blocksOf(context: ApiContext, member: Member, query: Query): Promise<BlocksAnswer> {
  const { node } = context
  const { limit, order, content } = query
  const size = node.store.head(member.key)?.size ?? 0
  const isUp = order === 'asc'
  let at = await startOf(context, member, query, size)
  const found: BlockLine[] = []
  let chars = 0
  while (found.length < limit && at >= 0 && at < size && chars < MAX_PAGE_CHARS) {
    const count = Math.min(limit - found.length, isUp ? size - at : at + 1)
    const low = isUp ? at : at - count + 1
    const read = await node.store.readHeld(member.key, low, count, isUp ? BATCH_BYTES : Number.POSITIVE_INFINITY)
    if (read.length === 0) break
    for (const block of isUp ? read : read.toReversed()) {
      if (chars >= MAX_PAGE_CHARS) break
      const line = lineOf(context, member, block, content === 'yes')
      found.push(line)
      chars += HEAD_CHARS + (line.readings?.length ?? 0) * VALUE_CHARS
      at += isUp ? 1 : -1
    }
  }
  const isLast = found.length === 0 || at < 0 || (isUp && at >= size)
  return {
    member: refOf(member),
    size,
    final: node.store.witness.final(member.key)?.size ?? 0,
    blocks: found,
    ...(isLast ? {} : { next: nextPath(`/v1/members/${member.keyHex}/blocks`, { from: at, limit, order, content }) }),
  }
}

async function startOf({ node }: ApiContext, { key }: Member, { from, time, order }: Query, size: number): Promise<number> {
  if (time !== undefined) {
    const at = await node.store.findByTime(key, parseTime('time', time))
    return order === 'asc' ? at : at - 1
  }
  if (order === 'asc') return from ?? 0
  return Math.min(from ?? size - 1, size - 1)
}

/** As the command has it, and since when it is final. */
export function lineOf(context: ApiContext, member: Member, block: HeldBlock, withContent: boolean): BlockLine {
  if (!withContent) return headOf(context, member, block)
  const finalSize = context.node.store.witness.final(member.key)?.size ?? 0
  const line: ControlLine = blockLine(member, block, finalSize, MAX_VALUES)
  return { ...(line as BlockHead), finalSince: finalSince(context, member, block) }
}

export function headOf(context: ApiContext, member: Member, block: HeldBlock): BlockHead {
  const finalSize = context.node.store.witness.final(member.key)?.size ?? 0
  return { ...blockHeadLine(member, block, finalSize), finalSince: finalSince(context, member, block) }
}

function finalSince({ finalTimes }: ApiContext, { keyHex }: Member, { header }: HeldBlock): string | null {
  const ms = finalTimes.since(keyHex, header.height)
  return ms === undefined ? null : new Date(ms).toISOString()
}
