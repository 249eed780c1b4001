import { checkRun, type RunCheck, verifySignature } from '../../node/index.ts'
import { ValuePool } from '../disk/value-pool.ts'
import type { Settings } from '../settings.ts'
import { SharedChecks } from '../shared-checks.ts'
import { VirtualTime } from '../time/virtual-time.ts'

/** How often nodes asked for a check, and how often it was made. */
export interface Counts {
  readonly asked: number
  readonly made: number
}

/** Of signatures, and of whole runs at the door. */
export interface CheckCounts extends Counts {
  readonly runs: Counts
}

export interface Checks extends CheckCounts {
  readonly verify: typeof verifySignature
  readonly checkRun: RunCheck
}

/** What all nodes of one run have in common: one line of time, and what is kept or checked once by its content. */
export class Commons {
  readonly time: VirtualTime
  readonly checks: Checks
  /** What no code under test may throw: it ends the run. */
  readonly failures: Error[] = []
  readonly #pool: ValuePool | undefined

  constructor({ startMs, shared }: Pick<Settings, 'startMs' | 'shared'>) {
    this.time = new VirtualTime(startMs)
    this.checks = shared ? new SharedChecks(verifySignature) : unsharedChecks()
    this.#pool = shared ? new ValuePool() : undefined
  }

  /** Of one disk; where nothing is shared each has its own. */
  get pool(): ValuePool {
    return this.#pool ?? new ValuePool()
  }
}

function unsharedChecks(): Checks {
  const counts = { asked: 0, made: 0 }
  const runs = { asked: 0, made: 0 }
  return {
    runs,
    checkRun: (bytes, context) => {
      runs.asked++
      runs.made++
      return checkRun(bytes, context)
    },
    verify: (signature, message, key) => {
      counts.asked++
      counts.made++
      return verifySignature(signature, message, key)
    },
    get asked() {
      return counts.asked
    },
    get made() {
      return counts.made
    },
  }
}
