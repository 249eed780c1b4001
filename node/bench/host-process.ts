import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a host process answers to: names and functions of one argument or none. Arguments and answers are structured clones. */
export type HostCommands = Readonly<Record<string, (...args: never[]) => unknown>>

interface Call {
  readonly id: number
  readonly command: string
  readonly args: unknown
}

type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly fault: string }

/** One child process of a measurement; it ends with its parent, whatever happens. */
export interface Host<C extends HostCommands> {
  readonly pid: number
  call<N extends keyof C & string>(command: N, ...args: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>>
  stop(): Promise<void>
}

/** A host that has not gone by itself after this long is killed. */
const STOP_MS = 5_000

/** Starts `file` (beside this one) as a process of its own. It ends with an error: every call under way is rejected. */
export function startHost<C extends HostCommands>(file: string, execArgv: readonly string[] = []): Host<C> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [...process.execArgv, ...execArgv],
  })
  const pending = new Map<number, PromiseWithResolvers<unknown>>()
  const exited = Promise.withResolvers<void>()
  let lastId = 0
  const failAll = (reason: string): void => {
    for (const each of pending.values()) each.reject(new Error(reason))
    pending.clear()
  }
  child.on('message', (answer: Answer) => {
    if ('fault' in answer) {
      failAll(`${file}: ${answer.fault}`)
      return
    }
    const waiting = pending.get(answer.id)
    pending.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(`${file}: ${answer.error}`))
    else waiting?.resolve(answer.result)
  })
  child.on('exit', (code, signal) => {
    failAll(`${file} (process ${child.pid}) ended with ${signal ?? code}`)
    exited.resolve()
  })
  return {
    pid: child.pid ?? 0,
    call(command, ...[args]) {
      const waiting = Promise.withResolvers<unknown>()
      lastId++
      pending.set(lastId, waiting)
      child.send({ id: lastId, command, args } satisfies Call)
      return waiting.promise as never
    },
    stop: () => stopChild(child, exited.promise),
  }
}

async function stopChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}

/** The other side: answers calls until the parent lets go. */
export function serveHost(commands: HostCommands): void {
  const report = (error: unknown): void => void process.send?.({ fault: textOf(error) } satisfies Answer)
  process.on('uncaughtException', report)
  process.on('unhandledRejection', report)
  process.on('disconnect', () => process.exit(0))
  process.on('message', (call: Call) => void answer(commands, call))
}

async function answer(commands: HostCommands, { id, command, args }: Call): Promise<void> {
  try {
    const run = commands[command]
    if (run === undefined) throw new Error(`no command ${command}`)
    process.send?.({ id, result: await run(...([args] as never[])) } satisfies Answer)
  } catch (error) {
    process.send?.({ id, error: textOf(error) } satisfies Answer)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
