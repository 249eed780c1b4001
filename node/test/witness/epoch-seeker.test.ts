import { expect } from 'chai'
import type { Epochs } from '../../../protocol/index.ts'
import { EpochSeeker } from '../../witness/epoch-seeker.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

function stand(heldLast: number) {
  const time = new VirtualTime()
  const now = { counted: 0, held: heldLast }
  const asked: string[] = []
  const epochs = (number: number): Epochs => ({ latest: { number } }) as Epochs
  const seeker = new EpochSeeker({
    timers: time.timers,
    held: () => epochs(now.held),
    counted: () => epochs(now.counted),
    askClosings: (epoch) => asked.push(`${epoch} at ${time.clock.monotonicMs()}`),
  })
  return { time, now, asked, seeker }
}

describe('who seeks closing attestations', () => {
  it('lets a change become final on its own first, asks again where nobody had them, and soon for the next', async () => {
    const { time, now, asked, seeker } = stand(3)
    for (let i = 0; i < 5; i++) seeker.look()
    expect(time.pending).to.equal(1)
    await time.advance(36_000)
    expect(asked).to.deep.equal(['0 at 5000', '0 at 35000'])
    now.counted = 1
    seeker.look()
    await time.advance(1_000)
    expect(asked.slice(2)).to.deep.equal(['1 at 36250'])
    now.counted = 3
    seeker.look()
    expect(time.pending).to.equal(0)
    await time.advance(60_000)
    expect(asked).to.have.length(3)
  })

  it('asks for nothing that came to count meanwhile, nor once it is stopped', async () => {
    const { time, now, asked, seeker } = stand(1)
    seeker.look()
    now.counted = 1
    await time.advance(10_000)
    expect([asked.length, time.pending]).to.deep.equal([0, 0])
    now.held = 2
    seeker.look()
    seeker.stop()
    seeker.look()
    expect(time.pending).to.equal(0)
  })
})
