import { createServer, type Server, type Socket } from 'node:net'
import { systemPlatform } from '../../node/index.ts'
import { MAX_MEMBERS, WattnessError } from '../../protocol/index.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { type ChannelInit, forkWorker, type OpenChannel, type WorkerChannel } from './worker-channel.ts'

/** What the run says to another machine: it forks one worker process there, speaks with it, and kills it. */
export type ToMachine = { readonly act: 'fork' | 'kill' } | { readonly message: ToWorker }

/** What it answers. */
export type FromMachine = { readonly message: FromWorker } | { readonly end: string }

/** So long after the last machine has come nobody else is waited for, where no number was told. */
const SETTLED_MS = 5_000
const WATCH_MS = 100

export interface HarbourInit {
  /** 0: the system's choice. */
  readonly port: number
  readonly settledMs?: number
}

/** One machine's connection. */
class Berth {
  readonly host: string
  readonly #socket: Socket
  #channel: ChannelInit | undefined
  #isGone = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.host = socket.remoteAddress ?? ''
    const reader = new FrameReader()
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => {
      try {
        for (const message of reader.read(piece)) this.#onMessage(message as FromMachine)
      } catch (error) {
        socket.destroy(error as Error)
      }
    })
    let why = 'it hung up'
    socket.on('error', (error) => {
      why = error.message
    })
    socket.on('close', () => {
      this.#isGone = true
      this.#end(`the machine ${this.host} is gone: ${why}`)
    })
  }

  get isGone(): boolean {
    return this.#isGone
  }

  open(init: ChannelInit): WorkerChannel {
    this.#channel = init
    if (this.#isGone) queueMicrotask(() => this.#end(`the machine ${this.host} is gone`))
    this.#say({ act: 'fork' })
    return {
      pid: 0,
      host: this.host,
      send: (message) => this.#say({ message }),
      kill: () => this.#say({ act: 'kill' }),
    }
  }

  #say(message: ToMachine): void {
    if (!this.#isGone) this.#socket.write(encodeFrame(message))
  }

  #onMessage(message: FromMachine): void {
    if ('end' in message) this.#end(message.end)
    else this.#channel?.onMessage(message.message)
  }

  #end(how: string): void {
    const channel = this.#channel
    this.#channel = undefined
    channel?.onEnd(how)
  }

  leave(): void {
    this.#socket.destroy()
  }
}

/**
 * Where machines come to that lend a worker process each: worker 0, with the registrar, is this machine's own. Whoever reaches
 * the port takes part, so it belongs into a network of one's own.
 */
export class Harbour {
  readonly #server: Server
  readonly #settledMs: number
  #berths: Berth[] = []
  /** This machine as the others reach it. */
  #host = '127.0.0.1'
  #lastMs = 0

  private constructor(server: Server, settledMs: number) {
    this.#server = server
    this.#settledMs = settledMs
    server.on('connection', (socket) => {
      if (this.#berths.length >= MAX_MEMBERS - 1) return void socket.destroy()
      this.#host = socket.localAddress ?? this.#host
      this.#lastMs = systemPlatform.clock.monotonicMs()
      this.#berths.push(new Berth(socket))
    })
  }

  /** Throws WORKERS_PORT where the system does not let it listen there. */
  static async open({ port, settledMs = SETTLED_MS }: HarbourInit): Promise<Harbour> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new WattnessError('WORKERS_PORT', `port ${port}: ${error.message}`, { port })))
      server.listen(port, '0.0.0.0', resolve)
    })
    return new Harbour(server, settledMs)
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port
  }

  /**
   * Resolves with the number of machines: as soon as `count` are there, or without one when nobody new has come for a while. With
   * what there is where `isStopped` says so.
   */
  async gather(count: number | undefined, isStopped: () => boolean): Promise<number> {
    const { clock, timers } = systemPlatform
    for (;;) {
      this.#berths = this.#berths.filter(({ isGone }) => !isGone)
      const { length } = this.#berths
      const isSettled = length > 0 && clock.monotonicMs() - this.#lastMs >= this.#settledMs
      if (isStopped() || (count === undefined ? isSettled : length >= count)) return length
      await new Promise<void>((resolve) => timers.set(WATCH_MS, resolve))
    }
  }

  /** How a worker's process is begun: 0 is a child of this one, each other one the process of one machine. */
  opener(worker: number): OpenChannel {
    const berth = this.#berths[worker - 1]
    if (worker === 0) return (init) => forkWorker(init, this.#host)
    if (berth === undefined) throw new Error(`there is no machine for worker ${worker}`)
    return (init) => berth.open(init)
  }

  /** The machines go on waiting for another run. */
  close(): void {
    this.#server.close()
    for (const berth of this.#berths) berth.leave()
  }
}
