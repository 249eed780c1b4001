import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'
import type { Timer, Timers } from '../platform.ts'
import type { HttpLimits } from './limits.ts'

type TrafficLimits = Pick<HttpLimits, 'pipelined' | 'inFlight' | 'answerMs' | 'streamBytes'>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its answer is as long as it is: 'long' is timed by how it moves, 'endless' times and bounds itself. */
    readonly answer?: 'long' | 'endless'
  }
}

/**
 * Bounds what is under way: SERVER_BUSY for more requests than may wait, on one connection or in all; and whoever has not
 * taken an answer by its time loses the connection, however often a byte of it moves. Of a long one, whoever takes less than
 * `streamBytes` of it in that time while more waits.
 */
export function limitTraffic(app: FastifyInstance, timers: Timers, limits: TrafficLimits): void {
  const { pipelined, inFlight } = limits
  const waiting = new WeakMap<object, number>()
  let inAll = 0
  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    const { answer } = request.routeOptions.config
    const onSocket = (waiting.get(socket) ?? 0) + 1
    waiting.set(socket, onSocket)
    inAll++
    const stop = answer === 'endless' ? () => undefined : watch(socket, timers, limits, answer === 'long')
    reply.raw.once('close', () => {
      stop()
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

/** Returns what ends the watch. */
function watch(socket: Socket, timers: Timers, { answerMs, streamBytes }: TrafficLimits, isLong: boolean): () => void {
  let left = sentBy(socket)
  const look = (): void => {
    const now = sentBy(socket)
    // What does not wait for its reader waits for this side.
    if (!isLong || (socket.writableLength > 0 && now - left < streamBytes)) {
      socket.destroy()
      return
    }
    left = now
    timer = timers.set(answerMs, look)
  }
  let timer: Timer = timers.set(answerMs, look)
  return () => timers.clear(timer)
}

function sentBy(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength
}
