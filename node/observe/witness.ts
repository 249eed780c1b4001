import type { FastifyPluginCallback, onRequestHookHandler } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'
import { MAX_ADD_CHECKPOINT_BYTES } from './limits.ts'

/** What a witness says to a request, with the status of c2sp.org/tlog-witness. */
export interface WitnessAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface WitnessInit {
  /** Body of the request as it came, at most MAX_ADD_CHECKPOINT_BYTES. What it throws is a fault of this node: 500. */
  readonly addCheckpoint?: ((body: Uint8Array) => Promise<WitnessAnswer>) | undefined
  /**
   * The newest cosigned checkpoint, as a note, of the log whose origin has this SHA-256 in hex; undefined where this witness
   * never cosigned one.
   */
  readonly cosigned?: ((originHash: string) => Promise<string | undefined>) | undefined
}

/** The C2SP tlog-witness calls: `POST /add-checkpoint`, and `GET /witness/<origin hash>/checkpoint` for monitors. */
export const witness: FastifyPluginCallback<WitnessInit> = (app, { addCheckpoint, cosigned }, done) => {
  // The specification names no type of the body: any is taken, and none is.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))

  if (addCheckpoint !== undefined) {
    const onRequest: onRequestHookHandler = (request, _reply, done) => {
      // A type that is none would be refused before the body is read.
      delete request.raw.headers['content-type']
      done()
    }
    app.post('/add-checkpoint', { bodyLimit: MAX_ADD_CHECKPOINT_BYTES, onRequest }, async (request, reply) => {
      const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array(0)
      const { status, headers, body } = await addCheckpoint(bytes)
      return reply.code(status).header('cache-control', 'no-store').headers(headers).send(Buffer.from(body))
    })
  }

  if (cosigned !== undefined) {
    app.get<{ Params: { readonly origin: string } }>('/witness/:origin/checkpoint', async ({ params: { origin } }, reply) => {
      if (!/^[0-9a-f]{64}$/.test(origin)) {
        throw new WattnessError('PATH_MALFORMED', 'origin: expected its SHA-256 in 64 lower-case hex digits')
      }
      const note = await cosigned(origin)
      if (note === undefined) {
        throw new WattnessError('CHECKPOINT_UNKNOWN', 'this witness has cosigned no checkpoint of that origin', { origin })
      }
      return reply.header('cache-control', 'no-cache').header('content-type', 'text/plain; charset=utf-8').send(note)
    })
  }

  done()
}
