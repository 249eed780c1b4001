import { type ChildProcess, execFile, spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { UNATTENDED } from '../../bench/installed.ts'
import { askControl, type Status } from '../../control/index.ts'
import { systemEnvironment } from '../../platform.ts'
import { PROJECT_ROOT } from '../harness/source-tree.ts'

const COMMAND = path.join(PROJECT_ROOT, 'node/cli/wattness.ts')
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']

/** Up to its first line `listening`; a start after a kill reads LevelDB's log first. */
const START_MS = 60_000
const COMMAND_MS = 60_000
/** A node promises five seconds. */
const STOP_MS = 10_000
const ANSWER_MS = 30_000

/** Lines of a node's log that are kept to be shown where something goes wrong. */
export const LINES_KEPT = 60

/** What a node said about its state; members in the order of their index. */
export type { Status }

export interface NodeProcessInit {
  readonly name: string
  readonly dir: string
  /** Flags of `wattness run` beside `--dir`. */
  readonly flags: readonly string[]
  /** What stands before the command, such as `ip netns exec NAME`. */
  readonly place?: readonly string[]
  /** For Node itself. */
  readonly nodeFlags?: readonly string[]
}

/** A member as a process of its own, as an operator runs it, started again as often as wanted. */
export class NodeProcess {
  readonly name: string
  readonly dir: string
  readonly #place: readonly string[]
  readonly #nodeFlags: readonly string[]
  readonly #waiting = new Map<string, (line: string) => void>()
  #flags: readonly string[]
  #child: ChildProcess | undefined
  readonly #lines: string[] = []
  readonly #counts = new Map<string, number>()

  constructor(init: NodeProcessInit) {
    this.name = init.name
    this.dir = init.dir
    this.#flags = init.flags
    this.#place = init.place ?? []
    this.#nodeFlags = [...NODE_FLAGS, ...(init.nodeFlags ?? [])]
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The newest lines of its log. */
  get log(): readonly string[] {
    return this.#lines
  }

  /** How often an event was logged, over all lives of this process. */
  count(event: string): number {
    return this.#counts.get(event) ?? 0
  }

  set flags(flags: readonly string[]) {
    this.#flags = flags
  }

  /** Resolves once it listens. Throws with the end of its log where it does not come to that. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`)
    const words = [
      ...this.#place,
      process.execPath,
      ...this.#nodeFlags,
      COMMAND,
      'run',
      '--dir',
      this.dir,
      '--json',
      ...this.#flags,
    ]
    const [file, ...args] = words as [string, ...string[]]
    // A group of its own: Ctrl-C reaches whoever runs the scenario, which ends its nodes in order.
    const env = { ...systemEnvironment(), ...UNATTENDED }
    const child = spawn(file, args, { cwd: PROJECT_ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env })
    this.#child = child
    const ended = new Promise<never>((_, reject) => {
      const end = (why: string): void => {
        if (this.#child === child) this.#child = undefined
        reject(new Error(`${this.name} ${why}:\n${this.#lines.slice(-LINES_KEPT).join('\n')}`))
      }
      child.once('error', (error) => end(`did not start (${error.message})`))
      child.once('exit', (code, signal) => end(`ended with ${signal ?? `status ${code}`}`))
    })
    // Its end is of interest only while its start is waited for.
    ended.catch(() => undefined)
    const listening = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue
        createInterface({ input: stream }).on('line', (line) => {
          if (this.#note(line) === 'listening') resolve()
        })
      }
    })
    await Promise.race([listening, ended, after(START_MS, `${this.name} does not listen within ${START_MS / 1_000} s`)])
  }

  #note(line: string): string | undefined {
    this.#lines.push(line)
    if (this.#lines.length > LINES_KEPT) this.#lines.shift()
    const event = eventOf(line)
    if (event === undefined) return undefined
    this.#counts.set(event, this.count(event) + 1)
    this.#waiting.get(event)?.(line)
    return event
  }

  /** As a power cut ends it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** As an operator ends it; one that does not end in time is killed, and false is the answer. */
  async stop(): Promise<boolean> {
    return this.#end('SIGTERM')
  }

  /** Stops and resumes the whole process: to its neighbours it is silent, with every connection open. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Sends a signal that the process answers with a line of that event; the line. */
  async ask<T>(signal: NodeJS.Signals, event: string): Promise<T> {
    const line = new Promise<string>((resolve) => this.#waiting.set(event, resolve))
    this.#child?.kill(signal)
    try {
      const answer = await Promise.race([line, after(ANSWER_MS, `${this.name} does not answer ${signal}`)])
      return JSON.parse(answer) as T
    } finally {
      this.#waiting.delete(event)
    }
  }

  async #end(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return true
    const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    // What is stopped hears no SIGTERM.
    child.kill('SIGCONT')
    const isInTime = await Promise.race([exit.then(() => true), later(STOP_MS).then(() => false)])
    if (!isInTime) child.kill('SIGKILL')
    await exit
    this.#child = undefined
    return isInTime
  }

  /** Asked over its control socket; undefined where it does not answer. */
  async status(): Promise<Status | undefined> {
    if (this.#child === undefined) return undefined
    return askControl<Status>(path.join(this.dir, 'control.sock'), 'GET', '/status').catch(() => undefined)
  }
}

function eventOf(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return (JSON.parse(line) as { event?: string }).event
  } catch {
    return undefined
  }
}

/** One command to its end; its output. Throws with all it said where its status is not 0. */
export function wattness(words: readonly string[], place: readonly string[] = []): Promise<string> {
  const [file, ...args] = [...place, process.execPath, ...NODE_FLAGS, COMMAND, ...words] as [string, ...string[]]
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd: PROJECT_ROOT, timeout: COMMAND_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`wattness ${words.join(' ')}: ${error.message}\n${stdout}${stderr}`))
    })
  })
}

export function later(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

async function after(ms: number, text: string): Promise<never> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms).unref())
  throw new Error(text)
}
