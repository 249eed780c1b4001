import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type RunOptions, run } from './run.ts'

export interface SeedRange {
  readonly from: number
  readonly count: number
}

export interface Tally {
  readonly kept: number
  /** Runs in which more lied than is tolerated: nothing is claimed of them. */
  readonly void: number
  readonly violations: readonly { readonly seed: number; readonly what: string }[]
}

const MAX_VIOLATIONS = 3

/** One seed after the other; stops after some violations. */
export function runRange({ from, count }: SeedRange, options: RunOptions = {}): Tally {
  const tally = { kept: 0, void: 0, violations: [] as { seed: number; what: string }[] }
  for (let seed = from; seed < from + count && tally.violations.length < MAX_VIOLATIONS; seed++) {
    const outcome = run(seed, options)
    if (outcome.type === 'violated') tally.violations.push({ seed, what: outcome.what })
    else tally[outcome.type]++
  }
  return tally
}

/** All seeds from 1 to `count`, on as many threads as there are processors. */
export async function runSeeds(count: number): Promise<Tally> {
  const threads = Math.max(1, Math.min(availableParallelism(), count))
  const each = Math.ceil(count / threads)
  const tallies = await Promise.all(
    Array.from({ length: threads }, (_, at) => inThread({ from: 1 + at * each, count: Math.min(each, count - at * each) })),
  )
  return {
    kept: tallies.reduce((sum, { kept }) => sum + kept, 0),
    void: tallies.reduce((sum, tally) => sum + tally.void, 0),
    violations: tallies.flatMap(({ violations }) => violations),
  }
}

function inThread(range: SeedRange): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: range })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`worker left with ${code} before it was done`)))
  })
}

/** What a test that fails shows: how to see each violation again. */
export function formatViolations({ violations }: Tally): string {
  return violations.map(({ seed, what }) => `${what}: node protocol/test/model/replay.ts ${seed}`).join('\n')
}
