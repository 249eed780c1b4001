import { expect } from 'chai'
import { WAKE_GAP_MS, Waker } from '../../sync/waker.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

describe('the waker', () => {
  function stand() {
    const time = new VirtualTime()
    const woken: number[] = []
    const startMs = time.clock.monotonicMs()
    const waker = new Waker({ clock: time.clock, timers: time.timers }, () => void woken.push(time.clock.monotonicMs() - startMs))
    return { time, woken, waker }
  }

  it('wakes once for the first that is due', async () => {
    const { time, woken, waker } = stand()
    waker.in(500)
    waker.in(300)
    waker.in(400)
    await time.advance(1_000)
    expect(woken).to.deep.equal([300])
    expect(time.pending).to.equal(0)
  })

  it('looks at pauses that end shortly after each other together, and at the first one in time', async () => {
    const { time, woken, waker } = stand()
    waker.afterPause(1_000)
    await time.advance(1_000)
    for (let ms = 1; ms <= 100; ms++) waker.afterPause(ms)
    await time.advance(WAKE_GAP_MS)
    expect(woken).to.deep.equal([1_000, 1_000 + WAKE_GAP_MS])
    waker.afterPause(1)
    waker.in(2)
    await time.advance(10)
    expect(woken.at(-1), 'other things wait for no pause').to.equal(1_000 + WAKE_GAP_MS + 2)
  })

  it('wakes nobody once it is stopped', async () => {
    const { time, woken, waker } = stand()
    waker.in(100)
    waker.stop()
    waker.in(100)
    await time.advance(1_000)
    expect(woken).to.deep.equal([])
    expect(time.pending).to.equal(0)
  })
})
