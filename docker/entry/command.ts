import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * The command line, as anybody uses it: what stands in docker/ knows nothing else of a node. The variable has no name of the
 * program's own, since that refuses those that it does not know.
 */
const PROGRAM = process.env['PROGRAM'] ?? '/app/dist/node/cli/wattness.js'

/** Kept of what a command wrote, to tell why it ended. */
const TAIL_CHARACTERS = 65_536

export interface Ended {
  /** 128 and the signal's number where a signal ended it, as shells say it. */
  readonly status: number
  /** The end of what it wrote, both streams. */
  readonly output: string
  /** The end of its standard output alone. */
  readonly answer: string
}

/** Containers are stopped by a signal to the first process: it goes on to the command that runs. */
let running: ChildProcess | undefined
let isStopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    isStopping = true
    if (running === undefined) process.exit(0)
    running.kill(signal)
  })
}

/** Runs a command that ends soon; its standard output, trimmed. Throws with what it wrote where it fails. */
export async function ask(...words: readonly string[]): Promise<string> {
  const { status, output, answer } = await follow(
    spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'pipe'] }),
    false,
  )
  if (status !== 0) throw new Error(`wattness ${words[0]}: ${output}`)
  return answer
}

/** Runs the node itself until it ends, its output shown. */
export async function run(...words: readonly string[]): Promise<Ended> {
  running = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    return await follow(running, true)
  } finally {
    running = undefined
    if (isStopping) process.exit(0)
  }
}

async function follow(child: ChildProcess, isShown: boolean): Promise<Ended> {
  let output = ''
  let answer = ''
  for (const [stream, shown] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-TAIL_CHARACTERS)
      if (stream === child.stdout) answer = (answer + text).slice(-TAIL_CHARACTERS)
      if (isShown) shown.write(text)
    })
  }
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGTERM' ? 143 : 137)))
  })
  return { status, output: output.trim(), answer: answer.trim() }
}

/** Tries until it works, a second apart; says once why it does not. Throws after `limitMs`. */
export async function until<T>(what: string, act: () => Promise<T | undefined>, limitMs = 600_000): Promise<T> {
  const endMs = performance.now() + limitMs
  let isSaid = false
  for (;;) {
    let why = ''
    try {
      const found = await act()
      if (found !== undefined) return found
    } catch (error) {
      why = `: ${(error as Error).message}`
    }
    if (performance.now() > endMs) throw new Error(`no ${what} after ${limitMs / 1000} s${why}`)
    if (!isSaid) console.error(`waiting for ${what}${why}`)
    isSaid = true
    await wait(1_000)
  }
}

/** A setting of the container. */
export function setting(name: string, preset: string): string {
  const value = process.env[name]
  return value === undefined || value === '' ? preset : value
}

/** A whole number of `least` or more. Ends the process with what is wrong with it. */
export function numberSetting(name: string, preset: number, least: number): number {
  const text = setting(name, `${preset}`)
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  console.error(`${name}: expected a whole number of ${least} or more, found ${JSON.stringify(text)}`)
  process.exit(2)
}
