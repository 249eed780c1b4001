#!/usr/bin/env node
/**
 * The command. It must load on Node 20, where libp2p does not: there it runs itself again under the Node that comes with
 * the package `node`. Nothing but Node's own modules is imported before that is decided.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const LEAST_MAJOR = 22
/** Said once to the process that takes over. */
const HANDED_OVER = 'wattness: handed over'

if (majorOf(process.versions.node) >= LEAST_MAJOR) await runHere()
else runUnder(bundledNode())

async function runHere(): Promise<void> {
  liveNoLongerThanParent()
  const { runCommand } = await import('./command.ts')
  const { status } = await runCommand(process.argv.slice(2))
  // Whatever is still open has had its time to stop.
  process.exit(status)
}

/**
 * A kill -9 cannot be passed on. Whoever started the command knows the first process only: what outlived it would hold the
 * directory, and a restart would be refused. Another parent that happens to have a channel to this process changes nothing.
 */
function liveNoLongerThanParent(): void {
  process.once('message', (message) => {
    if (message === HANDED_OVER) process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
    process.channel?.unref()
  })
  process.channel?.unref()
}

function majorOf(version: string): number {
  return Number(version.split('.')[0])
}

/** The binary of the package `node`; undefined where it is not installed, or too old as well. */
function bundledNode(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json')
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return majorOf(version) >= LEAST_MAJOR && existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

/** Standard streams are handed on; signals and the way the other process ends are passed through. */
function runUnder(binary: string | undefined): void {
  if (binary === undefined)
    fail(`Node ${LEAST_MAJOR} or newer is needed, this is ${process.versions.node}, and the package "node" is not installed`)
  const self = fileURLToPath(import.meta.url)
  const child = spawn(binary, [...process.execArgv, self, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  child.send(HANDED_OVER, () => undefined)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of signals) process.on(signal, passOn)
  child.on('error', (error) => fail(`${binary} does not start: ${error.message}`))
  child.on('exit', (status, signal) => {
    for (const each of signals) process.off(each, passOn)
    if (signal === null) process.exit(status ?? 1)
    process.kill(process.pid, signal)
  })
}

function fail(message: string): never {
  process.stderr.write(`wattness: ${message}\n`)
  process.exit(1)
}
