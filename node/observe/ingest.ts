import type { onRequestHookHandler } from 'fastify'
import {
  hasRoles,
  isWattnessError,
  parseDecimal,
  parseObis,
  parseUnit,
  QUALITIES,
  type Quality,
  type Reading,
  type RegisterValue,
  ROLE_METER,
  ROLE_REGISTRAR,
  registerKey,
  WattnessError,
} from '../../protocol/index.ts'
import { parseInstant, timeZone } from '../query/index.ts'
import type { SpoolReading } from '../store/index.ts'
import type { Noun } from './api.ts'
import type { ObservedNode } from './observed-node.ts'
import { routeSchema } from './route-schema.ts'
import { PostReadings, TakenAnswer } from './schemas/index.ts'
import { requireToken } from './tokens.ts'

/** A thousand readings of a dozen registers. */
export const MAX_POST_BYTES = 1_048_576

/** Bodies on their way, and readings on their way to the disk, at once. */
export const MAX_POSTS = 64

/** Sealing makes room; a meter seals every quarter hour, or once so many wait. */
const FULL_SECONDS = 60

/** Sources of posts are none of the node's own: a name cannot be taken for that of another. */
const SOURCE_PREFIX = 'post '

/** `POST /v1/readings`: into the spool of the local meter, as if its own source had said it. */
export const ingest: Noun = (app, { node, tokens }, done) => {
  let posts = 0
  const bounded: onRequestHookHandler = (_request, reply, next) => {
    if (posts >= MAX_POSTS) {
      next(new WattnessError('SERVER_BUSY', `${MAX_POSTS} posts are being taken already; ask again`))
      return
    }
    posts++
    reply.raw.once('close', () => posts--)
    next()
  }

  app.post<{ Body: PostReadings }>(
    '/v1/readings',
    {
      bodyLimit: MAX_POST_BYTES,
      onRequest: [requireToken(tokens, 'write'), bounded],
      schema: routeSchema({
        noun: 'readings',
        id: 'postReadings',
        summary: "Readings for this node's own meter",
        description:
          'Answered with 202 once they are on the disk. A source, time and register that were taken before are left out, ' +
          'whatever their value is now: what got no answer may be sent again. All of a post are taken or none.',
        body: PostReadings,
        answer: TakenAnswer,
        status: 202,
        writes: true,
      }),
    },
    async ({ body }, reply) => {
      assertMeter(node)
      const items = body.readings.map((posted, at) => itemOf(posted, `readings[${at}]`))
      try {
        const taken = await node.take(items)
        return await reply.code(202).header('cache-control', 'no-store').send(taken)
      } catch (error) {
        if (isWattnessError(error, 'SPOOL_FULL')) void reply.header('retry-after', FULL_SECONDS)
        throw error
      }
    },
  )
  done()
}

function assertMeter({ membership, key }: ObservedNode): void {
  const self = membership.member(key)
  const maySeal = self !== undefined && (hasRoles(self.roles, ROLE_METER) || hasRoles(self.roles, ROLE_REGISTRAR))
  if (maySeal && self.revoked === undefined) return
  const what = self === undefined ? 'is no member' : self.revoked === undefined ? 'has not the role of a meter' : 'was revoked'
  throw new WattnessError('NOT_A_METER', `this node ${what}: it seals no readings; post them to the node of their meter`, {
    member: self?.index ?? null,
  })
}

/** Throws READINGS_MALFORMED, which says where. */
function itemOf(posted: PostReadings['readings'][number], where: string): SpoolReading {
  const { source, time, intervalMs = 0, values } = posted
  try {
    const reading: Reading = {
      time: parseInstant('time', time, timeZone('UTC')),
      intervalMs,
      timeSource: posted.timeSource ?? (intervalMs > 0 ? 'interval-end' : 'meter-clock'),
      values: Object.entries(values).map(([code, said]) => valueOf(code, said)),
    }
    const registers = new Set(reading.values.map(({ register: { obis, unit } }) => registerKey({ obis, unit, scaler: 0 })))
    if (registers.size < reading.values.length) throw new WattnessError('READINGS_MALFORMED', 'a register stands twice')
    return { source: SOURCE_PREFIX + source, reading, sameBy: 'register' }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    const { code, message } = error
    throw new WattnessError('READINGS_MALFORMED', `${where}: ${message}`, { where, fault: code }, { cause: error })
  }
}

type Said = PostReadings['readings'][number]['values'][string]

function valueOf(code: string, said: Said): RegisterValue {
  const obis = parseObis(code)
  const { value, unit: unitText = '', quality } = typeof said === 'string' ? splitText(said) : said
  const { unit, exponent } = parseUnit(unitText)
  if (value === null || quality === 'missing') {
    if (value === null && (quality ?? 'missing') === 'missing') {
      return { register: { obis, unit, scaler: exponent }, value: null, quality: 'missing' }
    }
    const expected = 'expected null exactly where the quality is "missing"'
    throw new WattnessError('READINGS_MALFORMED', `${code}: ${expected}, found ${JSON.stringify(value)} and ${quality}`)
  }
  const decimal = parseDecimal(value)
  const scaler = decimal.scaler + exponent
  return { register: { obis, unit, scaler }, value: decimal.value, quality: quality ?? GOOD }
}

const GOOD: Quality = QUALITIES[0] as Quality

function splitText(text: string): { value: string; unit?: string; quality?: Quality } {
  const blank = text.indexOf(' ')
  return blank < 0 ? { value: text } : { value: text.slice(0, blank), unit: text.slice(blank + 1) }
}
