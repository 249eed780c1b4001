import { setFlagsFromString } from 'node:v8'
import { systemTimers, type Timers } from './platform.ts'

/** Of Node: those whose V8 was looked at. */
const KNOWN_MAJORS = [22, 23, 24]
/** From the start of a process until it has loaded what it works with, on a slow box too. */
const START_MS = 3_000

const DOUBLING = '--semi-space-growth-factor=2'
const CONSTANT = '--semi-space-growth-factor=1'

/**
 * Keeps V8's space for new objects at its first size, 1 MiB, while the program is being loaded, which makes much and drops it at
 * once: V8 would double that space until it is 16 MiB, three times over, and hardly ever gives it back (10 MiB of a node that
 * then has little to do). Afterwards it grows as ever, for those with much to do. To be called before the program is loaded.
 */
export function holdYoungHeap(timers: Timers = systemTimers, setFlags = setFlagsFromString): void {
  if (!KNOWN_MAJORS.includes(Number(process.versions.node.split('.')[0]))) return
  setFlags(CONSTANT)
  timers.set(START_MS, () => setFlags(DOUBLING))
}
