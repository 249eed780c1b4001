import { expect } from 'chai'
import fc from 'fast-check'
import { SeededRandom } from '../seeded-random.ts'
import { Agenda, type Entry } from '../time/agenda.ts'
import { Machine, VirtualTime } from '../time/virtual-time.ts'

describe('agenda', () => {
  it('runs by time, and what falls on one instant in the order in which it was set, the cancelled left out', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()), { maxLength: 3_000 }), (timers) => {
        const agenda = new Agenda()
        const ran: number[] = []
        const entries: Entry[] = timers.map(([dueMs], number) => agenda.add(dueMs, () => void ran.push(number)))
        for (const [number, [, isCancelled]] of timers.entries()) if (isCancelled) agenda.cancel(entries[number] as Entry)
        for (let run = agenda.take(); run !== undefined; run = agenda.take()) run()
        const expected = [...timers.keys()]
          .filter((number) => timers[number]?.[1] === false)
          .sort((a, b) => (timers[a]?.[0] ?? 0) - (timers[b]?.[0] ?? 0) || a - b)
        expect(ran).to.deep.equal(expected)
        expect(agenda.size).to.equal(0)
      }),
      { numRuns: 50 },
    )
  })

  it('cancelling what has run, or twice, counts for nothing', () => {
    const agenda = new Agenda()
    const [ran, cancelled] = [agenda.add(1, () => undefined), agenda.add(2, () => undefined)]
    agenda.add(3, () => undefined)
    agenda.take()
    agenda.cancel(ran)
    agenda.cancel(cancelled)
    agenda.cancel(cancelled)
    expect([agenda.size, agenda.nextMs()]).to.deep.equal([1, 3])
  })
})

describe('virtual time', () => {
  it('promises settle between two events', async () => {
    const time = new VirtualTime(0)
    const order: string[] = []
    const chain = async (): Promise<void> => {
      for (let hop = 0; hop < 20; hop++) await Promise.resolve()
      order.push('promise')
    }
    time.after(1, () => void chain())
    time.after(1, () => order.push('event'))
    await time.runUntil(10)
    expect(order).to.deep.equal(['promise', 'event'])
    expect(time.elapsedMs).to.equal(10)
  })

  it('promises settle after each of many events', async () => {
    const time = new VirtualTime(0)
    const open = new Set<number>()
    let most = 0
    for (let event = 0; event < 1_000; event++) {
      time.after(event, () => {
        open.add(event)
        most = Math.max(most, open.size)
        void (async () => {
          for (let hop = 0; hop < 20; hop++) await Promise.resolve()
          open.delete(event)
        })()
      })
    }
    await time.runUntil(2_000)
    expect([most, open.size, time.events]).to.deep.equal([1, 0, 1_000])
  })

  it('what an event throws ends the wait', async () => {
    const time = new VirtualTime(0)
    time.after(1, () => {
      throw new Error('no')
    })
    const failed = await time.runUntil(2).catch((error: unknown) => error)
    expect((failed as Error).message).to.equal('no')
  })

  it('stops where it is told that it is over', async () => {
    const time = new VirtualTime(0)
    let ran = 0
    for (let ms = 1; ms <= 5; ms++) time.after(ms, () => ran++)
    await time.runUntil(10, () => ran === 3)
    expect([ran, time.elapsedMs]).to.deep.equal([3, 3])
  })

  it('a machine that died does nothing any more; its clock may be wrong', async () => {
    const time = new VirtualTime(1_000)
    const machine = new Machine(time, new SeededRandom('x'), 500)
    let ran = 0
    machine.timers.set(1, () => ran++)
    machine.timers.set(3, () => ran++)
    await time.runUntil(2)
    machine.die()
    await time.runUntil(5)
    expect([ran, machine.clock.now(), machine.clock.monotonicMs()]).to.deep.equal([1, 1_505, 5])
  })
})

describe('seeded randomness', () => {
  it('gives the same for the same seed, and streams of their own', () => {
    const draw = (random: SeededRandom): string => Buffer.from(random.bytes(16)).toString('hex')
    expect(draw(new SeededRandom('a'))).to.equal(draw(new SeededRandom('a')))
    const seed = new SeededRandom('a')
    const stream = draw(seed.stream('x'))
    seed.bytes(100)
    expect(draw(seed.stream('x'))).to.equal(stream)
    expect(draw(seed.stream('y'))).not.to.equal(stream)
  })

  it('draws evenly, and samples without repeating', () => {
    const random = new SeededRandom('even')
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 4_000; i++) counts[random.below(4)] = (counts[random.below(4)] ?? 0) + 1
    for (const count of counts) expect(count).to.be.within(850, 1_150)
    expect(new Set(random.sample([1, 2, 3, 4, 5], 9)).size).to.equal(5)
  })
})
