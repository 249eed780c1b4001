import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemEnvironment, systemPlatform } from '../../node/index.ts'
import type { Call, FromWorker, Notice, OrderName, Orders, ToWorker } from './messages.ts'

/** A worker that has not gone by itself after this long is killed. */
const END_MS = 5_000

/** Half of a worker's young generation: larger ones hold memory that nodes need, smaller ones collect too often. */
const SEMI_SPACE_MIB = 8

export interface WorkerLinkInit {
  readonly onNotice: (notice: Notice) => void
  /** Called where it ended without having been told to. */
  readonly onDeath: (how: string) => void
}

/** A debugger's port is one process's, and a heap that suits a whole neighbourhood is too large for a share of it. */
function execArgvOf(own: readonly string[]): string[] {
  return [...own.filter((option) => !/^--(inspect|max-)/.test(option)), `--max-semi-space-size=${SEMI_SPACE_MIB}`]
}

/** The main process's end of one worker process. It ends with its parent, whatever happens to that. */
export class WorkerLink {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ended = Promise.withResolvers<void>()
  #isWanted = true
  #lastId = 0

  constructor(init: WorkerLinkInit) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#child = fork(fileURLToPath(new URL(`./worker-process.${extension}`, import.meta.url)), [], {
      serialization: 'advanced',
      // What a worker writes there is the reason of its death.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: execArgvOf(process.execArgv),
      // As many heaps of the C library as threads hold memory that nobody uses: LevelDB's and sodium's.
      env: { ...systemEnvironment(), MALLOC_ARENA_MAX: '2' },
    })
    this.#child.on('message', (message: FromWorker) => this.#onMessage(message, init))
    const end = (how: string): void => {
      this.#ended.resolve()
      for (const each of this.#pending.values()) each.reject(new Error(`a worker process ended: ${how}`))
      this.#pending.clear()
      if (this.#isWanted) init.onDeath(how)
      this.#isWanted = false
    }
    this.#child.on('error', (error) => end(error.message))
    this.#child.on('exit', (code, signal) => end(signal ?? `status ${code}`))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  ask<N extends OrderName>(order: N, ...[argument]: Parameters<Orders[N]>): Promise<Awaited<ReturnType<Orders[N]>>> {
    const waiting = Promise.withResolvers<unknown>()
    this.#lastId++
    this.#pending.set(this.#lastId, waiting)
    this.#send({ id: this.#lastId, order, argument } satisfies Call)
    return waiting.promise as Promise<Awaited<ReturnType<Orders[N]>>>
  }

  #send(message: ToWorker): void {
    // It may end at any moment: that is told by its end, not by what could not be sent.
    if (this.#child.connected) this.#child.send(message, () => undefined)
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
    this.#child.kill('SIGKILL')
    return this.#ended.promise
  }

  async end(): Promise<void> {
    this.#isWanted = false
    this.#send('end')
    const timer = systemPlatform.timers.set(END_MS, () => this.#child.kill('SIGKILL'))
    await this.#ended.promise
    systemPlatform.timers.clear(timer)
  }
}
