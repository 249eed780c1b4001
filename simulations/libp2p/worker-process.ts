import { rmSync } from 'node:fs'
import type { Call, FromWorker, Orders, ToWorker } from './messages.ts'
import { Worker } from './worker.ts'
import { POOL_BYTES } from './worker-channel.ts'

/**
 * A process that holds a share of a run's nodes. It lives as long as the channel to its parent: whatever becomes of that, no
 * node and no file is left behind.
 */

function say(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const worker = new Worker((notice) => say({ notice }))

async function answer({ id, order, argument }: Call): Promise<void> {
  try {
    const run = worker[order].bind(worker) as (argument: unknown) => ReturnType<Orders[typeof order]>
    say({ id, answer: await run(argument) })
  } catch (error) {
    say({ id, error: textOf(error) })
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

Buffer.poolSize = POOL_BYTES
process.title = 'wattness simulation: worker'
// Ctrl-C in a terminal reaches every process of the group: the parent decides what follows.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
const onFailure = (error: unknown): void => say({ notice: { type: 'failure', text: textOf(error) } })
process.on('uncaughtException', onFailure)
process.on('unhandledRejection', onFailure)
process.on('disconnect', () => {
  if (worker.ground !== undefined) rmSync(worker.ground, { recursive: true, force: true })
  process.exit(0)
})
process.on('message', (message: ToWorker) => {
  // The ground goes with the run: nothing is gained by closing what stands on it.
  if (message === 'end') process.exit(0)
  void answer(message)
})
