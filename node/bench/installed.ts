import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'

/** A node as a process of its own, compiled as it is installed, and what Linux says that it takes. */

const root = path.resolve(import.meta.dirname, '../..')

/** Linux counts time of processes in hundredths of a second, and memory in pages of this size. */
const TICK_MS = 10
const PAGE_BYTES = 4_096

/** The program, below `dir`, as `npm run build` has it, the page left out. */
export function compileProgram(dir: string): string {
  const out = path.join(dir, 'dist')
  const tool = (name: string, ...words: string[]): void => {
    const { status } = spawnSync(path.join(root, 'node_modules/.bin', name), words, { cwd: root, stdio: 'inherit' })
    if (status !== 0) throw new Error(`${name} ended with ${status}`)
  }
  tool('tsc', '-p', 'tsconfig.build.json', '--outDir', out)
  tool('vite', 'build', '--config', 'node/cli/vite.config.ts', '--outDir', out)
  for (const name of ['node_modules', 'package.json']) symlinkSync(path.join(root, name), path.join(dir, name))
  return path.join(out, 'node/cli/wattness.js')
}

/** What `docker/Dockerfile` and the unit of systemd set for a node beside its own settings. */
export const UNATTENDED = { MALLOC_ARENA_MAX: '1', NODE_OPTIONS: '--max-semi-space-size=8' } as const

export interface Usage {
  /** Of all threads since the process began. */
  readonly cpuMs: number
  readonly rssBytes: number
}

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  // Fields 14 and 15 of the whole line, user and system time, counted behind the name.
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, rssBytes: pages * PAGE_BYTES }
}
