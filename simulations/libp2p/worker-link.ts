import { systemPlatform } from '../../node/index.ts'
import type { Call, FromWorker, Notice, OrderName, Orders } from './messages.ts'
import type { OpenChannel, WorkerChannel } from './worker-channel.ts'

/** A worker that has not gone by itself after this long is killed. */
const END_MS = 5_000

export interface WorkerLinkInit {
  readonly open: OpenChannel
  readonly onNotice: (notice: Notice) => void
  /** Called where it ended without having been told to. */
  readonly onDeath: (how: string) => void
}

/** The main process's end of one worker process: orders and their answers, notices, and its end. */
export class WorkerLink {
  readonly #channel: WorkerChannel
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ended = Promise.withResolvers<void>()
  #isWanted = true
  #end: string | undefined
  #lastId = 0

  constructor(init: WorkerLinkInit) {
    this.#channel = init.open({
      onMessage: (message) => this.#onMessage(message, init),
      onEnd: (how) => {
        this.#end = how
        this.#ended.resolve()
        for (const each of this.#pending.values()) each.reject(new Error(`a worker process ended: ${how}`))
        this.#pending.clear()
        if (this.#isWanted) init.onDeath(how)
        this.#isWanted = false
      },
    })
  }

  get pid(): number {
    return this.#channel.pid
  }

  /** The address at which others reach its nodes. */
  get host(): string {
    return this.#channel.host
  }

  /** Rejects where it has ended, or ends before it answers. */
  ask<N extends OrderName>(order: N, ...[argument]: Parameters<Orders[N]>): Promise<Awaited<ReturnType<Orders[N]>>> {
    if (this.#end !== undefined) return Promise.reject(new Error(`a worker process ended: ${this.#end}`))
    const waiting = Promise.withResolvers<unknown>()
    this.#lastId++
    this.#pending.set(this.#lastId, waiting)
    this.#channel.send({ id: this.#lastId, order, argument } satisfies Call)
    return waiting.promise as Promise<Awaited<ReturnType<Orders[N]>>>
  }

  #onMessage(message: FromWorker, { onNotice }: WorkerLinkInit): void {
    if ('notice' in message) {
      onNotice(message.notice)
      return
    }
    const waiting = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if ('error' in message) waiting?.reject(new Error(message.error))
    else waiting?.resolve(message.answer)
  }

  /** Here and now, as by a power cut; resolves when it is gone. */
  kill(): Promise<void> {
    this.#isWanted = false
    this.#channel.kill()
    return this.#ended.promise
  }

  async end(): Promise<void> {
    this.#isWanted = false
    this.#channel.send('end')
    const timer = systemPlatform.timers.set(END_MS, () => this.#channel.kill())
    await this.#ended.promise
    systemPlatform.timers.clear(timer)
  }
}
