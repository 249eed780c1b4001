import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

/**
 * The command line, as anybody uses it: what stands in docker/ knows nothing else of a node. The variable has no name of the
 * program's own, since that refuses those that it does not know.
 */
const PROGRAM = process.env['PROGRAM'] ?? '/app/dist/node/cli/wattness.js'
/** Beside it: the same for a process that becomes the command. */
const HERE = path.join(path.dirname(PROGRAM), `command${path.extname(PROGRAM)}`)

/** Kept of what a command wrote, to tell why it ended. */
const TAIL_CHARACTERS = 65_536

export interface Ended {
  readonly status: number
  /** The code of what it could not go on with. */
  readonly failure?: string
}

interface Program {
  runCommand(words: readonly string[]): Promise<Ended>
}

/** The first process of a container dies of no signal that it does not hear. */
const stop = (): never => process.exit(0)
const SIGNALS = ['SIGTERM', 'SIGINT'] as const
for (const signal of SIGNALS) process.on(signal, stop)

/** Runs a command that ends soon; its standard output, trimmed. Throws with what it wrote where it fails. */
export async function ask(...words: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let answer = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-TAIL_CHARACTERS)
      if (stream === child.stdout) answer = (answer + text).slice(-TAIL_CHARACTERS)
    })
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (status !== 0) throw new Error(`wattness ${words[0]}: ${output.trim()}`)
  return answer.trim()
}

/**
 * Becomes the node: runs it in this very process until it ends. A second one beside it would be 40 MB for nothing. It hears the
 * signals itself meanwhile.
 */
export async function run(...words: readonly string[]): Promise<Ended> {
  const program = (await import(pathToFileURL(HERE).href)) as Program
  const ended = program.runCommand(words)
  for (const signal of SIGNALS) process.off(signal, stop)
  const found = await ended
  for (const signal of SIGNALS) process.on(signal, stop)
  return found
}

/** True where the directory's node answers, in whichever container: any other command leaves its store alone then. */
export function isAnswering(dir: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path.join(dir, 'control.sock'))
    const settle = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    // A container that stands still answers nobody, until nobody more can be put off.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(code === 'EAGAIN'))
  })
}

/** Invitations that lie ready in a folder, by name; what has a dot before its name is being written, or is somebody's already. */
export async function invitationsIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.invitation') && !name.startsWith('.')).sort()
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
