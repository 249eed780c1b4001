import { expect } from 'chai'
import fc from 'fast-check'
import { sha256, toUtf8 } from '../../../protocol/index.ts'
import { sleep } from '../../platform.ts'
import { msToNextRound } from '../../rounds.ts'
import { phaseOf, type Sealed, type Sealer, SealSchedule } from '../../seal/index.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

const INTERVAL_MS = 60_000
const KEY = sha256(toUtf8('a meter'))

/** A schedule over a sealer that takes up to ten rows a block, when told to slowly or not at all. */
class Stand {
  readonly time = new VirtualTime()
  waiting = 0
  heldBack: string | undefined
  failure: Error | undefined
  sealMs = 0
  underWay = 0
  readonly sealedAtMs: number[] = []
  readonly errors: unknown[] = []
  readonly schedule: SealSchedule

  constructor(rowsAtOnce = 10) {
    const sealNext = async (): Promise<Sealed | undefined> => {
      this.underWay++
      expect(this.underWay, 'one at a time').to.equal(1)
      if (this.sealMs > 0) await sleep(this.time.timers, this.sealMs)
      this.underWay--
      if (this.failure !== undefined) throw this.failure
      if (this.waiting === 0) return undefined
      const rows = Math.min(10, this.waiting)
      this.waiting -= rows
      return { height: this.sealedAtMs.length, rows, block: KEY, root: KEY, signature: KEY }
    }
    this.schedule = new SealSchedule({
      platform: this.time.platform(seededRandom(1)),
      sealer: { sealNext } as unknown as Sealer,
      key: KEY,
      intervalMs: INTERVAL_MS,
      rowsAtOnce,
      waitingRows: () => this.waiting,
      heldBack: () => this.heldBack,
      onSealed: () => void this.sealedAtMs.push(this.time.clock.now()),
      onError: (error) => void this.errors.push(error),
    })
  }

  async take(rows: number): Promise<void> {
    this.waiting += rows
    this.schedule.readingsCame()
    await this.time.settle()
  }

  get phases(): number[] {
    return this.sealedAtMs.map((atMs) => atMs % INTERVAL_MS)
  }
}

describe('the seal schedule', () => {
  it('seals once an interval, at the phase that the key decides, all that waits', async () => {
    const stand = new Stand()
    stand.schedule.start()
    stand.schedule.start()
    stand.waiting = 25
    await stand.time.advance(INTERVAL_MS)
    expect(stand.waiting).to.equal(0)
    expect(stand.phases).to.deep.equal(Array(3).fill(phaseOf(KEY, INTERVAL_MS)))
    await stand.take(1)
    await stand.time.advance(INTERVAL_MS)
    expect(stand.sealedAtMs).to.have.length(4)
    expect((stand.sealedAtMs[3] as number) - (stand.sealedAtMs[2] as number)).to.equal(INTERVAL_MS)
  })

  it('seals full blocks at once, and leaves the rest to the round', async () => {
    const stand = new Stand()
    stand.schedule.start()
    await stand.take(9)
    expect(stand.sealedAtMs).to.have.length(0)
    await stand.take(14)
    expect([stand.sealedAtMs.length, stand.waiting]).to.deep.equal([2, 3])
  })

  it('spreads keys over the beginning of the interval, ten seconds at least, and lets readings come first', () => {
    for (const [intervalMs, fromMs, toMs] of [
      [1_800_000, 75_000, 300_000],
      [180_000, 7_500, 30_000],
      [60_000, 2_500, 10_000],
      [30_000, 2_500, 10_000],
      [10_000, 2_500, 10_000],
      [2_000, 500, 2_000],
    ] as const) {
      const tenths = new Array<number>(10).fill(0)
      for (let i = 0; i < 1_000; i++) {
        const phase = phaseOf(sha256(toUtf8(`meter ${i}`)), intervalMs)
        expect(phase).to.be.within(fromMs, toMs - 1)
        const tenth = Math.floor((10 * (phase - fromMs)) / (toMs - fromMs))
        tenths[tenth] = (tenths[tenth] as number) + 1
      }
      for (const count of tenths) expect(count, `${intervalMs} ms`).to.be.within(60, 140)
    }
  })

  it('finds the next round from any time, before 1970 too', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e13 }), fc.integer({ min: 1, max: 1e8 }), fc.nat(1e8), (now, interval, n) => {
        const phase = n % interval
        const wait = msToNextRound(now, interval, phase)
        expect(wait).to.be.within(1, interval)
        expect((((now + wait - phase) % interval) + interval) % interval).to.equal(0)
      }),
    )
  })

  for (const way of ['at the round', 'when rows came at once'] as const) {
    it(`tries again in 5 s what could not be sealed ${way}`, async () => {
      const stand = new Stand()
      stand.schedule.start()
      stand.failure = new Error('DISK_FULL')
      await stand.take(way === 'at the round' ? 3 : 10)
      await stand.time.until(() => stand.errors.length === 1)
      const failedAt = stand.time.clock.now()
      await stand.time.until(() => stand.errors.length === 3)
      expect(stand.time.clock.now() - failedAt).to.be.at.most(10_000)
      stand.failure = undefined
      await stand.time.advance(5_000)
      expect(stand.waiting).to.equal(0)
      await stand.take(1)
      await stand.time.until(() => stand.waiting === 0)
      expect(stand.phases.at(-1), 'back at its own phase').to.equal(phaseOf(KEY, INTERVAL_MS))
    })
  }

  it('while it is held back seals nothing, and soon after it is no longer, all that waited', async () => {
    const stand = new Stand()
    stand.heldBack = 'no neighbour yet'
    stand.schedule.start()
    await stand.take(35)
    await stand.time.advance(3 * INTERVAL_MS)
    expect(stand.sealedAtMs).to.have.length(0)
    stand.heldBack = undefined
    await stand.time.advance(5_000)
    expect([stand.sealedAtMs.length, stand.waiting]).to.deep.equal([4, 0])
    expect(stand.errors).to.deep.equal([])
  })

  it('never seals two at a time, however long one takes', async () => {
    const stand = new Stand()
    stand.sealMs = 90_000
    stand.schedule.start()
    for (let i = 0; i < 20; i++) {
      await stand.take(10)
      await stand.time.advance(20_000)
    }
    await stand.time.until(() => stand.waiting === 0, 40 * 90_000)
    expect(stand.sealedAtMs.length).to.be.at.least(20)
  })

  it('stops after the block that is being sealed, begins no other, and can be started again', async () => {
    const stand = new Stand()
    stand.sealMs = 1_000
    stand.schedule.start()
    await stand.take(30)
    await stand.time.wait(stand.schedule.stop())
    expect([stand.sealedAtMs.length, stand.waiting]).to.deep.equal([1, 20])
    await stand.take(30)
    await stand.time.advance(5 * INTERVAL_MS)
    expect(stand.sealedAtMs).to.have.length(1)
    expect(stand.time.pending).to.equal(0)
    stand.schedule.start()
    await stand.time.advance(INTERVAL_MS + 6_000)
    expect(stand.waiting).to.equal(0)
  })

  it('stops when nothing is under way, and when it never ran', async () => {
    const stand = new Stand()
    await stand.schedule.stop()
    stand.schedule.start()
    await stand.schedule.stop()
    expect(stand.time.pending).to.equal(0)
  })
})
