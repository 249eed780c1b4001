import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'

/** A serial port without hardware: `path` is the node's end, what is written here comes out there. */
export interface PseudoTerminal {
  readonly path: string
  write(bytes: Uint8Array | string): void
  /** What the other end has written so far. */
  readonly heard: () => string
  /** As if the adapter were pulled out. */
  unplug(): Promise<void>
}

const PYTHON = `
import os, pty, select, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
name = os.ttyname(slave)
os.symlink(name, sys.argv[1])
while True:
    for fd in select.select([0, master], [], [])[0]:
        if fd == 0:
            data = os.read(0, 4096)
            if not data: sys.exit(0)
            while data: data = data[os.write(master, data):]
        else:
            os.write(1, os.read(master, 4096))
`

function has(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 }).status === 0
}

/** What makes one here; undefined on a machine without either. */
function maker(path: string): { command: string; args: readonly string[] } | undefined {
  if (has('socat', '-V')) return { command: 'socat', args: [`pty,raw,echo=0,link=${path}`, 'stdio'] }
  if (has('python3', '-c', 'import pty')) return { command: 'python3', args: ['-c', PYTHON, path] }
  return undefined
}

/** Undefined, and a line that says so, where the machine has nothing that makes one. */
export async function plugIn(path: string): Promise<PseudoTerminal | undefined> {
  const found = maker(path)
  if (found === undefined) {
    console.log('      neither socat nor python3 here: no pseudo-terminal, tested with a port made up')
    return undefined
  }
  const child: ChildProcess = spawn(found.command, found.args, { stdio: ['pipe', 'pipe', 'ignore'] })
  let heard = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1')
  })
  child.stdin?.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for (let tries = 0; !existsSync(path); tries++) {
    if (tries === 500 || child.exitCode !== null) throw new Error(`${found.command} made no pseudo-terminal at ${path}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return {
    path,
    write: (bytes) => void child.stdin?.write(bytes),
    heard: () => heard,
    unplug: async () => {
      child.kill()
      await ended
      rmSync(path, { force: true })
    },
  }
}
