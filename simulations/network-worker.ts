import { parentPort, workerData } from 'node:worker_threads'
import { systemPlatform, useNativeHash } from '../node/index.ts'
import { type Headway, simulateNetwork } from './network-job.ts'
import { networkResult } from './network-result.ts'
import type { Order, Word } from './network-threads.ts'

/** The thread of one network of several. What it throws ends it, and is told by whoever began it. */

/** How often it says how far it is: as often as the line on the terminal is drawn. */
const SAY_MS = 200

const { job, stop } = workerData as Order
const stopped = new Int32Array(stop)
const { clock } = systemPlatform
let saidMs = Number.NEGATIVE_INFINITY

function say(word: Word): void {
  parentPort?.postMessage(word)
}

function isStopped(headway: Headway): boolean {
  const nowMs = clock.monotonicMs()
  if (nowMs - saidMs >= SAY_MS) {
    saidMs = nowMs
    say({ headway })
  }
  return Atomics.load(stopped, 0) !== 0
}

useNativeHash()
say({ result: networkResult(await simulateNetwork(job, isStopped), job.plan.name) })
