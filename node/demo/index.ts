/** The room of the demonstration: a whole neighbourhood on one machine, each node in its own process. It stands on the node. */

export { type DemoEnd, type DemoInit, type DemoResult, runDemo } from './demo.ts'
export { DEFAULT_METERS } from './ground.ts'
export { forkHosts } from './host-link.ts'
export type { HttpOrder } from './messages.ts'
export { MAX_METERS } from './plan.ts'
export { LiveTable, type Output, type Progress, StatusLines } from './screen.ts'
export { formatCount, shortHash } from './table.ts'
