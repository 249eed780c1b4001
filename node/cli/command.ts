import { holdYoungHeap } from '../young-heap.ts'
import type { Ended } from './context.ts'
import { processIo } from './io.ts'

/**
 * Runs one command line in this process, which hears SIGINT, SIGTERM and SIGHUP for it from the call on. For whoever has
 * something to do before, and wants no second process for it. Never throws, and leaves it to its caller to end the process: what
 * is still open then has had its time to stop.
 */
export async function runCommand(words: readonly string[]): Promise<Ended> {
  const here = processIo()
  try {
    holdYoungHeap()
    const { attempt } = await import('./main.ts')
    return await attempt(words, here.io)
  } finally {
    here.end()
  }
}
