import { expect } from 'chai'
import { Deadlines } from '../../sync/deadlines.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

describe('deadlines', () => {
  let time: VirtualTime
  let due: string[]
  let timersSet: number
  let deadlines: Deadlines<string>

  beforeEach(() => {
    time = new VirtualTime()
    due = []
    timersSet = 0
    const { clock, timers } = time.platform(seededRandom(1))
    const counting = {
      set: (ms: number, run: () => void) => {
        timersSet++
        return timers.set(ms, run)
      },
      clear: timers.clear.bind(timers),
    }
    deadlines = new Deadlines({ clock, timers: counting }, (item) => due.push(`${item}@${clock.monotonicMs()}`))
  })

  it('tells each thing when it is due, and what is over never', async () => {
    deadlines.set('late', 300)
    deadlines.set('early', 100)
    deadlines.set('over', 50)
    deadlines.delete('over')
    await time.run()
    expect(due).to.deep.equal(['early@100', 'late@300'])
  })

  it('takes the last word about a thing', async () => {
    deadlines.set('a', 100)
    deadlines.set('a', 400)
    await time.run()
    expect(due).to.deep.equal(['a@400'])
  })

  it('sets one timer for many things that are over soon', async () => {
    for (let i = 0; i < 1_000; i++) {
      deadlines.set(`request ${i}`, 15_000)
      await time.advance(10)
      deadlines.delete(`request ${i}`)
    }
    expect(timersSet).to.equal(1)
    await time.run()
    expect(due).to.deep.equal([])
  })

  it('may be given more from what it calls, and tells nothing once it is stopped', async () => {
    const again = new Deadlines<number>(time.platform(seededRandom(1)), (left) => {
      due.push(`${left}`)
      if (left > 0) again.set(left - 1, 10)
    })
    again.set(2, 10)
    await time.run()
    expect(due).to.deep.equal(['2', '1', '0'])
    again.set(5, 10)
    again.stop()
    await time.run()
    expect(due).to.have.length(3)
  })
})
