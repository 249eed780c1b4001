import { expect } from 'chai'
import type { Timers } from '../platform.ts'
import { holdYoungHeap } from '../young-heap.ts'

describe('the space for new objects', () => {
  it('does not grow while the program is loaded, and then as V8 would have it', () => {
    const flags: string[] = []
    const waiting: (() => void)[] = []
    const timers: Timers = {
      set: (ms, run) => {
        expect(ms).to.equal(3_000)
        waiting.push(run)
        return { id: 0 }
      },
      clear: () => undefined,
    }
    holdYoungHeap(timers, (flag) => flags.push(flag))
    expect(flags).to.deep.equal(['--semi-space-growth-factor=1'])
    for (const run of waiting) run()
    expect(flags).to.deep.equal(['--semi-space-growth-factor=1', '--semi-space-growth-factor=2'])
  })
})
