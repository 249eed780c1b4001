import type { Clock } from '../platform.ts'
import type { ObservedNode } from './observed-node.ts'

/** Of each chain; with a block a quarter of an hour, three weeks. */
export const MAX_FINAL_TIMES = 2_048

interface Marks {
  /** What was final when nobody looked yet, or is forgotten. */
  below: number
  /** Blocks that were final, and since when; both ascending. */
  readonly sizes: number[]
  readonly atMs: number[]
}

/** Since when blocks are final, as this node saw it: nothing on the disk says it. */
export class FinalTimes {
  readonly #marks = new Map<string, Marks>()
  readonly end: () => void

  constructor(node: Pick<ObservedNode, 'on' | 'store'>, clock: Clock) {
    for (const { member, size } of node.store.witness.finals()) this.#marksOf(Buffer.from(member).toString('hex')).below = size
    this.end = node.on('final', ({ member, size }) => {
      const marks = this.#marksOf(member)
      marks.sizes.push(size)
      marks.atMs.push(clock.now())
      if (marks.sizes.length <= MAX_FINAL_TIMES) return
      marks.below = marks.sizes.shift() as number
      marks.atMs.shift()
    })
  }

  /** One for each member at most: nothing else becomes final. */
  #marksOf(member: string): Marks {
    let marks = this.#marks.get(member)
    if (marks === undefined) {
      marks = { below: 0, sizes: [], atMs: [] }
      this.#marks.set(member, marks)
    }
    return marks
  }

  /** Undefined where the block is not final, or was before this node looked. */
  since(member: string, height: number): number | undefined {
    const marks = this.#marks.get(member)
    if (marks === undefined || height < marks.below) return undefined
    let low = 0
    let high = marks.sizes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((marks.sizes[middle] as number) > height) high = middle
      else low = middle + 1
    }
    return marks.atMs[low]
  }
}
