import { spawn } from 'node:child_process'
import path from 'node:path'

export interface CommandResult {
  /** The exit status; 1 when the command was stopped or did not start. */
  readonly status: number
  /** Both output streams as they came. */
  readonly output: string
  /** Why the command was stopped, if it was. */
  readonly stopped?: string
}

/** Output may be held open by a process the command left behind; after this long that process is ended and named. */
const LEFT_BEHIND_GRACE_MS = 10_000

/**
 * Runs `command`, found in node_modules/.bin first, in a process group of its own; `show` gets its output as it comes.
 * Never throws.
 */
export function runCommand(
  command: readonly [string, ...string[]],
  root: string,
  limitMs: number,
  show: (text: string) => void = (text) => process.stdout.write(text),
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const [file, ...args] = command
    const bin = path.join(root, 'node_modules', '.bin')
    const child = spawn(file, args, {
      cwd: root,
      detached: true,
      env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let stopped: string | undefined
    const stop = (reason: string): void => {
      stopped ??= reason
      killGroup(child.pid)
    }
    const interrupt = (signal: NodeJS.Signals): void => stop(`interrupted by ${signal}`)
    const limit = setTimeout(() => stop(`took longer than ${limitMs / 1000} s`), limitMs)
    let grace: NodeJS.Timeout | undefined
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)

    const copy = (chunk: string): void => {
      output += chunk
      show(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', copy)
    child.stderr.setEncoding('utf8').on('data', copy)
    child.on('exit', () => {
      grace = setTimeout(() => stop('left a process running that holds its output'), LEFT_BEHIND_GRACE_MS)
    })
    const finish = (status: number): void => {
      clearTimeout(limit)
      clearTimeout(grace)
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      resolve(stopped === undefined ? { status, output } : { status: 1, output, stopped })
    }
    child.on('error', (error) => {
      copy(`${file}: ${error.message}\n`)
      finish(1)
    })
    child.on('close', (code) => finish(code ?? 1))
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has ended meanwhile: what was wanted.
  }
}
