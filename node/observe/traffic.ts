import type { FastifyInstance } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'
import type { Timers } from '../platform.ts'
import type { HttpLimits } from './limits.ts'

type TrafficLimits = Pick<HttpLimits, 'pipelined' | 'inFlight' | 'answerMs'>

/**
 * Bounds what is under way: SERVER_BUSY for more requests than may wait, on one connection or in all; and whoever has not
 * taken an answer by its time loses the connection, however often a byte of it moves.
 */
export function limitTraffic(app: FastifyInstance, timers: Timers, { pipelined, inFlight, answerMs }: TrafficLimits): void {
  const waiting = new WeakMap<object, number>()
  let inAll = 0
  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    const onSocket = (waiting.get(socket) ?? 0) + 1
    waiting.set(socket, onSocket)
    inAll++
    const timer = timers.set(answerMs, () => socket.destroy())
    reply.raw.once('close', () => {
      timers.clear(timer)
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1)
      inAll--
    })
    if (onSocket > pipelined || inAll > inFlight) {
      done(new WattnessError('SERVER_BUSY', 'more requests wait here than may; ask again'))
      return
    }
    done()
  })
}
