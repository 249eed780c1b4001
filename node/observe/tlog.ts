import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyPluginCallback, FastifyReply } from 'fastify'
import { fromHex, KEY_BYTES, WattnessError } from '../../protocol/index.ts'
import { TILE_WIDTH } from '../store/index.ts'
import { acceptsGzip } from './accept-encoding.ts'
import { parseTilePath } from './tile-path.ts'
import { TlogSource, type TlogSourceInit } from './tlog-source.ts'

const zip = promisify(gzip)

/** A full tile never changes, a partial one is soon another's beginning, a checkpoint is old with the next block. */
const FULL_TILE_CACHE = 'max-age=31536000, immutable'
const PARTIAL_TILE_CACHE = 'max-age=60'
const CHECKPOINT_CACHE = 'no-cache'

interface InChain {
  readonly Params: { readonly member: string; readonly '*': string }
}

/**
 * Each member's chain as C2SP tlog-tiles under `/tlog/<member>/`, member being its key in hex: `checkpoint`,
 * `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`, where an entry is a block's header.
 */
export const tlog: FastifyPluginCallback<TlogSourceInit> = (app, init, done) => {
  const source = new TlogSource(init)

  app.get<InChain>('/tlog/:member/checkpoint', async ({ params }, reply) => {
    const note = await source.checkpoint(parseMember(params.member))
    return reply.header('cache-control', CHECKPOINT_CACHE).header('content-type', 'text/plain; charset=utf-8').send(note)
  })

  app.get<InChain>('/tlog/:member/tile/*', async ({ params, headers }, reply) => {
    const member = parseMember(params.member)
    const path = parseTilePath(params['*'])
    const bytes = await source.tile(member, path)
    void reply.header('cache-control', path.width === TILE_WIDTH ? FULL_TILE_CACHE : PARTIAL_TILE_CACHE)
    // Hashes do not shrink; headers, which all name the same member, do by half.
    const shrinks = path.level === 'entries'
    if (shrinks) void reply.header('vary', 'accept-encoding')
    if (!shrinks || !acceptsGzip(headers['accept-encoding'])) return sendBytes(reply, bytes)
    return sendBytes(reply.header('content-encoding', 'gzip'), await zip(bytes))
  })

  done()
}

/** Sends a copy: the store goes on with its own tiles while a slow reader takes them. */
function sendBytes(reply: FastifyReply, bytes: Uint8Array): FastifyReply {
  return reply.header('content-type', 'application/octet-stream').send(Buffer.from(bytes))
}

function parseMember(text: string): Uint8Array {
  if (/^[0-9a-f]+$/.test(text) && text.length === 2 * KEY_BYTES) return fromHex(text)
  throw new WattnessError(
    'PATH_MALFORMED',
    `member: expected ${2 * KEY_BYTES} lower-case hex digits, found ${text.length} characters`,
  )
}
