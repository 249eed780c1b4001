import { expect } from 'chai'
import type { MeterSource, SourceItem } from '../../collect/index.ts'
import { Feeder, MAX_STRETCH_ROWS, sourceName } from '../../demo/feeder.ts'
import type { SpoolItem } from '../../store/index.ts'
import { testReading } from '../harness/neighbourhood.ts'

const QUARTER_MS = 900_000
const DAY_START_MS = Date.UTC(2024, 0, 1)

function row(at: number, intervalMs: number): SourceItem {
  return { type: 'reading', reading: { ...testReading(DAY_START_MS + at * 60_000, at), intervalMs } }
}

function source(items: readonly (SourceItem | Error)[]): MeterSource {
  return {
    spec: 'csv:/somewhere/homes.csv#7',
    kind: 'csv',
    live: false,
    intervalData: true,
    // oxlint wants an await in an async generator: the next turn is as good as a disk.
    async *items() {
      for (const item of items) {
        await Promise.resolve()
        if (item instanceof Error) throw item
        yield item
      }
    },
  }
}

/** A spool that knows what it has taken. */
class Taker {
  readonly taken: SpoolItem[][] = []
  readonly notes: string[] = []
  failure: Error | undefined
  readonly #times = new Set<number>()

  constructor(known: readonly number[] = []) {
    for (const at of known) this.#times.add(DAY_START_MS + at * 60_000)
  }

  feeder(items: readonly (SourceItem | Error)[], rows?: number): Feeder {
    return new Feeder({
      source: source(items),
      rows,
      note: (text) => this.notes.push(text),
      take: (stretch) => {
        if (this.failure !== undefined) return Promise.reject(this.failure)
        const fresh = stretch.filter((item) => 'reading' in item && !this.#times.has(item.reading.time))
        this.taken.push([...stretch])
        return Promise.resolve({ taken: fresh.length, duplicates: stretch.length - fresh.length })
      },
    })
  }

  get sizes(): number[] {
    return this.taken.map((stretch) => stretch.length)
  }
}

describe('the feeder of a replayed home', () => {
  it('hands over a day of the source’s own interval at a time', async () => {
    const taker = new Taker()
    const feeder = taker.feeder(Array.from({ length: 100 }, (_, at) => row(at, 2 * QUARTER_MS)))
    await feeder.feed()
    await feeder.feed()
    expect(taker.sizes).to.deep.equal([48, 48])
    expect(feeder.lastReadingMs).to.equal(DAY_START_MS + 95 * 60_000)
  })

  it(`and at most ${MAX_STRETCH_ROWS} rows: of minutes, and of readings of an instant`, async () => {
    for (const intervalMs of [60_000, 0]) {
      const taker = new Taker()
      await taker.feeder(Array.from({ length: 200 }, (_, at) => row(at, intervalMs))).feed()
      expect(taker.sizes).to.deep.equal([MAX_STRETCH_ROWS])
    }
  })

  it('or as many rows as it was told', async () => {
    const taker = new Taker()
    const feeder = taker.feeder(
      Array.from({ length: 10 }, (_, at) => row(at, QUARTER_MS)),
      4,
    )
    while (await feeder.feed());
    expect(taker.sizes).to.deep.equal([4, 4, 2])
  })

  it('says once that the source is read to its end, and then takes nothing', async () => {
    const taker = new Taker()
    const feeder = taker.feeder([row(0, QUARTER_MS)], 4)
    expect([await feeder.feed(), feeder.ended]).to.deep.equal([true, true])
    expect(await feeder.feed()).to.equal(false)
    expect(taker.notes).to.deep.equal(['its source is read to the end: no further blocks'])
  })

  it('an empty source has ended', async () => {
    const taker = new Taker()
    const feeder = taker.feeder([])
    expect([await feeder.feed(), feeder.ended, taker.sizes]).to.deep.equal([false, true, []])
  })

  it('passes over what an earlier run took', async () => {
    const taker = new Taker([0, 1, 2, 3, 4])
    expect(
      await taker
        .feeder(
          Array.from({ length: 8 }, (_, at) => row(at, QUARTER_MS)),
          2,
        )
        .feed(),
    ).to.equal(true)
    expect(taker.sizes).to.deep.equal([2, 2, 2])
  })

  it('keeps what is refused and offers it again; the reason is told once', async () => {
    const taker = new Taker()
    const feeder = taker.feeder([row(0, QUARTER_MS), row(1, QUARTER_MS)], 2)
    taker.failure = new Error('no space left')
    expect([await feeder.feed(), await feeder.feed(), feeder.ended]).to.deep.equal([false, false, false])
    taker.failure = undefined
    expect(await feeder.feed()).to.equal(true)
    expect(taker.sizes).to.deep.equal([2])
    expect(taker.notes).to.deep.equal(['readings are not taken for now: no space left'])
  })

  it('a source that breaks off has ended; what was read before is kept', async () => {
    const taker = new Taker()
    const feeder = taker.feeder([row(0, QUARTER_MS), new Error('disk torn out')], 1)
    expect(await feeder.feed()).to.equal(true)
    expect([await feeder.feed(), feeder.ended]).to.deep.equal([false, true])
    expect(taker.sizes).to.deep.equal([1])
    expect(taker.notes).to.deep.equal(['its source breaks off: disk torn out'])
  })

  it('tells of the first refused row, and at the end how many there were', async () => {
    const fault: SourceItem = { type: 'fault', code: 'CSV_CELL', message: 'no number', where: 'line 3' }
    const taker = new Taker()
    const feeder = taker.feeder([fault, row(0, QUARTER_MS), fault], 4)
    await feeder.feed()
    expect(taker.notes).to.deep.equal([
      'CSV_CELL at line 3: no number',
      'its source is read to the end (2 refused): no further blocks',
    ])
  })

  it('two calls at once feed once', async () => {
    const taker = new Taker()
    const feeder = taker.feeder(
      Array.from({ length: 8 }, (_, at) => row(at, QUARTER_MS)),
      2,
    )
    await Promise.all([feeder.feed(), feeder.feed()])
    expect(taker.sizes).to.deep.equal([2])
  })

  it('after close there is nothing more', async () => {
    const taker = new Taker()
    const feeder = taker.feeder(
      Array.from({ length: 8 }, (_, at) => row(at, QUARTER_MS)),
      2,
    )
    await feeder.feed()
    await feeder.close()
    expect(await feeder.feed()).to.equal(false)
  })

  it('a source is called by kind, file and home, wherever it lies, in at most 255 bytes', () => {
    expect(sourceName('csv:/a/b/homes.csv#7')).to.equal('csv:homes.csv#7')
    expect(sourceName('household:meter-01?from=2025-04-07')).to.equal('household:meter-01')
    const long = sourceName(`p1:/a/${'ü'.repeat(200)}`)
    expect(new TextEncoder().encode(long).length).to.be.at.most(255)
  })
})
