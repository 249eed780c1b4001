/**
 * Loaded into a node beside its program (`--import`, with `--expose-gc`): on SIGUSR2 it collects what can be collected and says
 * what is left in use. Without that a heap that was not collected for a while looks as one that leaks.
 */

export interface MemoryLine {
  readonly event: 'memory'
  /** Live objects, in bytes. */
  readonly heapUsed: number
  /** Memory outside of the heap that they hold. */
  readonly external: number
}

process.on('SIGUSR2', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const line: MemoryLine = { event: 'memory', heapUsed, external }
  process.stdout.write(`${JSON.stringify(line)}\n`)
})
