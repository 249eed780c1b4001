import { getHeapSpaceStatistics } from 'node:v8'

/**
 * Loaded into a node beside its program (`--import`, with `--expose-gc`): on SIGUSR2 it collects what can be collected and says
 * what is left in use. Without that a heap that was not collected for a while looks as one that leaks.
 */

export interface MemoryLine {
  readonly event: 'memory'
  /** Live objects, in bytes. */
  readonly objects: number
  /** What V8 has made of functions: as much as there are functions that run often, whatever they keep. */
  readonly code: number
  /** Memory outside of the heap that they hold. */
  readonly external: number
}

const CODE = /code|trusted/

process.on('SIGUSR2', () => {
  // The second takes what finalizers of the first let go of.
  globalThis.gc?.()
  globalThis.gc?.()
  let [objects, code] = [0, 0]
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    if (CODE.test(space_name)) code += space_used_size
    else objects += space_used_size
  }
  const line: MemoryLine = { event: 'memory', objects, code, external: process.memoryUsage().external }
  process.stdout.write(`${JSON.stringify(line)}\n`)
})
