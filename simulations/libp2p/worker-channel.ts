import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemEnvironment } from '../../node/index.ts'
import type { FromWorker, ToWorker } from './messages.ts'

/** Half of a worker's young generation: larger ones hold memory that nodes need, smaller ones collect too often. */
const SEMI_SPACE_MIB = 16

/** A worker's heap grows by this until it is collected as a whole. V8 lets dead objects take as much again as live ones. */
const HEAP_GROWTH_PERCENT = 35

/** Heaps of the C library: as many as threads hold memory that nobody uses, LevelDB's and sodium's. */
const MALLOC_ARENAS = 2

/** Much that lives as long as a connection is a few bytes of Node's pool of buffers, and keeps a whole one: 64 KiB by preset. */
export const POOL_BYTES = 4_096

/** What a worker process is told so that hundreds of nodes fit into it; the report names it. */
export const WORKER_FRUGALITY = [
  `V8 semi-space ${SEMI_SPACE_MIB} MiB, heap growth ${HEAP_GROWTH_PERCENT} % (V8 chooses up to 300 %)`,
  `MALLOC_ARENA_MAX=${MALLOC_ARENAS}`,
  `Buffer.poolSize=${POOL_BYTES}`,
] as const

/** A worker process, here or on another machine. */
export interface WorkerChannel {
  /** 0 on another machine. */
  readonly pid: number
  /** The address at which others reach its nodes. */
  readonly host: string
  send(message: ToWorker): void
  /** Here and now, as by a power cut. */
  kill(): void
}

export interface ChannelInit {
  readonly onMessage: (message: FromWorker) => void
  /** Called once, whatever ended it. */
  readonly onEnd: (how: string) => void
}

export type OpenChannel = (init: ChannelInit) => WorkerChannel

/** A debugger's port is one process's, and a heap that suits a whole neighbourhood is too large for a share of it. */
function execArgvOf(own: readonly string[]): string[] {
  const frugal = [`--max-semi-space-size=${SEMI_SPACE_MIB}`, `--heap-growing-percent=${HEAP_GROWTH_PERCENT}`]
  return [...own.filter((option) => !/^--(inspect|max-|heap-growing-percent)/.test(option)), ...frugal]
}

/** A child of this process, whose nodes others reach at `host`. It ends with its parent, whatever happens to that. */
export function forkWorker({ onMessage, onEnd }: ChannelInit, host = '127.0.0.1'): WorkerChannel {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const child = fork(fileURLToPath(new URL(`./worker-process.${extension}`, import.meta.url)), [], {
    serialization: 'advanced',
    // What a worker writes there is the reason of its death.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: execArgvOf(process.execArgv),
    env: { ...systemEnvironment(), MALLOC_ARENA_MAX: String(MALLOC_ARENAS) },
  })
  let hasEnded = false
  const end = (how: string): void => {
    if (!hasEnded) onEnd(how)
    hasEnded = true
  }
  child.on('message', (message: FromWorker) => {
    if (!hasEnded) onMessage(message)
  })
  child.on('error', (error) => end(error.message))
  child.on('exit', (code, signal) => end(signal ?? `status ${code}`))
  return {
    pid: child.pid ?? 0,
    host,
    // It may end at any moment: that is told by its end, not by what could not be sent.
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    kill: () => void child.kill('SIGKILL'),
  }
}
