import type { onRequestHookHandler } from 'fastify'
import Type, { type Static } from 'typebox'
import { WattnessError } from '../../protocol/index.ts'
import { checkFile, proveBlock } from '../control/index.ts'
import type { Noun } from './api.ts'
import { memberNamed } from './members.ts'
import { parseTime } from './paging.ts'
import { MemberId, routeSchema } from './route-schema.ts'
import { CheckAnswer, ProofFile } from './schemas/index.ts'

const Query = Type.Object({
  height: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$', description: 'Of the block.' })),
  time: Type.Optional(
    Type.String({ maxLength: 40, description: 'In place of `height`: the block with the readings of this time.' }),
  ),
})
type Query = Static<typeof Query>

/** A year of a large neighbourhood's membership comes to 100 kB. */
export const MAX_CHECKED_BYTES = 4_194_304

/** Bodies on their way at once. */
const MAX_UPLOADS = 8

/** `/v1/members/:id/proof` and `/v1/check`. */
export const proof: Noun = (app, { node, verify, limits }, done) => {
  const costly = { rateLimit: { max: limits.costlyRate, timeWindow: limits.rateMs } }

  app.get<{ Params: { readonly id: string }; Querystring: Query }>(
    '/v1/members/:id/proof',
    {
      config: costly,
      schema: routeSchema({
        noun: 'proof',
        id: 'getProof',
        summary: 'One block as a file that proves itself to a stranger',
        description:
          'The witnesses are asked for their cosignatures. The very file of `wattness prove`; `wattness check` takes it.',
        params: MemberId,
        query: Query,
        answer: ProofFile,
      }),
    },
    async ({ params, query }, reply) => {
      const { keyHex } = memberNamed(node, params.id)
      const { height: given, time } = query
      const { file, index, height } = await proveBlock(node, verify, {
        member: keyHex,
        ...(given === undefined ? {} : { height: given }),
        ...(time === undefined ? {} : { time: new Date(parseTime('time', time)).toISOString() }),
      })
      return reply
        .header('content-type', 'application/json')
        .header('cache-control', 'no-store')
        .header('content-disposition', `attachment; filename="proof-${index}-${height}.json"`)
        .send(file)
    },
  )

  app.register((files, _options, ready) => {
    // Every byte counts: it is checked as it came, not as some parser would write it again.
    files.removeAllContentTypeParsers()
    files.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
    let uploads = 0
    const onRequest: onRequestHookHandler = (_request, reply, next) => {
      if (uploads >= MAX_UPLOADS) {
        next(new WattnessError('SERVER_BUSY', `${MAX_UPLOADS} files are on their way already; ask again`))
        return
      }
      uploads++
      reply.raw.once('close', () => uploads--)
      next()
    }
    files.post<{ Body: Buffer | undefined }>(
      '/v1/check',
      {
        bodyLimit: MAX_CHECKED_BYTES,
        config: costly,
        onRequest,
        // Of the bytes there is nothing to validate before they are checked.
        validatorCompiler: () => () => true,
        schema: routeSchema({
          noun: 'proof',
          id: 'checkFile',
          summary: "What a proof or evidence file proves to whoever believes this network's genesis",
          description: 'As `wattness check --ticket` says it. A file that proves nothing is answered with 200 and `ok: false`.',
          body: Type.Object({}, { description: 'The file, byte by byte.', additionalProperties: true }),
          answer: CheckAnswer,
        }),
      },
      async ({ body }, reply) => {
        const { result, words } = checkFile(body ?? new Uint8Array(0), { verify, ticketGenesis: node.genesis.bytes })
        return reply.header('cache-control', 'no-store').send({ ...result, words })
      },
    )
    ready()
  })
  done()
}
