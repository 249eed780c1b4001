import { expect } from 'chai'
import { sleep } from '../../platform.ts'
import { VirtualTime } from './virtual-time.ts'

describe('virtual time', () => {
  it('runs timers in order of their time, then of their setting', async () => {
    const time = new VirtualTime()
    const ran: string[] = []
    time.timers.set(20, () => ran.push('c'))
    time.timers.set(10, () => ran.push('a'))
    time.timers.set(10, () => ran.push('b'))
    await time.advance(15)
    expect(ran).to.deep.equal(['a', 'b'])
    await time.run()
    expect(ran).to.deep.equal(['a', 'b', 'c'])
    expect(time.clock.monotonicMs()).to.equal(20)
  })

  it('lets promises settle between timers', async () => {
    const time = new VirtualTime()
    const ran: string[] = []
    const task = async (): Promise<void> => {
      await sleep(time.timers, 5)
      await Promise.resolve()
      ran.push(`slept ${time.clock.monotonicMs()}`)
      await sleep(time.timers, 5)
      ran.push(`again ${time.clock.monotonicMs()}`)
    }
    void task()
    time.timers.set(7, () => ran.push('between'))
    await time.advance(10)
    expect(ran).to.deep.equal(['slept 5', 'between', 'again 10'])
  })

  it('forgets cleared timers', async () => {
    const time = new VirtualTime()
    let ran = 0
    time.timers.clear(time.timers.set(1, () => ran++))
    await time.advance(10)
    expect([ran, time.pending]).to.deep.equal([0, 0])
  })

  it('moves both clocks alike', async () => {
    const time = new VirtualTime({ startMs: 1_000 })
    await time.advance(250)
    expect([time.clock.now(), time.clock.monotonicMs()]).to.deep.equal([1_250, 250])
  })

  it('gives up a condition that never holds', async () => {
    const time = new VirtualTime()
    const again = (): void => void time.timers.set(10, again)
    again()
    const failure = await time.until(() => false, 100, 'nothing').catch((error: Error) => error.message)
    expect(failure).to.contain('nothing does not hold after 100 ms')
    expect(await time.run(100).catch((error: Error) => error.message)).to.contain('1 timers still set')
  })

  it('keeps order among a thousand timers', async () => {
    const time = new VirtualTime()
    const ran: number[] = []
    for (let index = 0; index < 1_000; index++) {
      const dueMs = (index * 7_919) % 503
      time.timers.set(dueMs, () => ran.push(dueMs))
    }
    await time.run()
    expect(ran).to.deep.equal([...ran].sort((a, b) => a - b))
    expect(ran).to.have.length(1_000)
  })
})
