import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'

/** Answers that are made while they are read: their first piece decides whether there is one. */

/** Made at once. Each holds one slice of rows, some megabytes at most. */
export const MAX_STREAMS = 16

/** Pieces that wait for the reader beside the one that it is being sent. */
const PIECES_AHEAD = 1

/** Counts what is being made. */
export class StreamGate {
  #open = 0
  readonly #most: number

  constructor(most = MAX_STREAMS) {
    this.#most = most
  }

  get open(): number {
    return this.#open
  }

  /** Sends what `make` makes piece by piece, as it is read. Throws SERVER_BUSY, and what is thrown before the first piece. */
  async send(
    reply: FastifyReply,
    type: string,
    make: () => Promise<AsyncGenerator<string> | Generator<string>>,
  ): Promise<FastifyReply> {
    if (this.#open >= this.#most) {
      throw new WattnessError('SERVER_BUSY', `${this.#most} long answers are being made already; ask again`)
    }
    this.#open++
    let isOver = false
    const over = (): void => {
      if (!isOver) this.#open--
      isOver = true
    }
    reply.raw.once('close', over)
    try {
      const pieces = await make()
      const first = await pieces.next()
      const stream = Readable.from(after(first, pieces), { objectMode: true, highWaterMark: PIECES_AHEAD })
      stream.once('close', over)
      return await reply.header('content-type', type).header('cache-control', 'no-cache').send(stream)
    } catch (error) {
      over()
      throw error
    }
  }
}

async function* after(first: IteratorResult<string>, rest: AsyncGenerator<string> | Generator<string>): AsyncGenerator<string> {
  try {
    if (first.done === true) return
    yield first.value
    yield* rest
  } finally {
    // Also where the reader went away before the second piece was asked for.
    await rest.return(undefined)
  }
}
