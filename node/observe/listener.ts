import type { ServerResponse } from 'node:http'
import type { Timer, Timers } from '../platform.ts'
import type { HttpLimits } from './limits.ts'

const HEARTBEAT = ': all is well\n\n'

export type ListenerLimits = Pick<HttpLimits, 'listenerBytes' | 'heartbeatMs'>

/** One who listens: what he has not taken waits within a bound, beyond which he is let go. */
export class Listener {
  readonly #response: ServerResponse
  readonly #timers: Timers
  readonly #limits: ListenerLimits
  #timer: Timer | undefined

  constructor(response: ServerResponse, timers: Timers, limits: ListenerLimits) {
    this.#response = response
    this.#timers = timers
    this.#limits = limits
    response.once('close', () => this.#forget())
    this.#wait()
  }

  send(text: string): void {
    const { socket } = this.#response
    if (socket === null || this.#response.destroyed) return
    if (this.#response.writableLength + socket.writableLength > this.#limits.listenerBytes) {
      // He asks again with the last id that he has seen, and misses nothing that is kept.
      socket.destroy()
      return
    }
    this.#response.write(text)
    this.#wait()
  }

  end(): void {
    this.#forget()
    this.#response.end()
  }

  #wait(): void {
    this.#forget()
    this.#timer = this.#timers.set(this.#limits.heartbeatMs, () => this.send(HEARTBEAT))
  }

  #forget(): void {
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
  }
}
