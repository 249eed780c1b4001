import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import type { Io } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'
import { type Platform, systemPlatform } from '../../platform.ts'

/** What one command line said, and how it ended. */
export interface Said {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** A command that goes on until it is stopped. */
export interface Running {
  /** Resolves with the first line of output that `wanted` accepts. */
  line(wanted: (line: string) => boolean): Promise<string>
  stop(): Promise<Said>
}

export interface SayInit {
  readonly stdin?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly isTerminal?: boolean
  readonly platform?: Platform
}

/** Nothing here may take longer; a test that waits for ever says nothing. */
const PATIENCE_MS = 15_000

/** Runs one command line in this process. */
export function say(words: readonly string[], init: SayInit = {}): Promise<Said> {
  return begin(words, init).done
}

/** Begins a command that runs until it is stopped. */
export function start(words: readonly string[], init: SayInit = {}): Running {
  const { done, lines, controller } = begin(words, init)
  return {
    line: (wanted) => lines.find(wanted),
    stop: () => {
      controller.abort()
      return done
    },
  }
}

function begin(words: readonly string[], init: SayInit): { done: Promise<Said>; lines: Lines; controller: AbortController } {
  const controller = new AbortController()
  const lines = new Lines()
  const err: string[] = []
  const io: Io = {
    stdin: Readable.from(init.stdin === undefined ? [] : [Buffer.from(init.stdin)]),
    stdout: sink((text) => lines.add(text)),
    stderr: sink((text) => err.push(text)),
    isTerminal: init.isTerminal ?? false,
    environment: init.environment ?? {},
    platform: init.platform ?? systemPlatform,
    stopped: controller.signal,
  }
  const done = main(words, io).then((status) => {
    const said = { status, out: lines.text, err: err.join('') }
    lines.end(said)
    return said
  })
  return { done, lines, controller }
}

function sink(take: (text: string) => void): PassThrough {
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => take(chunk.toString('utf8')))
  return stream
}

/** Output as it comes, and who waits for a line of it. */
class Lines {
  text = ''
  readonly #waiting = new Set<() => void>()
  #said: Said | undefined

  add(text: string): void {
    this.text += text
    for (const look of this.#waiting) look()
  }

  end(said: Said): void {
    this.#said = said
    for (const look of this.#waiting) look()
  }

  find(wanted: (line: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        settle()
      }
      const refuse = (why: string): void =>
        finish(() => reject(new Error(`${why}; it said:\n${this.text}${this.#said?.err ?? ''}`)))
      const look = (): void => {
        const line = this.text.split('\n').slice(0, -1).find(wanted)
        if (line !== undefined) finish(() => resolve(line))
        else if (this.#said !== undefined) refuse(`the command ended with status ${this.#said.status}`)
      }
      const timer = setTimeout(() => refuse('the line did not come'), PATIENCE_MS)
      this.#waiting.add(look)
      look()
    })
  }
}

/** For lines of JSON logs: the event of that name. */
export const event =
  (name: string, also: (fields: Record<string, unknown>) => boolean = () => true) =>
  (line: string): boolean => {
    try {
      const fields = JSON.parse(line) as Record<string, unknown>
      return fields['event'] === name && also(fields)
    } catch {
      return false
    }
  }

/** A directory for one test; `after` takes it away. */
export async function temporaryDirectory(): Promise<{ path: (name: string) => string; remove: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'wattness-cli-'))
  return { path: (name) => join(root, name), remove: () => rm(root, { recursive: true, force: true }) }
}

/** Asks again until `wanted` holds. */
export async function until<T>(ask: () => Promise<T>, wanted: (found: T) => boolean): Promise<T> {
  const endMs = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await ask()
    if (wanted(found)) return found
    if (Date.now() > endMs) throw new Error(`it did not come to pass; last: ${JSON.stringify(found)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const json = (said: Said): unknown => JSON.parse(said.out)
