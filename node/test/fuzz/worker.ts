import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { FUZZ_FORMATS, type FuzzFormat } from './formats.ts'
import { fuzzCase } from './mutation.ts'
import { heldBytes, verdictOf } from './verdict.ts'

/** Runs cases one after another until it is ended, and says which one it is at: one that never ends is found from outside. */

export interface WorkerInit {
  readonly format: string
  readonly seed: number
  readonly from: number
  /** The number of the case being run. */
  readonly at: Int32Array
}

export interface Find {
  readonly number: number
  readonly why: string
}

/** Every so many cases one is fed to a single parser for long, to see what it holds. */
const ENDURANCE_EVERY = 1_000
const ENDURANCE_BYTES = 4_000_000
/** More than any parser's own bound, and what a collection of garbage leaves lying. */
const MOST_HELD_BYTES = 16_000_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function usedBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const { format: name, seed, from, at } = workerData as WorkerInit
const format = FUZZ_FORMATS.find((each) => each.name === name) as FuzzFormat
for (let number = from; ; number++) {
  Atomics.store(at, 0, number)
  const one = fuzzCase(format, seed, number)
  let why = await verdictOf(format, one)
  if (why === undefined && number % ENDURANCE_EVERY === 0) {
    const held = await heldBytes(format, one, ENDURANCE_BYTES, usedBytes)
    if (held > MOST_HELD_BYTES) why = `holds ${held} bytes behind ${ENDURANCE_BYTES} bytes of this, again and again`
  }
  if (why !== undefined) parentPort?.postMessage({ number, why } satisfies Find)
  // Lets the message out, and the end in.
  if (number % 64 === 0 || why !== undefined) await new Promise((resolve) => setImmediate(resolve))
}
