import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../platform.ts'
import { acceptsGzip } from './accept-encoding.ts'
import type { HttpLimits } from './limits.ts'

const zip = promisify(gzip)

/** Below, what gzip saves is less than what it costs. */
const LEAST_ZIPPED_BYTES = 1_400

export const JSON_TYPE = 'application/json; charset=utf-8'

/** A text that is ready to be sent, as often as it is asked for. */
export class Answer {
  readonly body: Buffer
  /** Weak: in gzip it is the same. */
  readonly etag: string
  #zipped: Promise<Buffer> | undefined

  constructor(value: unknown) {
    this.body = Buffer.from(`${JSON.stringify(value)}\n`)
    this.etag = `W/"${hash('sha256', this.body, 'hex').slice(0, 24)}"`
  }

  get isZipped(): boolean {
    return this.body.length >= LEAST_ZIPPED_BYTES
  }

  zipped(): Promise<Buffer> {
    this.#zipped ??= zip(this.body)
    return this.#zipped
  }
}

/** Sends it, or 304 to whoever has it. */
export async function sendAnswer(request: FastifyRequest, reply: FastifyReply, answer: Answer): Promise<FastifyReply> {
  void reply.header('etag', answer.etag).header('cache-control', 'no-cache').header('vary', 'accept-encoding, authorization')
  if (isHeld(request.headers['if-none-match'], answer.etag)) return reply.code(304).send()
  void reply.header('content-type', JSON_TYPE)
  if (!answer.isZipped || !acceptsGzip(request.headers['accept-encoding'])) return reply.send(answer.body)
  return reply.header('content-encoding', 'gzip').send(await answer.zipped())
}

export function sendJson(request: FastifyRequest, reply: FastifyReply, value: unknown): Promise<FastifyReply> {
  return sendAnswer(request, reply, new Answer(value))
}

/** RFC 9110 section 13.1.2, by weak comparison. */
function isHeld(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const bare = etag.replace(/^W\//, '')
  return header.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === bare)
}

export interface CachedAnswerInit {
  readonly make: () => unknown
  /** Another number once something has changed. */
  readonly version: () => number
  readonly clock: Clock
  readonly limits: Pick<HttpLimits, 'freshMs' | 'staleMs'>
}

interface Made {
  readonly answer: Answer
  readonly version: number
  readonly atMs: number
}

/**
 * One answer for all who ask: it is made anew only once something has changed, and then no more often than every `freshMs`.
 * Some things change without a word (a label comes, another witness speaks): after `staleMs` it is made in any case.
 */
export class CachedAnswer {
  readonly #init: CachedAnswerInit
  #made: Made | undefined
  #making: Promise<Answer> | undefined

  constructor(init: CachedAnswerInit) {
    this.#init = init
  }

  get(): Promise<Answer> | Answer {
    const { version, clock, limits } = this.#init
    if (this.#made !== undefined) {
      const ageMs = clock.monotonicMs() - this.#made.atMs
      const isCurrent = this.#made.version === version()
      if (ageMs < (isCurrent ? limits.staleMs : limits.freshMs)) return this.#made.answer
    }
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async #make(): Promise<Answer> {
    const { make, clock } = this.#init
    // Taken before: what changes meanwhile may or may not be in it.
    const version = this.#init.version()
    const atMs = clock.monotonicMs()
    const answer = new Answer(await make())
    this.#made = { answer, version, atMs }
    return answer
  }

  async send(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return sendAnswer(request, reply, await this.get())
  }
}
