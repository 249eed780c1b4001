import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Timers } from '../platform.ts'
import type { Order, Word } from './messages.ts'

/** The main process's end of one host. */
export interface HostLink {
  /** Nodes that it runs. */
  readonly names: readonly string[]
  readonly isAlive: boolean
  /** Does nothing once the host has ended. */
  tell(order: Order): void
  /** Ends it in good order; after `limitMs` by force. Resolves when it has ended. */
  stop(limitMs: number): Promise<void>
  /** Ends it by force, now. */
  kill(): void
}

export interface HostLinkInit {
  readonly names: readonly string[]
  readonly onWord: (word: Word) => void
  /** Called once, with what it said last, where it ended without having been told to. */
  readonly onDeath: (reason: string) => void
}

export type OpenHost = (init: HostLinkInit) => HostLink

/** What a host wrote to its standard error last: the reason of its death stands there. */
const KEPT_STDERR = 4_096

/** Hosts as child processes. They inherit the environment as it is, and of Node's options all but those of a debugger. */
export function forkHosts(timers: Timers): OpenHost {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const file = fileURLToPath(new URL(`./host-process.${extension}`, import.meta.url))
  const execArgv = process.execArgv.filter((option) => !option.startsWith('--inspect'))
  return (init) => {
    const child = fork(file, [...init.names], { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    return new ForkedHost(init, child, timers)
  }
}

class ForkedHost implements HostLink {
  readonly names: readonly string[]
  readonly #child: ChildProcess
  readonly #timers: Timers
  readonly #ended: Promise<void>
  #isAlive = true
  #isStopping = false
  #stderr = ''

  constructor({ names, onWord, onDeath }: HostLinkInit, child: ChildProcess, timers: Timers) {
    this.names = names
    this.#child = child
    this.#timers = timers
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR)
    })
    child.on('message', (word: Word) => onWord(word))
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (!this.#isAlive) return
        this.#isAlive = false
        resolve()
        if (!this.#isStopping) onDeath(this.#reason(how))
      }
      child.on('error', (error) => end(error.message))
      // Of the streams too: what it wrote last is there by then.
      child.on('close', (code, signal) => end(signal === null ? `exit status ${code}` : `signal ${signal}`))
    })
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  tell(order: Order): void {
    // It may end at any moment: that is told by its end, not by what could not be sent.
    if (this.#isAlive && this.#child.connected) this.#child.send(order, () => undefined)
  }

  async stop(limitMs: number): Promise<void> {
    this.#isStopping = true
    this.tell({ type: 'stop' })
    const timer = this.#timers.set(limitMs, () => this.#child.kill('SIGKILL'))
    await this.#ended
    this.#timers.clear(timer)
  }

  kill(): void {
    this.#isStopping = true
    this.#child.kill('SIGKILL')
  }

  #reason(how: string): string {
    const said = this.#stderr.split('\n').find((line) => /\w*Error\b.*:|\berror\b/i.test(line))
    return said === undefined ? how : `${how}: ${said.trim()}`
  }
}
