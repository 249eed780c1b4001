import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { PROJECT_ROOT } from '../harness/source-tree.ts'
import { later } from '../street/node-process.ts'
import type { Mesh } from './mesh.ts'
import { nameOf, readThreeHosts } from './operations-page.ts'

export const THREE_HOSTS = [1, 2, 3] as const
const COMMAND = path.join(PROJECT_ROOT, 'node/cli/wattness.ts')
const LINES_MS = 120_000
const AGREE_MS = 120_000
const STEP_MS = 1_000
/** Kept of what one terminal shows. */
const TERMINAL_CHARACTERS = 65_536

export interface ThreeHostsInit {
  readonly dir: string
  readonly mesh: Mesh
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}

/** Three hosts on which operators type what docs/operations.md tells them, letter by letter, and nothing else. */
export class ThreeHostsByThePage {
  readonly #init: ThreeHostsInit
  readonly #shells: ChildProcess[] = []

  constructor(init: ThreeHostsInit) {
    this.#init = init
  }

  /** Throws where a command fails, or where what the page promises does not come. */
  async run(): Promise<Readonly<Record<string, number>>> {
    const { dir, note } = this.#init
    const page = readThreeHosts()
    const startMs = Date.now()
    try {
      await mkdir(path.join(dir, 'bin'))
      const wattness = `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning '${COMMAND}' "$@"\n`
      await writeFile(path.join(dir, 'bin/wattness'), wattness)
      await chmod(path.join(dir, 'bin/wattness'), 0o755)
      for (const host of THREE_HOSTS) await mkdir(path.join(dir, nameOf(host)))
      note('three hosts by the page: the network, its registrar and three invitations')
      const registrar = await this.#type(1, page.registrar)
      await this.#until('the registrar says that it listens', () => registrar.printed.includes('listening'))
      for (const host of THREE_HOSTS.slice(1)) {
        const ticket = `${nameOf(host)}.ticket`
        await copyFile(path.join(dir, nameOf(1), ticket), path.join(dir, nameOf(host), ticket))
      }
      note('three hosts by the page: a meter on each')
      await Promise.all(THREE_HOSTS.map((host) => this.#type(host, page.member(host))))
      for (const host of THREE_HOSTS) await this.#look(host, page.look)
      return { pageMs: Date.now() - startMs }
    } finally {
      this.#end()
    }
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    for (const endMs = Date.now() + LINES_MS; !holds(); await later(STEP_MS, this.#init.signal)) {
      if (Date.now() > endMs) throw new Error(`${what}: not after ${LINES_MS} ms`)
    }
  }

  /** In one shell, as typed at one terminal: what ends with `&` goes on, and prints on. */
  async #type(host: number, lines: readonly string[]): Promise<{ readonly printed: string }> {
    const { dir, mesh, signal } = this.#init
    const [file, ...args] = [...mesh.place(host), 'bash', '-e', '-c', lines.join('\n')] as unknown as [string, ...string[]]
    const shell = spawn(file, args, {
      cwd: path.join(dir, nameOf(host)),
      env: { ...process.env, PATH: `${path.join(dir, 'bin')}:${process.env['PATH'] ?? ''}` },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#shells.push(shell)
    const terminal = { printed: '' }
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        terminal.printed = (terminal.printed + text).slice(-TERMINAL_CHARACTERS)
      })
    }
    // What goes on holds the streams open: then the end of the shell is what counts.
    const end = lines.some((line) => line.endsWith('&')) ? 'exit' : 'close'
    const ended = new Promise<number | null>((resolve) => shell.once(end, resolve))
    const over = new AbortController()
    const tooLong = later(LINES_MS, AbortSignal.any([signal, over.signal])).then(
      () => 'too long',
      () => 'stopped',
    )
    const status = await Promise.race([ended, tooLong])
    over.abort()
    if (status === 0) return terminal
    throw new Error(`${nameOf(host)}: ${lines.join(' ; ')}\nended with ${status}:\n${terminal.printed}`)
  }

  /** "Each names three meters whose chains grow, three neighbours, and `equal` beside each." */
  async #look(host: number, lines: readonly string[]): Promise<void> {
    const { signal, note } = this.#init
    let first: readonly number[] | undefined
    for (const endMs = Date.now() + AGREE_MS; ; await later(STEP_MS, signal)) {
      const { printed } = await this.#type(host, lines)
      const sizes = THREE_HOSTS.map((each) =>
        Number(new RegExp(`^\\d+ +${nameOf(each)} +\\S*meter\\S* +(\\d+) `, 'm').exec(printed)?.[1]),
      )
      const isComplete = sizes.every((size) => size > 0)
      if (isComplete) first ??= sizes
      const grown = first !== undefined && sizes.every((size, i) => size > (first?.[i] ?? 0))
      const equal = printed.match(/\bequal\b/g)?.length ?? 0
      if (isComplete && grown && equal >= THREE_HOSTS.length) {
        note(
          `three hosts by the page: ${nameOf(host)} sees ${sizes.join(', ')} blocks, and ${equal} neighbours that hold the same`,
        )
        return
      }
      if (Date.now() > endMs)
        throw new Error(`${nameOf(host)}: not what docs/operations.md promises after ${AGREE_MS} ms:\n${printed}`)
    }
  }

  #end(): void {
    for (const { pid } of this.#shells.splice(0)) {
      try {
        // A group each: what the shell has left running.
        if (pid !== undefined) process.kill(-pid, 'SIGKILL')
      } catch {
        // All of it had ended.
      }
    }
  }
}
