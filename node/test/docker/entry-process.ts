import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { projectPath } from './declared.ts'

/** What a container runs, as a process of this machine. */
export interface EntryProcess {
  readonly child: ChildProcess
  readonly output: () => string
  /** Its status once it has ended. */
  readonly ended: Promise<number | null>
}

export function execute(file: string, environment: NodeJS.ProcessEnv, ...words: readonly string[]): EntryProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', projectPath(file), ...words], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  return { child, output: () => said, ended: new Promise((resolve) => child.once('close', resolve)) }
}

export function terminate({ child, ended }: EntryProcess): Promise<number | null> {
  child.kill('SIGTERM')
  return ended
}

/** Numbers of the processes that it has started and that are still there. Linux. */
export async function childrenOf({ child }: EntryProcess): Promise<readonly number[]> {
  const text = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}
